//! What 3.1 says in its own way. All else is played with it beside the later versions.

use mqtt::packet::{Connect, Publish};
use mqtt::{Packet, Qos, ReasonCode, Version};
use tests::{Client, Wire, message, on_v3_1};

/// CONNECT with this in the first byte, as 3.1 lets it be.
fn knock(client: &mut Client, connect: &Connect<'_>, first: u8) {
    let mut bytes = client.encode(&[Packet::Connect(Box::new(connect.clone()))]);
    bytes[0] = first;
    client.send_bytes(&bytes);
}

#[test]
fn connect_may_have_any_flags_in_its_head() {
    on_v3_1(|s| {
        for flags in 0..16 {
            let mut client = s.open();
            knock(&mut client, &s.hello("alice"), 0x10 | flags);
            assert_eq!(client.connack().reason, ReasonCode::Success, "{flags:#x}");
            client.disconnect();
        }
    });
}

#[test]
fn connack_never_says_that_there_was_a_session() {
    on_v3_1(|s| {
        for _ in 0..2 {
            let mut client = s.open();
            let connack = client.connect(&s.hello_again("alice"));
            assert_eq!((connack.reason, connack.session_present), (ReasonCode::Success, false));
            client.disconnect();
        }
    });
}

#[test]
fn an_identifier_of_more_than_23_characters_is_taken_and_an_empty_one_is_not() {
    on_v3_1(|s| {
        for length in [1, 23, 24, 1000, 65_535] {
            s.connect(&"a".repeat(length)).disconnect();
        }
        for clean_start in [true, false] {
            let mut client = s.open();
            let connack = client.connect(&Connect { clean_start, ..s.hello("") });
            assert_eq!(connack.reason, ReasonCode::ClientIdentifierNotValid, "return code 2");
            assert_eq!(client.end().reason, None);
        }
    });
}

#[test]
fn a_user_name_that_is_announced_may_be_missing() {
    on_v3_1(|s| {
        let mut client = s.open();
        let mut bytes = client.encode(&[Packet::Connect(Box::new(s.hello("alice")))]);
        bytes[11] |= 0xc0;
        client.send_bytes(&bytes);
        assert_eq!(client.connack().reason, ReasonCode::Success);
    });
}

#[test]
fn packets_that_are_sent_again_may_say_so() {
    on_v3_1(|s| {
        let mut client = s.connect("alice");
        client.send_bytes(&[0x8a, 6, 0, 1, 0, 1, b'a', 2]); // SUBSCRIBE with DUP
        assert_eq!(client.next().name(), "SUBACK");
        let id = client.new_id();
        let publish = Publish { delivery: tests::delivery(Qos::ExactlyOnce, id), ..message("b", b"1") };
        client.send(&Packet::Publish(publish));
        client.ack("PUBREC", id);
        client.send_bytes(&[0x6a, 2, 0, id.get() as u8]); // PUBREL with DUP
        client.ack("PUBCOMP", id);
        client.send_bytes(&[0xaa, 5, 0, 9, 0, 1, b'a']); // UNSUBSCRIBE with DUP
        assert_eq!(client.next().name(), "UNSUBACK");
    });
}

#[test]
fn nothing_of_5_0_comes_through() {
    on_v3_1(|s| {
        let mut old = s.connect("old");
        old.subscribe("a", Qos::AtLeastOnce);
        let mut new = Client::new(Wire::tcp(s.bridge.tcp), Version::V5);
        new.connect(&Connect::new(Version::V5, "new"));
        let mut publish = message("a", b"1");
        publish.properties.content_type = Some("text/plain");
        publish.properties.message_expiry_s = Some(100);
        publish.properties.user_properties = vec![("a", "b")];
        new.publish_with(&publish, Qos::AtLeastOnce);
        let got = old.receive();
        assert_eq!((got.payload, got.properties), (b"1".as_slice(), Default::default()));
        // A refusal has no words: the message is acknowledged and dropped.
        assert_eq!(old.publish("$SYS/x", b"lie", Qos::AtLeastOnce), ReasonCode::Success);
        // Nor has an end.
        let mut second = s.connect("old");
        assert_eq!(old.end().reason, None);
        second.expect_nothing();
    });
}

#[test]
fn the_two_versions_of_a_client_share_one_session() {
    on_v3_1(|s| {
        let (mut client, _) = s.resume("alice");
        client.subscribe("a", Qos::AtLeastOnce);
        client.disconnect();
        s.connect("bob").publish("a", b"1", Qos::AtLeastOnce);
        let mut later = Client::new(Wire::tcp(s.bridge.tcp), Version::V3_1_1);
        let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "alice") };
        assert!(later.connect(&connect).session_present);
        assert_eq!(later.receive_payload(), b"1");
    });
}
