//! Every property in every packet: where it may stand, how often, and what may stand in it (2.2.2.2). The table is the
//! standard's own, written apart from that of the codec.

use mqtt::codec::Deframer;
use mqtt::{Packet, ReasonCode, Version};

use crate::bytes::bytes;

/// Name, identifier, good value, bad values that are protocol errors, packets.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

/// Table 2-4.
const PROPERTIES: &[Row] = &[
    ("Payload Format Indicator", "01", "01", &["02", "ff"], "PUBLISH WILL"),
    ("Message Expiry Interval", "02", "00000000", &[], "PUBLISH WILL"),
    ("Content Type", "03", "'text'", &[], "PUBLISH WILL"),
    ("Response Topic", "08", "'a/b'", &[], "PUBLISH WILL"),
    ("Correlation Data", "09", "0002 00ff", &[], "PUBLISH WILL"),
    ("Subscription Identifier", "0b", "ffffff7f", &["00"], "PUBLISH SUBSCRIBE"),
    ("Session Expiry Interval", "11", "00000001", &[], "CONNECT CONNACK DISCONNECT"),
    ("Assigned Client Identifier", "12", "'id'", &[], "CONNACK"),
    ("Server Keep Alive", "13", "0000", &[], "CONNACK"),
    ("Authentication Method", "15", "'m'", &[], "CONNECT CONNACK AUTH"),
    ("Authentication Data", "16", "0002 00ff", &[], "CONNECT CONNACK AUTH"),
    ("Request Problem Information", "17", "00", &["02", "ff"], "CONNECT"),
    ("Will Delay Interval", "18", "00000001", &[], "WILL"),
    ("Request Response Information", "19", "01", &["02", "ff"], "CONNECT"),
    ("Response Information", "1a", "'r'", &[], "CONNACK"),
    ("Server Reference", "1c", "'s'", &[], "CONNACK DISCONNECT"),
    (
        "Reason String",
        "1f",
        "'r'",
        &[],
        "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
    ),
    ("Receive Maximum", "21", "0001", &["0000"], "CONNECT CONNACK"),
    ("Topic Alias Maximum", "22", "0000", &[], "CONNECT CONNACK"),
    ("Topic Alias", "23", "0001", &[], "PUBLISH"),
    ("Maximum QoS", "24", "01", &["02", "ff"], "CONNACK"),
    ("Retain Available", "25", "00", &["02", "ff"], "CONNACK"),
    (
        "User Property",
        "26",
        "'k' 'v'",
        &[],
        "CONNECT CONNACK PUBLISH WILL PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH",
    ),
    ("Maximum Packet Size", "27", "00000001", &["00000000"], "CONNECT CONNACK"),
    ("Wildcard Subscription Available", "28", "00", &["02", "ff"], "CONNACK"),
    ("Subscription Identifier Available", "29", "00", &["02", "ff"], "CONNACK"),
    ("Shared Subscription Available", "2a", "00", &["02", "ff"], "CONNACK"),
];

/// Each packet with properties, `*` for theirs.
const PACKETS: &[(&str, &str)] = &[
    ("CONNECT", "10 [ 'MQTT' 05 02 0000 * 'c' ]"),
    ("WILL", "10 [ 'MQTT' 05 06 0000 [] 'c' * 'w' 'm' ]"),
    ("CONNACK", "20 [ 0000 * ]"),
    ("PUBLISH", "30 [ 'a' * ]"),
    ("PUBACK", "40 [ 0001 00 * ]"),
    ("PUBREC", "50 [ 0001 00 * ]"),
    ("PUBREL", "62 [ 0001 00 * ]"),
    ("PUBCOMP", "70 [ 0001 00 * ]"),
    ("SUBSCRIBE", "82 [ 0001 * 'a' 00 ]"),
    ("SUBACK", "90 [ 0001 * 00 ]"),
    ("UNSUBSCRIBE", "a2 [ 0001 * 'a' ]"),
    ("UNSUBACK", "b0 [ 0001 * 00 ]"),
    ("DISCONNECT", "e0 [ 00 * ]"),
    ("AUTH", "f0 [ 18 * ]"),
];

/// The reason a packet with these properties is refused with, or the bytes it is written as when it is not.
fn read(packet: &str, properties: &str) -> Result<Vec<u8>, ReasonCode> {
    let bytes = bytes(&packet.replace('*', &format!("[ {properties} ]")));
    let is_connect = bytes.first() == Some(&0x10);
    let client = Deframer::client(Version::V5, u32::MAX);
    let mut deframer = if is_connect { Deframer::server(u32::MAX) } else { client };
    let (packet, length) = deframer.next(&bytes).map_err(|e| e.reason_code())?.expect("all of it is there");
    assert_eq!(length, bytes.len());
    let mut written = Vec::new();
    Packet::encode(&packet, Version::V5, &mut written).unwrap();
    Ok(written)
}

/// What goes before a property that needs another one.
fn needs(packet: &str, name: &str) -> &'static str {
    if packet == "CONNECT" && name == "Authentication Data" { "15 'm'" } else { "" }
}

/// What is written is read as it was, and says the property, unless it is the default that need not be said.
#[test]
fn every_property_goes_through_every_packet_that_may_carry_it() {
    let defaults = ["Topic Alias Maximum"];
    let mut pairs = 0;
    for &(name, id, good, _, places) in PROPERTIES {
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| places.split(' ').any(|p| p == *packet)) {
            let with = format!("{} {id} {good}", needs(packet, name));
            let expected = bytes(&form.replace('*', &format!("[ {with} ]")));
            let written = read(form, &with).unwrap_or_else(|e| panic!("{name} in {packet}: {e}"));
            if !defaults.contains(&name) {
                assert_eq!(written, expected, "{name} in {packet}");
            }
            pairs += 1;
        }
    }
    assert_eq!(pairs, 64, "places of table 2-4");
}

#[test]
fn a_property_in_a_packet_that_may_not_carry_it_is_malformed() {
    for &(name, id, good, _, places) in PROPERTIES {
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| !places.split(' ').any(|p| p == *packet)) {
            let refused = read(form, &format!("{id} {good}"));
            assert_eq!(refused, Err(ReasonCode::MalformedPacket), "{name} in {packet}");
        }
    }
}

#[test]
fn a_property_that_stands_twice_where_it_may_stand_once_is_a_protocol_error() {
    for &(name, id, good, _, places) in PROPERTIES {
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| places.split(' ').any(|p| p == *packet)) {
            let twice = format!("{} {id} {good} {id} {good}", needs(packet, name));
            let may = name == "User Property" || (name, packet) == ("Subscription Identifier", "PUBLISH");
            match read(form, &twice) {
                Ok(written) => {
                    assert!(may, "{name} twice in {packet}");
                    assert_eq!(written, bytes(&form.replace('*', &format!("[ {twice} ]"))));
                }
                Err(e) => {
                    assert_eq!((may, e), (false, ReasonCode::ProtocolError), "{name} twice in {packet}")
                }
            }
        }
    }
}

#[test]
fn a_value_out_of_its_range_is_a_protocol_error_in_every_packet() {
    for &(name, id, _, bad, places) in PROPERTIES {
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| places.split(' ').any(|p| p == *packet)) {
            for value in bad {
                let refused = read(form, &format!("{id} {value}"));
                assert_eq!(refused, Err(ReasonCode::ProtocolError), "{name} {value} in {packet}");
            }
        }
    }
}

/// [MQTT-1.5.4-1], [MQTT-1.5.4-2], [MQTT-1.5.7-1], [MQTT-3.3.2-13], [MQTT-3.3.2-19]
#[test]
fn a_string_that_is_none_is_malformed_in_every_property_of_every_packet() {
    let bad = ["0002 6100", "0001 00", "0001 ff", "0003 eda080", "0002 c3 28"];
    for &(name, id, good, _, places) in PROPERTIES.iter().filter(|row| row.2.starts_with('\'')) {
        let forms: &[&str] = if good.contains(' ') { &["* 'v'", "'k' *"] } else { &["*"] };
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| places.split(' ').any(|p| p == *packet)) {
            for text in bad {
                for value in forms.iter().map(|form| form.replace('*', text)) {
                    let refused = read(form, &format!("{id} {value}"));
                    assert_eq!(refused, Err(ReasonCode::MalformedPacket), "{name} {value} in {packet}");
                }
            }
        }
    }
}

/// [MQTT-1.5.5-1]: an identifier is a variable byte integer too.
#[test]
fn an_identifier_that_nobody_knows_or_that_is_too_long_is_malformed_in_every_packet() {
    let known: Vec<u8> = PROPERTIES.iter().map(|row| bytes(row.1)[0]).collect();
    for &(packet, form) in PACKETS {
        for id in (0..=127_u8).filter(|id| !known.contains(id)) {
            let refused = read(form, &format!("{id:02x} 00"));
            assert_eq!(refused, Err(ReasonCode::MalformedPacket), "{id:02x} in {packet}");
        }
        for id in ["a600", "8001", "ffffffff7f"] {
            let refused = read(form, &format!("{id} 'k' 'v'"));
            assert_eq!(refused, Err(ReasonCode::MalformedPacket), "{id} in {packet}");
        }
    }
}

/// A property cut anywhere by the length of them all.
#[test]
fn a_property_that_reaches_past_the_properties_is_malformed() {
    for &(name, id, good, _, places) in PROPERTIES {
        let whole = bytes(&format!("{id} {good}"));
        for &(packet, form) in PACKETS.iter().filter(|(packet, _)| places.split(' ').any(|p| p == *packet)) {
            for end in 1..whole.len() {
                let part: String = whole[..end].iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(
                    read(form, &part),
                    Err(ReasonCode::MalformedPacket),
                    "{name} cut at {end} in {packet}"
                );
            }
        }
    }
}
