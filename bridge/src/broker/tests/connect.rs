//! Who is let in, and what it is told.

use mqtt::Will;
use mqtt::codec::DecodeError;
use mqtt::packet::ConnectWill;

use super::*;
use crate::broker::Anonymous;

#[test]
fn mqtt3_3_1_2_24_a_3_x_client_keeps_the_keep_alive_it_asked_for() {
    let mut w = World::new(Config { max_keep_alive_s: 10, ..Config::default() });
    let mut connect = Connect::new(Version::V3_1_1, "c");
    connect.keep_alive_s = 60;
    let id = w.connect(&connect);
    w.pass(secs(59));
    assert!(!w.wire[id].is_closed, "it was never told another");
    w.pass(secs(32));
    assert!(w.wire[id].is_closed);
}

/// [MQTT-3.14.0-1]
#[test]
fn mqtt_3_2_2_19_a_refusal_is_no_larger_than_the_client_takes() {
    let mut w = World::new(Config { versions: vec![Version::V3_1_1], ..Config::default() });
    let mut connect = Connect::new(Version::V5, "c");
    for (limit, with_words) in [(1000, true), (10, false)] {
        connect.properties.maximum_packet_size = Some(limit);
        let id = w.open(Version::V5);
        w.send(id, &Packet::Connect(Box::new(connect.clone())));
        let size = w.wire[id].bytes.len();
        assert!(size <= limit as usize && (size > 10) == with_words, "{size} bytes of {limit}");
        assert_eq!(w.take(id), ["Connack 84"]);
    }
}

#[test]
fn mqtt_3_1_2_2_a_bridge_that_marks_its_level_is_answered_in_its_version() {
    for (level, version, answer) in [
        (0x84, Version::V3_1_1, vec![0x20, 2, 0, 1]),
        (0x83, Version::V3_1_1, vec![0x20, 2, 0, 1]),
        (2, Version::V3_1_1, vec![0x20, 2, 0, 1]),
    ] {
        let mut w = World::new(Config::default());
        let id = w.open(version);
        let error = DecodeError::UnsupportedVersion(level);
        w.handle(Input::Malformed { connection: ConnectionId(id as u32), version: None, error });
        assert_eq!(w.wire[id].bytes, answer, "level {level:#x}");
        assert!(w.wire[id].is_closed);
    }
}

#[test]
fn a_will_for_a_topic_of_the_server_is_refused_or_dropped() {
    let mut w = World::new(Config::default());
    let watcher = w.client("w");
    w.subscribe(watcher, "$SYS/#", Qos::AtMostOnce);
    w.take(watcher);
    for (version, topic, answer) in [
        (Version::V5, "$SYS/x", "Connack 87"),
        (Version::V3_1_1, "$SYS/x", "Connack 00"),
        // Mosquitto comes with this one in any version, and must not be kept out by it.
        (Version::V5, "$SYS/broker/connection/x/state", "Connack 00"),
        (Version::V3_1_1, "$SYS/broker/connection/x/state", "Connack 00"),
    ] {
        let will = Will { message: message(topic, "0", Qos::AtMostOnce), delay_s: 0 };
        let id = w.open(version);
        let connect = Connect { will: Some(ConnectWill::of(&will)), ..Connect::new(version, "bridge") };
        w.send(id, &Packet::Connect(Box::new(connect)));
        assert_eq!(w.take(id), [answer]);
        w.cut(id);
        assert_eq!(w.take(watcher), [] as [&str; 0]);
    }
}

/// [MQTT-3.1.2-24]
#[test]
fn a_client_that_takes_no_connack_is_not_let_in_without_one() {
    let refused = |limit: u32, client_id: &str| {
        let mut w = World::new(Config::default());
        let first = w.client("c");
        let id = w.open(Version::V5);
        let mut connect = Connect::new(Version::V5, client_id);
        connect.properties.maximum_packet_size = Some(limit);
        w.send(id, &Packet::Connect(Box::new(connect)));
        assert!(w.wire[id].bytes.len() <= limit as usize, "{limit} are enough for {:?}", w.wire[id].bytes);
        assert!(!w.wire[id].is_closed || !w.wire[first].is_closed, "it takes nothing from others");
        w.wire[id].is_closed
    };
    assert!(refused(4, "c") && !refused(5, "c"));
    assert!(refused(28, "") && !refused(29, ""), "it must be told its identifier [MQTT-3.2.2-16]");
}

#[test]
fn clients_of_one_address_are_bounded_but_for_this_machine() {
    for (limit, is_far, bound) in
        [(None, true, Some(100)), (None, false, None), (Some(2), true, Some(2)), (Some(2), false, Some(2))]
    {
        let mut w = World::new(Config {
            max_connections_per_address: limit,
            anonymous: Anonymous::FromAnywhere,
            ..Config::default()
        });
        w.is_far = is_far;
        let ids: Vec<_> = (0..bound.unwrap_or(150)).map(|n| w.client(&format!("client-{n}"))).collect();
        let Some(bound) = bound else { continue };
        let more = |w: &mut World, client_id: &str| {
            let id = w.open(Version::V5);
            w.send(id, &Packet::Connect(Box::new(Connect::new(Version::V5, client_id))));
            w.take(id)
        };
        assert_eq!(more(&mut w, "more"), ["Connack 97"], "{bound} are there");
        assert_eq!(more(&mut w, "client-0"), ["Connack 00"], "one that takes over adds none");
        assert_eq!(more(&mut w, "more"), ["Connack 97"], "and takes none away");
        w.cut(ids[1]);
        assert_eq!(more(&mut w, "more"), ["Connack 00"]);
    }
}

#[test]
fn connections_that_say_nothing_are_bounded_too() {
    let mut w = World::new(Config { anonymous: Anonymous::FromAnywhere, ..Config::default() });
    w.is_far = true;
    let ids: Vec<_> = (0..100).map(|_| w.open(Version::V5)).collect();
    let over = w.open(Version::V5);
    assert!(w.wire[over].is_closed && ids.iter().all(|&id| !w.wire[id].is_closed));
    w.cut(ids[0]);
    w.client("c");
    let last = w.open(Version::V5);
    assert!(!w.wire[last].is_closed, "one that was let in waits no more");
    w.pass(secs(11));
    w.client("d");
}

/// [MQTT-3.2.2-16]
#[test]
fn an_identifier_that_somebody_has_is_assigned_to_nobody_else() {
    let assigned = |w: &mut World| {
        let id = w.open(Version::V5);
        w.send(id, &Packet::Connect(Box::new(Connect::new(Version::V5, ""))));
        let bytes = std::mem::take(&mut w.wire[id].bytes);
        let at = bytes.windows(5).position(|five| five == b"auto-").unwrap();
        (id, String::from_utf8(bytes[at..at + 21].to_vec()).unwrap())
    };
    let (_, first) = assigned(&mut World::new(Config::default()));
    // A broker of the same seed would assign the same one, were it not taken.
    let mut w = World::new(Config::default());
    let holder = w.client(&first);
    let (id, other) = assigned(&mut w);
    assert_ne!(other, first);
    assert!(!w.wire[holder].is_closed && !w.wire[id].is_closed);
}

/// The longest identifier leaves no room for more in a string [MQTT-1.5.4-1].
#[test]
fn an_identifier_too_long_for_response_information_gets_none() {
    let mut w = World::new(Config::default());
    let client_id = "c".repeat(65_535);
    let mut connect = Connect::new(Version::V5, &client_id);
    connect.properties.request_response_information = true;
    let id = w.connect_only(&connect);
    assert_eq!(w.take(id), ["Connack 00"]);
}

/// [MQTT-3.2.2-22]: a bound that is left out of CONNACK would be one that the Client does not know and trips over.
#[test]
fn a_small_connack_says_what_bounds_the_client_before_what_is_only_of_use() {
    let mut w = World::new(Config { max_keep_alive_s: 10, ..Config::default() });
    let client_id = "c".repeat(60);
    let mut connect = Connect::new(Version::V5, &client_id);
    connect.properties.request_response_information = true;
    let mut connack = |limit: u32| {
        connect.properties.maximum_packet_size = Some(limit);
        let id = w.connect_only(&connect);
        let bytes = std::mem::take(&mut w.wire[id].bytes);
        assert!(bytes.len() <= limit as usize, "{bytes:?}");
        let (packet, _) = Deframer::client(Version::V5, limit).next(&bytes).unwrap().unwrap();
        let Packet::Connack(connack) = packet else { panic!("{packet:?}") };
        let p = connack.properties;
        (connack.reason, p.response_information.is_some(), p.receive_maximum, p.server_keep_alive_s)
    };
    let success = ReasonCode::Success;
    assert_eq!(connack(200), (success, true, Some(256), Some(10)));
    assert_eq!(connack(40), (success, false, Some(256), Some(10)));
    assert_eq!(connack(8), (success, false, None, Some(10)));
    assert_eq!(connack(7), (ReasonCode::PacketTooLarge, false, None, None));
}
