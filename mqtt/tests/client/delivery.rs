//! QoS 0, 1 and 2 both ways, with lost acknowledgements (4.3, 4.4), and what becomes of messages that wait.

use std::time::Duration;

use mqtt::client::{Config, Ended, Event, Misbehaviour, Offline, Outcome, PublishError};
use mqtt::packet::{Ack, Connack, ConnackProperties, Disconnect, Packet, Publish, PublishProperties};
use mqtt::{Delivery, Qos, ReasonCode, TopicName, Version};

use crate::pair::{Pair, VERSIONS, config, durable, id, message, publish};

const QOS_1: Qos = Qos::AtLeastOnce;
const QOS_2: Qos = Qos::ExactlyOnce;

fn ack(n: u16) -> Ack<'static> {
    Ack::new(id(n), ReasonCode::Success)
}

fn granting(config: Config, properties: ConnackProperties<'_>) -> Pair {
    let mut pair = Pair::new(config);
    pair.client.start(pair.now);
    pair.drain();
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.events();
    pair
}

/// [MQTT-2.2.1-2], [MQTT3-2.3.1-5], [MQTT-4.3.1-1], [MQTT3-4.3.1-1]
#[test]
fn qos_0_is_sent_and_done() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        let sent = pair.publish(message("x", Qos::AtMostOnce));
        assert_eq!(pair.publishes(), [("x".into(), None, false)]);
        assert_eq!(pair.outcomes(), [(sent, Outcome::Sent)]);
    }
}

/// [MQTT-4.3.2-1], [MQTT-4.3.2-2], [MQTT-4.3.2-3], [MQTT3-4.3.2-1]
#[test]
fn qos_1_is_done_with_puback() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        let sent = pair.publish(message("x", QOS_1));
        assert_eq!(pair.publishes(), [("x".into(), Some(1), false)]);
        assert!(pair.outcomes().is_empty());
        pair.server(&Packet::Puback(ack(1)));
        assert_eq!(pair.outcomes(), [(sent, Outcome::Acknowledged(ReasonCode::Success))]);
        pair.server(&Packet::Puback(ack(1)));
        assert!(pair.events().is_empty(), "a second acknowledgement is nothing");
    }
}

/// [MQTT-4.3.3-1], [MQTT-4.3.3-2], [MQTT-4.3.3-3], [MQTT-4.3.3-4], [MQTT-4.3.3-5], [MQTT3-4.3.3-1]
#[test]
fn qos_2_is_the_servers_with_pubrec_and_over_with_pubcomp() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        let sent = pair.publish(message("x", QOS_2));
        assert_eq!(pair.publishes(), [("x".into(), Some(1), false)]);
        pair.server(&Packet::Pubrec(ack(1)));
        assert_eq!(pair.packet(), Packet::Pubrel(ack(1)));
        assert_eq!(pair.outcomes(), [(sent, Outcome::Acknowledged(ReasonCode::Success))]);
        assert_eq!(pair.client.in_flight(), 1);
        pair.server(&Packet::Pubcomp(ack(1)));
        assert_eq!(pair.client.in_flight(), 0);
    }
}

#[test]
fn mqtt_4_3_3_4_a_refusal_is_told_with_its_words_and_no_pubrel_follows() {
    for qos in [QOS_1, QOS_2] {
        let mut pair = Pair::connected(config(Version::V5));
        let sent = pair.publish(message("x", qos));
        pair.packets();
        let refused = Ack { reason: ReasonCode::NotAuthorized, reason_string: Some("rule 3"), ..ack(1) };
        pair.server(&if qos == QOS_1 { Packet::Puback(refused) } else { Packet::Pubrec(refused) });
        let outcome =
            Outcome::Refused { reason: ReasonCode::NotAuthorized, reason_string: Some("rule 3".into()) };
        assert_eq!(pair.outcomes(), [(sent, outcome)]);
        assert!(pair.packets().is_empty());
        assert_eq!(pair.client.in_flight(), 0);
    }
}

/// [MQTT-4.3.3-6], [MQTT-4.6.0-1], [MQTT3-4.4.0-1], [MQTT3-4.6.0-1], [MQTT3-2.3.1-3], [MQTT-3.3.1-1], [MQTT3-3.3.1-1]
#[test]
fn mqtt_4_4_0_1_a_resumed_session_sends_again_what_is_unacknowledged_in_order() {
    for version in VERSIONS {
        let mut pair = Pair::connected(durable(version));
        for (payload, qos) in [("a", QOS_1), ("b", QOS_2), ("c", QOS_2), ("d", QOS_1)] {
            pair.publish(message(payload, qos));
        }
        pair.server(&Packet::Pubrec(ack(3)));
        pair.server(&Packet::Puback(ack(4)));
        pair.packets();
        pair.cut_and_reopen();
        pair.accept(version != Version::V3_1);
        let packets = pair.packets();
        let [Packet::Publish(a), Packet::Publish(b), Packet::Pubrel(c)] = &packets[..] else {
            panic!("{packets:?}")
        };
        assert_eq!(
            (a.payload, a.delivery),
            (&b"a"[..], Delivery::AtLeastOnce { packet_id: id(1), dup: true })
        );
        assert_eq!(
            (b.payload, b.delivery),
            (&b"b"[..], Delivery::ExactlyOnce { packet_id: id(2), dup: true })
        );
        assert_eq!(c.packet_id, id(3));
        pair.events();
        pair.server(&Packet::Puback(ack(1)));
        pair.server(&Packet::Pubrec(ack(2)));
        assert_eq!(pair.outcomes().len(), 2);
    }
}

/// [MQTT-3.2.2-5]
#[test]
fn a_lost_session_publishes_qos_1_anew_and_says_that_qos_2_is_uncertain() {
    let mut pair = Pair::connected(durable(Version::V5));
    pair.publish(message("a", QOS_1));
    let b = pair.publish(message("b", QOS_2));
    let c = pair.publish_with(message("c", QOS_1), Offline::FailNow);
    pair.packets();
    pair.cut_and_reopen();
    pair.publish(message("d", QOS_1));
    pair.accept(false);
    let again = pair.publishes();
    assert_eq!(
        again.iter().map(|(payload, _, dup)| (payload.as_str(), *dup)).collect::<Vec<_>>(),
        [("a", false), ("d", false)]
    );
    assert_eq!(pair.outcomes(), [(b, Outcome::SessionLost), (c, Outcome::SessionLost)]);
}

#[test]
fn mqtt_3_3_4_7_the_receive_maximum_of_the_server_is_kept() {
    let properties = ConnackProperties { receive_maximum: Some(2), ..ConnackProperties::default() };
    let mut pair = granting(config(Version::V5), properties);
    for payload in ["a", "b", "c", "d"] {
        pair.publish(message(payload, QOS_1));
    }
    assert_eq!(pair.publishes().len(), 2);
    assert_eq!(pair.client.queued(), 2);
    pair.server(&Packet::Puback(ack(2)));
    assert_eq!(pair.publishes(), [("c".into(), Some(3), false)]);
    pair.server(&Packet::Puback(ack(1)));
    assert_eq!(pair.publishes(), [("d".into(), Some(4), false)]);
}

#[test]
fn messages_leave_in_the_order_they_were_published_whatever_their_qos() {
    let properties = ConnackProperties { receive_maximum: Some(1), ..ConnackProperties::default() };
    let mut pair = granting(config(Version::V5), properties);
    for (payload, qos) in [("a", QOS_1), ("b", QOS_1), ("c", Qos::AtMostOnce)] {
        pair.publish(message(payload, qos));
    }
    assert_eq!(pair.publishes().len(), 1);
    pair.server(&Packet::Puback(ack(1)));
    let order: Vec<_> = pair.publishes().into_iter().map(|(payload, ..)| payload).collect();
    assert_eq!(order, ["b", "c"]);
}

#[test]
fn a_queue_is_bounded_and_says_so() {
    let mut pair = Pair::new(Config { max_queued_messages: 2, ..config(Version::V5) });
    pair.publish(message("a", QOS_1));
    pair.publish(message("b", QOS_1));
    assert_eq!(pair.client.publish(pair.now, message("c", QOS_1)), Err(PublishError::QueueFull));
}

#[test]
fn all_that_waited_leaves_in_one_write() {
    let mut pair = Pair::new(config(Version::V5));
    for _ in 0..50 {
        pair.publish(message("x", QOS_1));
    }
    pair.client.start(pair.now);
    pair.drain();
    pair.accept(false);
    assert_eq!(pair.writes.len(), 1);
    assert_eq!(pair.publishes().len(), 50);
}

#[test]
fn a_message_that_fails_offline_does() {
    let mut pair = Pair::new(config(Version::V5));
    let refused = pair.client.publish_with(pair.now, message("a", QOS_1), Offline::FailNow);
    assert_eq!(refused, Err(PublishError::NotConnected));
    let properties = ConnackProperties { receive_maximum: Some(1), ..ConnackProperties::default() };
    let mut pair = granting(durable(Version::V5), properties);
    pair.publish(message("a", QOS_1));
    let b = pair.publish_with(message("b", QOS_1), Offline::FailNow);
    pair.cut();
    assert_eq!(pair.outcomes(), [(b, Outcome::LinkLost)]);
}

#[test]
fn a_message_whose_time_is_over_is_dropped_here_and_told_at_that_moment() {
    let mut pair = Pair::new(config(Version::V5));
    let a = pair.publish(message("a", QOS_1).with_expiry(5));
    let until = pair.now + Duration::from_secs(3);
    let b = pair.publish_with(message("b", QOS_1), Offline::WaitUntil(until));
    pair.publish(message("c", QOS_1));
    pair.pass(Duration::from_millis(2_999));
    assert!(pair.events().is_empty());
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.outcomes(), [(b, Outcome::Expired)]);
    pair.pass_s(2);
    assert_eq!(pair.outcomes(), [(a, Outcome::Expired)]);
    pair.client.start(pair.now);
    pair.drain();
    pair.accept(false);
    assert_eq!(pair.publishes(), [("c".into(), Some(1), false)]);
}

#[test]
fn what_waited_is_sent_with_the_rest_of_its_expiry() {
    let mut pair = Pair::new(config(Version::V5));
    pair.publish(message("a", QOS_1).with_expiry(60));
    pair.pass_s(20);
    pair.client.start(pair.now);
    pair.drain();
    pair.accept(false);
    let Packet::Publish(publish) = pair.packet() else { panic!("PUBLISH") };
    assert_eq!(publish.properties.message_expiry_s, Some(40));
}

#[test]
fn a_command_is_never_sent_again_after_its_deadline() {
    let cases = VERSIONS.into_iter().flat_map(|version| [(version, QOS_1), (version, QOS_2)]);
    for (version, qos) in cases {
        let mut pair = Pair::connected(durable(version));
        let deadline = Offline::WaitUntil(pair.now + Duration::from_secs(5));
        // Versions before 5.0 do not tell the Server how long it lives.
        let sent = match version {
            Version::V5 => pair.publish_with(message("ON", qos), deadline),
            _ => pair.publish(message("ON", qos).with_expiry(5)),
        };
        pair.packets();
        pair.cut();
        pair.pass_s(30);
        pair.pass_s(30);
        pair.events();
        pair.accept(true);
        let packets = pair.packets();
        // The Server may hold the identifier of a QoS 2 message: PUBREL frees it.
        let expected = if qos == QOS_2 { vec![Packet::Pubrel(ack(1))] } else { vec![] };
        assert_eq!(packets, expected);
        assert!(pair.outcomes().contains(&(sent, Outcome::Expired)));
    }
}

/// [MQTT-4.3.3-7], [MQTT-4.3.3-13], [MQTT-4.4.0-1]: the Server decides, by an expiry of which a second remains.
#[test]
fn what_was_sent_once_in_5_0_does_not_expire_here() {
    for qos in [QOS_1, QOS_2] {
        let mut pair = Pair::connected(durable(Version::V5));
        let sent = pair.publish(message("x", qos).with_expiry(5));
        pair.packets();
        pair.cut();
        pair.pass_s(30);
        pair.pass_s(30);
        pair.events();
        pair.accept(true);
        let Packet::Publish(again) = pair.packet() else { panic!("PUBLISH") };
        assert_eq!((again.properties.message_expiry_s, again.delivery.dup()), (Some(1), true));
        if qos == QOS_1 {
            pair.server(&Packet::Puback(ack(1)));
        } else {
            pair.server(&Packet::Pubrec(ack(1)));
            assert_eq!(pair.packet(), Packet::Pubrel(ack(1)));
        }
        assert!(pair.outcomes().contains(&(sent, Outcome::Acknowledged(ReasonCode::Success))));
    }
}

/// [MQTT-3.3.4-7], [MQTT-4.6.0-1]: a Server that takes fewer at once than before gets what is sent again bit by bit.
#[test]
fn what_is_sent_again_keeps_to_the_receive_maximum_of_the_new_connection() {
    let mut pair = Pair::connected(durable(Version::V5));
    for payload in ["1", "2", "3", "4"] {
        pair.publish(message(payload, QOS_1));
    }
    pair.publish(message("5", Qos::AtMostOnce));
    pair.packets();
    pair.cut_and_reopen();
    let properties = ConnackProperties { receive_maximum: Some(2), ..ConnackProperties::default() };
    let connack = Connack { session_present: true, properties, ..Connack::new(ReasonCode::Success) };
    pair.accept_with(connack);
    pair.publish(message("6", QOS_1));
    let sent = |n: &str, id| (n.to_owned(), Some(id), true);
    assert_eq!(pair.publishes(), [sent("1", 1), sent("2", 2)]);
    pair.server(&Packet::Puback(ack(1)));
    assert_eq!(pair.publishes(), [sent("3", 3)]);
    pair.server(&Packet::Puback(ack(2)));
    assert_eq!(pair.publishes(), [sent("4", 4)]);
    pair.server(&Packet::Puback(ack(3)));
    assert_eq!(pair.publishes(), [("6".to_owned(), Some(5), false)]);
}

/// [MQTT-3.2.2-11], [MQTT-3.2.2-14], [MQTT-3.2.2-15]
#[test]
fn what_the_server_does_not_take_is_refused_at_once_or_when_it_is_known() {
    let properties = || ConnackProperties {
        maximum_qos: QOS_1,
        retain_available: false,
        maximum_packet_size: Some(30),
        ..ConnackProperties::default()
    };
    let mut pair = granting(config(Version::V5), properties());
    let refused = pair.client.publish(pair.now, message("a", QOS_2));
    assert_eq!(refused, Err(PublishError::QosNotSupported(QOS_1)));
    let refused = pair.client.publish(pair.now, message("a", QOS_1).with_retain(true));
    assert_eq!(refused, Err(PublishError::RetainNotSupported));
    let large = pair.publish(message("a payload of more than thirty bytes", QOS_1));
    let [(id, Outcome::Impossible(PublishError::TooLarge { limit: 30, .. }))] = pair.outcomes()[..] else {
        panic!("too large")
    };
    assert_eq!(id, large);
    assert!(pair.packets().is_empty());

    let mut pair = Pair::new(config(Version::V5));
    let early = pair.publish(message("a", QOS_2));
    pair.client.start(pair.now);
    pair.drain();
    pair.accept_with(Connack { properties: properties(), ..Connack::new(ReasonCode::Success) });
    assert_eq!(pair.outcomes(), [(early, Outcome::Impossible(PublishError::QosNotSupported(QOS_1)))]);
}

#[test]
fn messages_are_acknowledged_and_come_with_their_facts() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        pair.server(&publish("0", Delivery::AtMostOnce));
        assert!(pair.packets().is_empty());
        pair.server(&publish("1", Delivery::AtLeastOnce { packet_id: id(9), dup: true }));
        assert_eq!(pair.packet(), Packet::Puback(ack(9)));
        let events = pair.events();
        let [Event::Message(first), Event::Message(second)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((first.message.qos, first.dup), (Qos::AtMostOnce, false));
        assert_eq!((second.message.qos, second.dup), (QOS_1, true));
    }
}

#[test]
fn mqtt_4_3_3_10_a_qos_2_message_comes_once_over_lost_acknowledgements_and_connections() {
    for version in VERSIONS {
        let mut pair = Pair::connected(durable(version));
        let twice = |dup| publish("x", Delivery::ExactlyOnce { packet_id: id(5), dup });
        pair.server(&twice(false));
        assert_eq!(pair.packet(), Packet::Pubrec(ack(5)));
        pair.server(&twice(true));
        assert_eq!(pair.packet(), Packet::Pubrec(ack(5)));
        assert_eq!(pair.messages(), ["x"]);
        pair.cut_and_reopen();
        pair.accept(version != Version::V3_1);
        pair.server(&twice(true));
        assert_eq!(pair.packet(), Packet::Pubrec(ack(5)));
        assert!(pair.messages().is_empty());
        pair.server(&Packet::Pubrel(ack(5)));
        assert_eq!(pair.packet(), Packet::Pubcomp(ack(5)));
        pair.server(&twice(false));
        assert_eq!(pair.messages(), ["x"], "a new message may use the identifier");
    }
}

#[test]
fn mqtt_4_3_3_11_unknown_identifiers_are_answered_so_that_both_ends_forget_them() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.server(&Packet::Pubrel(ack(7)));
    assert_eq!(pair.packet(), Packet::Pubcomp(Ack::new(id(7), ReasonCode::PacketIdentifierNotFound)));
    pair.server(&Packet::Pubrec(ack(8)));
    assert_eq!(pair.packet(), Packet::Pubrel(Ack::new(id(8), ReasonCode::PacketIdentifierNotFound)));
}

#[test]
fn mqtt_3_3_4_9_a_server_that_exceeds_our_receive_maximum_is_left() {
    let mut pair = Pair::connected(Config { receive_maximum: 2, ..config(Version::V5) });
    for n in 1..=3 {
        pair.server(&publish("x", Delivery::ExactlyOnce { packet_id: id(n), dup: false }));
    }
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::ReceiveMaximumExceeded));
    let Some(Packet::Disconnect(disconnect)) = pair.packets().pop() else { panic!("DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::ReceiveMaximumExceeded);
}

/// A CONNACK that was lost on the way made a new Session at the Server, which then says that it is present.
#[test]
fn mqtt_3_3_4_9_what_was_never_released_takes_no_place_on_a_new_connection() {
    let mut pair = Pair::connected(Config { receive_maximum: 1, ..durable(Version::V5) });
    let comes = |n| publish("x", Delivery::ExactlyOnce { packet_id: id(n), dup: false });
    pair.server(&comes(7));
    pair.cut_and_reopen();
    pair.accept(true);
    pair.packets();
    pair.server(&comes(1));
    assert_eq!(pair.packet(), Packet::Pubrec(ack(1)));
    pair.server(&comes(2));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::ReceiveMaximumExceeded));
}

fn aliased(topic: Option<&'static str>, alias: u16) -> Packet<'static> {
    Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: topic.map(|text| TopicName::new(text).unwrap()),
        payload: b"",
        properties: PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() }.into(),
    })
}

#[test]
fn a_client_that_takes_no_topic_alias_refuses_the_first() {
    let mut pair = Pair::connected(Config { topic_alias_maximum: 0, ..config(Version::V5) });
    pair.server(&aliased(Some("a"), 1));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::TopicAlias));
}

/// [MQTT-3.3.2-10]
#[test]
fn a_topic_alias_stands_for_the_name_it_was_last_set_to() {
    let mut pair = Pair::connected(config(Version::V5));
    for packet in [aliased(Some("a"), 32), aliased(None, 32), aliased(Some("b"), 32), aliased(None, 32)] {
        pair.server(&packet);
    }
    let topics: Vec<_> = pair
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Message(received) => received.message.topic.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(topics, ["a", "a", "b", "b"]);
}

#[test]
fn mqtt_3_3_2_8_a_topic_alias_that_cannot_be_ends_the_connection() {
    use Misbehaviour::{TopicAlias, UnknownTopicAlias};
    for (packet, why, said) in [
        (aliased(Some("a"), 0), TopicAlias, ReasonCode::TopicAliasInvalid),
        (aliased(Some("a"), 33), TopicAlias, ReasonCode::TopicAliasInvalid),
        (aliased(None, 1), UnknownTopicAlias, ReasonCode::ProtocolError),
    ] {
        let mut pair = Pair::connected(config(Version::V5));
        pair.server(&packet);
        assert_eq!(pair.ended().0, Ended::Misbehaved(why));
        assert_eq!(pair.packet(), Packet::Disconnect(Disconnect::new(said)));
    }
}

#[test]
fn mqtt_3_3_2_7_topic_aliases_end_with_the_connection() {
    let mut pair = Pair::connected(durable(Version::V5));
    pair.server(&aliased(Some("a"), 1));
    pair.cut_and_reopen();
    pair.accept(true);
    pair.server(&aliased(None, 1));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::UnknownTopicAlias));
}
