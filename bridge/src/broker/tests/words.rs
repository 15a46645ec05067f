//! Words for people never make a packet larger than its receiver takes.

use mqtt::packet::{Auth, Connack, Disconnect, SubscriptionAck};

use super::*;

/// Every packet of a Server that may have a reason string and user properties, with these.
fn packets<'a>(why: Option<&'a str>, users: &[(&'a str, &'a str)]) -> Vec<Packet<'a>> {
    let packet_id = PacketId::new(7).unwrap();
    let ack = || Ack {
        reason_string: why,
        user_properties: users.to_vec(),
        ..Ack::new(packet_id, ReasonCode::Success)
    };
    let answer = |reason| SubscriptionAck {
        reason_string: why,
        user_properties: users.to_vec(),
        ..SubscriptionAck::new(packet_id, vec![reason])
    };
    let mut connack = Connack::new(ReasonCode::Success);
    connack.properties.reason_string = why;
    connack.properties.user_properties = users.to_vec();
    let mut disconnect = Disconnect::new(ReasonCode::ServerBusy);
    disconnect.reason_string = why;
    disconnect.user_properties = users.to_vec();
    let mut auth = Auth::new(ReasonCode::ContinueAuthentication);
    auth.method = Some("SCRAM-SHA-256");
    auth.reason_string = why;
    auth.user_properties = users.to_vec();
    vec![
        Packet::Connack(Box::new(connack)),
        Packet::Puback(ack()),
        Packet::Pubrec(ack()),
        Packet::Pubrel(ack()),
        Packet::Pubcomp(ack()),
        Packet::Suback(answer(ReasonCode::GrantedQos1)),
        Packet::Unsuback(answer(ReasonCode::NoSubscriptionExisted)),
        Packet::Disconnect(disconnect),
        Packet::Auth(auth),
    ]
}

/// Sends one packet to a client that takes `limit` bytes, and gives what came.
fn sent(limit: usize, packet: &Packet<'_>) -> Vec<u8> {
    let mut w = World::new(Config::default());
    let id = w.open(Version::V5);
    w.broker.send_within(ConnectionId(id as u32), Version::V5, limit, packet);
    w.take_outputs();
    std::mem::take(&mut w.wire[id].bytes)
}

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(Version::V5, &mut bytes).unwrap();
    bytes
}

/// Of reason strings: [MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.6.2-2], [MQTT-3.7.2-2], [MQTT-3.9.2-1],
/// [MQTT-3.11.2-1], [MQTT-3.14.2-3], [MQTT-3.15.2-2]. Of user properties: [MQTT-3.2.2-20], [MQTT-3.4.2-3],
/// [MQTT-3.5.2-3], [MQTT-3.6.2-3], [MQTT-3.7.2-3], [MQTT-3.9.2-2], [MQTT-3.11.2-2], [MQTT-3.14.2-4], [MQTT-3.15.2-3].
#[test]
fn words_are_left_out_where_they_do_not_fit_and_the_packet_comes() {
    let plain = packets(None, &[]);
    for words in [packets(Some("why it is so"), &[]), packets(None, &[("some", "thing")])] {
        for (packet, plain) in words.iter().zip(&plain) {
            let (whole, without) = (encoded(packet), encoded(plain));
            assert!(without.len() < whole.len(), "{} has words", packet.name());
            assert_eq!(sent(whole.len(), packet), whole, "{} fits", packet.name());
            for limit in without.len()..whole.len() {
                assert_eq!(sent(limit, packet), without, "{} in {limit} bytes", packet.name());
            }
        }
    }
}

/// [MQTT-3.1.2-29]
#[test]
fn a_client_that_wants_no_words_has_them_in_connack_and_disconnect_alone() {
    let mut w = World::new(Config::default());
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.request_problem_information = false;
    let id = w.connect(&connect);
    let users = [("some", "thing")];
    for (packet, plain) in packets(Some("why it is so"), &users).iter().zip(&packets(None, &[])) {
        w.broker.send(ConnectionId(id as u32), packet);
        w.take_outputs();
        let may_have = matches!(packet, Packet::Connack(_) | Packet::Disconnect(_));
        let expected = encoded(if may_have { packet } else { plain });
        assert_eq!(std::mem::take(&mut w.wire[id].bytes), expected, "{}", packet.name());
    }
}
