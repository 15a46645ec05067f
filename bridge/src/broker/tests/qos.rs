//! At which QoS a message comes: the lower of the one it was published with and the one that was granted, by every way.

use mqtt::packet::ConnectWill;
use mqtt::{SessionExpiry, Will};

use super::*;

const ALL: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

fn keeping(version: Version) -> Connect<'static> {
    let mut connect = Connect::new(version, "c");
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(600);
    connect
}

/// What a Client gets that was granted `granted`, when `act` makes a message of `published`.
fn comes(version: Version, published: Qos, granted: Qos, act: impl Fn(&mut World, usize)) {
    let mut w = World::new(Config::default());
    let id = w.connect(&keeping(version));
    w.subscribe(id, "a", granted);
    w.take(id);
    act(&mut w, id);
    let got = w.wire.iter().position(|wire| wire.version == version && !wire.bytes.is_empty());
    let mut got = got.map(|id| w.take(id)).unwrap_or_default();
    got.retain(|packet| packet.contains('='));
    got.iter_mut().for_each(|packet| *packet = packet.replace(" retain", ""));
    assert_eq!(
        got,
        [format!("a=x q{}", published.min(granted).level())],
        "{version:?} {published:?} {granted:?}"
    );
}

/// [MQTT-3.8.4-8], [MQTT3-3.8.4-6]
#[test]
fn each_pair_of_qos_arrives_at_the_lower_one_at_once_from_a_queue_and_from_a_will() {
    for (version, published, granted) in [Version::V3_1_1, Version::V5]
        .into_iter()
        .flat_map(|version| ALL.map(|published| ALL.map(|granted| (version, published, granted))))
        .flatten()
    {
        let sent = message("a", "x", published);
        comes(version, published, granted, |w, _| {
            let publisher = w.client("p");
            w.publish(publisher, &sent);
            w.take(publisher);
        });
        comes(version, published, granted, |w, _| {
            let will = Will { message: sent.clone(), delay_s: 0 };
            let mut connect = Connect::new(Version::V5, "dying");
            connect.will = Some(ConnectWill::of(&will));
            let dying = w.connect(&connect);
            w.cut(dying);
        });
        if published.min(granted) == Qos::AtMostOnce {
            continue; // it waits for nobody
        }
        comes(version, published, granted, |w, id| {
            w.cut(id);
            let publisher = w.client("p");
            w.publish(publisher, &sent);
            w.take(publisher);
            w.connect_only(&keeping(version));
        });
    }
}

/// [MQTT-3.8.4-8]
#[test]
fn a_retained_message_comes_at_the_lower_qos_too() {
    for (published, granted) in ALL.into_iter().flat_map(|published| ALL.map(|granted| (published, granted)))
    {
        comes(Version::V3_1_1, published, granted, |w, id| {
            let publisher = w.client("p");
            w.publish(publisher, &message("a", "x", published).with_retain(true));
            w.take(publisher);
            w.take(id);
            w.subscribe(id, "a", granted);
        });
    }
}

#[test]
fn no_more_is_granted_than_the_server_takes() {
    let mut w = World::new(Config { max_qos: Qos::AtLeastOnce, ..Config::default() });
    let (id, publisher) = (w.client("c"), w.client("p"));
    w.subscribe(id, "a", Qos::ExactlyOnce);
    w.publish(publisher, &message("a", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["SUBACK", "a=x q1"]);
    w.publish(publisher, &message("a", "x", Qos::ExactlyOnce));
    assert_eq!(w.take(publisher), ["Puback 00", "Disconnect 9b"], "[MQTT-3.2.2-11]");
}

#[test]
fn a_queue_is_bounded_in_bytes_and_the_newest_is_dropped_and_counted() {
    let mut w = World::new(Config { max_queued_bytes: 100, ..Config::default() });
    let id = w.connect(&keeping(Version::V5));
    w.subscribe(id, "a", Qos::ExactlyOnce);
    w.cut(id);
    let publisher = w.client("p");
    for n in 0..5 {
        w.publish(publisher, &message("a", &format!("{n}{}", "x".repeat(30)), Qos::AtLeastOnce));
    }
    let answers = ["Puback 00", "Puback 00", "Puback 00", "Puback 97", "Puback 97"];
    assert_eq!(w.take(publisher), answers, "what is dropped is refused, and counted");
    assert_eq!(w.broker.counters().dropped_queue_full, 2, "32 bytes each, with the topic");
    let id = w.connect_only(&keeping(Version::V5));
    let got = w.take(id);
    assert_eq!(got.len(), 4, "{got:?}");
    assert!(got[3].starts_with("a=2x"), "{got:?}");
    for n in 1..4 {
        w.puback(id, n);
    }
    w.publish(publisher, &message("a", "later", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["a=later q1"], "there is room again");
}
