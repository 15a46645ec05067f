//! Keep Alive (3.1.2.10) and the probe after waking.

use std::time::Duration;

use mqtt::client::{Config, Ended, Input};
use mqtt::packet::{Connack, ConnackProperties, Packet};
use mqtt::{Delivery, Qos, ReasonCode, Version};

use crate::pair::{Pair, VERSIONS, config, message, publish};

fn with_keep_alive(version: Version, keep_alive_s: u16) -> Pair {
    Pair::connected(Config { keep_alive_s, ..config(version) })
}

/// [MQTT3-3.1.2-23]
#[test]
fn mqtt_3_1_2_20_a_quiet_client_sends_pingreq_before_the_keep_alive_is_over() {
    for version in VERSIONS {
        let mut pair = with_keep_alive(version, 40);
        pair.pass_s(29);
        assert!(pair.packets().is_empty());
        pair.pass_s(1);
        assert_eq!(pair.packet(), Packet::Pingreq);
        pair.server(&Packet::Pingresp);
        pair.pass_s(29);
        assert!(pair.packets().is_empty());
        pair.pass_s(1);
        assert_eq!(pair.packet(), Packet::Pingreq);
    }
}

#[test]
fn a_client_that_sends_and_hears_all_the_time_needs_no_pingreq() {
    let mut pair = with_keep_alive(Version::V5, 40);
    for _ in 0..100 {
        pair.pass_s(20);
        pair.publish(message("x", Qos::AtMostOnce));
        pair.server(&publish("y", Delivery::AtMostOnce));
        assert!(matches!(pair.packet(), Packet::Publish(_)));
    }
}

#[test]
fn a_client_that_sends_but_hears_nothing_asks() {
    let mut pair = with_keep_alive(Version::V5, 40);
    pair.pass_s(20);
    pair.publish(message("x", Qos::AtMostOnce));
    pair.packets();
    pair.pass_s(10);
    assert_eq!(pair.packet(), Packet::Pingreq);
}

#[test]
fn silence_after_pingreq_ends_the_connection_and_begins_another() {
    let mut pair = with_keep_alive(Version::V5, 40);
    pair.pass_s(30);
    pair.packets();
    pair.pass(Duration::from_millis(9_999));
    assert!(pair.events().is_empty());
    pair.pass(Duration::from_millis(1));
    let (why, retry_at) = pair.ended();
    assert_eq!((why, pair.closes), (Ended::PingTimeout, 1));
    assert!(retry_at.unwrap() <= pair.now + Duration::from_secs(1));
}

#[test]
fn bytes_that_still_flow_put_the_end_off() {
    let mut pair = with_keep_alive(Version::V5, 40);
    pair.pass_s(30);
    for _ in 0..10 {
        pair.pass_s(9);
        pair.server(&publish("y", Delivery::AtMostOnce));
    }
    assert!(!pair.events().iter().any(|event| matches!(event, mqtt::client::Event::Ended { .. })));
}

/// [MQTT-3.2.2-21]
#[test]
fn mqtt_3_1_2_21_the_keep_alive_of_the_server_counts() {
    let mut pair = Pair::new(Config { keep_alive_s: 1000, ..config(Version::V5) });
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties { server_keep_alive_s: Some(4), ..ConnackProperties::default() };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.pass_s(3);
    assert_eq!(pair.packet(), Packet::Pingreq);
}

#[test]
fn a_keep_alive_of_zero_never_asks() {
    let mut pair = with_keep_alive(Version::V5, 0);
    assert_eq!(pair.wait, None);
    pair.pass_s(1_000_000);
    assert!(pair.packets().is_empty());
}

#[test]
fn waking_probes_and_a_dead_connection_is_replaced_within_a_second_and_a_half() {
    let mut pair = with_keep_alive(Version::V5, 0);
    pair.input(Input::Wake);
    assert_eq!(pair.packet(), Packet::Pingreq);
    // What lay in a buffer while the machine slept proves nothing.
    pair.server(&publish("old", Delivery::AtMostOnce));
    pair.pass(Duration::from_millis(1_199));
    assert_eq!(pair.opens, 1);
    pair.pass(Duration::from_millis(1));
    let (why, retry_at) = pair.ended();
    assert_eq!((why, retry_at), (Ended::PingTimeout, Some(pair.now)));
    assert_eq!((pair.closes, pair.opens), (1, 2), "at once");
}

#[test]
fn waking_with_a_live_connection_changes_nothing() {
    let mut pair = with_keep_alive(Version::V5, 0);
    pair.input(Input::Wake);
    pair.packets();
    pair.pass_s(1);
    pair.server(&Packet::Pingresp);
    pair.pass_s(100);
    assert!(pair.events().is_empty());
}

#[test]
fn an_answer_to_an_earlier_pingreq_does_not_pass_for_the_one_of_the_probe() {
    let mut pair = with_keep_alive(Version::V5, 40);
    pair.pass_s(30);
    pair.input(Input::Wake);
    assert_eq!(pair.packets(), [Packet::Pingreq, Packet::Pingreq]);
    pair.server(&Packet::Pingresp);
    pair.pass_s(2);
    assert_eq!(pair.ended().0, Ended::PingTimeout);
}

#[test]
fn waking_while_waiting_opens_at_once() {
    let mut pair = with_keep_alive(Version::V5, 40);
    pair.cut();
    assert_eq!(pair.opens, 1);
    pair.input(Input::Wake);
    assert_eq!(pair.opens, 2);
}

#[test]
fn waking_for_several_reasons_at_once_probes_once() {
    let mut pair = with_keep_alive(Version::V5, 0);
    for _ in 0..3 {
        pair.input(Input::Wake);
        pair.pass(Duration::from_millis(300));
    }
    assert_eq!(pair.packet(), Packet::Pingreq);
    pair.pass(Duration::from_millis(300));
    assert_eq!(pair.ended().0, Ended::PingTimeout);
}

#[test]
fn waking_replaces_an_attempt_that_began_before_the_sleep() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.pass(Duration::from_millis(1_100));
    pair.input(Input::Wake);
    assert_eq!(pair.opens, 1, "it is young enough");
    pair.pass(Duration::from_millis(200));
    pair.input(Input::Wake);
    assert_eq!((pair.closes, pair.opens), (1, 2));
    pair.input(Input::Wake);
    assert_eq!(pair.opens, 2, "and not the one that replaced it");
}
