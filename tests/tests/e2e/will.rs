//! The will (3.1.2.5).

use std::time::Duration;

use mqtt::packet::{Connect, ConnectWill, Disconnect, PublishProperties};
use mqtt::{Qos, ReasonCode, SessionExpiry, TopicName};
use tests::{Client, Deadline, Scenario, now, on_all, on_v5, qos};

fn will(payload: &[u8]) -> ConnectWill<'_> {
    ConnectWill {
        topic: TopicName::new("will").expect("a topic"),
        payload,
        qos: Qos::AtLeastOnce,
        retain: false,
        delay_s: 0,
        properties: PublishProperties::default(),
    }
}

fn connect_with_will(s: &Scenario, will: ConnectWill<'_>) -> Client {
    s.connect_with(&Connect { will: Some(will), ..s.hello("mortal") }).0
}

fn watcher(s: &Scenario) -> Client {
    let mut watcher = s.connect("watcher");
    watcher.subscribe("will", Qos::ExactlyOnce);
    watcher
}

/// [MQTT-3.1.2-7], [MQTT-3.1.2-14], [MQTT3-3.1.2-8]
#[test]
fn it_is_published_when_the_socket_is_cut_mqtt_3_1_2_8() {
    on_all(|s| {
        let mut watcher = watcher(s);
        for level in 0..3 {
            connect_with_will(s, ConnectWill { qos: qos(level), ..will(b"gone") }).cut();
            let got = watcher.receive();
            assert_eq!((got.payload, got.delivery.qos(), got.retain), (&b"gone"[..], qos(level), false));
        }
        watcher.expect_nothing();
    });
}

/// [MQTT-3.1.2-10], [MQTT3-3.14.4-3], [MQTT3-3.1.2-10], [MQTT3-3.1.2-12]
#[test]
fn it_is_not_published_on_disconnect_mqtt_3_14_4_3() {
    on_all(|s| {
        let mut watcher = watcher(s);
        connect_with_will(s, will(b"gone")).disconnect();
        watcher.expect_nothing();
        // Nor later, when the next connection of the same client ends without a will of its own.
        s.connect("mortal").cut();
        s.bridge.process.stderr.expect(&["lost", "mortal"]);
        watcher.expect_nothing();
    });
}

#[test]
fn it_is_published_on_disconnect_with_will_0x04() {
    on_v5(|s| {
        let mut watcher = watcher(s);
        connect_with_will(s, will(b"gone")).disconnect_with(&Disconnect::new(ReasonCode::DisconnectWithWill));
        assert_eq!(watcher.receive_payload(), b"gone");
    });
}

/// [MQTT3-3.1.2-17]
#[test]
fn it_is_retained_when_it_asks_for_that_mqtt_3_1_2_15() {
    on_all(|s| {
        connect_with_will(s, ConnectWill { retain: true, ..will(b"offline") }).cut();
        s.bridge.process.stderr.expect(&["lost", "mortal"]);
        s.connect("mortal").sync(); // what became of the old connection is known on all shards
        let got = watcher(s).receive();
        assert_eq!((got.payload, got.retain), (&b"offline"[..], true));
    });
}

#[test]
fn it_is_published_after_bad_input_and_after_a_takeover() {
    on_all(|s| {
        let mut watcher = watcher(s);
        let mut mortal = connect_with_will(s, will(b"misbehaved"));
        mortal.send_bytes(&[0xf7, 0xff, 0xff, 0xff, 0xff]);
        mortal.end();
        assert_eq!(watcher.receive_payload(), b"misbehaved");
        let mut mortal = connect_with_will(s, will(b"taken over"));
        let _next = s.connect("mortal");
        mortal.end();
        assert_eq!(watcher.receive_payload(), b"taken over");
        watcher.expect_nothing();
    });
}

#[test]
fn its_properties_go_with_it() {
    on_v5(|s| {
        let mut watcher = watcher(s);
        let mut will = will(b"{}");
        will.properties.content_type = Some("application/json");
        will.properties.user_properties = vec![("why", "cut"), ("by", "whom"), ("why", "again")];
        let properties = will.properties.clone();
        connect_with_will(s, will).cut();
        assert_eq!(watcher.receive().properties, properties.into(), "in their order [MQTT-3.1.3-10]");
    });
}

#[test]
fn a_delay_holds_it_back_and_a_return_calls_it_off_mqtt_3_1_3_9() {
    on_v5(|s| {
        let mut watcher = watcher(s);
        let delayed = |payload| {
            let will = ConnectWill { delay_s: 2, ..will(payload) };
            let mut connect = Connect { will: Some(will), ..s.hello_again("mortal") };
            connect.properties.session_expiry = SessionExpiry::After(100);
            s.connect_with(&connect).0
        };
        let start = now();
        delayed(b"late").cut();
        s.bridge.process.stderr.expect(&["lost", "mortal"]);
        watcher.expect_nothing();
        assert_eq!(watcher.receive_payload(), b"late");
        assert!(start.elapsed() >= Duration::from_secs(2), "not before its delay");
        delayed(b"called off").cut();
        let (mut back, present) = s.resume("mortal");
        assert!(present);
        // Time itself is what is waited for: the delay and some more.
        back.next_until(Deadline::after(Duration::from_millis(2300)));
        watcher.expect_nothing();
    });
}

#[test]
fn the_end_of_the_session_sends_it_before_its_delay_mqtt_3_1_3_9() {
    on_v5(|s| {
        let mut watcher = watcher(s);
        connect_with_will(s, ConnectWill { delay_s: 1000, ..will(b"no session") }).cut();
        assert_eq!(watcher.receive_payload(), b"no session");
        let will = ConnectWill { delay_s: 1000, ..will(b"new session") };
        s.connect_with(&Connect { will: Some(will), ..s.hello_again("mortal") }).0.cut();
        s.bridge.process.stderr.expect(&["lost", "mortal"]);
        watcher.expect_nothing();
        let _anew = s.connect("mortal");
        assert_eq!(watcher.receive_payload(), b"new session");
    });
}

/// [MQTT-3.1.2-14], [MQTT3-3.1.2-16]
#[test]
fn it_is_not_kept_when_it_does_not_ask_for_that() {
    on_all(|s| {
        let mut first = watcher(s);
        connect_with_will(s, will(b"offline")).cut();
        let got = first.receive();
        assert_eq!((got.payload, got.retain), (&b"offline"[..], false));
        first.subscribe("will", Qos::AtMostOnce);
        first.expect_nothing();
    });
}
