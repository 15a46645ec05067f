//! What the Client says beside messages, and what it tells of the Server's words: properties, reasons, ends.

use mqtt::client::{
    Config, Ended, Event, Goodbye, Input, Misbehaviour, Outcome, PublishError, StopError, Subject,
};
use mqtt::packet::{
    Ack, Connack, ConnackProperties, Disconnect, Packet, RetainHandling, Subscribe, SubscriptionAck,
    SubscriptionOptions, Unsubscribe,
};
use mqtt::{Delivery, Message, Qos, ReasonCode, SessionExpiry, Version, Will};

use crate::bytes::bytes;
use crate::pair::{Pair, VERSIONS, config, durable, filter, id, message, publish, topic};

fn pairs() -> Vec<(String, String)> {
    vec![("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned()), ("b".to_owned(), "3".to_owned())]
}

const PAIRS: [(&str, &str); 3] = [("b", "1"), ("a", "2"), ("b", "3")];

fn remark(about: Subject) -> Event {
    Event::Remark { about, reason_string: Some("words".to_owned()), user_properties: pairs() }
}

#[test]
fn connect_asks_for_information_as_configured() {
    for (response, problem) in [(false, true), (true, false)] {
        let mut pair = Pair::new(Config {
            request_response_information: response,
            request_problem_information: problem,
            ..config(Version::V5)
        });
        pair.client.start(pair.now);
        pair.drain();
        pair.open();
        let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
        assert_eq!(connect.properties.request_response_information, response);
        assert_eq!(connect.properties.request_problem_information, problem);
    }
}

#[test]
fn words_of_an_acknowledgement_are_told_before_what_they_are_about() {
    let mut pair = Pair::connected(config(Version::V5));
    let ack = |n, reason| Ack {
        reason_string: Some("words"),
        user_properties: PAIRS.to_vec(),
        ..Ack::new(id(n), reason)
    };
    let one = pair.publish(message("x", Qos::AtLeastOnce));
    let two = pair.publish(message("x", Qos::ExactlyOnce));
    pair.server(&Packet::Puback(ack(1, ReasonCode::NoMatchingSubscribers)));
    let outcome = Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers);
    assert_eq!(pair.events(), [remark(Subject::Publish(one)), Event::Published { id: one, outcome }]);
    pair.server(&Packet::Pubrec(ack(2, ReasonCode::Success)));
    let outcome = Outcome::Acknowledged(ReasonCode::Success);
    assert_eq!(pair.events(), [remark(Subject::Publish(two)), Event::Published { id: two, outcome }]);
    pair.server(&Packet::Pubcomp(ack(2, ReasonCode::Success)));

    let request = pair.client.subscribe(pair.now, &[(filter("a"), SubscriptionOptions::default())], None);
    pair.drain();
    let answer = |n| SubscriptionAck {
        reason_string: Some("words"),
        user_properties: PAIRS.to_vec(),
        ..SubscriptionAck::new(id(n), vec![ReasonCode::Success])
    };
    pair.server(&Packet::Suback(answer(3)));
    let told = Event::Subscribed { id: request, reasons: vec![ReasonCode::Success] };
    assert_eq!(pair.events(), [remark(Subject::Request(request)), told]);
    let request = pair.client.unsubscribe(pair.now, &[filter("a")]);
    pair.drain();
    pair.server(&Packet::Unsuback(answer(4)));
    let told = Event::Unsubscribed { id: request, reasons: vec![ReasonCode::Success] };
    assert_eq!(pair.events(), [remark(Subject::Request(request)), told]);
}

#[test]
fn user_properties_of_requests_go_along_in_5_0_only() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        let filters = [(filter("a"), SubscriptionOptions::default())];
        pair.client.subscribe_with(pair.now, &filters, None, pairs());
        pair.client.unsubscribe_with(pair.now, &[filter("a")], pairs());
        pair.drain();
        let expected = if version.is_5() { PAIRS.to_vec() } else { Vec::new() };
        match &pair.packets()[..] {
            [
                Packet::Subscribe(Subscribe { user_properties, .. }),
                Packet::Unsubscribe(Unsubscribe { user_properties: last, .. }),
            ] => {
                assert_eq!((user_properties, last), (&expected, &expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_subscription_identifier_out_of_range_is_not_sent() {
    for number in [0, 268_435_456] {
        let mut pair = Pair::connected(config(Version::V5));
        let filters = [(filter("a"), SubscriptionOptions::default())];
        let id = pair.client.subscribe(pair.now, &filters, Some(number));
        pair.drain();
        let reasons = vec![ReasonCode::SubscriptionIdentifiersNotSupported];
        assert_eq!(pair.events(), [Event::Subscribed { id, reasons }]);
        assert_eq!(pair.packets(), []);
    }
}

#[test]
fn the_end_is_told_with_all_the_server_said() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.server(&Packet::Disconnect(Disconnect {
        reason_string: Some("words"),
        server_reference: Some("other:1883"),
        user_properties: PAIRS.to_vec(),
        ..Disconnect::new(ReasonCode::UseAnotherServer)
    }));
    let (Ended::Disconnected(farewell), None) = pair.ended() else { panic!("ended for good") };
    assert_eq!(farewell.reason, ReasonCode::UseAnotherServer);
    assert_eq!(farewell.reason_string.as_deref(), Some("words"));
    assert_eq!(farewell.server_reference.as_deref(), Some("other:1883"));
    assert_eq!(farewell.user_properties, pairs());
    assert_eq!(pair.packets(), [], "[MQTT-3.14.4-1]: nothing is sent after it");
}

#[test]
fn nothing_is_sent_to_a_server_that_has_disconnected_not_even_an_answer() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.writes.clear();
    let mut turn = Vec::new();
    let delivery = Delivery::AtLeastOnce { packet_id: id(1), dup: false };
    publish("x", delivery).encode(Version::V5, &mut turn).unwrap();
    let end = Packet::Disconnect(Disconnect::new(ReasonCode::ServerShuttingDown));
    end.encode(Version::V5, &mut turn).unwrap();
    pair.input(Input::Received(&turn));
    assert!(matches!(pair.ended().0, Ended::Disconnected(_)));
    assert!(pair.writes.is_empty(), "{:?}", pair.writes);
    assert_eq!(pair.closes, 1);
}

/// All that 5.0 can say, told to a Client of an older version.
#[test]
fn versions_before_5_say_nothing_that_only_5_0_can() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut pair = Pair::connected(durable(version));
        pair.writes.clear();
        let mut message = with(Some("answers"), Some("text")).with_expiry(9).with_qos(Qos::AtLeastOnce);
        let properties = message.properties.get_or_insert_default();
        properties.correlation_data = Some([1].into());
        properties.user_properties = vec![("k".into(), "v".into())];
        properties.payload_is_utf8 = Some(true);
        pair.publish(message);
        let options = SubscriptionOptions {
            qos: Qos::AtLeastOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        };
        pair.client.subscribe_with(pair.now, &[(filter("a"), options)], Some(7), pairs());
        pair.client.unsubscribe_with(pair.now, &[filter("a")], pairs());
        pair.drain();
        let expected = "32 [ 't' 0001 \"x\" ] 82 [ 0002 'a' 01 ] a2 [ 0003 'a' ]";
        assert_eq!(pair.writes.concat(), bytes(expected));
    }
}

/// [MQTT-3.14.2-2]
#[test]
fn a_server_that_changes_the_session_expiry_in_disconnect_breaks_the_protocol() {
    let mut pair = Pair::connected(config(Version::V5));
    let session_expiry = Some(SessionExpiry::Never);
    pair.server(&Packet::Disconnect(Disconnect {
        session_expiry,
        ..Disconnect::new(ReasonCode::ServerBusy)
    }));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::SessionExpiry));
    assert_eq!(pair.packet(), Packet::Disconnect(Disconnect::new(ReasonCode::ProtocolError)));
}

#[test]
fn disconnecting_may_change_how_long_the_session_lasts() {
    let mut pair = Pair::connected(durable(Version::V5));
    let goodbye = Goodbye {
        session_expiry: Some(SessionExpiry::After(9)),
        reason_string: Some("words".to_owned()),
        user_properties: pairs(),
        ..Goodbye::of(ReasonCode::DisconnectWithWill)
    };
    pair.client.stop_with(pair.now, &goodbye).unwrap();
    pair.drain();
    let Packet::Disconnect(disconnect) = pair.packet() else { panic!("DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::DisconnectWithWill);
    assert_eq!(disconnect.session_expiry, Some(SessionExpiry::After(9)));
    assert_eq!(disconnect.reason_string, Some("words"));
    assert_eq!(disconnect.user_properties, PAIRS);
    assert_eq!((pair.ended().0, pair.closes), (Ended::Stopped, 1));
}

/// [MQTT-3.14.2-1], [MQTT-3.14.2-3], [MQTT-3.14.2-4], [MQTT-3.2.2-15], [MQTT-1.5.4-2]
#[test]
fn a_goodbye_that_may_not_be_said_ends_nothing() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties { maximum_packet_size: Some(40), ..ConnackProperties::default() };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    let fine = Goodbye::of(ReasonCode::Success);
    let words = |text: &str| Some(text.to_owned());
    for (goodbye, e) in [
        (Goodbye::of(ReasonCode::ServerBusy), StopError::Reason(ReasonCode::ServerBusy)),
        (Goodbye { session_expiry: Some(SessionExpiry::After(1)), ..fine.clone() }, StopError::SessionExpiry),
        (Goodbye { session_expiry: Some(SessionExpiry::Never), ..fine.clone() }, StopError::SessionExpiry),
        (Goodbye { reason_string: words(&"x".repeat(40)), ..fine.clone() }, StopError::TooLong),
        (
            Goodbye { user_properties: vec![("x".repeat(40), String::new())], ..fine.clone() },
            StopError::TooLong,
        ),
        (Goodbye { reason_string: words(&"x".repeat(65_536)), ..fine.clone() }, StopError::TooLong),
        (Goodbye { reason_string: words("x\0"), ..fine.clone() }, StopError::NullCharacter),
    ] {
        assert_eq!(pair.client.stop_with(pair.now, &goodbye), Err(e));
        pair.drain();
        assert_eq!(pair.packets(), []);
        assert!(pair.client.is_connected());
    }
    let session_expiry = Some(SessionExpiry::AtDisconnect);
    assert_eq!(pair.client.stop_with(pair.now, &Goodbye { session_expiry, ..fine }), Ok(()));
}

#[test]
fn versions_before_5_say_nothing_in_disconnect() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut pair = Pair::connected(durable(version));
        let goodbye = Goodbye {
            session_expiry: Some(SessionExpiry::After(9)),
            reason_string: Some("words".to_owned()),
            ..Goodbye::of(ReasonCode::Success)
        };
        pair.client.stop_with(pair.now, &goodbye).unwrap();
        pair.drain();
        assert_eq!(pair.writes.concat(), [0xe0, 0]);
    }
}

/// [MQTT-3.14.2-1]
#[test]
fn a_reason_of_servers_is_said_as_an_unspecified_error() {
    let mut pair = Pair::connected(config(Version::V5));
    pair.client.stop(pair.now, ReasonCode::ServerBusy);
    pair.drain();
    assert_eq!(pair.packet(), Packet::Disconnect(Disconnect::new(ReasonCode::UnspecifiedError)));
}

/// A message with these property texts.
fn with(response_topic: Option<&str>, content_type: Option<&str>) -> Message {
    let mut message = Message::new(topic("t"), "x");
    let properties = message.properties.get_or_insert_default();
    properties.response_topic = response_topic.map(Into::into);
    properties.content_type = content_type.map(Into::into);
    message
}

/// [MQTT-3.3.2-13], [MQTT-3.3.2-14], [MQTT-3.3.2-19], [MQTT-1.5.4-2]
#[test]
fn texts_that_no_packet_may_have_are_not_sent() {
    let mut pair = Pair::connected(config(Version::V5));
    for bad in ["", "a/+", "#", "a\0"] {
        let refused = pair.client.publish(pair.now, with(Some(bad), None));
        assert!(matches!(refused, Err(PublishError::ResponseTopic(_))), "{bad:?}");
    }
    let id = pair.publish(with(None, Some("text\0")));
    assert_eq!(pair.outcomes(), [(id, Outcome::Impossible(PublishError::NullCharacter))]);
    assert_eq!(pair.packets(), []);
    let id = pair.publish(with(Some("a/b"), Some("text")));
    assert_eq!(pair.outcomes(), [(id, Outcome::Sent)]);

    let will = Will { message: with(Some("a/#"), None), delay_s: 0 };
    for config in [
        Config { will: Some(will), ..config(Version::V5) },
        Config { user_name: Some("a\0".to_owned()), ..config(Version::V5) },
        Config { client_id: "a\0".to_owned(), ..config(Version::V3_1_1) },
        Config { user_properties: vec![("a\0".to_owned(), String::new())], ..config(Version::V5) },
    ] {
        let mut pair = Pair::new(config);
        pair.client.start(pair.now);
        pair.drain();
        pair.open();
        assert_eq!(pair.ended(), (Ended::Unsendable, None));
        assert_eq!(pair.packets(), []);
    }
}
