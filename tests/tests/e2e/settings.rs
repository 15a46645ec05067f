//! Keys that an operator sets, each at a value of its own: what is told and what is done about it.

use mqtt::packet::{Ack, Connack, Connect, ConnectWill, Publish, PublishProperties};
use mqtt::{Packet, PacketId, Qos, ReasonCode, SessionExpiry, TopicName, Version};
use tests::{Bridge, Client, Wire, delivery, message};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

fn open(bridge: &Bridge, version: Version) -> Client {
    Client::new(Wire::tcp(bridge.tcp), version)
}

fn attempt(bridge: &Bridge, connect: &Connect<'_>) -> (Client, Connack<'static>) {
    let mut client = open(bridge, connect.version);
    let connack = client.connect(connect);
    (client, connack)
}

fn connect(bridge: &Bridge, version: Version, id: &str) -> Client {
    let (client, connack) = attempt(bridge, &Connect::new(version, id));
    assert_eq!(connack.reason, ReasonCode::Success);
    client
}

fn id(n: u16) -> PacketId {
    PacketId::new(n).expect("not zero")
}

fn exactly_once(n: u16) -> Packet<'static> {
    Packet::Publish(Publish { delivery: delivery(Qos::ExactlyOnce, id(n)), ..message("a", b"1") })
}

/// [MQTT-3.2.2-3] and [MQTT-3.3.4-7]
#[test]
fn receive_maximum_is_told_and_held() {
    let bridge = Bridge::configured("[limits]\nreceive_maximum = 2\n");
    let (mut client, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
    assert_eq!(connack.properties.receive_maximum, Some(2));
    client.send_all(&[exactly_once(1), exactly_once(2)]);
    client.ack("PUBREC", id(1));
    client.ack("PUBREC", id(2));
    client.send(&Packet::Pubrel(Ack::new(id(1), ReasonCode::Success)));
    client.ack("PUBCOMP", id(1));
    client.send(&exactly_once(3));
    client.ack("PUBREC", id(3));
    client.send(&exactly_once(4));
    assert_eq!(client.end().reason, Some(ReasonCode::ReceiveMaximumExceeded), "0x93");
}

#[test]
fn receive_maximum_excess_can_be_tolerated() {
    let bridge = Bridge::configured("[limits]\nreceive_maximum = 2\nreceive_maximum_excess = \"tolerate\"\n");
    let (mut client, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
    assert_eq!(connack.properties.receive_maximum, Some(2), "it is told all the same");
    for n in 1..=50 {
        client.send(&exactly_once(n));
        assert!(!client.ack("PUBREC", id(n)).reason.is_error());
    }
    client.expect_nothing();
}

/// [MQTT-3.2.2-17] and [MQTT-3.3.2-9]
#[test]
fn topic_alias_maximum_is_told_and_held() {
    let bridge = Bridge::configured("[limits]\ntopic_alias_maximum = 2\n");
    let (mut client, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
    assert_eq!(connack.properties.topic_alias_maximum, 2);
    let aliased = |alias| {
        let properties = PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() };
        Packet::Publish(Publish { properties: properties.into(), ..message("a", b"1") })
    };
    client.send_all(&[aliased(1), aliased(2)]);
    client.sync();
    client.send(&aliased(3));
    assert_eq!(client.end().reason, Some(ReasonCode::TopicAliasInvalid), "0x94");

    let bridge = Bridge::configured("[limits]\ntopic_alias_maximum = 0\n");
    let (mut client, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
    assert_eq!(connack.properties.topic_alias_maximum, 0, "absent means none (3.2.2.3.8)");
    client.send(&aliased(1));
    assert_eq!(client.end().reason, Some(ReasonCode::TopicAliasInvalid), "0x94");
}

/// [MQTT-3.2.2-21]: 3.x cannot be told another keep alive.
#[test]
fn max_keep_alive_leaves_older_clients_without_one() {
    let bridge = Bridge::configured("[limits]\nmax_keep_alive_s = 30\n");
    let told = |asked| {
        let hello = Connect { keep_alive_s: asked, ..Connect::new(Version::V5, "alice") };
        attempt(&bridge, &hello).1.properties.server_keep_alive_s
    };
    assert_eq!((told(0), told(10), told(30), told(31)), (Some(30), None, None, Some(30)));
    for version in [Version::V3_1, Version::V3_1_1] {
        connect(&bridge, version, "old").expect_nothing();
    }
}

#[test]
fn max_inflight_bounds_what_is_sent_at_once() {
    let bridge = Bridge::configured("[limits]\nmax_inflight = 2\n");
    for version in VERSIONS {
        let mut client = connect(&bridge, version, "alice");
        client.subscribe("a", Qos::AtLeastOnce);
        let mut publisher = connect(&bridge, Version::V5, "publisher");
        for _ in 0..4 {
            publisher.publish("a", b"1", Qos::AtLeastOnce);
        }
        let first = [client.receive_only(), client.receive_only()];
        client.expect_nothing();
        client.acknowledge(&first[0]);
        client.receive_only();
        client.expect_nothing();
    }
}

#[test]
fn max_queued_messages_and_bytes_bound_what_an_absent_client_finds() {
    for (limit, fit) in [("max_queued_messages = 3", 3), ("max_queued_bytes = 220", 2)] {
        let bridge = Bridge::configured(&format!("[limits]\n{limit}\n"));
        let mut hello = Connect::new(Version::V5, "sleeper");
        hello.properties.session_expiry = SessionExpiry::After(100);
        let (mut sleeper, _) = attempt(&bridge, &hello);
        sleeper.subscribe("a", Qos::AtLeastOnce);
        sleeper.disconnect();
        let mut publisher = connect(&bridge, Version::V5, "publisher");
        for n in 0..6 {
            publisher.publish("a", &[n; 100], Qos::AtLeastOnce);
        }
        publisher.sync(); // the last may be on its way to another shard
        bridge.process.stderr.expect(&["queue full", "sleeper"]);
        let (mut sleeper, connack) = attempt(&bridge, &Connect { clean_start: false, ..hello });
        assert!(connack.session_present);
        for n in 0..fit {
            assert_eq!(sleeper.receive_payload(), [n; 100], "{limit}: the oldest stay");
        }
        sleeper.expect_nothing();
    }
}

/// Section 3.2.2.3.13
#[test]
fn shared_subscriptions_can_be_switched_off() {
    for (is_on, expected) in
        [(true, ReasonCode::GrantedQos1), (false, ReasonCode::SharedSubscriptionsNotSupported)]
    {
        let bridge = Bridge::configured(&format!("[limits]\nshared_subscriptions = {is_on}\n"));
        let (mut client, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
        assert_eq!(connack.properties.shared_subscription_available, is_on);
        assert_eq!(client.subscribe("$share/group/a", Qos::AtLeastOnce), expected, "0x9E when off");
    }
}

/// [MQTT-3.1.3-8], [MQTT3-3.1.3-9]
#[test]
fn an_empty_client_identifier_can_be_refused() {
    let bridge = Bridge::configured("[limits]\nallow_empty_client_id = false\n");
    for version in VERSIONS {
        let (mut client, connack) = attempt(&bridge, &Connect::new(version, ""));
        assert_eq!(connack.reason, ReasonCode::ClientIdentifierNotValid, "0x85, or return code 2");
        client.end();
    }
}

#[test]
fn connections_of_one_address_are_bounded() {
    let bridge = Bridge::configured("[limits]\nmax_connections_per_address = 2\n");
    let (mut a, b) = (connect(&bridge, Version::V5, "a"), connect(&bridge, Version::V3_1_1, "b"));
    for version in VERSIONS {
        let (mut client, connack) = attempt(&bridge, &Connect::new(version, "c"));
        let expected = if version.is_5() { ReasonCode::QuotaExceeded } else { ReasonCode::ServerUnavailable };
        assert_eq!(connack.reason, expected, "0x97, or return code 3");
        client.end();
    }
    // One that takes over adds none.
    let mut again = connect(&bridge, Version::V5, "a");
    a.end();
    again.expect_nothing();
    b.disconnect();
    connect(&bridge, Version::V5, "c");
}

#[test]
fn this_machine_is_not_counted_without_a_bound_of_its_own() {
    let bridge = Bridge::start();
    let many: Vec<_> = (0..110).map(|n| connect(&bridge, Version::V5, &format!("client-{n}"))).collect();
    assert_eq!(many.len(), 110);
}

fn text_that_is_none<'a>() -> Publish<'a> {
    let properties = PublishProperties { payload_is_utf8: Some(true), ..PublishProperties::default() };
    Publish { properties: properties.into(), retain: true, ..message("a", b"\xff\xfe") }
}

/// Section 3.3.2.3.2: what is said to be UTF-8 is checked when that was asked for.
#[test]
fn the_payload_format_is_checked_on_request() {
    let bridge = Bridge::configured("[limits]\ncheck_payload_format = true\n");
    let mut watcher = connect(&bridge, Version::V5, "watcher");
    watcher.subscribe("a", Qos::AtMostOnce);
    let mut client = connect(&bridge, Version::V5, "alice");
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let bad = text_that_is_none();
        assert_eq!(client.publish_with(&bad, qos), ReasonCode::PayloadFormatInvalid, "0x99");
    }
    client.publish_with(&text_that_is_none(), Qos::AtMostOnce);
    bridge.process.stderr.expect(&["refused", "alice", "0x99"]);
    watcher.expect_nothing();
    connect(&bridge, Version::V5, "late").subscribe("a", Qos::AtMostOnce);
    let good = Publish { payload: "grüße".as_bytes(), ..text_that_is_none() };
    assert_eq!(client.publish_with(&good, Qos::AtLeastOnce), ReasonCode::Success);
    let got = watcher.receive();
    assert_eq!((got.payload, got.properties.payload_is_utf8), ("grüße".as_bytes(), Some(true)));
    // Bytes that claim nothing are not looked at.
    assert_eq!(
        client.publish_with(&message("a", b"\xff"), Qos::AtLeastOnce),
        ReasonCode::Success,
        "only the claim is checked"
    );

    let will = ConnectWill {
        topic: TopicName::new("a").expect("a topic"),
        payload: b"\xff",
        qos: Qos::AtMostOnce,
        retain: false,
        delay_s: 0,
        properties: PublishProperties { payload_is_utf8: Some(true), ..PublishProperties::default() },
    };
    let hello = Connect { will: Some(will), ..Connect::new(Version::V5, "mortal") };
    let (mut mortal, connack) = attempt(&bridge, &hello);
    assert_eq!(connack.reason, ReasonCode::PayloadFormatInvalid, "0x99");
    mortal.end();
}

#[test]
fn the_payload_format_is_passed_on_unchecked_otherwise() {
    let bridge = Bridge::start();
    let mut client = connect(&bridge, Version::V5, "alice");
    client.subscribe("a", Qos::AtMostOnce);
    client.publish_with(&text_that_is_none(), Qos::AtLeastOnce);
    assert_eq!(client.receive().properties.payload_is_utf8, Some(true), "[MQTT-3.3.2-4]");
}

/// Section 4.11
#[test]
fn clients_are_sent_to_another_server() {
    for (permanently, reason) in [(false, ReasonCode::UseAnotherServer), (true, ReasonCode::ServerMoved)] {
        let bridge = Bridge::configured(&format!(
            "[listen]\nredirect_to = \"other.example:1883\"\nredirect_permanently = {permanently}\n"
        ));
        for wire in [Wire::tcp(bridge.tcp), Wire::websocket(bridge.http)] {
            let mut client = Client::new(wire, Version::V5);
            let connack = client.connect(&Connect::new(Version::V5, "alice"));
            assert_eq!(connack.reason, reason, "0x9C for now, 0x9D for good");
            assert_eq!(connack.properties.server_reference, Some("other.example:1883"));
            client.end();
        }
        for version in [Version::V3_1, Version::V3_1_1] {
            let (mut client, connack) = attempt(&bridge, &Connect::new(version, "old"));
            assert_eq!(connack.reason, ReasonCode::ServerUnavailable, "return code 3");
            client.end();
        }
    }
}

fn response_information(bridge: &Bridge, client_id: &str, asks: bool) -> Option<&'static str> {
    let mut hello = Connect::new(Version::V5, client_id);
    hello.properties.request_response_information = asks;
    attempt(bridge, &hello).1.properties.response_information
}

/// [MQTT-3.1.2-28]
#[test]
fn response_information_is_told_to_who_asks_for_it() {
    let bridge = Bridge::start();
    assert_eq!(response_information(&bridge, "alice", false), None);
    assert_eq!(response_information(&bridge, "alice", true), Some("reply/alice"));
    for id in ["a/b", "a+", "#"] {
        assert_eq!(response_information(&bridge, id, true), None, "{id} would be more than one level");
    }
    let bridge = Bridge::configured("[listen]\nresponse_information = \"answers\"\n");
    assert_eq!(response_information(&bridge, "a/b", true), Some("answers"));
    let bridge = Bridge::configured("[listen]\nresponse_information = \"\"\n");
    assert_eq!(response_information(&bridge, "alice", true), None);
}

/// [MQTT-3.1.2-29]
#[test]
fn reason_strings_are_left_out_where_they_are_not_wanted() {
    let bridge = Bridge::start();
    for (wanted, has_words) in [(true, true), (false, false)] {
        let mut hello = Connect::new(Version::V5, "alice");
        hello.properties.request_problem_information = wanted;
        let (mut client, _) = attempt(&bridge, &hello);
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let n = client.new_id();
            client.send(&Packet::Publish(Publish { delivery: delivery(qos, n), ..message("$SYS/x", b"") }));
            let ack = client.ack(if qos == Qos::AtLeastOnce { "PUBACK" } else { "PUBREC" }, n);
            assert_eq!((ack.reason, ack.reason_string.is_some()), (ReasonCode::NotAuthorized, has_words));
        }
        // DISCONNECT and CONNACK may have words in any case.
        client.send(&Packet::Connect(Box::new(hello)));
        assert!(client.end().words.is_some());
    }
}

/// [MQTT-3.4.2-2], [MQTT-3.14.2-3]
#[test]
fn reason_strings_are_left_out_where_they_do_not_fit() {
    let bridge = Bridge::start();
    let mut hello = Connect::new(Version::V5, "alice");
    hello.properties.maximum_packet_size = Some(30);
    let (mut client, _) = attempt(&bridge, &hello);
    let n = client.new_id();
    let lie = Publish { delivery: delivery(Qos::AtLeastOnce, n), ..message("$SYS/x", b"") };
    client.send(&Packet::Publish(lie));
    let ack = client.ack("PUBACK", n);
    assert_eq!((ack.reason, ack.reason_string), (ReasonCode::NotAuthorized, None));
    client.send(&Packet::Connect(Box::new(hello)));
    let end = client.end();
    assert_eq!((end.reason, end.words), (Some(ReasonCode::ProtocolError), None));
}

#[test]
fn what_counts_from_the_next_start_on_is_said() {
    let bridge = Bridge::configured("");
    bridge.configure("[listen]\nhttp = [\"127.0.0.1:1\"]\n[log]\nlevel = \"debug\"\n[limits]\nmax_qos = 1\n");
    for key in ["[listen] http", "[log]"] {
        bridge.process.stderr.expect(&["WARN", key, "from the next start on"]);
    }
    bridge.configure("[limits]\nmax_qos = 0\n");
    let waits = || {
        let (_, connack) = attempt(&bridge, &Connect::new(Version::V5, "alice"));
        (connack.properties.maximum_qos == Qos::AtMostOnce).then_some(())
    };
    tests::until("the new limit", tests::PATIENCE, waits);
    let said = bridge.process.stderr.all();
    assert_eq!(said.iter().filter(|line| line.contains("from the next start on")).count(), 2, "{said:?}");
}
