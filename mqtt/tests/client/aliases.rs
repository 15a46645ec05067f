//! Topic aliases that the Client gives out.

use mqtt::client::Config;
use mqtt::packet::{Connack, ConnackProperties, Packet, Publish};
use mqtt::{Message, Qos, ReasonCode, Version};

use crate::pair::{Pair, VERSIONS, config, durable, topic};

const LONG: &str = "devices/wut-0a4711/get/input/1";

fn grants(properties: ConnackProperties<'static>) -> Connack<'static> {
    Connack { properties, ..Connack::new(ReasonCode::Success) }
}

fn takes(topic_alias_maximum: u16) -> ConnackProperties<'static> {
    ConnackProperties { topic_alias_maximum, ..ConnackProperties::default() }
}

fn connected(config: Config, properties: ConnackProperties<'static>) -> Pair {
    let mut pair = Pair::new(config);
    pair.client.start(pair.now);
    pair.drain();
    pair.accept_with(grants(properties));
    pair
}

/// Publishes to these topics and says how each PUBLISH named its own: name, alias.
fn named(pair: &mut Pair, topics: &[&str], qos: Qos) -> Vec<(Option<String>, Option<u16>)> {
    for text in topics {
        pair.publish(Message::new(topic(text), "x").with_qos(qos));
    }
    pair.packets().iter().filter_map(naming).collect()
}

fn naming(packet: &Packet<'_>) -> Option<(Option<String>, Option<u16>)> {
    let Packet::Publish(Publish { topic, properties, .. }) = packet else { return None };
    Some((topic.map(|topic| topic.as_str().to_owned()), properties.topic_alias))
}

fn name(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_topic_that_is_published_again_is_said_by_its_alias() {
    let mut pair = connected(config(Version::V5), takes(10));
    let said = named(&mut pair, &[LONG, LONG, LONG], Qos::AtLeastOnce);
    assert_eq!(said, [(name(LONG), None), (name(LONG), Some(1)), (None, Some(1))]);
}

/// [MQTT-3.3.2-9], [MQTT-3.2.2-17]
#[test]
fn no_alias_is_above_what_the_server_takes() {
    let mut pair = connected(config(Version::V5), takes(2));
    let topics = ["long/a", "long/b", "long/c", "long/d"];
    for round in 0..9 {
        let twice = [topics[round % 4]; 2];
        let said = named(&mut pair, &twice, Qos::AtMostOnce);
        assert!(said.iter().all(|(_, alias)| alias.is_none_or(|alias| alias == 1 || alias == 2)), "{said:?}");
        assert!(said[1].1.is_some(), "the one unused for longest has made room: {said:?}");
    }
}

/// [MQTT-3.2.2-18]: nor in 3.x, which has none, nor where the configuration gives out none.
#[test]
fn a_server_that_takes_no_aliases_gets_none() {
    let mut pairs: Vec<_> =
        VERSIONS.into_iter().map(|version| connected(config(version), takes(0))).collect();
    let none = Config { topic_aliases: 0, ..config(Version::V5) };
    pairs.push(connected(none, takes(10)));
    for mut pair in pairs {
        let said = named(&mut pair, &[LONG, LONG, LONG], Qos::AtMostOnce);
        assert_eq!(said, vec![(name(LONG), None); 3]);
    }
}

/// [MQTT-3.3.2-7]: what is sent again carries its topic, for it may come before the alias is set anew.
#[test]
fn a_new_connection_begins_without_aliases() {
    let mut pair = connected(durable(Version::V5), takes(10));
    named(&mut pair, &[LONG, LONG, LONG], Qos::AtLeastOnce);
    pair.cut_and_reopen();
    pair.open();
    pair.packets();
    pair.server(&Packet::Connack(Box::new(Connack { session_present: true, ..grants(takes(10)) })));
    let again: Vec<_> = pair.packets().iter().filter_map(naming).collect();
    assert_eq!(again, vec![(name(LONG), None); 3]);
    let said = named(&mut pair, &[LONG, LONG], Qos::AtMostOnce);
    assert_eq!(said, [(name(LONG), None), (name(LONG), Some(1))]);
}

/// [MQTT-3.2.2-15]
#[test]
fn an_alias_never_makes_a_packet_too_large() {
    // A plain PUBLISH of this message has exactly this size.
    let size = u32::try_from(2 + 2 + LONG.len() + 1 + 1).unwrap();
    let limits = ConnackProperties { maximum_packet_size: Some(size), ..takes(10) };
    let mut pair = connected(config(Version::V5), limits);
    let said = named(&mut pair, &[LONG, LONG, LONG], Qos::AtMostOnce);
    assert_eq!(said, vec![(name(LONG), None); 3]);
}
