//! Topic aliases that the broker hands out (3.3.2.3.4).

use mqtt::SessionExpiry;

use super::*;

const LONG: &str = "building/floor/room/sensor";

fn taking(client_id: &str, aliases: u16) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(600);
    connect.properties.topic_alias_maximum = aliases;
    connect
}

impl World {
    fn listener(&mut self, client_id: &str, aliases: u16) -> usize {
        let id = self.connect(&taking(client_id, aliases));
        self.subscribe(id, "#", Qos::AtLeastOnce);
        self.take(id);
        id
    }

    fn publish_to(&mut self, id: usize, topic: &str, qos: Qos) {
        self.publish(id, &message(topic, "x", qos));
    }
}

#[test]
fn mqtt_3_3_2_12_a_topic_is_said_once_and_then_by_its_alias() {
    let mut w = World::new(Config::default());
    let (id, publisher) = (w.listener("c", 5), w.client("p"));
    for _ in 0..4 {
        w.publish_to(publisher, LONG, Qos::AtMostOnce);
    }
    w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    assert_eq!(
        w.take(id),
        [
            &format!("{LONG}=x q0"),
            &format!("{LONG}=x q0 alias 1"),
            "=x q0 alias 1",
            "=x q0 alias 1",
            "=x q1 alias 1"
        ]
    );
    w.puback(id, 1);
    w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["=x q1 alias 1"], "the Packet Identifier stands where it should");
    w.puback(id, 2);
}

/// [MQTT-3.1.2-26], [MQTT-3.3.2-11]; [MQTT-3.1.2-27] for none.
#[test]
fn no_alias_is_over_what_the_client_takes() {
    for maximum in [0, 1, 3] {
        let mut w = World::new(Config::default());
        let (id, publisher) = (w.listener("c", maximum), w.client("p"));
        for n in (0..10).flat_map(|_| 0..5) {
            w.publish_to(publisher, &format!("{LONG}/{n}"), Qos::AtMostOnce);
        }
        let got = w.take(id);
        let aliases =
            got.iter().filter_map(|p| p.split_once(" alias ")).map(|(_, n)| n.parse::<u16>().unwrap());
        assert_eq!(aliases.max(), Some(maximum).filter(|&m| m > 0), "{got:?}");
        assert!(!got.iter().any(|p| p.contains("alias 0")), "[MQTT-3.3.2-8]");
    }
}

#[test]
fn short_topics_and_bytes_that_are_shared_have_no_alias() {
    let mut w = World::new(Config::default());
    let (id, publisher) = (w.listener("c", 5), w.client("p"));
    for _ in 0..3 {
        w.publish_to(publisher, "short", Qos::AtMostOnce);
    }
    let other = w.listener("d", 5);
    for _ in 0..3 {
        w.publish_to(publisher, LONG, Qos::AtMostOnce);
    }
    for got in [w.take(id), w.take(other)] {
        assert!(!got.iter().any(|p| p.contains("alias")), "{got:?}");
    }
}

#[test]
fn mqtt_3_3_2_7_aliases_end_with_the_connection_and_what_is_sent_again_says_its_topic() {
    let mut w = World::new(Config::default());
    let (id, publisher) = (w.listener("c", 5), w.client("p"));
    for _ in 0..3 {
        w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    }
    assert_eq!(w.take(id)[2], "=x q1 alias 1");
    w.cut(id);
    w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    let id = w.open(Version::V5);
    w.send(id, &Packet::Connect(Box::new(taking("c", 5))));
    let again = format!("{LONG}=x q1 dup");
    let first = format!("{LONG}=x q1");
    assert_eq!(w.take(id), ["Connack 00 present", &again, &again, &again, &first]);
    w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    assert_eq!(w.take(id), [&format!("{LONG}=x q1 alias 1"), "=x q1 alias 1"]);
}

#[test]
fn a_packet_that_is_too_large_sets_no_alias() {
    let mut w = World::new(Config::default());
    let mut connect = taking("c", 5);
    let publish = |payload: usize| Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: Some(mqtt::TopicName::new(LONG).unwrap()),
        payload: &[b'x'; 100][..payload],
        properties: mqtt::packet::BoxedProperties::default(),
    };
    let mut bytes = Vec::new();
    Packet::Publish(publish(10)).encode(Version::V5, &mut bytes).unwrap();
    connect.properties.maximum_packet_size = Some(bytes.len() as u32);
    let (id, publisher) = (w.connect(&connect), w.client("p"));
    w.subscribe(id, "#", Qos::AtMostOnce);
    w.take(id);
    for payload in [10, 10, 50, 10, 7, 36, 50] {
        w.send(publisher, &Packet::Publish(publish(payload)));
    }
    let (ten, seven, most) = ("x".repeat(10), "x".repeat(7), "x".repeat(10 + LONG.len() - 3));
    assert_eq!(
        w.take(id),
        [
            format!("{LONG}={ten} q0"),
            format!("{LONG}={ten} q0"), // an alias would have been too much
            format!("{LONG}={ten} q0"),
            format!("{LONG}={seven} q0 alias 1"),
        ]
    );
    assert_eq!(w.broker.counters().dropped_too_large, 3);
    w.send(publisher, &Packet::Publish(publish(most.len())));
    assert_eq!(w.take(id), [format!("={most} q0 alias 1")], "what an alias saves makes room");
}

#[test]
fn what_has_waited_in_a_queue_is_said_by_alias_too() {
    let mut w = World::new(Config { max_inflight: 1, ..Config::default() });
    let (id, publisher) = (w.listener("c", 5), w.client("p"));
    for _ in 0..4 {
        w.publish_to(publisher, LONG, Qos::AtLeastOnce);
    }
    let mut got = w.take(id);
    for packet_id in 1..4 {
        w.puback(id, packet_id);
        got.extend(w.take(id));
    }
    assert_eq!(got[2..], ["=x q1 alias 1", "=x q1 alias 1"]);
}
