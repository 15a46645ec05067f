//! The link in a real browser against the real program. `cargo xtask test --only wasm` starts both.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::option_env_unwrap,
    reason = "the test fails, and says how to run it, where env! would not compile"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use client_wasm::connection::{Link, identity};
use js_sys::{Function, Promise};
use mqtt::client::{Config, Connected, Ended, Event, Offline, Outcome, Received};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Message, Qos, Version};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const HOW: &str = "run this by `cargo xtask test --only wasm`, which starts the program and says where";
/// How long anything may take.
const DEADLINE_MS: i32 = 15_000;

#[wasm_bindgen(inline_js = "
    const Real = window.WebSocket;
    const pieces = (bytes) => {
        const list = [];
        for (let at = 0; at < bytes.byteLength;) {
            const length = 1 + (at % 7);
            list.push(bytes.slice(at, at + length));
            at += length;
        }
        return list;
    };
    class Splitting extends Real {
        set onmessage(f) {
            super.onmessage = f && ((e) => pieces(e.data).forEach((data) => f(new MessageEvent('message', { data }))));
        }
        send(bytes) { pieces(bytes).forEach((piece) => super.send(piece)); }
    }
    class Texting extends Real {
        set onmessage(f) {
            super.onmessage = f && ((e) => { f(e); f(new MessageEvent('message', { data: 'text' })); });
        }
    }
    const mortals = [];
    class Mortal extends Real {
        constructor(...how) { super(...how); mortals.push(this); }
        set onmessage(f) { super.onmessage = f && ((e) => { if (!this.dead) f(e); }); }
        send(bytes) { if (!this.dead) super.send(bytes); }
    }
    export function split_frames(on) { window.WebSocket = on ? Splitting : Real; }
    export function text_frames(on) { window.WebSocket = on ? Texting : Real; }
    export function mortal_sockets(on) { window.WebSocket = on ? Mortal : Real; }
    export function kill_silently() { mortals.splice(0).forEach((socket) => { socket.dead = true; }); }
    export function tell(kind) {
        window.dispatchEvent(kind.startsWith('page') ? new PageTransitionEvent(kind, { persisted: true }) : new Event(kind));
    }
")]
extern "C" {
    /// Makes sockets that can be killed as a sleeping phone does it: without a word to the page.
    fn mortal_sockets(on: bool);
    /// Kills those that were made.
    fn kill_silently();
    /// Dispatches an event at the window.
    fn tell(kind: &str);
    /// Cuts every frame into pieces of 1 to 7 bytes, both ways.
    fn split_frames(on: bool);
    /// Lets a text frame follow each frame that comes.
    fn text_frames(on: bool);
}

fn http() -> &'static str {
    option_env!("SWITCHBOARD_TEST_HTTP").expect(HOW)
}

fn address() -> String {
    format!("ws://{}/mqtt", http())
}

/// Makes the server vanish or return.
async fn control(action: &str) {
    let control = option_env!("SWITCHBOARD_TEST_CONTROL").expect(HOW);
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    let url = format!("http://{control}/{action}");
    let answer = JsFuture::from(web_sys::window().unwrap().fetch_with_str_and_init(&url, &init)).await;
    let answer: web_sys::Response = answer.unwrap().dyn_into().unwrap();
    assert!(answer.ok(), "{url}: {}", answer.status());
}

/// A link whose events are waited for one by one.
struct Peer {
    link: Link,
    inbox: Rc<RefCell<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    events: VecDeque<Event>,
    bell: Option<Function>,
}

impl Peer {
    fn open(address: &str, config: Config) -> Self {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let receives = Rc::clone(&inbox);
        let link = Link::open(address, config, move |event| {
            let mut inbox = receives.borrow_mut();
            inbox.events.push_back(event);
            if let Some(bell) = inbox.bell.take() {
                bell.call0(&JsValue::NULL).unwrap();
            }
        });
        Self { link, inbox }
    }

    async fn connected(config: Config) -> (Self, std::sync::Arc<Connected>) {
        let peer = Self::open(&address(), config);
        let facts =
            peer.until(|event| if let Event::Connected(facts) = event { Some(facts) } else { None }).await;
        (peer, facts)
    }

    async fn next(&self) -> Event {
        loop {
            if let Some(event) = self.inbox.borrow_mut().events.pop_front() {
                return event;
            }
            let rings = Promise::new(&mut |resolve, reject| {
                self.inbox.borrow_mut().bell = Some(resolve);
                let window = web_sys::window().unwrap();
                window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, DEADLINE_MS).unwrap();
            });
            JsFuture::from(rings).await.expect("nothing happened within the deadline");
        }
    }

    /// Passes events over until one is what is waited for.
    async fn until<T>(&self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    async fn subscribe(&self, filter: &str, qos: Qos) {
        let id = self.link.subscribe(&[(filter.parse().unwrap(), SubscriptionOptions::at(qos))], None);
        self.until(|event| match event {
            Event::Subscribed { id: answered, reasons } if answered == id => {
                assert!(!reasons[0].is_error(), "{reasons:?}");
                Some(())
            }
            _ => None,
        })
        .await;
    }

    fn publish(&self, topic: &str, payload: Vec<u8>, qos: Qos) -> mqtt::client::PublishId {
        let message = Message::new(topic.parse().unwrap(), payload).with_qos(qos);
        self.link.publish(message, Offline::FailNow).unwrap()
    }

    async fn message(&self) -> Received {
        self.until(|event| if let Event::Message(received) = event { Some(received) } else { None }).await
    }

    async fn ended(&self) -> (Ended, bool) {
        self.until(|event| match event {
            Event::Ended { why, retry_at } => Some((why, retry_at.is_some())),
            _ => None,
        })
        .await
    }
}

fn config(version: Version) -> Config {
    Config { version, client_id: identity::fresh("link-"), seed: identity::seed(), ..Config::default() }
}

/// A topic that nobody else uses.
fn topic(name: &str) -> String {
    format!("{}/{name}", identity::fresh("test-"))
}

fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

/// [MQTT-6.0.0-3], [MQTT3-6.0.0-3]: the program refuses a WebSocket that does not offer the subprotocol `mqtt`.
#[wasm_bindgen_test]
async fn it_connects_in_each_version() {
    for version in [Version::V5, Version::V3_1_1, Version::V3_1] {
        let config = config(version);
        let id = config.client_id.clone();
        let (peer, facts) = Peer::connected(config).await;
        assert_eq!((facts.version, facts.session_present), (version, false));
        assert!(peer.link.is_connected());
        assert_eq!(peer.link.client_id(), id);
        peer.link.close();
        assert_eq!(peer.ended().await, (Ended::Stopped, false));
        assert!(!peer.link.is_connected());
    }
}

#[wasm_bindgen_test]
async fn binary_payloads_go_round_at_each_qos() {
    for version in [Version::V5, Version::V3_1_1] {
        let (peer, _) = Peer::connected(config(version)).await;
        let topic = topic("bytes");
        peer.subscribe(&topic, Qos::ExactlyOnce).await;
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            for payload in [Vec::new(), vec![0], every_byte()] {
                let id = peer.publish(&topic, payload.clone(), qos);
                let (mut received, mut outcome) = (None, None);
                while received.is_none() || outcome.is_none() {
                    match peer.next().await {
                        Event::Message(message) => received = Some(message),
                        Event::Published { id: done, outcome: how } if done == id => outcome = Some(how),
                        other => panic!("{other:?}"),
                    }
                }
                let message = received.unwrap().message;
                assert_eq!((message.topic.as_str(), message.qos), (topic.as_str(), qos));
                assert_eq!(&message.payload[..], &payload[..]);
                assert!(outcome.unwrap().is_success());
            }
        }
    }
}

#[wasm_bindgen_test]
async fn a_large_payload_stays_whole() {
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    let topic = topic("large");
    peer.subscribe(&topic, Qos::AtLeastOnce).await;
    let payload: Vec<u8> = (0..300_000_u32).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
    peer.publish(&topic, payload.clone(), Qos::AtLeastOnce);
    assert!(peer.message().await.message.payload == payload, "300 kB came back changed");
}

#[wasm_bindgen_test]
async fn many_messages_in_one_frame_keep_their_order() {
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    let topic = topic("burst");
    peer.subscribe(&topic, Qos::AtMostOnce).await;
    for i in 0..500_u16 {
        peer.publish(&topic, i.to_be_bytes().to_vec(), Qos::AtMostOnce);
    }
    for i in 0..500_u16 {
        assert_eq!(&peer.message().await.message.payload[..], i.to_be_bytes());
    }
}

/// [MQTT-6.0.0-2], [MQTT3-6.0.0-2]
#[wasm_bindgen_test]
async fn packets_split_over_frames_are_put_together() {
    split_frames(true);
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    split_frames(false);
    let topic = topic("split");
    peer.subscribe(&topic, Qos::ExactlyOnce).await;
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        peer.publish(&topic, every_byte(), qos);
        assert_eq!(&peer.message().await.message.payload[..], every_byte());
    }
}

/// [MQTT-6.0.0-1], [MQTT3-6.0.0-1]
#[wasm_bindgen_test]
async fn a_text_frame_ends_the_connection() {
    for version in [Version::V5, Version::V3_1_1] {
        text_frames(true);
        let peer = Peer::open(&address(), config(version));
        let (why, _) = peer.ended().await;
        text_frames(false);
        let Ended::TransportClosed { why } = &why else { panic!("{why:?}") };
        assert!(why.contains("text frame"), "{why}");
        assert!(!peer.link.is_connected());
    }
}

#[wasm_bindgen_test]
async fn the_callback_may_call_the_link() {
    let link: Rc<RefCell<Option<Link>>> = Rc::default();
    let topic = topic("inside");
    let (inner, wanted) = (Rc::clone(&link), topic.clone());
    let done = Promise::new(&mut |resolve, reject| {
        let window = web_sys::window().unwrap();
        window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, DEADLINE_MS).unwrap();
        let (inner, wanted) = (Rc::clone(&inner), wanted.clone());
        let opened = Link::open(&address(), config(Version::V5), move |event| {
            let link = inner.borrow().clone().expect("nothing happens before it is opened");
            match event {
                Event::Connected(_) => {
                    link.subscribe(&[(wanted.parse().unwrap(), SubscriptionOptions::default())], None);
                }
                Event::Subscribed { .. } => {
                    link.publish(Message::new(wanted.parse().unwrap(), "hello"), Offline::FailNow).unwrap();
                }
                Event::Message(received) => {
                    assert_eq!(&received.message.payload[..], b"hello");
                    resolve.call0(&JsValue::NULL).unwrap();
                }
                _ => {}
            }
        });
        *link.borrow_mut() = Some(opened);
    });
    JsFuture::from(done).await.expect("no message within the deadline");
    link.take();
}

#[wasm_bindgen_test]
async fn a_server_that_vanishes_and_returns_is_found_again() {
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    let topic = topic("again");
    peer.subscribe(&topic, Qos::AtLeastOnce).await;
    control("stop").await;
    let (why, retries) = peer.ended().await;
    assert!(matches!(why, Ended::TransportClosed { .. } | Ended::Disconnected(_)), "{why:?}");
    assert!(retries);
    let message = Message::new(topic.parse().unwrap(), "now or never").with_qos(Qos::AtLeastOnce);
    assert!(peer.link.publish(message, Offline::FailNow).is_err(), "nothing is kept for later");
    let waits = Message::new(topic.parse().unwrap(), "kept").with_qos(Qos::AtLeastOnce);
    let id = peer.link.publish(waits, Offline::Wait).unwrap();
    control("start").await;
    peer.link.retry();
    let (mut kept, mut outcome) = (None, None);
    while kept.is_none() || outcome.is_none() {
        match peer.next().await {
            Event::Message(received) => kept = Some(received.message.payload),
            Event::Published { id: done, outcome: how } if done == id => outcome = Some(how),
            _ => {}
        }
    }
    assert_eq!(&kept.unwrap()[..], b"kept", "subscribed again, and what waited was sent after that");
    assert!(matches!(outcome, Some(Outcome::Acknowledged(_))), "{outcome:?}");
}

#[wasm_bindgen_test]
async fn a_path_that_takes_no_connection_is_told_and_tried_again() {
    let peer = Peer::open(&format!("ws://{}/nothing-here", http()), config(Version::V5));
    let (why, retries) = peer.ended().await;
    assert!(matches!(why, Ended::TransportClosed { .. }), "{why:?}");
    assert!(retries);
    assert!(!peer.link.is_connected());
}

#[wasm_bindgen_test]
async fn an_address_the_browser_does_not_take_is_told() {
    let peer = Peer::open("ws://a b", config(Version::V5));
    let (why, _) = peer.ended().await;
    assert!(matches!(why, Ended::TransportClosed { .. }), "{why:?}");
}

#[wasm_bindgen_test]
async fn who_is_taken_over_does_not_fight() {
    let config = config(Version::V5);
    let (first, _) = Peer::connected(config.clone()).await;
    let (_second, _) = Peer::connected(config).await;
    let (why, retries) = first.ended().await;
    assert!(matches!(why, Ended::TakenOver(_)), "{why:?}");
    assert!(!retries, "two pages that take each other over would never rest");
}

#[wasm_bindgen_test]
async fn a_page_that_is_left_lets_go_and_returns_when_it_is_shown() {
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    let topic = topic("returns");
    peer.subscribe(&topic, Qos::AtMostOnce).await;
    tell("pagehide");
    assert_eq!(peer.ended().await, (Ended::Stopped, false), "an open socket would keep it out of the cache");
    tell("pageshow");
    peer.until(|event| matches!(event, Event::Connected(_)).then_some(())).await;
    // The subscription is made again before this is published.
    peer.publish(&topic, b"back".to_vec(), Qos::AtMostOnce);
    assert_eq!(&peer.message().await.message.payload[..], b"back");
}

#[wasm_bindgen_test]
async fn a_page_that_wakes_notices_a_dead_socket_and_connects_anew() {
    mortal_sockets(true);
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    mortal_sockets(false);
    kill_silently();
    let slept_until = client_wasm::connection::now();
    tell("online");
    let (why, retries) = peer.ended().await;
    assert_eq!((why, retries), (Ended::PingTimeout, true));
    peer.until(|event| matches!(event, Event::Connected(_)).then_some(())).await;
    let took = client_wasm::connection::now().since(slept_until);
    assert!(took.as_secs() < 5, "the probe has its own short deadline, not that of the keep alive: {took:?}");
}

#[wasm_bindgen_test]
async fn a_page_that_wakes_keeps_a_live_socket() {
    let (peer, _) = Peer::connected(config(Version::V5)).await;
    let topic = topic("alive");
    peer.subscribe(&topic, Qos::AtMostOnce).await;
    tell("online");
    peer.publish(&topic, b"still here".to_vec(), Qos::AtMostOnce);
    match peer.next().await {
        Event::Message(received) => assert_eq!(&received.message.payload[..], b"still here"),
        Event::Published { .. } => drop(peer.message().await),
        other => panic!("{other:?}"),
    }
}
