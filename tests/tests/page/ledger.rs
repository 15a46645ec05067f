//! Sessions that outlive their page: the page is loaded anew, and the broker killed, at each step of an exchange of QoS 2, and
//! each message is counted at both ends.

use std::fs;
use std::net::SocketAddr;

use mqtt::packet::{Connect, ConnectProperties};
use mqtt::{Qos, SessionExpiry, Version};
use serde_json::{Value, json};
use tests::{Bridge, Client, Mosquitto, Wire};

use crate::npm::{Stage, site};
use crate::stage::SOON;

/// Counts in the tab's storage what comes, and has sockets that let so many frames pass and then none, as those of a phone that
/// has lost its network.
const PAGE: &str = "
    import { connect } from '/switchboard-mqtt/index.js';
    const Real = WebSocket;
    let left = Infinity;
    const passes = () => left > 0 ? (left -= 1, true) : (window.isDead = true, false);
    window.WebSocket = class extends Real {
        set onmessage(f) { super.onmessage = f && ((e) => { if (passes()) f(e); }); }
        send(bytes) { if (passes()) super.send(bytes); }
    };
    window.dieAfter = (frames) => { left = frames; };
    window.ledger = () => JSON.parse(sessionStorage.getItem('ledger') ?? '{}');
    const count = ({ text }) => {
        const ledger = window.ledger();
        ledger[text] = (ledger[text] ?? 0) + 1;
        sessionStorage.setItem('ledger', JSON.stringify(ledger));
    };
    window.notes = [];
    const note = (kind) => (what) => window.notes.push([kind, what]);
    const asked = new URLSearchParams(location.search);
    const client = window.client = await connect(asked.get('broker'), {
        durable: asked.get('name'), version: Number(asked.get('version')), sessionExpiry: Infinity, waitForServer: true,
        on: { message: count, indoubt: note('indoubt'), notstored: note('notstored') },
    });
    await client.subscribe('down', { qos: 2 });
    window.isReady = true;
";

struct Table {
    stage: Stage,
    tcp: SocketAddr,
}

impl Table {
    fn new(tcp: SocketAddr, websocket: SocketAddr, version: u8) -> Self {
        let site = site();
        fs::write(site.0.join("ledger.js"), PAGE).expect("a file can be written");
        let html = "<!doctype html><script type=module src=/ledger.js></script>";
        fs::write(site.0.join("ledger.html"), html).expect("a file can be written");
        let path = format!("/ledger.html?broker=ws://{websocket}/mqtt&name=v{version}&version={version}");
        let table = Self { stage: Stage::of(site, &path), tcp };
        table.ready();
        let mut observer = table.observer();
        observer.subscribe("up", Qos::ExactlyOnce);
        observer.disconnect();
        table
    }

    fn ready(&self) {
        self.stage.browser.wait_for("the page is ready", SOON * 3, "return window.isReady === true");
    }

    /// A client with a Session that waits for it.
    fn observer(&self) -> Client {
        let mut observer = Client::new(Wire::tcp(self.tcp), Version::V5);
        let properties =
            ConnectProperties { session_expiry: SessionExpiry::Never, ..ConnectProperties::default() };
        let connect = Connect { clean_start: false, properties, ..Connect::new(Version::V5, "observer") };
        observer.connect(&connect);
        observer
    }

    fn say_down(&self, payload: &str) {
        let mut friend = Client::new(Wire::tcp(self.tcp), Version::V5);
        friend.connect(&Connect::new(Version::V5, "friend"));
        friend.publish("down", payload.as_bytes(), Qos::ExactlyOnce);
        friend.disconnect();
    }

    /// An exchange each way over a socket that dies after so many frames.
    fn begin(&self, round: &str, frames: u32) {
        let script = "window.dieAfter(arguments[1]);
            window.client.publish('up', arguments[0], { qos: 2 }).then(() => { window.isUp = true; }, () => {});";
        self.stage.browser.run(script, &[round.into(), frames.into()]);
        self.say_down(round);
        let is_over = format!(
            "return window.isDead === true || (window.isUp === true && window.ledger()['{round}'] === 1)"
        );
        self.stage.browser.wait_for("the socket dies, or all is done", SOON, &is_over);
    }

    /// What came before the ends has come: how often the messages of this round came, up and down.
    fn count(&self, round: &str) -> (usize, Value) {
        let end = format!("end of {round}");
        let script = "const done = arguments[1];
            window.client.publish('up', arguments[0], { qos: 2 }).then(() => done(true), (error) => done(`${error}`));";
        assert_eq!(self.stage.browser.run_async(script, &[end.clone().into()]), json!(true));
        self.say_down(&end);
        let came = format!("return window.ledger()['{end}'] === 1");
        self.stage.browser.wait_for("the end comes down", SOON, &came);
        let mut observer = self.observer();
        let mut ups = 0;
        loop {
            let payload = observer.receive_payload();
            ups += usize::from(payload == round.as_bytes());
            if payload == end.as_bytes() {
                break;
            }
        }
        observer.disconnect();
        let downs = self.stage.browser.run("return window.ledger()[arguments[0]] ?? 0", &[round.into()]);
        assert_eq!(self.stage.browser.run("return window.notes", &[]), json!([]), "nothing is in doubt");
        (ups, downs)
    }
}

/// [MQTT-4.3.3-10], [MQTT-4.4.0-1], [MQTT3-4.4.0-1] over lives of the page and of the broker.
fn a_reload_while_the_broker_is_killed(version: u8) {
    let mut broker = Bridge::keeping_as(&[]);
    let table = Table::new(broker.tcp, broker.http, version);
    for frames in 0..10 {
        let round = format!("round {frames}");
        table.begin(&round, frames);
        broker.kill();
        table.stage.browser.reload();
        broker.restart();
        table.ready();
        assert_eq!(table.count(&round), (1, json!(1)), "{frames} frames");
    }
}

#[test]
fn a_reload_while_the_broker_is_killed_loses_and_doubles_nothing_in_5_0() {
    a_reload_while_the_broker_is_killed(5);
}

#[test]
fn a_reload_while_the_broker_is_killed_loses_and_doubles_nothing_in_3_1_1() {
    a_reload_while_the_broker_is_killed(4);
}

#[test]
fn a_reload_at_each_step_loses_and_doubles_nothing_at_mosquitto() {
    let mosquitto = Mosquitto::start();
    for version in [5, 4] {
        let table = Table::new(mosquitto.tcp, mosquitto.websocket, version);
        for frames in 0..10 {
            let round = format!("round {frames} of {version}");
            table.begin(&round, frames);
            table.stage.browser.reload();
            table.ready();
            assert_eq!(table.count(&round), (1, json!(1)), "{version}, {frames} frames");
        }
    }
}

/// A tab that is opened from another begins with a copy of its storage.
#[test]
fn two_tabs_never_fight_over_an_identifier() {
    let broker = Bridge::keeping_as(&[]);
    let table = Table::new(broker.tcp, broker.http, 5);
    let browser = &table.stage.browser;
    let ids = "return [window.client.clientId, window.client.state, window.client.isDurable]";
    let first = browser.run(ids, &[]);
    let opens = "const done = arguments[0];
        const tab = window.open(location.href);
        const look = () => tab.isReady ? done(tab.client.clientId) : setTimeout(look, 20);
        look();";
    let other = browser.run_async(opens, &[]);
    assert_ne!(first[0], other, "each has its own");
    for _ in 0..3 {
        browser.reload();
        table.ready();
        assert_eq!(browser.run(ids, &[]), first, "a page that is loaded anew is who it was");
    }
    assert_eq!(broker.log_of("taken over"), Vec::<String>::new());
}
