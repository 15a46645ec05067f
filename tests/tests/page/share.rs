//! A layout is shared: the code on one screen leads another phone to the same page.

use rqrr::PreparedImage;
use serde_json::json;
use tests::{Bridge, Browser};

use crate::arrange::{press, save};
use crate::looks::look;
use crate::stage::{DESKTOP, Device, PHONE, SOON, Stage, texts, wait};

/// What a phone reads off the screen, and what stands beside it.
fn scanned(stage: &Stage) -> (String, String) {
    let script = "const c = document.querySelector('svg.code'), [x, y, width] = c.getAttribute('viewBox').split(' ').map(Number);
        return [String(x), String(width), c.querySelector('path').getAttribute('d'), document.querySelector('[name=link]').value]";
    let found = texts(&stage.browser.run(script, &[]));
    let (edge, width): (i32, usize) =
        (found[0].parse().expect("a number"), found[1].parse().expect("a number"));
    let (scale, margin) = (4, edge.unsigned_abs() as usize);
    let mut dark = vec![false; width * width];
    for run in found[2].split('M').skip(1) {
        // M3 4h7v1h-7z
        let (at, rest) = run.split_once('h').expect("a run");
        let (x, y) = at.split_once(' ').expect("a place");
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let length = number(rest.split_once('v').expect("a length").0);
        let from = (number(y) + margin) * width + number(x) + margin;
        dark[from..from + length].fill(true);
    }
    let mut image = PreparedImage::prepare_from_greyscale(width * scale, width * scale, |x, y| {
        if dark[y / scale * width + x / scale] { 0 } else { 255 }
    });
    let (_, text) = image.detect_grids()[0].decode().expect("a code that can be read");
    (text, found[3].clone())
}

fn open_link(stage: &Stage) {
    let open = "const d = document.querySelector('details.file'); if (d) d.open = true; return !!d";
    wait(stage, "the link", open);
}

#[test]
fn a_code_on_one_screen_leads_a_phone_to_the_same_page() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = Stage::at(bridge, DESKTOP, "/?layout=guests");
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    // The test's server is there for this machine alone; another would say so.
    let elsewhere = "const before = window.fetch; window.fetch = (...all) => String(all[0]) === '/api/me'
        ? Promise.resolve(new Response(JSON.stringify({ network: 'http://192.0.2.7:8080/' }))) : before(...all);";
    stage.browser.run(elsewhere, &[]);
    press(&stage, "Arrange");
    press(&stage, "Output 3");
    press(&stage, "Close list");
    save(&stage);
    open_link(&stage);
    wait(&stage, "the code", "return !!document.querySelector('svg.code path')");
    look(&stage, "share");
    let (code, beside) = scanned(&stage);
    assert_eq!(code, beside);
    assert!(code.starts_with("http://192.0.2.7:8080/?layout=guests"), "{code}");
    // The same at the address where the test's server is.
    let phone = Browser::start(PHONE.0, PHONE.1);
    phone.open(&code.replace("192.0.2.7:8080", &stage.bridge.http.to_string()));
    let tile = "return document.querySelectorAll('.placed > .place [data-tile$=\"output/3\"]').length === 1";
    phone.wait_for("the page of the other screen", SOON, tile);
    assert_eq!(stage.browser.complaints(), [] as [&str; 0], "the console is quiet");
}

#[test]
fn a_server_for_one_machine_says_how_phones_reach_it() {
    let bridge = Bridge::start();
    let _device = Device::plug_in(bridge.tcp);
    let stage = Stage::new(bridge);
    stage.wait_for_tile("output/11", "confirmed", "OFF");
    press(&stage, "Arrange");
    open_link(&stage);
    let told =
        "return document.querySelector('details.file').innerText.includes('Start Switchboard with --lan')
        && !document.querySelector('svg.code')";
    wait(&stage, "what to do", told);
    let me = "const done = arguments[arguments.length - 1]; fetch('/api/me').then((r) => r.json()).then((me) => done(me.network));";
    assert_eq!(stage.browser.run_async(me, &[]), json!(null));
}
