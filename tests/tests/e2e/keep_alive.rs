//! Keep Alive (3.1.2.10).

use std::time::Duration;

use mqtt::packet::{Connect, ConnectWill, PublishProperties};
use mqtt::{Packet, Qos, ReasonCode, TopicName};
use tests::{Deadline, now, on_all};

/// [MQTT-3.2.2-22], [MQTT3-3.1.2-24]
#[test]
fn silence_for_one_and_a_half_times_ends_the_connection_mqtt_3_1_2_22() {
    on_all(|s| {
        let mut watcher = s.connect("watcher");
        watcher.subscribe("will", Qos::AtMostOnce);
        let topic = TopicName::new("will").expect("a topic");
        let properties = PublishProperties::default();
        let will = ConnectWill {
            topic,
            payload: b"silent",
            qos: Qos::AtMostOnce,
            retain: false,
            delay_s: 0,
            properties,
        };
        let start = now();
        let (mut silent, _) =
            s.connect_with(&Connect { keep_alive_s: 1, will: Some(will), ..s.hello("silent") });
        let end = silent.end();
        let took = start.elapsed();
        assert_eq!(end.reason, s.either(Some(ReasonCode::KeepAliveTimeout), None), "0x8D in 5.0");
        assert!(took >= Duration::from_millis(1490), "not before 1.5 s: {took:?}");
        assert!(took < Duration::from_secs(6), "soon after 1.5 s: {took:?}");
        assert_eq!(watcher.receive_payload(), b"silent");
        s.bridge.process.stderr.expect(&["connection ended by us", "silent", "0x8d"]);
    });
}

#[test]
fn any_packet_keeps_it_alive() {
    on_all(|s| {
        let (mut client, _) = s.connect_with(&Connect { keep_alive_s: 1, ..s.hello("alice") });
        let start = now();
        while start.elapsed() < Duration::from_millis(2500) {
            client.send(&Packet::Publish(tests::message("a", b"1")));
            // Time itself is what is waited for: half a keep alive.
            assert_eq!(client.next_until(Deadline::after(Duration::from_millis(500))), None);
        }
        client.expect_nothing();
    });
}
