//! The link to the broker: how it is, why it is not, and that it comes back by itself.

use tests::{Bridge, Browser};

use crate::stage::{Device, PHONE, SOON, Stage, texts};

#[test]
fn a_bridge_that_is_killed_comes_back_and_values_are_stale_until_heard_again() {
    let bridge = Bridge::start();
    let device = Device::plug_in(bridge.tcp);
    let mut stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    // What the broker remembers may be drawn a moment before what it says.
    stage.wait_for_stale("output/3", false);
    stage.bridge.kill();
    drop(device);
    stage.wait_for_link("reconnecting");
    assert_eq!(stage.tile("output/3").value, "OFF", "what was known stays in sight");
    assert!(stage.words().to_lowercase().contains("reconnect"), "it says so in words: {}", stage.words());
    stage.bridge.restart();
    stage.wait_for_link("online");
    stage.wait_for_stale("output/3", true);
    let mut device = Device::plug_in(stage.bridge.tcp);
    stage.wait_for_stale("output/3", false);
    device.say("output/3", "ON");
    stage.wait_for_tile("output/3", "confirmed", "ON");
}

#[test]
fn a_tap_without_a_link_is_refused_and_never_fires_later() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let mut stage = Stage::new(bridge);
    stage.wait_for_tile("output/3", "confirmed", "OFF");
    stage.bridge.kill();
    stage.wait_for_link("reconnecting");
    let tapped = stage.tap_and_look("output/3");
    assert!(matches!(tapped.state.as_str(), "refused" | "offline"), "at once, not later: {tapped:?}");
    assert_eq!((tapped.value.as_str(), tapped.checked.as_str()), ("OFF", "false"));
    stage.bridge.restart();
    let mut device = Device::plug_in(stage.bridge.tcp);
    stage.wait_for_link("online");
    // The command of a later tap is the first that comes.
    stage.wait_for_tile("output/4", "confirmed", "OFF");
    stage.wait_for_stale("output/4", false);
    stage.tap("output/4");
    assert_eq!(device.command().0, "set/output/4", "no ghost of the tap before");
}

#[test]
fn a_wrong_path_is_told_from_a_server_that_is_gone() {
    let bridge = Bridge::start();
    let path = format!("/?broker=ws://{}/nothing-here", bridge.http);
    let mut stage = Stage::at(bridge, PHONE, &path);
    let host = stage.bridge.http.to_string();
    let says = |words: &str| format!("return document.body.innerText.includes('{words}')");
    stage.browser.wait_for(
        "it names the path",
        SOON,
        &says(&format!("{host} is there, but has no broker at ws://{host}/nothing-here")),
    );
    let link = stage.browser.attribute("html", "data-link");
    assert!(matches!(link.as_deref(), Some("refused" | "reconnecting")), "{link:?}");
    stage.bridge.kill();
    let button =
        "const b = [...document.querySelectorAll('button')].find(b => /try/i.test(b.innerText)); b.click();";
    stage.browser.run(button, &[]);
    stage.browser.wait_for("it says that nobody answers", SOON, &says(&format!("{host} does not answer")));
}

#[test]
fn another_broker_that_is_gone_is_named_and_found_when_it_is_back() {
    let mut gone = Bridge::start();
    gone.kill();
    let address = format!("ws://{}/mqtt", gone.http);
    let stage = Stage::at(Bridge::start(), PHONE, &format!("/?broker={address}"));
    let script = format!("return document.body.innerText.includes('No connection to {address}')");
    stage.browser.wait_for("it says which", SOON, &script);
    gone.restart();
    stage.wait_for_link("online");
}

#[test]
fn a_client_id_that_is_taken_over_does_not_fight() {
    // Two tabs of one browser have client ids of their own: both stay online.
    let bridge = Bridge::start();
    let stage = Stage::new(bridge);
    let other = Browser::start(PHONE.0, PHONE.1);
    other.open(&format!("http://{}/", stage.bridge.http));
    other.wait_for("the other is online", SOON, "return document.documentElement.dataset.link === 'online'");
    stage.wait_for_link("online");
    let log = stage.bridge.process.stderr.all();
    assert!(!log.iter().any(|line| line.contains("0x8e")), "nobody was taken over: {log:#?}");
}

#[test]
fn settings_say_what_an_acknowledgement_of_the_own_broker_promises_and_nothing_of_another() {
    let promise = |stage: &Stage| {
        stage.wait_for_link("online");
        stage.browser.wait_for("a promise", SOON, "return !!document.querySelector('[data-durability]')");
        let promise = "const p = document.querySelector('[data-durability]'); return [p.dataset.durability, p.innerText]";
        texts(&stage.browser.run(promise, &[]))
    };
    let mut stage = Stage::at(Bridge::keeping(""), PHONE, "/settings");
    assert_eq!(promise(&stage), ["group", "What is acknowledged is on disk."]);
    stage.bridge = Bridge::keeping("[data]\ndurability = \"os\"\n");
    stage.browser.open(&format!("http://{}/settings", stage.bridge.http));
    let os = promise(&stage);
    assert!(os[0] == "os" && os[1].contains("handed to the system"), "{os:?}");
    let other = stage.bridge.http;
    stage.browser.open(&format!("http://{other}/settings?broker=ws://{other}/mqtt"));
    assert_eq!(promise(&stage), os, "it is the page's own under its full name");
    let memory = Bridge::start();
    stage.browser.open(&format!("http://{}/settings", memory.http));
    let none = promise(&stage);
    assert!(none[0] == "none" && none[1].starts_with("Nothing is kept"), "{none:?}");
    stage.browser.open(&format!("http://{}/settings?broker=ws://{other}/mqtt", memory.http));
    stage.wait_for_link("online");
    // Had it asked its own server, the answer to a question that was asked later would come after that one's.
    let script = "const done = arguments[arguments.length - 1];
        fetch('/health').then(r => r.text()).then(() => requestAnimationFrame(() => requestAnimationFrame(() => done(
            document.querySelectorAll('[data-durability]').length + performance.getEntriesByName(location.origin + '/health').length))))";
    assert_eq!(stage.browser.run_async(script, &[]), 1, "one question, the test's own, and no promise");
}
