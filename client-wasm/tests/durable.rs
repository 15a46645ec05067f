//! Sessions that outlive their page, commands with a deadline, and bursts, in a real browser against the real program.
//! `cargo xtask test --only wasm` starts both.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::option_env_unwrap,
    reason = "the test fails, and says how to run it, where env! would not compile"
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use client_wasm::connection::{Durable, Link, identity, now};
use js_sys::Promise;
use mqtt::client::{Config, Event, Offline, Outcome};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Message, Qos, ReasonCode, SessionExpiry, Version};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const HOW: &str = "run this by `cargo xtask test --only wasm`, which starts the program and says where";
/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(15);

#[wasm_bindgen(inline_js = "
    const Real = window.WebSocket;
    let left = 0, dead = false;
    const passes = () => { if (left > 0) { left -= 1; return true; } dead = true; return false; };
    class Mortal extends Real {
        constructor(...how) { super(...how); this.counts = false; }
        set onmessage(f) {
            super.onmessage = f && ((e) => { if (!this.mortal || passes()) f(e); });
        }
        send(bytes) { if (!this.mortal || passes()) super.send(bytes); }
    }
    let last = null;
    class Known extends Mortal { constructor(...how) { super(...how); last = this; } }
    export function know_sockets(on) { window.WebSocket = on ? Known : Real; }
    export function dies_after(frames) { left = frames; dead = false; last.mortal = true; }
    export function is_dead() { return dead; }
    class Merging extends Real {
        set onmessage(f) {
            let kept = [];
            super.onmessage = f && ((e) => {
                kept.push(new Uint8Array(e.data));
                const length = kept.reduce((n, k) => n + k.length, 0);
                if (window.merges && length < window.merges) return;
                const all = new Uint8Array(length);
                kept.reduce((at, k) => { all.set(k, at); return at + k.length; }, 0);
                kept = [];
                window.merges = 0; // what comes behind it is not kept back: it may be less
                f(new MessageEvent('message', { data: all.buffer }));
            });
        }
    }
    export function merging_sockets(on) { window.WebSocket = on ? Merging : Real; }
    export function merge_up_to(bytes) { window.merges = bytes; }
    const open = indexedDB.open;
    export function break_storage(on) {
        IDBFactory.prototype.open = on ? () => { throw new DOMException('no room', 'QuotaExceededError'); } : open;
    }
    export function hide_page() { window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })); }
")]
extern "C" {
    /// Makes sockets that can die.
    fn know_sockets(on: bool);
    /// The last socket lets so many more frames pass, both ways together, and then none, without a word to the page.
    fn dies_after(frames: u32);
    fn is_dead() -> bool;
    /// Makes sockets whose next frames can be merged into one of at least so many bytes.
    fn merging_sockets(on: bool);
    fn merge_up_to(bytes: u32);
    /// Lets the browser refuse its storage.
    fn break_storage(on: bool);
    fn hide_page();
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

/// A link with all it has told.
struct Peer {
    link: Link,
    events: Rc<RefCell<Vec<Event>>>,
}

impl Peer {
    async fn durable(prefix: &str, version: Version) -> Self {
        let durable = Durable::open(prefix).await;
        let config = Config {
            version,
            session_expiry: SessionExpiry::After(60),
            seed: identity::seed(),
            ..Config::default()
        };
        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let hears = Rc::clone(&events);
        let link = Link::durable(&address(), config, durable, move |event| hears.borrow_mut().push(event));
        Self { link, events }
    }

    /// One that lives as long as the test and forgets nothing.
    async fn observer(topics: &[&str]) -> Self {
        let config = Config {
            client_id: identity::fresh("see-"),
            session_expiry: SessionExpiry::After(60),
            seed: identity::seed(),
            ..Config::default()
        };
        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let hears = Rc::clone(&events);
        let link = Link::open(&address(), config, move |event| hears.borrow_mut().push(event));
        let peer = Self { link, events };
        for topic in topics {
            peer.subscribe(topic).await;
        }
        peer
    }

    async fn subscribe(&self, topic: &str) {
        let filters = [(topic.parse().unwrap(), SubscriptionOptions::at(Qos::ExactlyOnce))];
        let reasons = self.link.subscribed(&filters, None).await;
        assert_eq!(reasons, [ReasonCode::GrantedQos2]);
    }

    /// How often this payload came.
    fn heard(&self, payload: &str) -> usize {
        let events = self.events.borrow();
        events
            .iter()
            .filter(|event| matches!(event, Event::Message(r) if r.message.payload == payload.as_bytes()))
            .count()
    }

    fn connected(&self) -> Option<bool> {
        let events = self.events.borrow();
        events.iter().rev().find_map(|event| match event {
            Event::Connected(facts) => Some(facts.session_present),
            _ => None,
        })
    }

    async fn until_connected(&self) -> bool {
        until("it is connected", || self.link.is_connected()).await;
        self.connected().unwrap()
    }

    fn publish(&self, topic: &str, payload: &str) {
        self.link.publish(message(topic, payload), Offline::Wait).unwrap();
    }
}

fn message(topic: &str, payload: &str) -> Message {
    Message::new(topic.parse().unwrap(), payload.to_owned()).with_qos(Qos::ExactlyOnce)
}

/// Waits until something is so, looking again whenever the browser has had a turn.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = now() + DEADLINE;
    while !is_so() {
        assert!(now() < end, "within the deadline: {what}");
        turn().await;
    }
}

async fn turn() {
    let turn = Promise::new(&mut |resolve, _| {
        let window = web_sys::window().unwrap();
        window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, 1).unwrap();
    });
    JsFuture::from(turn).await.unwrap();
}

/// A beginning of topics and identifiers that nobody else uses.
fn fresh() -> String {
    identity::fresh("d").chars().take(9).collect()
}

/// A QoS 2 message each way over a link whose socket dies after so many frames; then the page ends and another goes on.
/// Gives how often each message came at its end, over both pages.
async fn two_pages(version: Version, frames: u32, reloads: bool) -> (usize, usize, bool) {
    let prefix = fresh();
    let (up, down) = (format!("{prefix}/up"), format!("{prefix}/down"));
    let observer = Peer::observer(&[&up]).await;
    know_sockets(true);
    let page = Peer::durable(&prefix, version).await;
    page.until_connected().await;
    know_sockets(false);
    page.subscribe(&down).await;
    dies_after(frames);
    page.publish(&up, "up");
    observer.publish(&down, "down");
    let is_over = || is_dead() || (page.link.unfinished().is_empty() && page.heard("down") == 1);
    until("the socket dies, or all is done", is_over).await;
    if reloads {
        hide_page(); // the observer comes and goes too, and is back below
    }
    let (id, before) = (page.link.client_id(), page.heard("down"));
    let kept = !page.link.unfinished().is_empty();
    drop(page);

    let page = Peer::durable(&prefix, version).await;
    assert_eq!(page.link.client_id(), id, "the tab has its number again");
    let restored = !page.link.unfinished().is_empty();
    if reloads {
        assert_eq!(kept, restored, "a page that is left has a moment to hand over");
        observer.link.retry();
        observer.until_connected().await;
    }
    assert!(page.until_connected().await, "the broker has the session");
    until("nothing is unfinished", || page.link.unfinished().is_empty()).await;
    // What came before these has come.
    page.publish(&up, "end");
    observer.publish(&down, "end");
    until("the ends come", || page.heard("end") == 1 && observer.heard("end") == 1).await;
    (observer.heard("up"), before + page.heard("down"), kept && !restored)
}

/// [MQTT-4.3.3-10], [MQTT-4.4.0-1] over two lives of a page.
#[wasm_bindgen_test]
async fn a_reload_at_each_step_of_a_qos_2_exchange_loses_and_doubles_nothing() {
    for version in [Version::V5, Version::V3_1_1] {
        for frames in 0..9 {
            let (up, down, _) = two_pages(version, frames, true).await;
            assert_eq!((up, down), (1, 1), "{version:?}, {frames} frames");
        }
    }
}

#[wasm_bindgen_test]
async fn a_crash_at_each_step_of_a_qos_2_exchange_doubles_nothing_at_the_broker_and_loses_nothing_here() {
    for frames in 0..9 {
        let (up, down, was_not_kept) = two_pages(Version::V5, frames, false).await;
        assert!(up == 1 || (up == 0 && was_not_kept), "{frames} frames: {up} times up");
        assert!((1..=2).contains(&down), "{frames} frames: {down} times down");
    }
}

#[wasm_bindgen_test]
async fn two_tabs_never_have_the_same_number_and_a_free_one_is_taken_again() {
    let prefix = fresh();
    let first = Durable::open(&prefix).await;
    let second = Durable::open(&prefix).await;
    assert_ne!(first.client_id(), second.client_id());
    assert!(first.client_id().len() <= 23, "{}", first.client_id());
    let id = first.client_id();
    drop(first);
    let third = Durable::open(&prefix).await;
    assert_eq!(third.client_id(), id);
}

#[wasm_bindgen_test]
async fn a_storage_that_refuses_is_told_and_the_link_goes_on_in_memory() {
    break_storage(true);
    let prefix = fresh();
    let page = Peer::durable(&prefix, Version::V5).await;
    break_storage(false);
    page.until_connected().await;
    let told = |event: &Event| matches!(event, Event::NotStored { why } if why.contains("no room"));
    assert!(page.events.borrow().iter().any(told), "{:?}", page.events.borrow());
    assert!(!page.link.is_durable());
    let topic = format!("{prefix}/t");
    page.subscribe(&topic).await;
    page.publish(&topic, "still");
    until("it works", || page.heard("still") == 1).await;
}

#[wasm_bindgen_test]
async fn a_broker_that_forgot_the_session_leaves_doubts_that_are_named() {
    let prefix = fresh();
    know_sockets(true);
    let page = Peer::durable(&prefix, Version::V5).await;
    page.until_connected().await;
    know_sockets(false);
    dies_after(0);
    page.publish(&format!("{prefix}/t"), "doubtful");
    until("it was sent into the void", is_dead).await;
    drop(page);
    control("stop").await;
    control("start").await;
    let page = Peer::durable(&prefix, Version::V5).await;
    assert!(!page.until_connected().await, "it keeps nothing");
    let events = page.events.borrow();
    let doubt = events
        .iter()
        .any(|event| matches!(event, Event::InDoubt { message, .. } if &message.payload[..] == b"doubtful"));
    assert!(doubt, "{events:?}");
}

#[wasm_bindgen_test]
async fn a_command_tells_its_end_and_ends_by_its_deadline() {
    let prefix = fresh();
    let peer = Peer::observer(&[]).await;
    peer.until_connected().await;
    let topic = format!("{prefix}/t");
    let second = Duration::from_secs(1);
    let nobody = peer.link.send(message(&topic, "x"), second).unwrap().await;
    assert_eq!(nobody, Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers));
    peer.link.close();
    let began = now();
    let late = peer.link.send(message(&topic, "late"), Duration::from_millis(200)).unwrap().await;
    assert_eq!(late, Outcome::Expired);
    assert!(now().since(began) >= Duration::from_millis(200));
    let sending = peer.link.send(message(&topic, "never"), second).unwrap();
    assert!(peer.link.cancel(sending.id()));
    assert_eq!(sending.await, Outcome::Cancelled);
}

#[wasm_bindgen_test]
async fn a_burst_lets_the_page_have_its_turn_and_keeps_its_order() {
    const MESSAGES: usize = 200;
    let topic = format!("{}/burst", fresh());
    merging_sockets(true);
    let config = Config { client_id: identity::fresh("slow-"), seed: identity::seed(), ..Config::default() };
    let came: Rc<RefCell<Vec<(u8, mqtt::Instant)>>> = Rc::default();
    let hears = Rc::clone(&came);
    let link = Link::open(&address(), config, move |event| {
        if let Event::Message(received) = event {
            let busy = now() + Duration::from_millis(1);
            while now() < busy {}
            hears.borrow_mut().push((received.message.payload[0], now()));
        }
    });
    let filters = [(topic.parse().unwrap(), SubscriptionOptions::default())];
    assert_eq!(link.subscribed(&filters, None).await, [ReasonCode::Success]);
    merging_sockets(false);
    merge_up_to(u32::try_from(MESSAGES * 2_000).unwrap());
    let sender = Peer::observer(&[]).await;
    for n in 0..MESSAGES {
        let payload = vec![u8::try_from(n).unwrap(); 2_000];
        sender.link.publish(Message::new(topic.parse().unwrap(), payload), Offline::Wait).unwrap();
    }
    let turns = RefCell::new(0);
    until("all came", || {
        let came = came.borrow().len();
        *turns.borrow_mut() += usize::from(came > 0 && came < MESSAGES);
        came == MESSAGES
    })
    .await;
    merge_up_to(0);
    assert!(*turns.borrow() >= 5, "others had {} turns while one frame was taken", turns.borrow());
    let order: Vec<usize> = came.borrow().iter().map(|(n, _)| usize::from(*n)).collect();
    assert_eq!(order, (0..MESSAGES).collect::<Vec<_>>());
}
