//! CONNECT and CONNACK.

use mqtt::packet::{
    Connack, ConnackProperties, Connect, ConnectProperties, ConnectWill, Packet, PublishProperties,
};
use mqtt::{Qos, ReasonCode, SessionExpiry, TopicName, Version};

use crate::{ALL, Case, Is, V3, V3_1, V3_1_1, V5};

fn connect(connect: Connect<'static>) -> Is {
    Is::Packet(Packet::Connect(Box::new(connect)))
}

fn connack(connack: Connack<'static>) -> Is {
    Is::Packet(Packet::Connack(Box::new(connack)))
}

fn will(topic: &'static str, payload: &'static [u8]) -> ConnectWill<'static> {
    ConnectWill {
        topic: TopicName::new(topic).unwrap(),
        payload,
        qos: Qos::AtMostOnce,
        retain: false,
        delay_s: 0,
        properties: PublishProperties::default(),
    }
}

fn never() -> ConnectProperties<'static> {
    ConnectProperties { session_expiry: SessionExpiry::Never, ..ConnectProperties::default() }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = connects();
    cases.extend(connacks());
    cases
}

fn connects() -> Vec<Case> {
    vec![
        Case {
            name: "CONNECT 3.1",
            versions: V3_1,
            bytes: "10 [ 'MQIsdp' 03 02 003c 'c' ]",
            is: connect(Connect { keep_alive_s: 60, ..Connect::new(Version::V3_1, "c") }),
        },
        Case {
            name: "mqtt3_3_1_3_5 CONNECT 3.1 with a client identifier of more than 23 characters",
            versions: V3_1,
            bytes: "10 [ 'MQIsdp' 03 02 003c 'a-client-identifier-of-more-than-23-bytes' ]",
            is: connect(Connect {
                keep_alive_s: 60,
                ..Connect::new(Version::V3_1, "a-client-identifier-of-more-than-23-bytes")
            }),
        },
        Case {
            name: "CONNECT 3.1 with flags that stand for nothing",
            versions: V3_1,
            bytes: "1c [ 'MQIsdp' 03 02 003c 'c' ]",
            is: Is::OtherFormOf(Packet::Connect(Box::new(Connect {
                keep_alive_s: 60,
                ..Connect::new(Version::V3_1, "c")
            }))),
        },
        Case {
            name: "CONNECT 3.1 with flags of a will that is not there, and the one later versions reserve",
            versions: V3_1,
            bytes: "10 [ 'MQIsdp' 03 3b 003c 'c' ]",
            is: Is::OtherFormOf(Packet::Connect(Box::new(Connect {
                keep_alive_s: 60,
                ..Connect::new(Version::V3_1, "c")
            }))),
        },
        Case {
            name: "CONNECT 3.1 with a user name and password announced that are missing",
            versions: V3_1,
            bytes: "10 [ 'MQIsdp' 03 c2 003c 'c' ]",
            is: Is::OtherFormOf(Packet::Connect(Box::new(Connect {
                keep_alive_s: 60,
                ..Connect::new(Version::V3_1, "c")
            }))),
        },
        Case {
            name: "CONNECT 3.1.1",
            versions: V3_1_1,
            bytes: "10 [ 'MQTT' 04 02 003c 'c' ]",
            is: connect(Connect { keep_alive_s: 60, ..Connect::new(Version::V3_1_1, "c") }),
        },
        Case {
            name: "CONNECT 5.0",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 02 003c [] 'c' ]",
            is: connect(Connect { keep_alive_s: 60, ..Connect::new(Version::V5, "c") }),
        },
        Case {
            name: "CONNECT 3.1.1 without clean session keeps its session for ever",
            versions: V3_1_1,
            bytes: "10 [ 'MQTT' 04 00 0000 'c' ]",
            is: connect(Connect {
                clean_start: false,
                properties: never(),
                ..Connect::new(Version::V3_1_1, "c")
            }),
        },
        Case {
            name: "CONNECT 3.1 with all there is",
            versions: V3_1,
            bytes: "10 [ 'MQIsdp' 03 ee ffff 'c' 'w' 'bye' 'u' 'p' ]",
            is: connect(Connect {
                keep_alive_s: 65535,
                will: Some(ConnectWill { qos: Qos::AtLeastOnce, retain: true, ..will("w", b"bye") }),
                user_name: Some("u"),
                password: Some(b"p"),
                ..Connect::new(Version::V3_1, "c")
            }),
        },
        Case {
            name: "CONNECT 3.1.1 with all there is",
            versions: V3_1_1,
            bytes: "10 [ 'MQTT' 04 f6 0001 'c' 'w/t' 0002 00ff 'u' 0003 000102 ]",
            is: connect(Connect {
                keep_alive_s: 1,
                will: Some(ConnectWill { qos: Qos::ExactlyOnce, retain: true, ..will("w/t", &[0, 255]) }),
                user_name: Some("u"),
                password: Some(&[0, 1, 2]),
                ..Connect::new(Version::V3_1_1, "c")
            }),
        },
        Case {
            name: "CONNECT 5.0 with all properties",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 ce 0000 \
                    [ 11 0000000a 21 0014 27 00000100 22 000a 19 01 17 00 15 'm' 16 'd' 26 'k' 'v' 26 'k' 'w' ] 'c' \
                    [ 18 00000005 01 01 02 0000000f 08 'r' 09 'id' 03 'text' 26 'a' 'b' ] 'w' 'bye' 'u' 'p' ]",
            is: connect(Connect {
                will: Some(ConnectWill {
                    qos: Qos::AtLeastOnce,
                    delay_s: 5,
                    properties: PublishProperties {
                        payload_is_utf8: Some(true),
                        message_expiry_s: Some(15),
                        response_topic: Some("r"),
                        correlation_data: Some(b"id"),
                        content_type: Some("text"),
                        user_properties: vec![("a", "b")],
                        ..PublishProperties::default()
                    },
                    ..will("w", b"bye")
                }),
                user_name: Some("u"),
                password: Some(b"p"),
                properties: ConnectProperties {
                    session_expiry: SessionExpiry::After(10),
                    receive_maximum: Some(20),
                    maximum_packet_size: Some(256),
                    topic_alias_maximum: 10,
                    request_response_information: true,
                    request_problem_information: false,
                    user_properties: vec![("k", "v"), ("k", "w")],
                    authentication_method: Some("m"),
                    authentication_data: Some(b"d"),
                },
                ..Connect::new(Version::V5, "c")
            }),
        },
        Case {
            name: "CONNECT 5.0 with a session that never expires",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 00 0000 [ 11 ffffffff ] '' ]",
            is: connect(Connect { clean_start: false, properties: never(), ..Connect::new(Version::V5, "") }),
        },
        Case {
            name: "CONNECT 5.0 with a password and no user name",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 42 0000 [] 'c' 'p' ]",
            is: connect(Connect { password: Some(b"p"), ..Connect::new(Version::V5, "c") }),
        },
        Case {
            name: "CONNECT 5.0 with an empty will message and empty credentials",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 c6 0000 [] 'c' [] 'w' '' '' '' ]",
            is: connect(Connect {
                will: Some(will("w", b"")),
                user_name: Some(""),
                password: Some(b""),
                ..Connect::new(Version::V5, "c")
            }),
        },
        Case {
            name: "CONNECT 5.0 says the defaults",
            versions: V5,
            bytes: "10 [ 'MQTT' 05 02 0000 [ 11 00000000 22 0000 19 00 17 01 ] 'c' ]",
            is: Is::OtherFormOf(Packet::Connect(Box::new(Connect::new(Version::V5, "c")))),
        },
        Case {
            name: "CONNECT 3.1.1 with a client identifier beyond ASCII",
            versions: V3_1_1,
            bytes: "10 [ 'MQTT' 04 02 0000 0007 41 f0aa9b94 c3a9 ]",
            is: connect(Connect::new(Version::V3_1_1, "A\u{2a6d4}é")),
        },
    ]
}

fn connacks() -> Vec<Case> {
    vec![
        Case {
            name: "CONNACK 3.x",
            versions: V3,
            bytes: "20 [ 0000 ]",
            is: connack(Connack::new(ReasonCode::Success)),
        },
        Case {
            name: "CONNACK 5.0",
            versions: V5,
            bytes: "20 [ 0000 [] ]",
            is: connack(Connack::new(ReasonCode::Success)),
        },
        Case {
            name: "CONNACK 3.1.1 with the session present",
            versions: V3_1_1,
            bytes: "20 [ 0100 ]",
            is: connack(Connack { session_present: true, ..Connack::new(ReasonCode::Success) }),
        },
        Case {
            name: "CONNACK 3.1 with something in its reserved byte",
            versions: V3_1,
            bytes: "20 [ 0100 ]",
            is: Is::OtherFormOf(Packet::Connack(Box::new(Connack::new(ReasonCode::Success)))),
        },
        Case {
            name: "CONNACK 5.0 with the session present",
            versions: V5,
            bytes: "20 [ 0100 [] ]",
            is: connack(Connack { session_present: true, ..Connack::new(ReasonCode::Success) }),
        },
        Case {
            name: "CONNACK 3.x refuses the version",
            versions: V3,
            bytes: "20 [ 0001 ]",
            is: connack(Connack::new(ReasonCode::UnsupportedProtocolVersion)),
        },
        Case {
            name: "CONNACK 3.x refuses the identifier",
            versions: V3,
            bytes: "20 [ 0002 ]",
            is: connack(Connack::new(ReasonCode::ClientIdentifierNotValid)),
        },
        Case {
            name: "CONNACK 3.x is unavailable",
            versions: V3,
            bytes: "20 [ 0003 ]",
            is: connack(Connack::new(ReasonCode::ServerUnavailable)),
        },
        Case {
            name: "CONNACK 3.x refuses the password",
            versions: V3,
            bytes: "20 [ 0004 ]",
            is: connack(Connack::new(ReasonCode::BadUserNameOrPassword)),
        },
        Case {
            name: "CONNACK 3.x does not authorize",
            versions: V3,
            bytes: "20 [ 0005 ]",
            is: connack(Connack::new(ReasonCode::NotAuthorized)),
        },
        Case {
            name: "CONNACK 5.0 with all properties",
            versions: V5,
            bytes: "20 [ 00 00 [ 11 0000000a 21 0014 24 01 25 00 27 00000100 12 'auto' 22 000a 1f 'ok' 28 00 29 00 2a 00 \
                    13 001e 1a 'resp' 1c 'other' 15 'm' 16 'd' 26 'k' 'v' ] ]",
            is: connack(Connack {
                properties: ConnackProperties {
                    session_expiry: Some(SessionExpiry::After(10)),
                    receive_maximum: Some(20),
                    maximum_qos: Qos::AtLeastOnce,
                    retain_available: false,
                    maximum_packet_size: Some(256),
                    assigned_client_id: Some("auto"),
                    topic_alias_maximum: 10,
                    reason_string: Some("ok"),
                    user_properties: vec![("k", "v")],
                    wildcard_subscription_available: false,
                    subscription_id_available: false,
                    shared_subscription_available: false,
                    server_keep_alive_s: Some(30),
                    response_information: Some("resp"),
                    server_reference: Some("other"),
                    authentication_method: Some("m"),
                    authentication_data: Some(b"d"),
                },
                ..Connack::new(ReasonCode::Success)
            }),
        },
        Case {
            name: "CONNACK 5.0 with QoS 0 only",
            versions: V5,
            bytes: "20 [ 0000 [ 24 00 ] ]",
            is: connack(Connack {
                properties: ConnackProperties {
                    maximum_qos: Qos::AtMostOnce,
                    ..ConnackProperties::default()
                },
                ..Connack::new(ReasonCode::Success)
            }),
        },
        Case {
            name: "CONNACK 5.0 says the defaults",
            versions: V5,
            bytes: "20 [ 0000 [ 25 01 22 0000 28 01 29 01 2a 01 ] ]",
            is: Is::OtherFormOf(Packet::Connack(Box::new(Connack::new(ReasonCode::Success)))),
        },
        Case {
            name: "CONNACK 5.0 refuses with words",
            versions: V5,
            bytes: "20 [ 00 87 [ 1f 'who?' ] ]",
            is: connack(Connack {
                properties: ConnackProperties { reason_string: Some("who?"), ..ConnackProperties::default() },
                ..Connack::new(ReasonCode::NotAuthorized)
            }),
        },
        Case { name: "PINGREQ", versions: ALL, bytes: "c0 00", is: Is::Packet(Packet::Pingreq) },
        Case { name: "PINGRESP", versions: ALL, bytes: "d0 00", is: Is::Packet(Packet::Pingresp) },
    ]
}
