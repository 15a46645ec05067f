//! Sessions (4.1) and what is delivered again when one goes on (4.4).

use mqtt::packet::{Ack, Disconnect, Publish};
use mqtt::{Delivery, Packet, Qos, ReasonCode, SessionExpiry};
use tests::{PATIENCE, message, on_all, on_v5, qos, until};

/// [MQTT-3.1.2-6], [MQTT-3.1.2-23], [MQTT-3.1.3-2], [MQTT-4.5.0-1], [MQTT3-3.1.2-4], [MQTT3-3.1.2-5],
/// [MQTT3-3.1.3-2], [MQTT3-4.5.0-1], [MQTT3-4.1.0-1]
#[test]
fn a_session_keeps_its_subscriptions_and_its_queue_mqtt_3_1_2_5() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut sleeper, present) = s.resume("sleeper");
        assert!(!present, "[MQTT-3.2.2-3], [MQTT3-3.2.2-3]");
        sleeper.subscribe("a", Qos::ExactlyOnce);
        sleeper.disconnect();
        for level in [1, 2, 0, 2, 1] {
            publisher.publish("a", &[level], qos(level));
        }
        let (mut sleeper, present) = s.resume("sleeper");
        assert_eq!(present, s.says_session_present(), "[MQTT-3.2.2-3], [MQTT3-3.2.2-2]");
        for level in [1, 2, 2, 1] {
            let got = sleeper.receive();
            assert_eq!(
                (got.payload, got.delivery.qos(), got.delivery.dup()),
                (&[level][..], qos(level), false)
            );
        }
        sleeper.expect_nothing();
        publisher.publish("a", b"live", Qos::AtLeastOnce);
        assert_eq!(sleeper.receive_payload(), b"live");
    });
}

/// What its old connection has said counts before what the new one says, on whatever threads they are read.
#[test]
fn a_client_that_leaves_and_comes_back_at_once_has_left() {
    on_v5(|s| {
        for round in 0..100 {
            let (mut sleeper, present) = s.resume("sleeper");
            assert!(!present, "round {round}");
            let mut goodbye = Disconnect::new(ReasonCode::Success);
            goodbye.session_expiry = Some(SessionExpiry::AtDisconnect);
            sleeper.send(&Packet::Disconnect(goodbye)); // nobody waits until it is read
        }
    });
}

#[test]
fn a_session_outlives_a_cut_too() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut sleeper, _) = s.resume("sleeper");
        sleeper.subscribe("a", Qos::AtLeastOnce);
        sleeper.cut();
        s.bridge.process.stderr.expect(&["lost", "sleeper"]);
        publisher.publish("a", b"1", Qos::AtLeastOnce);
        let (mut sleeper, present) = s.resume("sleeper");
        assert_eq!(present, s.says_session_present());
        assert_eq!(sleeper.receive_payload(), b"1");
    });
}

/// [MQTT-3.1.4-4], [MQTT3-3.1.2-6], [MQTT3-3.1.4-3]
#[test]
fn a_clean_start_begins_anew_mqtt_3_1_2_4() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut client, _) = s.resume("client");
        client.subscribe("a", Qos::AtLeastOnce);
        client.disconnect();
        publisher.publish("a", b"1", Qos::AtLeastOnce);
        let mut connect = s.hello_again("client");
        connect.clean_start = true;
        let (mut client, present) = s.connect_with(&connect);
        assert!(!present, "[MQTT-3.2.2-2], [MQTT3-3.2.2-1]");
        client.expect_nothing();
        publisher.publish("a", b"2", Qos::AtLeastOnce);
        client.expect_nothing();
    });
}

/// [MQTT-4.1.0-2], [MQTT3-3.1.2-6]
#[test]
fn a_session_that_is_not_kept_ends_with_its_connection() {
    on_all(|s| {
        let mut client = s.connect("client");
        client.subscribe("a", Qos::AtLeastOnce);
        client.disconnect();
        let (mut client, present) = s.resume("client");
        assert!(!present);
        client.publish("a", b"1", Qos::AtLeastOnce);
        client.expect_nothing();
    });
}

/// [MQTT-4.3.2-3], [MQTT-4.3.3-3], [MQTT-4.3.3-5], [MQTT-4.3.3-6], [MQTT3-4.3.2-1], [MQTT3-4.3.3-1],
/// [MQTT3-2.3.1-4]
#[test]
fn what_was_in_flight_comes_again_in_order_with_dup_mqtt_4_4_0_1() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut client, _) = s.resume("client");
        client.subscribe("a", Qos::ExactlyOnce);
        for n in 0..6 {
            publisher.publish("a", &[n], qos(1 + n % 2));
        }
        // 0 is acknowledged; 1 is received, but its PUBREL goes unanswered; the rest is not answered at all.
        let first: Vec<_> = (0..6).map(|_| client.receive_only()).collect();
        client.acknowledge(&first[0]);
        let id = first[1].delivery.packet_id().expect("QoS 2 has one");
        client.send(&Packet::Pubrec(Ack::new(id, ReasonCode::Success)));
        client.ack("PUBREL", id);
        client.cut();
        let (mut client, present) = s.resume("client");
        assert_eq!(present, s.says_session_present());
        client.ack("PUBREL", id);
        client.send(&Packet::Pubcomp(Ack::new(id, ReasonCode::Success)));
        let again: Vec<_> = (2..6).map(|_| client.receive_only()).collect();
        for (before, after) in first.iter().skip(2).zip(&again) {
            assert_eq!(before.payload, after.payload, "in their order [MQTT3-4.6.0-6]");
            assert_eq!(
                before.delivery.packet_id(),
                after.delivery.packet_id(),
                "[MQTT-4.4.0-1], [MQTT3-4.4.0-1]"
            );
            assert!(after.delivery.dup(), "[MQTT-3.3.1-1], [MQTT3-3.3.1-1]");
        }
        again.iter().for_each(|publish| client.acknowledge(publish));
        client.expect_nothing();
    });
}

/// [MQTT-4.3.3-10], [MQTT3-4.3.3-2]
#[test]
fn a_qos_2_publisher_goes_on_where_it_was_cut() {
    on_all(|s| {
        let mut watcher = s.connect("watcher");
        watcher.subscribe("a", Qos::ExactlyOnce);
        let (mut publisher, _) = s.resume("publisher");
        let id = publisher.new_id();
        let send = |dup| {
            let delivery = Delivery::ExactlyOnce { packet_id: id, dup };
            Packet::Publish(Publish { delivery, ..message("a", b"once") })
        };
        publisher.send(&send(false));
        publisher.ack("PUBREC", id);
        publisher.cut();
        let (mut publisher, present) = s.resume("publisher");
        assert_eq!(present, s.says_session_present(), "the identifier is part of the session");
        publisher.send(&send(true));
        assert!(!publisher.ack("PUBREC", id).reason.is_error());
        publisher.send(&Packet::Pubrel(Ack::new(id, ReasonCode::Success)));
        assert_eq!(publisher.ack("PUBCOMP", id).reason, ReasonCode::Success);
        assert_eq!(watcher.receive_payload(), b"once");
        watcher.expect_nothing();
    });
}

/// [MQTT-4.1.0-2]
#[test]
fn a_session_ends_when_its_time_is_over_mqtt_3_1_2_23() {
    on_v5(|s| {
        let mut publisher = s.connect("publisher");
        let mut connect = s.hello_again("client");
        connect.properties.session_expiry = SessionExpiry::After(2);
        let (mut client, _) = s.connect_with(&connect);
        client.subscribe("a", Qos::AtLeastOnce);
        client.disconnect();
        let (client, present) = s.connect_with(&connect);
        assert!(present, "its time has not passed");
        client.disconnect();
        // A publisher sees from outside when nobody wants its messages any more.
        until("the session's end", PATIENCE, || {
            let reason = publisher.publish("a", b"1", Qos::AtLeastOnce);
            (reason == ReasonCode::NoMatchingSubscribers).then_some(())
        });
        assert!(!s.connect_with(&connect).1);
    });
}

#[test]
fn a_disconnect_may_change_how_long_the_session_lives_3_14_2_2_2() {
    on_v5(|s| {
        let (client, _) = s.resume("client");
        let mut disconnect = Disconnect::new(ReasonCode::Success);
        disconnect.session_expiry = Some(SessionExpiry::AtDisconnect);
        client.disconnect_with(&disconnect);
        assert!(!s.resume("client").1, "it ended at once");
    });
}

#[test]
fn a_takeover_carries_the_session_over_with_what_is_in_flight() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut first, _) = s.resume("client");
        first.subscribe("a", Qos::AtLeastOnce);
        publisher.publish("a", b"1", Qos::AtLeastOnce);
        first.receive_only();
        let (mut second, present) = s.resume("client");
        assert_eq!(present, s.says_session_present());
        first.end();
        let again = second.receive();
        assert_eq!((again.payload, again.delivery.dup()), (&b"1"[..], true));
        publisher.publish("a", b"2", Qos::AtLeastOnce);
        assert_eq!(second.receive_payload(), b"2");
        second.expect_nothing();
    });
}

#[test]
fn a_full_queue_drops_what_is_over_and_says_so_once() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut sleeper, _) = s.resume("sleeper");
        sleeper.subscribe("a", Qos::AtLeastOnce);
        sleeper.disconnect();
        const LIMIT: usize = 10_000;
        const SENT: usize = LIMIT + 500;
        for part in 0..SENT / 100 {
            let numbers: Vec<_> = (0..100).map(|n| (part * 100 + n).to_string()).collect();
            let ids: Vec<_> = numbers.iter().map(|_| publisher.new_id()).collect();
            let packet = |(number, &packet_id): (&String, _)| {
                let delivery = Delivery::AtLeastOnce { packet_id, dup: false };
                Packet::Publish(Publish { delivery, ..message("a", number.clone().leak().as_bytes()) })
            };
            let packets: Vec<_> = numbers.iter().zip(&ids).map(packet).collect();
            publisher.send_all(&packets);
            for id in ids {
                publisher.ack("PUBACK", id);
            }
        }
        publisher.sync(); // the last may be on their way to another shard
        s.bridge.process.stderr.expect(&["queue full", "sleeper"]);
        let told = s.bridge.process.stderr.all().iter().filter(|line| line.contains("queue full")).count();
        assert_eq!(told, 1, "said once, not for every message");
        let (mut sleeper, _) = s.resume("sleeper");
        for n in 0..LIMIT {
            assert_eq!(sleeper.receive_payload(), n.to_string().as_bytes());
        }
        sleeper.expect_nothing();
    });
}

#[test]
fn a_restart_with_nothing_on_disk_forgets_and_says_so() {
    on_all(|s| {
        s.resume("client").0.disconnect();
        assert_eq!(s.resume("client").1, s.says_session_present());
        s.bridge.restart();
        assert!(!s.resume("client").1);
    });
}

/// [MQTT-4.4.0-2]
#[test]
fn what_a_client_refuses_is_not_sent_again() {
    on_v5(|s| {
        let mut publisher = s.connect("publisher");
        let (mut client, _) = s.resume("client");
        client.subscribe("a", Qos::ExactlyOnce);
        for level in [1, 2] {
            publisher.publish("a", &[level], qos(level));
            let packet_id = client.receive_only().delivery.packet_id().expect("it has one");
            let refusal = Ack::new(packet_id, ReasonCode::QuotaExceeded);
            client.send(&if level == 1 { Packet::Puback(refusal) } else { Packet::Pubrec(refusal) });
        }
        client.sync();
        client.cut();
        let (mut client, present) = s.resume("client");
        assert_eq!(present, s.says_session_present());
        client.expect_nothing();
    });
}

/// [MQTT-3.10.4-3], [MQTT3-3.10.4-3]
#[test]
fn what_is_under_way_is_completed_after_unsubscribe() {
    on_all(|s| {
        let mut publisher = s.connect("publisher");
        let (mut client, _) = s.resume("client");
        client.subscribe("a", Qos::ExactlyOnce);
        publisher.publish("a", b"1", Qos::AtLeastOnce);
        publisher.publish("a", b"2", Qos::ExactlyOnce);
        let (_first, second) = (client.receive_only(), client.receive_only());
        client.unsubscribe("a");
        publisher.publish("a", b"3", Qos::ExactlyOnce);
        client.acknowledge(&second);
        client.expect_nothing();
        client.cut();
        // The one that was not acknowledged comes again all the same.
        let (mut client, _) = s.resume("client");
        let again = client.receive();
        assert_eq!((again.payload, again.delivery.dup()), (&b"1"[..], true));
        client.expect_nothing();
    });
}
