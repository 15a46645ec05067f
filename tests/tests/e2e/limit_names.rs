//! Each limit by its name: what is over it is answered with the standard's reason, and counted in `/metrics` by that name. And
//! all of them are read anew while the program runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use mqtt::packet::{Connect, ConnectWill, Publish, PublishProperties};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, TopicName, Version};
use tests::{Bridge, Client, PATIENCE, Wire, delivery, message, until};

fn open(bridge: &Bridge) -> Client {
    Client::new(Wire::tcp(bridge.tcp), Version::V5)
}

fn connect(bridge: &Bridge, id: &str) -> Client {
    let mut client = open(bridge);
    assert_eq!(client.connect(&Connect::new(Version::V5, id)).reason, ReasonCode::Success);
    client
}

fn limited(limits: &str) -> Bridge {
    Bridge::configured(&format!("[limits]\n{limits}\n"))
}

/// Sends a message that ends its connection, and gives the reason.
fn fatal(bridge: &Bridge, publish: Publish<'_>) -> Option<ReasonCode> {
    let mut client = connect(bridge, "fatal");
    client.send(&Packet::Publish(publish));
    client.end().reason
}

fn attempt(bridge: &Bridge, connect: &Connect<'_>) -> ReasonCode {
    open(bridge).connect(connect).reason
}

/// Whether nothing has ended it in a moment.
fn is_open(stream: &TcpStream) -> bool {
    let mut stream = stream.try_clone().expect("a socket can be cloned");
    stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).expect("a socket takes a timeout");
    stream.read(&mut [0]).is_err()
}

/// Waits until other shards have said what they counted.
fn expect_reached(bridge: &Bridge, key: &str, times: u64) {
    until(&format!("{key} is counted {times} times"), PATIENCE, || {
        (bridge.reached(key) == times).then_some(())
    });
}

#[test]
fn versions() {
    let bridge = limited("versions = [\"5.0\"]");
    let mut old = Client::new(Wire::tcp(bridge.tcp), Version::V3_1_1);
    assert_eq!(
        old.connect(&Connect::new(Version::V3_1_1, "a")).reason,
        ReasonCode::UnsupportedProtocolVersion
    );
    expect_reached(&bridge, "versions", 1);
}

#[test]
fn connect_timeout_s() {
    let bridge = limited("connect_timeout_s = 1");
    let mut silent = open(&bridge);
    silent.end();
    expect_reached(&bridge, "connect_timeout_s", 1);
}

#[test]
fn max_connections() {
    let bridge = limited("max_connections = 1");
    let _one = connect(&bridge, "a");
    assert_eq!(attempt(&bridge, &Connect::new(Version::V5, "b")), ReasonCode::QuotaExceeded);
    expect_reached(&bridge, "max_connections", 1);
}

#[test]
fn max_connections_per_address() {
    let bridge = limited("max_connections_per_address = 2");
    let (_one, _two) = (connect(&bridge, "a"), connect(&bridge, "b"));
    assert_eq!(attempt(&bridge, &Connect::new(Version::V5, "c")), ReasonCode::QuotaExceeded);
    expect_reached(&bridge, "max_connections_per_address", 1);
    // Of those who do not say what they want there may be a hundred, at each port.
    let mut silent: Vec<_> = (0..101).map(|_| TcpStream::connect(bridge.http).expect("it listens")).collect();
    let last = silent.last_mut().expect("there are many");
    last.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    assert_eq!(last.read(&mut [0]).ok(), Some(0), "it is closed without a word");
    drop(silent);
    until("they are gone", PATIENCE, || TcpStream::connect(bridge.http).ok().filter(is_open));
    assert!(bridge.reached("max_connections_per_address") >= 2);
}

#[test]
fn max_login_failures_per_minute() {
    let user = "[[auth.user]]\nname = \"alice\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";
    let bridge = limited(&format!("max_login_failures_per_minute = 1\n{user}"));
    let log_in = Connect { user_name: Some("alice"), password: Some(b"x"), ..Connect::new(Version::V5, "a") };
    assert_eq!(attempt(&bridge, &log_in), ReasonCode::BadUserNameOrPassword);
    assert_eq!(attempt(&bridge, &log_in), ReasonCode::ConnectionRateExceeded);
    expect_reached(&bridge, "max_login_failures_per_minute", 1);
}

#[test]
fn max_messages_per_s() {
    let bridge = limited("max_messages_per_s = 50");
    let mut client = connect(&bridge, "a");
    // What was saved in two seconds passes at once, and what is sent meanwhile.
    client.send_all(&vec![Packet::Publish(message("a", b"1")); 100]);
    client.expect_nothing();
    client.send_all(&vec![Packet::Pingreq; 2000]);
    let last = std::iter::from_fn(|| match client.next() {
        Packet::Pingresp => Some(None),
        Packet::Disconnect(disconnect) => Some(Some(disconnect.reason)),
        other => panic!("{other:?}"),
    });
    assert_eq!(last.flatten().next(), Some(ReasonCode::MessageRateTooHigh), "0x96");
    client.end();
    expect_reached(&bridge, "max_messages_per_s", 1);
    // One of 3.1.1 sees its connection close.
    let mut old = Client::new(Wire::tcp(bridge.tcp), Version::V3_1_1);
    old.connect(&Connect::new(Version::V3_1_1, "b"));
    old.send_all(&vec![Packet::Publish(message("a", b"1")); 1000]);
    assert_eq!(old.end().reason, None);
    expect_reached(&bridge, "max_messages_per_s", 2);
}

#[test]
fn max_bytes_per_s() {
    let bridge = limited("max_bytes_per_s = 10000");
    let mut client = connect(&bridge, "a");
    client.send_all(&vec![Packet::Publish(message("a", &[0; 10_000])); 40]);
    assert_eq!(client.end().reason, Some(ReasonCode::MessageRateTooHigh), "0x96");
    expect_reached(&bridge, "max_bytes_per_s", 1);
}

#[test]
fn rates_do_not_bind_this_machine_without_a_number() {
    let bridge = Bridge::start();
    let mut client = connect(&bridge, "a");
    client.send_all(&vec![Packet::Publish(message("a", &[0; 1000])); 30_000]);
    client.expect_nothing();
}

#[test]
fn receive_maximum() {
    let bridge = limited("receive_maximum = 1");
    let mut client = connect(&bridge, "a");
    let (one, two) = (client.new_id(), client.new_id());
    let publish =
        |id| Packet::Publish(Publish { delivery: delivery(Qos::ExactlyOnce, id), ..message("a", b"1") });
    client.send(&publish(one));
    client.ack("PUBREC", one);
    client.send(&publish(two));
    assert_eq!(client.end().reason, Some(ReasonCode::ReceiveMaximumExceeded), "0x93");
    expect_reached(&bridge, "receive_maximum", 1);
}

#[test]
fn max_packet_bytes() {
    let bridge = limited("max_packet_bytes = 1000");
    assert_eq!(fatal(&bridge, message("a", &[0; 1000])), Some(ReasonCode::PacketTooLarge), "0x95");
    expect_reached(&bridge, "max_packet_bytes", 1);
}

#[test]
fn max_topic_bytes_and_max_topic_levels() {
    let bridge = limited("max_topic_bytes = 10\nmax_topic_levels = 3");
    let mut client = connect(&bridge, "a");
    assert_eq!(client.publish("12345/7890", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish("12345/78901", b"1", Qos::AtLeastOnce), ReasonCode::TopicNameInvalid, "0x90");
    assert_eq!(client.subscribe("12345/78901", Qos::AtMostOnce), ReasonCode::TopicFilterInvalid, "0x8F");
    expect_reached(&bridge, "max_topic_bytes", 2);
    assert_eq!(client.publish("1/2/3", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish("1/2/3/4", b"1", Qos::AtLeastOnce), ReasonCode::TopicNameInvalid, "0x90");
    assert_eq!(client.subscribe("1/2/3/#", Qos::AtMostOnce), ReasonCode::TopicFilterInvalid, "0x8F");
    assert_eq!(
        client.subscribe("$share/x/1/2/#", Qos::AtMostOnce),
        ReasonCode::Success,
        "without what is shared"
    );
    expect_reached(&bridge, "max_topic_levels", 2);
    let will = ConnectWill {
        topic: TopicName::new("1/2/3/4").expect("a topic"),
        payload: b"x",
        qos: Qos::AtMostOnce,
        retain: false,
        delay_s: 0,
        properties: PublishProperties::default(),
    };
    let mortal = Connect { will: Some(will), ..Connect::new(Version::V5, "b") };
    assert_eq!(attempt(&bridge, &mortal), ReasonCode::TopicNameInvalid, "0x90");
    // What is over all that is ever taken is no packet at all.
    let mut client = connect(&bridge, "c");
    let deep = [&b"\x30\x83\x01\x00\x80"[..], &[b'/'; 128], &[0]].concat();
    client.send_bytes(&deep);
    assert_eq!(client.end().reason, Some(ReasonCode::TopicNameInvalid), "0x90");
    expect_reached(&bridge, "max_topic_levels", 4);
}

#[test]
fn topic_alias_maximum() {
    let bridge = limited("topic_alias_maximum = 1");
    let alias = |n| {
        let properties = PublishProperties { topic_alias: Some(n), ..PublishProperties::default() };
        Publish { properties: properties.into(), ..message("a", b"1") }
    };
    assert_eq!(fatal(&bridge, alias(2)), Some(ReasonCode::TopicAliasInvalid), "0x94");
    expect_reached(&bridge, "topic_alias_maximum", 1);
}

#[test]
fn max_keep_alive_s_and_max_session_expiry_s() {
    let bridge = limited("max_keep_alive_s = 60\nmax_session_expiry_s = 60");
    let mut hello = Connect { keep_alive_s: 600, ..Connect::new(Version::V5, "a") };
    hello.properties.session_expiry = SessionExpiry::from_secs(600);
    let granted = open(&bridge).connect(&hello);
    assert_eq!(granted.properties.server_keep_alive_s, Some(60));
    assert_eq!(granted.properties.session_expiry, Some(SessionExpiry::from_secs(60)));
    expect_reached(&bridge, "max_keep_alive_s", 1);
    expect_reached(&bridge, "max_session_expiry_s", 1);
}

#[test]
fn max_qos_and_retain_available() {
    let bridge = limited("max_qos = 0\nretain_available = false");
    let id = connect(&bridge, "x").new_id();
    let publish = Publish { delivery: delivery(Qos::AtLeastOnce, id), ..message("a", b"1") };
    assert_eq!(fatal(&bridge, publish), Some(ReasonCode::QosNotSupported), "0x9B");
    assert_eq!(
        fatal(&bridge, Publish { retain: true, ..message("a", b"1") }),
        Some(ReasonCode::RetainNotSupported),
        "0x9A"
    );
    expect_reached(&bridge, "max_qos", 1);
    expect_reached(&bridge, "retain_available", 1);
}

#[test]
fn check_payload_format() {
    let bridge = limited("check_payload_format = true");
    let properties = PublishProperties { payload_is_utf8: Some(true), ..PublishProperties::default() };
    let publish = Publish { properties: properties.into(), ..message("a", b"\xff") };
    assert_eq!(
        connect(&bridge, "a").publish_with(&publish, Qos::AtLeastOnce),
        ReasonCode::PayloadFormatInvalid,
        "0x99"
    );
    expect_reached(&bridge, "check_payload_format", 1);
}

#[test]
fn wildcard_subscriptions_and_shared_subscriptions() {
    let bridge = limited("wildcard_subscriptions = false\nshared_subscriptions = false");
    let mut client = connect(&bridge, "a");
    assert_eq!(
        client.subscribe("a/#", Qos::AtMostOnce),
        ReasonCode::WildcardSubscriptionsNotSupported,
        "0xA2"
    );
    assert_eq!(
        client.subscribe("$share/x/a", Qos::AtMostOnce),
        ReasonCode::SharedSubscriptionsNotSupported,
        "0x9E"
    );
    expect_reached(&bridge, "wildcard_subscriptions", 1);
    expect_reached(&bridge, "shared_subscriptions", 1);
}

#[test]
fn allow_empty_client_id() {
    let bridge = limited("allow_empty_client_id = false");
    assert_eq!(
        attempt(&bridge, &Connect::new(Version::V5, "")),
        ReasonCode::ClientIdentifierNotValid,
        "0x85"
    );
    expect_reached(&bridge, "allow_empty_client_id", 1);
}

/// A Client that was there, subscribed, and is away.
fn away(bridge: &Bridge) {
    let mut hello = Connect::new(Version::V5, "away");
    hello.properties.session_expiry = SessionExpiry::from_secs(600);
    let mut client = open(bridge);
    client.connect(&hello);
    client.subscribe("a", Qos::AtLeastOnce);
    client.disconnect();
}

#[test]
fn max_queued_messages() {
    let bridge = limited("max_queued_messages = 2");
    away(&bridge);
    let mut client = connect(&bridge, "b");
    let reasons: Vec<_> = (0..3).map(|_| client.publish("a", b"1", Qos::AtLeastOnce)).collect();
    assert_eq!(reasons[..2], [ReasonCode::Success; 2]);
    assert_eq!(reasons[2], ReasonCode::QuotaExceeded, "0x97: its only reader has no room");
    expect_reached(&bridge, "max_queued_messages", 1);
}

#[test]
fn max_queued_bytes() {
    let bridge = limited("max_queued_bytes = 1000");
    away(&bridge);
    let mut client = connect(&bridge, "b");
    assert_eq!(client.publish("a", &[0; 600], Qos::AtLeastOnce), ReasonCode::Success);
    assert_eq!(client.publish("a", &[0; 600], Qos::AtLeastOnce), ReasonCode::QuotaExceeded, "0x97");
    expect_reached(&bridge, "max_queued_bytes", 1);
}

#[test]
fn max_output_bytes() {
    let bridge = limited("max_output_bytes = 10000");
    let mut reader = connect(&bridge, "reader");
    reader.subscribe("a", Qos::AtMostOnce); // and then it does not read
    let mut client = connect(&bridge, "b");
    until("something is dropped", PATIENCE, || {
        client.send_all(&vec![Packet::Publish(message("a", &[0; 50_000])); 40]);
        client.sync();
        (bridge.reached("max_output_bytes") > 0).then_some(())
    });
    assert_eq!(
        bridge.reached("max_output_bytes"),
        bridge.metric("messages_dropped_total{cause=\"slow_reader\"}")
    );
}

#[test]
fn max_subscriptions() {
    let bridge = limited("max_subscriptions = 1");
    let mut client = connect(&bridge, "a");
    assert_eq!(client.subscribe("a", Qos::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("b", Qos::AtMostOnce), ReasonCode::QuotaExceeded, "0x97");
    assert_eq!(client.subscribe("$share/x/b", Qos::AtMostOnce), ReasonCode::QuotaExceeded, "0x97");
    expect_reached(&bridge, "max_subscriptions", 2);
}

#[test]
fn max_retained_messages_and_max_retained_bytes() {
    let bridge = limited("max_retained_messages = 1\nmax_retained_bytes = 100");
    let mut client = connect(&bridge, "a");
    assert_eq!(client.retain("a", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.retain("b", b"1", Qos::AtLeastOnce), ReasonCode::QuotaExceeded, "0x97");
    assert_eq!(client.retain("a", &[0; 200], Qos::AtLeastOnce), ReasonCode::QuotaExceeded, "0x97");
    expect_reached(&bridge, "max_retained_messages", 1);
    expect_reached(&bridge, "max_retained_bytes", 1);
}

/// What was promised to a Client holds for as long as it stays; all else counts at once.
#[test]
fn all_are_read_anew() {
    let bridge = Bridge::configured("[limits]\nreceive_maximum = 5\n");
    let mut client = connect(&bridge, "a");
    let publish = |client: &mut Client| {
        let id = client.new_id();
        client.send(&Packet::Publish(Publish {
            delivery: delivery(Qos::ExactlyOnce, id),
            ..message("a", b"1")
        }));
        id
    };
    let before = publish(&mut client);
    client.ack("PUBREC", before);
    bridge.configure(
        "[listen]\norigins = [\"https://panel.example\"]\nresponse_information = \"r/%c\"\n\
         [limits]\nreceive_maximum = 1\nmax_packet_bytes = 5000\nmax_keep_alive_s = 7\ntopic_alias_maximum = 3\nmax_qos = 1\n\
         retain_available = false\nmax_subscriptions = 1\nmax_topic_levels = 2\nmax_connections_per_address = 2\n\
         allow_empty_client_id = false\nversions = [\"5.0\"]\nmax_session_expiry_s = 60\noverlapping = \"each\"\n",
    );
    bridge.process.stderr.expect(&["read anew, and limits"]);
    // Other shards may hear of it a moment later.
    let granted = until("the new limits are told", PATIENCE, || {
        let mut hello = Connect { keep_alive_s: 60, ..Connect::new(Version::V5, "b") };
        hello.properties.session_expiry = SessionExpiry::from_secs(600);
        hello.properties.request_response_information = true;
        let granted = open(&bridge).connect(&hello);
        (granted.properties.receive_maximum == Some(1)).then_some(granted)
    });
    let p = &granted.properties;
    assert_eq!(
        (p.maximum_packet_size, p.server_keep_alive_s, p.topic_alias_maximum),
        (Some(5000), Some(7), 3)
    );
    assert_eq!((p.maximum_qos, p.retain_available), (Qos::AtLeastOnce, false));
    assert_eq!((p.session_expiry, p.response_information), (Some(SessionExpiry::from_secs(60)), Some("r/b")));
    // The one that was there goes on: it may have five under way, but of the new kind only.
    assert_eq!(client.publish("a/b", b"1", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish("a/b/c", b"1", Qos::AtLeastOnce), ReasonCode::TopicNameInvalid);
    assert_eq!(client.subscribe("a", Qos::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("b", Qos::AtMostOnce), ReasonCode::QuotaExceeded);
    let _two = until("the one that asked is gone", PATIENCE, || {
        let mut client = open(&bridge);
        let reason = client.connect(&Connect::new(Version::V5, "c")).reason;
        (reason == ReasonCode::Success).then_some(client)
    });
    assert_eq!(
        attempt(&bridge, &Connect::new(Version::V5, "d")),
        ReasonCode::QuotaExceeded,
        "the first counts, too"
    );
    client.send(&Packet::Publish(Publish { retain: true, ..message("a", b"1") }));
    assert_eq!(client.end().reason, Some(ReasonCode::RetainNotSupported));
    let page = tests::Request::upgrade("/mqtt", "mqtt").with("Origin", "https://panel.example");
    assert_eq!(page.send(bridge.http).status, 101);
    // What is wrong changes nothing.
    bridge.configure("[limits]\nreceive_maximum = 0\n");
    bridge.process.stderr.expect(&["stay as they were", "receive_maximum = 0"]);
    assert_eq!(open(&bridge).connect(&Connect::new(Version::V5, "b")).properties.receive_maximum, Some(1));
}

/// A rate binds those who are there.
#[test]
fn rates_are_read_anew_for_those_who_are_there() {
    let bridge = Bridge::configured("");
    let mut client = connect(&bridge, "a");
    bridge.configure("[limits]\nmax_messages_per_s = 10\n");
    bridge.process.stderr.expect(&["read anew, and limits"]);
    until("the rate is held", PATIENCE, || {
        let wire = client.wire();
        let sent = wire.stream().write_all(&[0xc0, 0].repeat(10));
        (sent.is_err() || bridge.reached("max_messages_per_s") == 1).then_some(())
    });
    expect_reached(&bridge, "max_messages_per_s", 1);
}
