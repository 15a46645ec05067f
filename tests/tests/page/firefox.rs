//! The npm package in Firefox, without a driver: the page itself tells over MQTT how it fares.

use std::path::PathBuf;
use std::{env, fs};

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, Deadline, Process, TempFolder, Wire};

use crate::npm::site;
use crate::stage::SOON;

/// What a profile is told so that nothing but the page is loaded.
const PREFERENCES: &str = "\
user_pref('app.update.enabled', false);
user_pref('browser.shell.checkDefaultBrowser', false);
user_pref('browser.startup.homepage_override.mstone', 'ignore');
user_pref('datareporting.policy.dataSubmissionEnabled', false);
user_pref('network.captive-portal-service.enabled', false);
user_pref('network.connectivity-service.enabled', false);
user_pref('toolkit.telemetry.enabled', false);
";

/// Tells what it sees in two lives: the first ends while a message of QoS 2 is on its way.
const PAGE: &str = "
    import { connect } from '/switchboard-mqtt/index.js';
    const isFirst = sessionStorage.getItem('life') === null;
    sessionStorage.setItem('life', 'second');
    const heard = [];
    let arrived;
    const end = new Promise((resolve) => { arrived = resolve; });
    const client = await connect('/mqtt', { durable: 'fox', sessionExpiry: 60, on: {
        message: ({ text, qos }) => { heard.push([text, qos]); if (text === 'end') arrived(); },
        notstored: (words) => heard.push(['notstored', words]),
    } });
    if (isFirst) {
        await client.subscribe('firefox/down', { qos: 2 });
        void client.publish('firefox/up', 'on its way', { qos: 2 });
        location.reload();
    } else {
        const { clientId, connected, isDurable, subscriptions } = client;
        for (const qos of [0, 1, 2]) await client.publish('firefox/down', `own ${qos}`, { qos, deadline: 20_000 });
        await client.publish('firefox/down', 'end', { qos: 2 });
        await end;
        const missing = await connect('/elsewhere').catch(({ code }) => code);
        const result = { clientId, sessionPresent: connected.sessionPresent, isDurable, subscriptions, heard, missing };
        await client.publish('firefox/result', JSON.stringify(result), { qos: 1 });
    }
";

#[test]
fn a_page_in_firefox_talks_and_goes_on_after_a_reload() {
    let site = site();
    fs::write(site.0.join("firefox.js"), PAGE).expect("a file can be written");
    let html = "<!doctype html><script type=module src=/firefox.js></script>";
    fs::write(site.0.join("firefox.html"), html).expect("a file can be written");
    let bridge = Bridge::start_with(&["--app", &site.0.to_string_lossy()]);
    let mut friend = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    friend.connect(&Connect::new(Version::V5, "friend"));
    friend.subscribe("firefox/up", Qos::ExactlyOnce);
    friend.subscribe("firefox/result", Qos::ExactlyOnce);

    let profile = TempFolder::new("firefox");
    fs::create_dir_all(&profile.0).expect("a folder can be made");
    fs::write(profile.0.join("user.js"), PREFERENCES).expect("a file can be written");
    let (folder, url) = (profile.0.to_string_lossy(), format!("http://{}/firefox.html", bridge.http));
    let words = ["--headless", "--no-remote", "--profile", &folder, &url];
    let _firefox = Process::start(&program(), &words);

    assert_eq!(next(&mut friend).payload, b"on its way", "once, over two lives of the page");
    let result: Value = serde_json::from_slice(next(&mut friend).payload).expect("JSON");
    let id = result["clientId"].as_str().unwrap_or_default();
    assert!(id.starts_with("fox-"), "{result}");
    let expected = json!({
        "clientId": id, "sessionPresent": true, "isDurable": true, "subscriptions": ["firefox/down"],
        "heard": [["own 0", 0], ["own 1", 1], ["own 2", 2], ["end", 2]], "missing": "wrong-path",
    });
    assert_eq!(result, expected);
    friend.expect_nothing();
}

/// The next message. The browser has to start first.
fn next(friend: &mut Client) -> Publish<'static> {
    let packet = friend.next_until(Deadline::after(SOON * 9));
    let Some(Packet::Publish(publish)) = packet else { panic!("a message should come, not {packet:?}") };
    friend.acknowledge(&publish);
    publish
}

fn program() -> PathBuf {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let found = ["firefox-esr", "firefox"].iter().find_map(|name| {
        let mut paths = folders.iter().map(|folder| folder.join(name));
        paths.find(|path| path.is_file())
    });
    found.expect("Firefox is on the path: `cargo xtask test` sees to it")
}
