//! `$SYS` in virtual time.

use std::collections::BTreeMap;

use super::*;

/// What a watcher of `$SYS/#` has been told since the last look, by the name behind `$SYS/broker/`.
fn told(w: &mut World, watcher: usize) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for line in w.take(watcher) {
        let line = line.strip_prefix("$SYS/broker/").map(|line| line.to_owned());
        let (name, rest) = line.as_deref().and_then(|line| line.split_once('=')).expect("a value of $SYS");
        let value = rest.split(" q0").next().unwrap_or_default();
        told.insert(name.to_owned(), value.to_owned());
    }
    told
}

fn watch(w: &mut World, filter: &str) -> usize {
    let watcher = w.client("watcher");
    w.send_subscribe(watcher, filter);
    watcher
}

impl World {
    fn send_subscribe(&mut self, id: usize, filter: &str) {
        self.subscribe(id, filter, Qos::ExactlyOnce);
        let wire = &mut self.wire[id].bytes;
        // The SUBACK: what follows are values.
        let suback = 2 + usize::from(wire[1]);
        wire.drain(..suback);
    }
}

fn world() -> World {
    let mut w = World::with_sys(Config::default());
    w.handle(Input::Tick);
    w
}

/// [MQTT-4.7.2-1]
#[test]
fn it_is_told_to_who_asks_for_it_by_name_and_to_no_one_else() {
    let mut w = world();
    for filter in ["#", "+/broker/uptime", "+/#", "broker/#"] {
        let watcher = watch(&mut w, filter);
        w.pass(secs(30));
        assert_eq!(told(&mut w, watcher), BTreeMap::new(), "{filter}");
        w.cut(watcher);
    }
    let watcher = watch(&mut w, "$SYS/broker/+");
    let values = told(&mut w, watcher);
    assert_eq!(values.len(), 2, "{values:?}");
    assert!(values["version"].starts_with("switchboard version "), "{values:?}");
    assert_eq!(values["uptime"], "121 seconds");
}

#[test]
fn its_values_are_retained_and_then_sent_as_they_change() {
    let mut w = world();
    let client = w.client("client");
    w.subscribe_with(client, &["a", "$share/g/z", "$share/h/z"], SubscriptionOptions::default(), None);
    w.publish(client, &message("a", "12345", Qos::AtMostOnce));
    w.publish(client, &message("b", "12", Qos::AtLeastOnce).with_retain(true));
    w.pass(secs(10));
    let watcher = watch(&mut w, "$SYS/#");
    let values = told(&mut w, watcher);
    for (name, value) in [
        ("clients/connected", "1"),
        ("clients/total", "1"),
        ("clients/disconnected", "0"),
        ("clients/maximum", "1"),
        ("clients/expired", "0"),
        ("messages/received", "4"),
        ("publish/messages/received", "2"),
        ("publish/messages/sent", "1"),
        ("publish/messages/dropped", "0"),
        ("publish/bytes/received", "7"),
        ("publish/bytes/sent", "5"),
        ("subscriptions/count", "3"),
        ("shared_subscriptions/count", "2"),
        ("retained messages/count", "1"),
        ("store/messages/count", "1"),
        ("messages/stored", "1"),
        ("store/messages/bytes", "3"),
    ] {
        assert_eq!(values[name], value, "{name}");
    }
    assert_eq!(values["load/publish/received/1min"], "1.84", "12 a minute for ten seconds");
    w.pass(secs(10));
    let values = told(&mut w, watcher);
    assert_eq!(values["clients/connected"], "2");
    assert_eq!(values["uptime"], "21 seconds");
    assert!(!values.contains_key("version") && !values.contains_key("clients/expired"), "{values:?}");
}

#[test]
fn sessions_that_wait_and_end_are_counted() {
    let mut w = world();
    let mut hello = Connect::new(Version::V5, "sleeper");
    hello.properties.session_expiry = mqtt::SessionExpiry::After(25);
    let sleeper = w.connect(&hello);
    w.subscribe(sleeper, "a", Qos::AtLeastOnce);
    w.cut(sleeper);
    let guest = w.client("guest");
    w.cut(guest); // ends with its connection, and is not one whose time ran out
    let client = w.client("client");
    w.publish(client, &message("a", "12345", Qos::AtLeastOnce));
    w.pass(secs(10));
    let watcher = watch(&mut w, "$SYS/#");
    let values = told(&mut w, watcher);
    assert_eq!((&*values["clients/disconnected"], &*values["messages/stored"]), ("1", "1"));
    w.pass(secs(20));
    let values = told(&mut w, watcher);
    let names = ["clients/disconnected", "clients/expired", "messages/stored"];
    assert_eq!(names.map(|name| &*values[name]), ["0", "1", "0"]);
}

#[test]
fn it_takes_no_room_of_what_clients_retain() {
    let mut w = World::with_sys(Config { max_retained_messages: 1, ..Config::default() });
    w.handle(Input::Tick);
    let client = w.client("client");
    w.publish(client, &message("a", "1", Qos::AtLeastOnce).with_retain(true));
    assert_eq!(w.take(client), ["Puback 10"]);
    assert_eq!(w.broker.counters().retained, 1);
}

#[test]
fn it_can_be_switched_off_and_costs_no_timer_then() {
    let mut w = World::with_sys(Config { sys_interval_s: 0, ..Config::default() });
    w.handle(Input::Tick);
    let watcher = watch(&mut w, "$SYS/#");
    w.pass(secs(100));
    assert_eq!(told(&mut w, watcher), BTreeMap::new());
    assert_eq!(w.deadline, None);
}

#[test]
fn its_interval_is_the_operators() {
    let mut w = World::with_sys(Config { sys_interval_s: 3, ..Config::default() });
    w.handle(Input::Tick);
    let watcher = watch(&mut w, "$SYS/broker/uptime");
    let mut uptimes = Vec::new();
    for _ in 0..7 {
        uptimes.extend(told(&mut w, watcher).into_values());
        w.pass(secs(1));
    }
    assert_eq!(uptimes, ["1 seconds", "4 seconds", "7 seconds"]);
}

#[test]
fn many_sessions_are_counted_in_turns() {
    let mut w = World::with_sys(Config { sys_interval_s: 10, ..Config::default() });
    w.handle(Input::Tick);
    for n in 0..25_000 {
        let mut hello = Connect::new(Version::V5, "");
        let client_id = format!("sleeper-{n}");
        hello.client_id = &client_id;
        hello.properties.session_expiry = mqtt::SessionExpiry::Never;
        let id = w.connect(&hello);
        if n % 5_000 == 0 {
            w.subscribe(id, "a", Qos::AtLeastOnce);
        }
        w.cut(id);
    }
    let client = w.client("client");
    w.publish(client, &message("a", "1", Qos::AtLeastOnce));
    let watcher = watch(&mut w, "$SYS/broker/messages/stored");
    told(&mut w, watcher);
    w.pass(secs(10));
    let early = told(&mut w, watcher);
    w.pass(Duration::from_millis(100));
    let late = told(&mut w, watcher);
    assert_eq!(
        (early.get("messages/stored"), late.get("messages/stored").map(String::as_str)),
        (None, Some("5"))
    );
}
