//! Several subscriptions of one Client that match one message (3.3.4).

use super::*;

fn subscribed(overlapping: Overlapping, each: &[(&str, SubscriptionOptions, u32)]) -> (World, usize) {
    let mut w = World::new(Config { overlapping, ..Config::default() });
    let id = w.client("c");
    for &(filter, options, subscription_id) in each {
        let subscription_id = (subscription_id > 0).then_some(subscription_id);
        w.subscribe_with(id, &[filter], options, subscription_id);
    }
    w.take(id);
    (w, id)
}

fn at(qos: Qos) -> SubscriptionOptions {
    SubscriptionOptions::at(qos)
}

fn no_local(qos: Qos) -> SubscriptionOptions {
    SubscriptionOptions { no_local: true, ..at(qos) }
}

/// [MQTT-3.3.4-2], [MQTT-3.3.4-3], [MQTT-3.3.4-4]
#[test]
fn one_copy_has_the_highest_qos_and_all_identifiers() {
    let each =
        [("a/+", at(Qos::AtMostOnce), 2), ("a/#", at(Qos::AtLeastOnce), 3), ("a/b", at(Qos::AtMostOnce), 0)];
    let (mut w, id) = subscribed(Overlapping::One, &each);
    let publisher = w.client("p");
    w.publish(publisher, &message("a/b", "x", Qos::AtLeastOnce));
    assert!(
        matches!(w.take(id).as_slice(), [only] if only == "a/b=x q1 ids [2, 3]" || only == "a/b=x q1 ids [3, 2]")
    );
}

/// [MQTT-3.3.4-2], [MQTT-3.3.4-5]
#[test]
fn a_copy_for_each_has_its_qos_its_options_and_its_identifier() {
    let kept = SubscriptionOptions { retain_as_published: true, ..at(Qos::AtMostOnce) };
    let each = [("a/+", kept, 2), ("a/#", at(Qos::AtLeastOnce), 3), ("a/b", at(Qos::ExactlyOnce), 0)];
    let (mut w, id) = subscribed(Overlapping::Each, &each);
    let publisher = w.client("p");
    w.publish(publisher, &message("a/b", "x", Qos::ExactlyOnce).with_retain(true));
    let mut got = w.take(id);
    got.sort();
    assert_eq!(got, ["a/b=x q0 retain ids [2]", "a/b=x q1 ids [3]", "a/b=x q2"]);
}

#[test]
fn mqtt_3_8_3_3_the_own_message_has_nothing_of_subscriptions_that_leave_it_out() {
    let kept = SubscriptionOptions { retain_as_published: true, ..no_local(Qos::ExactlyOnce) };
    let each = [("a", kept, 2), ("#", at(Qos::AtLeastOnce), 3)];
    let own = message("a", "own", Qos::ExactlyOnce).with_retain(true);
    for overlapping in [Overlapping::One, Overlapping::Each] {
        let (mut w, id) = subscribed(overlapping, &each);
        w.publish(id, &own);
        assert_eq!(w.take(id), ["a=own q1 ids [3]", "PUBREC"], "{overlapping:?}");
    }
    let (mut w, id) = subscribed(Overlapping::One, &each);
    let publisher = w.client("p");
    w.publish(publisher, &own);
    assert!(w.take(id)[0].starts_with("a=own q2 retain ids ["), "another's has all");
}

#[test]
fn mqtt_3_8_3_3_nothing_is_left_when_all_leave_it_out() {
    for overlapping in [Overlapping::One, Overlapping::Each] {
        let (mut w, id) = subscribed(
            overlapping,
            &[("a", no_local(Qos::AtMostOnce), 0), ("#", no_local(Qos::AtLeastOnce), 0)],
        );
        w.publish(id, &message("a", "own", Qos::AtLeastOnce));
        assert_eq!(w.take(id), ["Puback 10"], "{overlapping:?}");
    }
}
