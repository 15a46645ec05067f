//! The explorer: the whole topic tree, live.

use std::time::Duration;

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, Version};
use tests::{Bridge, Client, Wire, keys, message, now};

use crate::stage::{DESKTOP, PHONE, SOON, Stage};

fn client(bridge: &Bridge, name: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, name));
    client
}

fn row(topic: &str) -> String {
    format!("[role=treeitem][data-topic=\"{topic}\"]")
}

#[test]
fn rows_appear_with_values_marks_and_levels() {
    let bridge = Bridge::start();
    let mut publisher = client(&bridge, "publisher");
    publisher.retain("house/kitchen/lamp", b"warm", Qos::AtLeastOnce);
    let stage = Stage::at(bridge, DESKTOP, "/explorer");
    stage.wait_for_link("online");
    let script = format!(
        "const r = document.querySelector('{}'); return !!r && r.innerText.includes('warm')",
        row("house/kitchen/lamp")
    );
    stage.browser.wait_for("the retained value", SOON, &script);
    for (topic, level) in [("house", "1"), ("house/kitchen", "2"), ("house/kitchen/lamp", "3")] {
        assert_eq!(stage.browser.attribute(&row(topic), "aria-level").as_deref(), Some(level), "{topic}");
    }
    publisher.publish("house/kitchen/lamp", b"cold", Qos::AtMostOnce);
    stage.browser.wait_for("the live value", SOON, &script.replace("warm", "cold"));
    publisher.publish("elsewhere", b"new", Qos::AtMostOnce);
    stage.browser.element(&row("elsewhere"));
    // The keyboard goes through the tree.
    let tree = stage.browser.element("[role=tree]");
    stage.browser.click(&stage.browser.element(&row("elsewhere")));
    stage.browser.type_into(&tree, keys::DOWN);
    let chosen =
        "return document.querySelector('[role=treeitem][aria-selected=true]')?.dataset.topic === 'house'";
    stage.browser.wait_for("the next row is chosen", SOON, chosen);
}

#[test]
fn the_publish_form_sends_what_it_says() {
    let bridge = Bridge::start();
    let mut listener = client(&bridge, "listener");
    listener.subscribe("from/#", Qos::ExactlyOnce);
    let stage = Stage::at(bridge, DESKTOP, "/explorer");
    stage.wait_for_link("online");
    let browser = &stage.browser;
    browser.type_into(&browser.element("form [name=topic]"), "from/page");
    browser.type_into(&browser.element("form [name=payload]"), "hello");
    browser.click(&browser.element("form:has([name=payload]) button[type=submit]"));
    let got = listener.receive();
    assert_eq!(
        (got.topic.map(|t| t.text()), got.payload, got.retain),
        (Some("from/page"), b"hello".as_slice(), false)
    );
    let choose = |name: &str, value: &str| {
        let script = "const s = document.querySelector(`form [name=${arguments[0]}]`); s.value = arguments[1];
            s.dispatchEvent(new Event('input', { bubbles: true })); s.dispatchEvent(new Event('change', { bubbles: true }));";
        browser.run(script, &[name.into(), value.into()]);
    };
    choose("payload", "00 ff 7f");
    choose("format", "hex");
    choose("qos", "2");
    choose("expiry", "60");
    browser.click(&browser.element("form [name=retain]"));
    browser.click(&browser.element("form:has([name=payload]) button[type=submit]"));
    let got = listener.receive();
    assert_eq!((got.payload, got.delivery.qos()), ([0, 0xff, 0x7f].as_slice(), Qos::ExactlyOnce));
    assert!(got.properties.message_expiry_s.is_some_and(|s| (55..=60).contains(&s)));
    let mut late = client(&stage.bridge, "late");
    late.subscribe("from/page", Qos::AtMostOnce);
    let kept = late.receive();
    assert!(kept.retain && kept.payload == [0, 0xff, 0x7f], "it was retained");
}

#[test]
fn a_retained_topic_is_cleared_after_a_question() {
    let bridge = Bridge::start();
    let mut publisher = client(&bridge, "publisher");
    publisher.retain("old/ghost", b"boo", Qos::AtLeastOnce);
    let stage = Stage::at(bridge, DESKTOP, "/explorer");
    let browser = &stage.browser;
    browser.click(&browser.element(&row("old/ghost")));
    let press = |words: &str| {
        let script = format!(
            "const b = [...document.querySelectorAll('button')].find(b => /{words}/i.test(b.innerText.trim()));
             if (!b || b.disabled) return false; b.click(); return true;"
        );
        browser.wait_for(&format!("a button {words}"), SOON, &script);
    };
    press("^clear retained$");
    publisher.subscribe("old/#", Qos::AtLeastOnce);
    assert_eq!(publisher.receive().payload, b"boo", "the first press only asks");
    press("^remove$");
    assert_eq!(publisher.receive().payload, b"", "the second clears");
    publisher.unsubscribe("old/#");
    publisher.subscribe("old/#", Qos::AtLeastOnce);
    publisher.expect_nothing();
}

#[test]
fn ten_thousand_topics_and_a_thousand_messages_a_second_do_not_freeze_it() {
    let bridge = Bridge::start();
    let mut publisher = client(&bridge, "publisher");
    let topics: Vec<_> = (0..10_000).map(|n| format!("load/{}/{n}", n / 100)).collect();
    for part in topics.chunks(100) {
        let packets: Vec<_> = part
            .iter()
            .map(|topic| Packet::Publish(Publish { retain: true, ..message(topic, b"0") }))
            .collect();
        publisher.send_all(&packets);
    }
    publisher.sync();
    let stage = Stage::at(bridge, PHONE, "/explorer");
    stage.wait_for_link("online");
    stage.browser.element(&row("load"));
    let count = "return [...document.querySelectorAll('[role=treeitem]')].length";
    stage.browser.run(
        "window.gaps = []; let last = performance.now();
         const tick = t => { window.gaps.push(t - last); last = t; requestAnimationFrame(tick); }; requestAnimationFrame(tick);",
        &[],
    );
    let start = now();
    for (round, part) in topics.chunks(100).cycle().take(30).enumerate() {
        let payload = round.to_string();
        let packets: Vec<_> =
            part.iter().map(|topic| Packet::Publish(message(topic, payload.as_bytes()))).collect();
        publisher.send_all(&packets);
        publisher.sync();
        // A steady thousand a second: the pace is the load itself.
        std::thread::sleep((Duration::from_millis(100) * (round as u32 + 1)).saturating_sub(start.elapsed()));
    }
    let frames =
        stage.browser.run("const g = window.gaps; return [g.length, Math.round(Math.max(...g))]", &[]);
    let (drawn, longest) = (frames[0].as_u64().unwrap_or(0), frames[1].as_u64().unwrap_or(u64::MAX));
    // Loose on purpose: other tests run beside this one. A page that draws every message for itself stands still for seconds.
    assert!(drawn >= 30 && longest < 1000, "{drawn} frames in 3 s, the longest wait {longest} ms");
    let rows = stage.browser.run(count, &[]).as_u64().unwrap_or(u64::MAX);
    assert!(rows < 300, "only what is seen is drawn: {rows} rows");
}

#[test]
fn it_is_left_without_a_subscription_and_found_again_by_the_back_button() {
    let bridge = Bridge::start();
    let stage = Stage::at(bridge, PHONE, "/explorer");
    stage.wait_for_link("online");
    let go = |path: &str| {
        stage.browser.click(&stage.browser.element(&format!("nav a[href^='{path}']")));
        stage.browser.wait_for(path, SOON, &format!("return location.pathname === '{path}'"));
    };
    go("/settings");
    go("/");
    stage.browser.run("history.back()", &[]);
    stage.browser.wait_for("back", SOON, "return location.pathname === '/settings'");
    stage.browser.run("history.back()", &[]);
    stage.browser.wait_for("back again", SOON, "return location.pathname === '/explorer'");
    stage.browser.element("[role=tree]");
}
