//! Every packet but PUBLISH, to one connection: what it may say there, and how large it may be.

use mqtt::packet::ConnackProperties;
use mqtt::{Packet, Version};

use super::{Broker, ConnectionId};

impl Broker {
    /// Sends a packet to a Client that is connected. What it does not want to be told, and what its Maximum Packet Size has
    /// no room for, is left out: first the words for people, then the packet [MQTT-3.1.2-25]. It waits for no window
    /// [MQTT-3.3.4-10], [MQTT-4.9.0-3]. False when it was left out.
    pub(super) fn send(&mut self, id: ConnectionId, packet: &Packet<'_>) -> bool {
        let Some(live) = self.connection(id).and_then(|connection| connection.live()) else { return false };
        let (version, limit) = (live.version, live.maximum_packet_size as usize);
        if !live.takes_problem_information && may_lack_words(packet) {
            self.send_within(id, version, limit, &without_words(packet)) // [MQTT-3.1.2-29]
        } else {
            self.send_within(id, version, limit, packet)
        }
    }

    /// The same for a peer that is not connected as a Client yet. False when it takes no packet that large.
    pub(super) fn send_within(
        &mut self,
        id: ConnectionId,
        version: Version,
        limit: usize,
        packet: &Packet<'_>,
    ) -> bool {
        let Some(Some(connection)) = self.connections.get_mut(id.0 as usize) else { return false };
        let mut piece = self.out.packet(version, packet);
        for smaller in [without_words, without_options] {
            if piece.is_none_or(|piece| piece.len() <= limit) {
                break;
            }
            piece = self.out.packet(version, &smaller(packet));
        }
        let Some(piece) = piece.filter(|piece| piece.len() <= limit) else { return false };
        connection.pending += piece.len();
        self.out.send(id, piece);
        true
    }
}

/// Whether the packet has words, and is one of those in which a Client can forbid them.
fn may_lack_words(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            p.reason_string.is_some() || !p.user_properties.is_empty()
        }
        Packet::Suback(p) | Packet::Unsuback(p) => p.reason_string.is_some() || !p.user_properties.is_empty(),
        Packet::Auth(p) => p.reason_string.is_some() || !p.user_properties.is_empty(),
        Packet::Connect(_)
        | Packet::Connack(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Pingresp
        | Packet::Disconnect(_) => false,
    }
}

/// The packet without reason string, user properties and Response Information, which never make it larger than the Client takes:
/// [MQTT-3.2.2-19] and [MQTT-3.2.2-20] for CONNACK, [MQTT-3.4.2-2] and [MQTT-3.4.2-3] for PUBACK, [MQTT-3.5.2-2] and
/// [MQTT-3.5.2-3] for PUBREC, [MQTT-3.6.2-2] and [MQTT-3.6.2-3] for PUBREL, [MQTT-3.7.2-2] and [MQTT-3.7.2-3] for PUBCOMP,
/// [MQTT-3.9.2-1] and [MQTT-3.9.2-2] for SUBACK, [MQTT-3.11.2-1] and [MQTT-3.11.2-2] for UNSUBACK, [MQTT-3.14.2-3] and
/// [MQTT-3.14.2-4] for DISCONNECT, [MQTT-3.15.2-2] and [MQTT-3.15.2-3] for AUTH.
fn without_words<'a>(packet: &Packet<'a>) -> Packet<'a> {
    let mut packet = packet.clone();
    if let Packet::Connack(p) = &mut packet {
        p.properties.response_information = None; // may be longer than all else, which bounds what the Client does
    }
    let (reason_string, user_properties) = match &mut packet {
        Packet::Connack(p) => (&mut p.properties.reason_string, &mut p.properties.user_properties),
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            (&mut p.reason_string, &mut p.user_properties)
        }
        Packet::Suback(p) | Packet::Unsuback(p) => (&mut p.reason_string, &mut p.user_properties),
        Packet::Disconnect(p) => (&mut p.reason_string, &mut p.user_properties),
        Packet::Auth(p) => (&mut p.reason_string, &mut p.user_properties),
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Pingresp => return packet,
    };
    *reason_string = None;
    *user_properties = Vec::new();
    packet
}

/// A CONNACK with nothing but what the Client must know to go on; others without words.
fn without_options<'a>(packet: &Packet<'a>) -> Packet<'a> {
    let mut packet = without_words(packet);
    if let Packet::Connack(p) = &mut packet {
        let all = std::mem::take(&mut p.properties);
        p.properties = ConnackProperties {
            assigned_client_id: all.assigned_client_id,
            server_reference: all.server_reference,
            server_keep_alive_s: all.server_keep_alive_s, // what is not said does not count [MQTT-3.2.2-22]
            authentication_method: all.authentication_method,
            authentication_data: all.authentication_data,
            ..ConnackProperties::default()
        };
    }
    packet
}
