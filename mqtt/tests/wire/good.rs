//! All packets but CONNECT and CONNACK.

use mqtt::packet::{
    Ack, Auth, BoxedProperties, Disconnect, Packet, Publish, PublishProperties, RetainHandling, Subscribe,
    SubscriptionAck, SubscriptionOptions, Unsubscribe,
};
use mqtt::{Delivery, PacketId, Qos, ReasonCode, SessionExpiry, TopicFilter, TopicName, Version};

use crate::{ALL, Case, Is, V3, V3_1, V5};

fn id(n: u16) -> PacketId {
    PacketId::new(n).unwrap()
}

fn case(
    name: &'static str,
    versions: &'static [Version],
    bytes: &'static str,
    packet: Packet<'static>,
) -> Case {
    Case { name, versions, bytes, is: Is::Packet(packet) }
}

fn long(
    name: &'static str,
    versions: &'static [Version],
    bytes: &'static str,
    packet: Packet<'static>,
) -> Case {
    Case { name, versions, bytes, is: Is::OtherFormOf(packet) }
}

pub(crate) fn cases() -> Vec<Case> {
    [publishes(), acks(), subscribes(), subscription_acks(), ends()].into_iter().flatten().collect()
}

fn publish(delivery: Delivery, topic: Option<&'static str>, payload: &'static [u8]) -> Publish<'static> {
    let topic = topic.map(|text| TopicName::new(text).unwrap());
    Publish { delivery, retain: false, topic, payload, properties: BoxedProperties::default() }
}

fn publishes() -> Vec<Case> {
    let one = |dup| Delivery::AtLeastOnce { packet_id: id(10), dup };
    let two = |dup| Delivery::ExactlyOnce { packet_id: id(0xffff), dup };
    let qos_0 = || publish(Delivery::AtMostOnce, Some("a/b"), b"hi");
    let p = Packet::Publish;
    let all = PublishProperties {
        payload_is_utf8: Some(false),
        message_expiry_s: Some(u32::MAX),
        topic_alias: Some(7),
        response_topic: Some("r/s"),
        correlation_data: Some(&[0, 1]),
        content_type: Some("json"),
        subscription_ids: vec![1, 268_435_455],
        user_properties: vec![("k", "v"), ("k", "")],
    };
    let aliased = PublishProperties { topic_alias: Some(1), ..PublishProperties::default() };
    vec![
        case("PUBLISH 3.x QoS 0", V3, "30 [ 'a/b' \"hi\" ]", p(qos_0())),
        case("PUBLISH 5.0 QoS 0", V5, "30 [ 'a/b' [] \"hi\" ]", p(qos_0())),
        case("PUBLISH 3.x retained", V3, "31 [ 'a/b' \"hi\" ]", p(Publish { retain: true, ..qos_0() })),
        case("PUBLISH 5.0 retained", V5, "31 [ 'a/b' [] \"hi\" ]", p(Publish { retain: true, ..qos_0() })),
        case(
            "PUBLISH 3.x without payload",
            V3,
            "30 [ 'a' ]",
            p(publish(Delivery::AtMostOnce, Some("a"), b"")),
        ),
        case(
            "PUBLISH 5.0 without payload",
            V5,
            "30 [ 'a' [] ]",
            p(publish(Delivery::AtMostOnce, Some("a"), b"")),
        ),
        case("PUBLISH 3.x QoS 1", V3, "32 [ 'a' 000a \"x\" ]", p(publish(one(false), Some("a"), b"x"))),
        case("PUBLISH 5.0 QoS 1", V5, "32 [ 'a' 000a [] \"x\" ]", p(publish(one(false), Some("a"), b"x"))),
        case("PUBLISH 3.x QoS 1 again", V3, "3a [ 'a' 000a \"x\" ]", p(publish(one(true), Some("a"), b"x"))),
        case(
            "PUBLISH 5.0 QoS 1 again",
            V5,
            "3a [ 'a' 000a [] \"x\" ]",
            p(publish(one(true), Some("a"), b"x")),
        ),
        case("PUBLISH 3.x QoS 2", V3, "34 [ 'a' ffff \"x\" ]", p(publish(two(false), Some("a"), b"x"))),
        case("PUBLISH 5.0 QoS 2", V5, "34 [ 'a' ffff [] \"x\" ]", p(publish(two(false), Some("a"), b"x"))),
        case(
            "PUBLISH 3.x QoS 2 again, retained",
            V3,
            "3d [ 'a' ffff ]",
            p(Publish { retain: true, ..publish(two(true), Some("a"), b"") }),
        ),
        case(
            "PUBLISH 3.x any payload",
            V3,
            "30 [ 'a' 00ff80 ]",
            p(publish(Delivery::AtMostOnce, Some("a"), &[0, 255, 128])),
        ),
        case(
            "PUBLISH 5.0 with all properties",
            V5,
            "32 [ 'a' 000a [ 01 00 02 ffffffff 23 0007 08 'r/s' 09 0002 0001 03 'json' 0b 01 0b ffffff7f \
             26 'k' 'v' 26 'k' '' ] \"x\" ]",
            p(Publish { properties: all.into(), ..publish(one(false), Some("a"), b"x") }),
        ),
        case(
            "PUBLISH 5.0 with a topic alias alone",
            V5,
            "30 [ '' [ 23 0001 ] \"x\" ]",
            p(Publish { properties: aliased.into(), ..publish(Delivery::AtMostOnce, None, b"x") }),
        ),
        case(
            "mqtt_1_5_4_3 mqtt3_1_5_3_3 PUBLISH 3.x with a topic of U+FEFF and spaces",
            V3,
            "30 [ 0006 efbbbf 20 2f 20 ]",
            p(publish(Delivery::AtMostOnce, Some("\u{feff} / "), b"")),
        ),
    ]
}

fn acks() -> Vec<Case> {
    let ack = || Ack::new(id(0x1234), ReasonCode::Success);
    let refused = || Ack::new(id(0x1234), ReasonCode::NotAuthorized);
    let unknown = || Ack::new(id(0x1234), ReasonCode::PacketIdentifierNotFound);
    let words = |ack| Ack { reason_string: Some("no"), user_properties: vec![("k", "v")], ..ack };
    vec![
        case("PUBACK", ALL, "40 [ 1234 ]", Packet::Puback(ack())),
        case("PUBREC", ALL, "50 [ 1234 ]", Packet::Pubrec(ack())),
        case("PUBREL", ALL, "62 [ 1234 ]", Packet::Pubrel(ack())),
        case("PUBCOMP", ALL, "70 [ 1234 ]", Packet::Pubcomp(ack())),
        case("PUBACK 5.0 refuses", V5, "40 [ 1234 87 ]", Packet::Puback(refused())),
        case("PUBREC 5.0 refuses", V5, "50 [ 1234 87 ]", Packet::Pubrec(refused())),
        case("PUBREL 5.0 knows no such identifier", V5, "62 [ 1234 92 ]", Packet::Pubrel(unknown())),
        case("PUBCOMP 5.0 knows no such identifier", V5, "70 [ 1234 92 ]", Packet::Pubcomp(unknown())),
        case(
            "PUBACK 5.0 with words",
            V5,
            "40 [ 1234 87 [ 1f 'no' 26 'k' 'v' ] ]",
            Packet::Puback(words(refused())),
        ),
        case(
            "PUBREC 5.0 with words",
            V5,
            "50 [ 1234 87 [ 1f 'no' 26 'k' 'v' ] ]",
            Packet::Pubrec(words(refused())),
        ),
        case(
            "PUBREL 5.0 with words",
            V5,
            "62 [ 1234 92 [ 1f 'no' 26 'k' 'v' ] ]",
            Packet::Pubrel(words(unknown())),
        ),
        case(
            "PUBCOMP 5.0 with words",
            V5,
            "70 [ 1234 00 [ 1f 'no' 26 'k' 'v' ] ]",
            Packet::Pubcomp(words(ack())),
        ),
        case(
            "PUBACK 5.0 without subscribers",
            V5,
            "40 [ 1234 10 ]",
            Packet::Puback(Ack::new(id(0x1234), ReasonCode::NoMatchingSubscribers)),
        ),
        long("PUBACK 5.0 says success", V5, "40 [ 1234 00 ]", Packet::Puback(ack())),
        long("PUBREC 5.0 says that it has no properties", V5, "50 [ 1234 87 [] ]", Packet::Pubrec(refused())),
        long("PUBREL 5.0 says all it need not", V5, "62 [ 1234 00 [] ]", Packet::Pubrel(ack())),
        long("PINGREQ 3.x with a padded length", V3, "c0 80808000", Packet::Pingreq),
        long("PUBACK 3.x with a padded length", V3, "40 8200 1234", Packet::Puback(ack())),
        // 3.1 had QoS and DUP where later versions reserve the flags.
        Case {
            name: "PUBREL 3.1 again",
            versions: V3_1,
            bytes: "6a [ 1234 ]",
            is: Is::Packet(Packet::Pubrel(ack())),
        }
        .decoded_only(),
    ]
}

impl Case {
    /// A form that is read and never written.
    fn decoded_only(self) -> Self {
        let is = match self.is {
            Is::Packet(packet) => Is::OtherFormOf(packet),
            other => other,
        };
        Self { is, ..self }
    }
}

fn subscribes() -> Vec<Case> {
    let filter = |text| TopicFilter::new(text).unwrap();
    let at = SubscriptionOptions::at;
    let subscribe =
        |filters| Subscribe { packet_id: id(10), filters, subscription_id: None, user_properties: vec![] };
    let unsubscribe = |filters: Vec<TopicFilter<&'static str>>| Unsubscribe {
        packet_id: id(10),
        filters,
        user_properties: vec![],
    };
    let three = vec![
        (filter("a/+"), at(Qos::AtMostOnce)),
        (filter("b/#"), at(Qos::AtLeastOnce)),
        (filter("/"), at(Qos::ExactlyOnce)),
    ];
    let options = SubscriptionOptions {
        qos: Qos::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let if_new = SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..at(Qos::AtMostOnce) };
    let s = Packet::Subscribe;
    let u = Packet::Unsubscribe;
    vec![
        case("SUBSCRIBE 3.x", V3, "82 [ 000a 'a/+' 00 'b/#' 01 '/' 02 ]", s(subscribe(three.clone()))),
        case("SUBSCRIBE 5.0", V5, "82 [ 000a [] 'a/+' 00 'b/#' 01 '/' 02 ]", s(subscribe(three))),
        case(
            "SUBSCRIBE 5.0 with all options",
            V5,
            "82 [ 000a [] '#' 2e ]",
            s(subscribe(vec![(filter("#"), options)])),
        ),
        case(
            "SUBSCRIBE 5.0 for what is new",
            V5,
            "82 [ 000a [] '$share/g/+/x' 10 ]",
            s(subscribe(vec![(filter("$share/g/+/x"), if_new)])),
        ),
        case(
            "SUBSCRIBE 5.0 with all properties",
            V5,
            "82 [ 000a [ 0b 8001 26 'k' 'v' ] 'a' 00 ]",
            s(Subscribe {
                subscription_id: Some(128),
                user_properties: vec![("k", "v")],
                ..subscribe(vec![(filter("a"), at(Qos::AtMostOnce))])
            }),
        ),
        Case {
            name: "SUBSCRIBE 3.1 again",
            versions: V3_1,
            bytes: "8a [ 000a 'a' 00 ]",
            is: Is::Packet(s(subscribe(vec![(filter("a"), at(Qos::AtMostOnce))]))),
        }
        .decoded_only(),
        case(
            "UNSUBSCRIBE 3.x",
            V3,
            "a2 [ 000a 'a' 'b/#' ]",
            u(unsubscribe(vec![filter("a"), filter("b/#")])),
        ),
        case(
            "UNSUBSCRIBE 5.0",
            V5,
            "a2 [ 000a [] 'a' 'b/#' ]",
            u(unsubscribe(vec![filter("a"), filter("b/#")])),
        ),
        case(
            "UNSUBSCRIBE 5.0 with a property",
            V5,
            "a2 [ 000a [ 26 'k' 'v' ] 'a' ]",
            u(Unsubscribe { user_properties: vec![("k", "v")], ..unsubscribe(vec![filter("a")]) }),
        ),
    ]
}

fn subscription_acks() -> Vec<Case> {
    use ReasonCode as R;
    let ack = |reasons: &[R]| SubscriptionAck::new(id(10), reasons.to_vec());
    let words = |ack| SubscriptionAck { reason_string: Some("no"), user_properties: vec![("k", "v")], ..ack };
    let granted = [R::Success, R::GrantedQos1, R::GrantedQos2, R::UnspecifiedError];
    let s = Packet::Suback;
    let u = Packet::Unsuback;
    vec![
        case("SUBACK 3.x", V3, "90 [ 000a 00 01 02 80 ]", s(ack(&granted))),
        case("SUBACK 5.0", V5, "90 [ 000a [] 00 01 02 80 ]", s(ack(&granted))),
        case(
            "SUBACK 5.0 with all its failures",
            V5,
            "90 [ 000a [ 1f 'no' 26 'k' 'v' ] 83 87 8f 91 97 9e a1 a2 ]",
            s(words(ack(&[
                R::ImplementationSpecificError,
                R::NotAuthorized,
                R::TopicFilterInvalid,
                R::PacketIdentifierInUse,
                R::QuotaExceeded,
                R::SharedSubscriptionsNotSupported,
                R::SubscriptionIdentifiersNotSupported,
                R::WildcardSubscriptionsNotSupported,
            ]))),
        ),
        case("UNSUBACK 3.x", V3, "b0 [ 000a ]", u(ack(&[]))),
        case(
            "UNSUBACK 5.0",
            V5,
            "b0 [ 000a [] 00 11 87 ]",
            u(ack(&[R::Success, R::NoSubscriptionExisted, R::NotAuthorized])),
        ),
        case(
            "UNSUBACK 5.0 with words",
            V5,
            "b0 [ 000a [ 1f 'no' 26 'k' 'v' ] 80 ]",
            u(words(ack(&[R::UnspecifiedError]))),
        ),
    ]
}

fn ends() -> Vec<Case> {
    let d = Packet::Disconnect;
    let a = Packet::Auth;
    let plain = Disconnect::new;
    let full = Disconnect {
        session_expiry: Some(SessionExpiry::After(1)),
        reason_string: Some("bye"),
        server_reference: Some("other"),
        user_properties: vec![("k", "v")],
        ..plain(ReasonCode::UseAnotherServer)
    };
    let step = Auth {
        method: Some("SCRAM-SHA-256"),
        data: Some(&[1, 0]),
        reason_string: Some("go"),
        user_properties: vec![("k", "v")],
        ..Auth::new(ReasonCode::ContinueAuthentication)
    };
    let again = Auth { method: Some("m"), ..Auth::new(ReasonCode::ReAuthenticate) };
    vec![
        case("DISCONNECT", ALL, "e0 00", d(plain(ReasonCode::Success))),
        case("DISCONNECT 5.0 with the will", V5, "e0 [ 04 ]", d(plain(ReasonCode::DisconnectWithWill))),
        case("DISCONNECT 5.0 takes over", V5, "e0 [ 8e ]", d(plain(ReasonCode::SessionTakenOver))),
        case(
            "DISCONNECT 5.0 with all properties",
            V5,
            "e0 [ 9c [ 11 00000001 1f 'bye' 1c 'other' 26 'k' 'v' ] ]",
            d(full),
        ),
        case(
            "DISCONNECT 5.0 ends its session",
            V5,
            "e0 [ 00 [ 11 00000000 ] ]",
            d(Disconnect { session_expiry: Some(SessionExpiry::AtDisconnect), ..plain(ReasonCode::Success) }),
        ),
        long("DISCONNECT 5.0 says success", V5, "e0 [ 00 ]", d(plain(ReasonCode::Success))),
        long(
            "DISCONNECT 5.0 says that it has no properties",
            V5,
            "e0 [ 81 [] ]",
            d(plain(ReasonCode::MalformedPacket)),
        ),
        case("AUTH 5.0", V5, "f0 00", a(Auth::new(ReasonCode::Success))),
        case(
            "AUTH 5.0 with all properties",
            V5,
            "f0 [ 18 [ 15 'SCRAM-SHA-256' 16 0002 0100 1f 'go' 26 'k' 'v' ] ]",
            a(step),
        ),
        case("AUTH 5.0 again", V5, "f0 [ 19 [ 15 'm' ] ]", a(again)),
    ]
}
