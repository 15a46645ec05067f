//! Bytes that are no packet, each with the reason its sender is told.

use mqtt::{ReasonCode, Version};

use crate::{ALL, Case, Is, V3, V3_1_1, V5};

const MALFORMED: ReasonCode = ReasonCode::MalformedPacket;
const PROTOCOL: ReasonCode = ReasonCode::ProtocolError;
const TOPIC: ReasonCode = ReasonCode::TopicNameInvalid;
const FILTER: ReasonCode = ReasonCode::TopicFilterInvalid;
const VERSION: ReasonCode = ReasonCode::UnsupportedProtocolVersion;

type Row = (&'static str, &'static [Version], &'static str, ReasonCode);

pub(crate) fn cases() -> Vec<Case> {
    let rows = [HEADERS, CONNECTS, CONNACKS, PUBLISHES, ACKS, SUBSCRIPTIONS, ENDS].concat();
    rows.into_iter()
        .map(|(name, versions, bytes, reason)| Case { name, versions, bytes, is: Is::Error(reason) })
        .collect()
}

const HEADERS: &[Row] = &[
    ("type 0", ALL, "00 00", MALFORMED),
    ("AUTH in 3.x", V3, "f0 00", MALFORMED),
    ("mqtt_2_1_3_1 CONNECT with flags", ALL, "11 [ 'MQTT' 04 02 0000 'c' ]", MALFORMED),
    ("mqtt_2_1_3_1 CONNACK with flags", ALL, "21 [ 0000 ]", MALFORMED),
    ("mqtt_2_1_3_1 PUBACK with flags", ALL, "42 [ 0001 ]", MALFORMED),
    ("mqtt_2_1_3_1 PUBREC with flags", ALL, "51 [ 0001 ]", MALFORMED),
    (
        "mqtt_3_6_1_1 mqtt3_3_6_1_1 mqtt3_2_2_2_1 mqtt3_2_2_2_2 PUBREL without its flag",
        ALL,
        "60 [ 0001 ]",
        MALFORMED,
    ),
    ("mqtt_2_1_3_1 PUBCOMP with flags", ALL, "72 [ 0001 ]", MALFORMED),
    ("mqtt_3_8_1_1 mqtt3_3_8_1_1 SUBSCRIBE without its flag", V3, "80 [ 0001 'a' 00 ]", MALFORMED),
    ("mqtt_2_1_3_1 SUBACK with flags", ALL, "91 [ 0001 00 ]", MALFORMED),
    ("mqtt_3_10_1_1 mqtt3_3_10_1_1 UNSUBSCRIBE without its flag", V3, "a0 [ 0001 'a' ]", MALFORMED),
    ("mqtt_2_1_3_1 UNSUBACK with flags", ALL, "b1 [ 0001 ]", MALFORMED),
    ("mqtt_2_1_3_1 PINGREQ with flags", ALL, "c1 00", MALFORMED),
    ("mqtt_2_1_3_1 PINGRESP with flags", ALL, "d1 00", MALFORMED),
    ("mqtt_3_14_1_1 DISCONNECT with flags", ALL, "e1 00", MALFORMED),
    ("mqtt_3_15_1_1 AUTH with flags", V5, "f1 00", MALFORMED),
    ("SUBSCRIBE 3.1.1 with the DUP flag of 3.1", V3_1_1, "8a [ 0001 'a' 00 ]", MALFORMED),
    ("cve_2026_21888 a length of five bytes", ALL, "30 8080808001", MALFORMED),
    ("a length of five bytes that stays small", ALL, "30 ffffffff7f", MALFORMED),
    ("mqtt_1_5_5_1 a length longer than needed", V5, "c0 8000", MALFORMED),
    ("mqtt_1_5_5_1 a CONNECT with a padded length", V5, "10 8e00 'MQTT' 05 02 0000 00 0001 63", MALFORMED),
    ("PINGREQ with a body", ALL, "c0 [ 00 ]", MALFORMED),
    ("PINGRESP with a body", ALL, "d0 [ 00 ]", MALFORMED),
];

const CONNECTS: &[Row] = &[
    ("mqtt_3_1_2_1 another protocol", ALL, "10 [ 'HTTP' 04 02 0000 'c' ]", MALFORMED),
    ("the name of 3.1 in small letters", ALL, "10 [ 'mqisdp' 03 02 0000 'c' ]", MALFORMED),
    ("mqtt_3_1_2_2 level 6", ALL, "10 [ 'MQTT' 06 02 0000 [] 'c' ]", VERSION),
    ("mqtt_3_1_2_2 level 0x84 of a bridge", ALL, "10 [ 'MQTT' 84 02 0000 'c' ]", VERSION),
    ("level 4 under the name of 3.1", ALL, "10 [ 'MQIsdp' 04 02 0000 'c' ]", VERSION),
    ("level 3 under the name of 3.1.1", ALL, "10 [ 'MQTT' 03 02 0000 'c' ]", VERSION),
    ("mqtt_3_1_2_3 the reserved flag", ALL, "10 [ 'MQTT' 04 03 0000 'c' ]", MALFORMED),
    (
        "mqtt_3_1_2_11 mqtt3_3_1_2_13 mqtt3_3_1_2_11 will QoS without a will",
        ALL,
        "10 [ 'MQTT' 04 0a 0000 'c' ]",
        MALFORMED,
    ),
    (
        "mqtt_3_1_2_13 mqtt3_3_1_2_15 will retain without a will",
        ALL,
        "10 [ 'MQTT' 04 22 0000 'c' ]",
        MALFORMED,
    ),
    ("mqtt_3_1_2_12 mqtt3_3_1_2_14 will QoS 3", ALL, "10 [ 'MQTT' 04 1e 0000 'c' 'w' 'm' ]", MALFORMED),
    (
        "mqtt3_3_1_2_22 a password without a user name in 3.1.1",
        ALL,
        "10 [ 'MQTT' 04 42 0000 'c' 'p' ]",
        MALFORMED,
    ),
    (
        "mqtt_3_1_3_3 mqtt3_3_1_3_3 CONNECT without a client identifier",
        ALL,
        "10 [ 'MQTT' 04 02 0000 ]",
        MALFORMED,
    ),
    ("CONNECT with bytes left over", ALL, "10 [ 'MQTT' 04 02 0000 'c' 00 ]", MALFORMED),
    (
        "mqtt_3_1_2_17 mqtt3_3_1_2_19 CONNECT whose user name is not there",
        ALL,
        "10 [ 'MQTT' 04 82 0000 'c' ]",
        MALFORMED,
    ),
    (
        "mqtt_3_1_2_9 mqtt3_3_1_2_9 CONNECT whose will is not there",
        ALL,
        "10 [ 'MQTT' 04 06 0000 'c' ]",
        MALFORMED,
    ),
    ("CONNECT with a string that reaches past the end", ALL, "10 [ 'MQTT' 04 02 0000 00ff 63 ]", MALFORMED),
    (
        "mqtt_1_5_4_1 mqtt3_1_5_3_1 mqtt_3_1_3_4 mqtt3_3_1_3_4 a surrogate in the client identifier",
        ALL,
        "10 [ 'MQTT' 04 02 0000 0003 eda080 ]",
        MALFORMED,
    ),
    (
        "mqtt_1_5_4_1 half a character in the client identifier",
        ALL,
        "10 [ 'MQTT' 04 02 0000 0001 c3 ]",
        MALFORMED,
    ),
    (
        "mqtt_1_5_4_2 mqtt3_1_5_3_2 mqtt_3_1_3_4 U+0000 in the client identifier",
        ALL,
        "10 [ 'MQTT' 04 02 0000 0001 00 ]",
        MALFORMED,
    ),
    (
        "mqtt_1_5_4_2 mqtt3_1_5_3_2 mqtt_3_1_3_12 mqtt3_3_1_3_11 U+0000 in the user name",
        ALL,
        "10 [ 'MQTT' 04 82 0000 'c' 0001 00 ]",
        MALFORMED,
    ),
    (
        "mqtt_1_5_4_2 mqtt3_1_5_3_2 mqtt_3_1_3_11 mqtt3_3_1_3_10 U+0000 in the will topic",
        ALL,
        "10 [ 'MQTT' 04 06 0000 'c' 0002 6100 'm' ]",
        MALFORMED,
    ),
    ("a will topic with a wildcard", ALL, "10 [ 'MQTT' 04 06 0000 'c' 'w/#' 'm' ]", TOPIC),
    ("an empty will topic", ALL, "10 [ 'MQTT' 04 06 0000 'c' '' 'm' ]", TOPIC),
    ("CONNECT 5.0 without properties", ALL, "10 [ 'MQTT' 05 02 0000 ]", MALFORMED),
    ("properties that reach past the end", ALL, "10 [ 'MQTT' 05 02 0000 7f 'c' ]", MALFORMED),
    ("a property cut by its length", ALL, "10 [ 'MQTT' 05 02 0000 [ 11 0000 ] 'c' ]", MALFORMED),
    (
        "mqtt_1_5_4_2 mqtt_1_5_7_1 U+0000 in a user property",
        ALL,
        "10 [ 'MQTT' 05 02 0000 [ 26 0001 00 'v' ] 'c' ]",
        MALFORMED,
    ),
    (
        "mqtt_1_5_7_1 U+0000 in the value of a user property",
        ALL,
        "10 [ 'MQTT' 05 02 0000 [ 26 'k' 0002 6100 ] 'c' ]",
        MALFORMED,
    ),
    ("a property nobody knows", ALL, "10 [ 'MQTT' 05 02 0000 [ 7f 00 ] 'c' ]", MALFORMED),
    ("a property of another packet", ALL, "10 [ 'MQTT' 05 02 0000 [ 23 0001 ] 'c' ]", MALFORMED),
    ("a property of the will outside of it", ALL, "10 [ 'MQTT' 05 02 0000 [ 18 00000001 ] 'c' ]", MALFORMED),
    ("the session expiry twice", ALL, "10 [ 'MQTT' 05 02 0000 [ 11 00000001 11 00000001 ] 'c' ]", PROTOCOL),
    ("receive maximum 0", ALL, "10 [ 'MQTT' 05 02 0000 [ 21 0000 ] 'c' ]", PROTOCOL),
    ("maximum packet size 0", ALL, "10 [ 'MQTT' 05 02 0000 [ 27 00000000 ] 'c' ]", PROTOCOL),
    ("request response information 2", ALL, "10 [ 'MQTT' 05 02 0000 [ 19 02 ] 'c' ]", PROTOCOL),
    ("request problem information 2", ALL, "10 [ 'MQTT' 05 02 0000 [ 17 02 ] 'c' ]", PROTOCOL),
    ("authentication data without a method", ALL, "10 [ 'MQTT' 05 02 0000 [ 16 'd' ] 'c' ]", PROTOCOL),
    (
        "cve_2023_3592 a bad will property",
        ALL,
        "10 [ 'MQTT' 05 06 0000 [] 'c' [ 23 0001 ] 'w' 'm' ]",
        MALFORMED,
    ),
    ("a will property twice", ALL, "10 [ 'MQTT' 05 06 0000 [] 'c' [ 03 'a' 03 'b' ] 'w' 'm' ]", PROTOCOL),
    (
        "a will response topic with a wildcard",
        ALL,
        "10 [ 'MQTT' 05 06 0000 [] 'c' [ 08 '+' ] 'w' 'm' ]",
        TOPIC,
    ),
];

const CONNACKS: &[Row] = &[
    ("mqtt_3_2_2_1 CONNACK with reserved flags", V3_1_1, "20 [ 0200 ]", MALFORMED),
    ("CONNACK 3.x with return code 6", V3, "20 [ 0006 ]", MALFORMED),
    ("mqtt_3_2_2_8 CONNACK 5.0 with a reason it may not have", V5, "20 [ 0001 [] ]", MALFORMED),
    ("mqtt_3_2_2_6 CONNACK refuses with the session present", V3_1_1, "20 [ 0105 ]", PROTOCOL),
    ("CONNACK 5.0 without properties", V5, "20 [ 0000 ]", MALFORMED),
    ("CONNACK with maximum QoS 2", V5, "20 [ 0000 [ 24 02 ] ]", PROTOCOL),
    ("CONNACK with receive maximum 0", V5, "20 [ 0000 [ 21 0000 ] ]", PROTOCOL),
    ("CONNACK with a property of CONNECT", V5, "20 [ 0000 [ 17 01 ] ]", MALFORMED),
];

const PUBLISHES: &[Row] = &[
    ("mqtt_3_3_1_4 mqtt3_3_3_1_4 QoS 3", V3, "36 [ 'a' 0001 ]", MALFORMED),
    ("mqtt_3_3_1_2 mqtt3_3_3_1_2 DUP at QoS 0", V3, "38 [ 'a' ]", MALFORMED),
    ("cve_2021_34432 an empty topic in 3.x", V3, "30 [ '' \"x\" ]", TOPIC),
    ("an empty topic without an alias", V5, "30 [ '' [] \"x\" ]", PROTOCOL),
    ("mqtt_3_3_2_2 mqtt3_3_3_2_2 mqtt_4_7_0_1 a topic with +", V3, "30 [ 'a/+' ]", TOPIC),
    ("mqtt_3_3_2_2 mqtt3_3_3_2_2 mqtt3_4_7_1_1 a topic with #", V3, "30 [ '#' ]", TOPIC),
    ("mqtt_4_7_3_2 mqtt3_4_7_3_2 a topic with U+0000", V3, "30 [ 0003 610062 ]", MALFORMED),
    (
        "mqtt_1_5_4_1 mqtt3_1_5_3_1 mqtt_3_3_2_1 mqtt3_3_3_2_1 a topic that is no UTF-8",
        V3,
        "30 [ 0001 ff ]",
        MALFORMED,
    ),
    ("mqtt_2_2_1_3 mqtt3_2_3_1_1 PUBLISH with identifier 0", V3, "32 [ 'a' 0000 ]", MALFORMED),
    ("PUBLISH without its identifier", V3, "32 [ 'a' 00 ]", MALFORMED),
    ("PUBLISH without a topic", V3, "30 00", MALFORMED),
    ("PUBLISH with a property of CONNECT", V5, "30 [ 'a' [ 21 0001 ] ]", MALFORMED),
    ("PUBLISH with two content types", V5, "30 [ 'a' [ 03 'x' 03 'x' ] ]", PROTOCOL),
    ("PUBLISH with two topic aliases", V5, "30 [ 'a' [ 23 0001 23 0001 ] ]", PROTOCOL),
    ("PUBLISH with payload format 2", V5, "30 [ 'a' [ 01 02 ] ]", PROTOCOL),
    ("mqtt_3_3_2_14 a response topic with a wildcard", V5, "30 [ 'a' [ 08 'r/+' ] ]", TOPIC),
    ("PUBLISH with subscription identifier 0", V5, "30 [ 'a' [ 0b 00 ] ]", PROTOCOL),
    ("PUBLISH with properties past its end", V5, "30 [ 'a' 05 23 ]", MALFORMED),
    ("PUBLISH with a property length of five bytes", V5, "30 [ 'a' 8080808001 ]", MALFORMED),
];

const ACKS: &[Row] = &[
    ("mqtt_2_2_1_3 PUBACK with identifier 0", ALL, "40 [ 0000 ]", MALFORMED),
    ("mqtt_2_2_1_3 PUBREL with identifier 0", ALL, "62 [ 0000 ]", MALFORMED),
    ("PUBACK of one byte", ALL, "40 [ 00 ]", MALFORMED),
    ("PUBACK 3.x with a reason", V3, "40 [ 0001 00 ]", MALFORMED),
    ("mqtt_3_4_2_1 PUBACK 5.0 with a reason nobody knows", V5, "40 [ 0001 03 ]", MALFORMED),
    ("mqtt_3_4_2_1 PUBACK 5.0 with a reason of PUBREL", V5, "40 [ 0001 92 ]", MALFORMED),
    ("mqtt_3_5_2_1 PUBREC 5.0 with a reason of SUBACK", V5, "50 [ 0001 01 ]", MALFORMED),
    ("mqtt_3_6_2_1 PUBREL 5.0 with a reason of PUBACK", V5, "62 [ 0001 10 ]", MALFORMED),
    ("mqtt_3_7_2_1 PUBCOMP 5.0 with a reason of PUBACK", V5, "70 [ 0001 87 ]", MALFORMED),
    ("PUBACK 5.0 with a property of PUBLISH", V5, "40 [ 0001 00 [ 23 0001 ] ]", MALFORMED),
    ("PUBREC 5.0 with two reason strings", V5, "50 [ 0001 00 [ 1f 'a' 1f 'a' ] ]", PROTOCOL),
    ("PUBCOMP 5.0 with bytes left over", V5, "70 [ 0001 00 [] 00 ]", MALFORMED),
];

const SUBSCRIPTIONS: &[Row] = &[
    ("mqtt_3_8_3_2 mqtt3_3_8_3_3 SUBSCRIBE without a filter", V3, "82 [ 0001 ]", PROTOCOL),
    ("mqtt_3_8_3_2 SUBSCRIBE 5.0 without a filter", V5, "82 [ 0001 [] ]", PROTOCOL),
    ("SUBSCRIBE without its options", V3, "82 [ 0001 'a' ]", MALFORMED),
    ("mqtt_2_2_1_3 mqtt3_2_3_1_1 SUBSCRIBE with identifier 0", V3, "82 [ 0000 'a' 00 ]", MALFORMED),
    ("SUBSCRIBE for QoS 3", V3, "82 [ 0001 'a' 03 ]", PROTOCOL),
    ("SUBSCRIBE 5.0 for QoS 3", V5, "82 [ 0001 [] 'a' 03 ]", PROTOCOL),
    ("mqtt_3_8_3_5 SUBSCRIBE 3.x with options of 5.0", V3, "82 [ 0001 'a' 04 ]", MALFORMED),
    ("mqtt_3_8_3_5 SUBSCRIBE 5.0 with reserved options", V5, "82 [ 0001 [] 'a' 40 ]", MALFORMED),
    ("SUBSCRIBE with retain handling 3", V5, "82 [ 0001 [] 'a' 30 ]", PROTOCOL),
    ("mqtt_3_8_3_4 no local on a shared subscription", V5, "82 [ 0001 [] '$share/g/a' 04 ]", PROTOCOL),
    ("mqtt_4_7_3_1 mqtt3_4_7_3_1 SUBSCRIBE with an empty filter", V3, "82 [ 0001 '' 00 ]", FILTER),
    ("mqtt_4_7_1_1 mqtt3_4_7_1_2 # before the end", V3, "82 [ 0001 'a/#/b' 00 ]", FILTER),
    ("mqtt_4_7_1_2 mqtt3_4_7_1_3 + beside other characters", V3, "82 [ 0001 'a+' 00 ]", FILTER),
    ("mqtt_4_7_3_2 mqtt3_4_7_3_2 a filter with U+0000", V3, "82 [ 0001 0001 00 00 ]", MALFORMED),
    ("mqtt_3_8_3_1 mqtt3_3_8_3_1 a filter that is no UTF-8", V3, "82 [ 0001 0001 ff 00 ]", MALFORMED),
    ("mqtt_3_10_3_1 mqtt3_3_10_3_1 UNSUBSCRIBE from no UTF-8", V3, "a2 [ 0001 0001 ff ]", MALFORMED),
    ("SUBSCRIBE with subscription identifier 0", V5, "82 [ 0001 [ 0b 00 ] 'a' 00 ]", PROTOCOL),
    ("SUBSCRIBE with two subscription identifiers", V5, "82 [ 0001 [ 0b 01 0b 02 ] 'a' 00 ]", PROTOCOL),
    ("SUBSCRIBE with a property of PUBLISH", V5, "82 [ 0001 [ 23 0001 ] 'a' 00 ]", MALFORMED),
    ("mqtt_3_10_3_2 mqtt3_3_10_3_2 UNSUBSCRIBE without a filter", V3, "a2 [ 0001 ]", PROTOCOL),
    ("UNSUBSCRIBE with a bad filter", V3, "a2 [ 0001 '##' ]", FILTER),
    ("UNSUBSCRIBE with a subscription identifier", V5, "a2 [ 0001 [ 0b 01 ] 'a' ]", MALFORMED),
    ("SUBACK 3.x with a reason of 5.0", V3, "90 [ 0001 87 ]", MALFORMED),
    ("SUBACK with QoS 3", ALL, "90 [ 0001 03 ]", MALFORMED),
    ("SUBACK 5.0 with a reason of UNSUBACK", V5, "90 [ 0001 [] 11 ]", MALFORMED),
    ("UNSUBACK 5.0 with a granted QoS", V5, "b0 [ 0001 [] 01 ]", MALFORMED),
    ("mqtt_2_2_1_3 UNSUBACK with identifier 0", V3, "b0 [ 0000 ]", MALFORMED),
    ("UNSUBACK 3.x with reasons", V3, "b0 [ 0001 00 ]", MALFORMED),
];

const ENDS: &[Row] = &[
    ("DISCONNECT 3.x with a reason", V3, "e0 [ 00 ]", MALFORMED),
    ("mqtt_3_14_2_1 DISCONNECT with a reason of CONNACK", V5, "e0 [ 86 ]", MALFORMED),
    ("DISCONNECT with a reason nobody knows", V5, "e0 [ 7f ]", MALFORMED),
    ("DISCONNECT with a property of CONNECT", V5, "e0 [ 00 [ 21 0001 ] ]", MALFORMED),
    ("DISCONNECT with two server references", V5, "e0 [ 9c [ 1c 'a' 1c 'b' ] ]", PROTOCOL),
    ("DISCONNECT with bytes left over", V5, "e0 [ 00 [] 00 ]", MALFORMED),
    ("mqtt_3_15_2_1 AUTH with a reason of SUBACK", V5, "f0 [ 01 [] ]", MALFORMED),
    ("AUTH with a property of CONNACK", V5, "f0 [ 18 [ 12 'a' ] ]", MALFORMED),
    ("AUTH with two methods", V5, "f0 [ 18 [ 15 'a' 15 'b' ] ]", PROTOCOL),
];
