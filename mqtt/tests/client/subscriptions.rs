//! Subscribing, and what is left of it after a reconnect.

use mqtt::client::{Config, Ended, Event, Misbehaviour};
use mqtt::packet::{Connack, ConnackProperties, Packet, SubscriptionAck, SubscriptionOptions};
use mqtt::{PacketId, Qos, ReasonCode, TopicFilter, Version};

use crate::pair::{Pair, VERSIONS, config, durable, filter, id};

fn at(qos: Qos) -> SubscriptionOptions {
    SubscriptionOptions::at(qos)
}

/// The filters of the only SUBSCRIBE that was sent, and its identifier.
fn subscribed(pair: &mut Pair) -> (PacketId, Vec<String>) {
    let Packet::Subscribe(subscribe) = pair.packet() else { panic!("SUBSCRIBE") };
    (subscribe.packet_id, subscribe.filters.iter().map(|(filter, _)| filter.to_string()).collect())
}

fn suback(pair: &mut Pair, packet_id: PacketId, reasons: &[ReasonCode]) {
    pair.server(&Packet::Suback(SubscriptionAck::new(packet_id, reasons.to_vec())));
}

/// Subscribes and has it granted.
fn subscribe(pair: &mut Pair, filters: &[TopicFilter]) {
    let filters: Vec<_> = filters.iter().map(|f| (f.clone(), at(Qos::AtLeastOnce))).collect();
    pair.client.subscribe(pair.now, &filters, None);
    pair.drain();
    let (packet_id, _) = subscribed(pair);
    suback(pair, packet_id, &vec![ReasonCode::GrantedQos1; filters.len()]);
    pair.events();
}

#[test]
fn mqtt_3_8_4_6_the_answer_has_one_reason_for_each_filter() {
    for version in VERSIONS {
        let mut pair = Pair::connected(config(version));
        let filters = [(filter("a/+"), at(Qos::ExactlyOnce)), (filter("b"), at(Qos::AtMostOnce))];
        let request = pair.client.subscribe(pair.now, &filters, None);
        pair.drain();
        let (packet_id, sent) = subscribed(&mut pair);
        assert_eq!(sent, ["a/+", "b"]);
        let reasons = [ReasonCode::GrantedQos2, ReasonCode::UnspecifiedError];
        suback(&mut pair, packet_id, &reasons);
        assert_eq!(pair.events(), [Event::Subscribed { id: request, reasons: reasons.to_vec() }]);
    }
}

#[test]
fn mqtt_3_8_4_6_a_wrong_number_of_reasons_ends_the_connection() {
    for reasons in [&[][..], &[ReasonCode::Success; 2]] {
        let mut pair = Pair::connected(config(Version::V5));
        pair.client.subscribe(pair.now, &[(filter("a"), at(Qos::AtMostOnce))], None);
        pair.drain();
        suback(&mut pair, id(1), reasons);
        assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::ReasonCount));
    }
}

#[test]
fn a_new_session_gets_all_subscriptions_again_and_a_resumed_one_none() {
    for version in [Version::V3_1_1, Version::V5] {
        for present in [false, true] {
            let mut pair = Pair::connected(durable(version));
            subscribe(&mut pair, &[filter("a"), filter("b/#")]);
            pair.cut_and_reopen();
            pair.accept(present);
            if present {
                assert!(pair.packets().is_empty());
            } else {
                let (packet_id, filters) = subscribed(&mut pair);
                assert_eq!(filters, ["a", "b/#"]);
                pair.events();
                suback(&mut pair, packet_id, &[ReasonCode::GrantedQos1; 2]);
                assert!(pair.events().is_empty(), "the application did not ask");
            }
        }
    }
}

#[test]
fn subscriptions_outlive_a_new_session_whose_connection_breaks_at_once() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut pair = Pair::connected(durable(version));
        subscribe(&mut pair, &[filter("a")]);
        pair.cut_and_reopen();
        pair.accept(false);
        assert_eq!(subscribed(&mut pair).1, ["a"], "the session is new");
        pair.cut_and_reopen(); // before SUBACK
        pair.accept(true);
        let (packet_id, filters) = subscribed(&mut pair);
        assert_eq!(filters, ["a"], "it may not have arrived");
        suback(&mut pair, packet_id, &[ReasonCode::GrantedQos1]);
        pair.cut_and_reopen();
        pair.accept(true);
        assert!(pair.packets().is_empty(), "the session has it now");
    }
}

#[test]
fn subscriptions_are_made_again_when_nobody_said_whether_the_session_was_new() {
    let mut pair = Pair::connected(durable(Version::V5));
    subscribe(&mut pair, &[filter("a")]);
    pair.cut_and_reopen();
    pair.open(); // CONNECT is sent, and makes a new session; its CONNACK is lost
    pair.cut_and_reopen();
    pair.accept(true);
    assert_eq!(subscribed(&mut pair).1, ["a"]);
}

#[test]
fn a_subscription_that_is_refused_when_it_is_made_again_is_told_and_forgotten() {
    let mut pair = Pair::connected(durable(Version::V5));
    subscribe(&mut pair, &[filter("a"), filter("b")]);
    pair.cut_and_reopen();
    pair.accept(false);
    let (packet_id, _) = subscribed(&mut pair);
    pair.events();
    suback(&mut pair, packet_id, &[ReasonCode::GrantedQos1, ReasonCode::NotAuthorized]);
    let lost = Event::SubscriptionLost { filter: filter("b"), reason: ReasonCode::NotAuthorized };
    assert_eq!(pair.events(), [lost]);
    pair.cut_and_reopen();
    pair.accept(false);
    assert_eq!(subscribed(&mut pair).1, ["a"]);
}

#[test]
fn a_request_without_a_connection_or_without_an_answer_is_sent_on_the_next() {
    let mut pair = Pair::new(durable(Version::V5));
    let request = pair.client.subscribe(pair.now, &[(filter("a"), at(Qos::AtMostOnce))], Some(9));
    pair.client.start(pair.now);
    pair.drain();
    pair.accept(false);
    let Packet::Subscribe(subscribe) = pair.packet() else { panic!("SUBSCRIBE") };
    assert_eq!(subscribe.subscription_id, Some(9));
    pair.cut_and_reopen();
    pair.accept(true);
    let (packet_id, filters) = subscribed(&mut pair);
    assert_eq!(filters, ["a"]);
    pair.events();
    suback(&mut pair, packet_id, &[ReasonCode::Success]);
    assert_eq!(pair.events(), [Event::Subscribed { id: request, reasons: vec![ReasonCode::Success] }]);
}

#[test]
fn what_was_unsubscribed_does_not_come_back() {
    for version in VERSIONS {
        let mut pair = Pair::connected(durable(version));
        subscribe(&mut pair, &[filter("a"), filter("b")]);
        let request = pair.client.unsubscribe(pair.now, &[filter("a")]);
        pair.drain();
        let Packet::Unsubscribe(unsubscribe) = pair.packet() else { panic!("UNSUBSCRIBE") };
        pair.server(&Packet::Unsuback(SubscriptionAck::new(
            unsubscribe.packet_id,
            vec![ReasonCode::Success],
        )));
        assert_eq!(pair.events(), [Event::Unsubscribed { id: request, reasons: vec![ReasonCode::Success] }]);
        pair.cut_and_reopen();
        pair.accept(false);
        assert_eq!(subscribed(&mut pair).1, ["b"]);
    }
}

#[test]
fn what_the_server_does_not_support_is_answered_without_asking_it() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties {
        wildcard_subscription_available: false,
        shared_subscription_available: false,
        subscription_id_available: false,
        ..ConnackProperties::default()
    };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.events();
    let filters = [filter("a/+"), filter("b"), filter("$share/g/c")].map(|f| (f, at(Qos::AtMostOnce)));
    let request = pair.client.subscribe(pair.now, &filters, Some(3));
    pair.drain();
    let Packet::Subscribe(subscribe) = pair.packet() else { panic!("SUBSCRIBE") };
    assert_eq!((subscribe.filters.len(), subscribe.subscription_id), (1, None));
    suback(&mut pair, subscribe.packet_id, &[ReasonCode::Success]);
    let reasons = vec![
        ReasonCode::WildcardSubscriptionsNotSupported,
        ReasonCode::Success,
        ReasonCode::SharedSubscriptionsNotSupported,
    ];
    assert_eq!(pair.events(), [Event::Subscribed { id: request, reasons }]);
    let request = pair.client.subscribe(pair.now, &filters[..1], None);
    pair.drain();
    assert!(pair.packets().is_empty());
    let reasons = vec![ReasonCode::WildcardSubscriptionsNotSupported];
    assert_eq!(pair.events(), [Event::Subscribed { id: request, reasons }]);
}

#[test]
fn a_request_larger_than_the_server_takes_is_answered_without_asking_it() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    let properties = ConnackProperties { maximum_packet_size: Some(20), ..ConnackProperties::default() };
    pair.accept_with(Connack { properties, ..Connack::new(ReasonCode::Success) });
    pair.events();
    let long = filter(&"x".repeat(30));
    let one = pair.client.subscribe(pair.now, &[(long.clone(), at(Qos::AtMostOnce))], None);
    let two = pair.client.unsubscribe(pair.now, &[long]);
    pair.drain();
    let reasons = vec![ReasonCode::PacketTooLarge];
    let expected =
        [Event::Subscribed { id: one, reasons: reasons.clone() }, Event::Unsubscribed { id: two, reasons }];
    assert_eq!(pair.events(), expected);
    assert!(pair.packets().is_empty());
}

#[test]
fn many_subscriptions_are_made_again_in_packets_of_moderate_size() {
    let mut pair = Pair::connected(durable(Version::V5));
    let filters: Vec<_> = (0..100).map(|n| filter(&format!("t/{n:03}"))).collect();
    subscribe(&mut pair, &filters);
    pair.cut_and_reopen();
    pair.accept(false);
    let mut again = Vec::new();
    for packet in pair.packets() {
        let Packet::Subscribe(subscribe) = packet else { panic!("SUBSCRIBE") };
        assert!(subscribe.filters.len() <= 32);
        again.extend(subscribe.filters.iter().map(|(filter, _)| filter.to_string()));
    }
    assert_eq!(again, filters.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn requests_that_wait_are_bounded() {
    let mut pair = Pair::new(Config { max_queued_messages: 2, ..config(Version::V5) });
    for _ in 0..3 {
        pair.client.subscribe(pair.now, &[(filter("a"), at(Qos::AtMostOnce))], None);
    }
    pair.drain();
    let [Event::Subscribed { reasons, .. }] = &pair.events()[..] else { panic!("the third is answered") };
    assert_eq!(reasons[..], [ReasonCode::QuotaExceeded]);
}
