//! PUBACK, PUBREC, PUBREL and PUBCOMP from a Client (4.3).

use mqtt::packet::Ack;
use mqtt::{Packet, ReasonCode};

use super::io::Fault;
use super::{Broker, ConnectionId};

impl Broker {
    pub(super) fn puback(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        // One that nothing waits for may be late, from before a resend; it is no fault.
        let done = session.sender.puback(ack.packet_id);
        if done.is_ok() && session.has_waiting() {
            self.pump(session_id);
        }
        Ok(())
    }

    pub(super) fn pubrec(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        if ack.reason.is_error() {
            let _ = session.sender.refused(ack.packet_id); // [MQTT-4.4.0-2], nor offered to others [MQTT-4.8.2-6]
            self.pump(session_id);
            return Ok(());
        }
        let reason = match session.sender.pubrec(ack.packet_id) {
            Ok(_) => ReasonCode::Success,
            Err(_) => ReasonCode::PacketIdentifierNotFound,
        };
        self.send(id, &Packet::Pubrel(Ack::new(ack.packet_id, reason))); // [MQTT-4.3.3-4]
        Ok(())
    }

    /// The handshake goes on, whatever has become of the message [MQTT-4.3.3-13].
    pub(super) fn pubrel(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session, _)) = self.client(id) else { return Ok(()) };
        let found = self.session(session).is_some_and(|session| session.receiver.pubrel(ack.packet_id));
        let reason = if found { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.send(id, &Packet::Pubcomp(Ack::new(ack.packet_id, reason))); // [MQTT-4.3.3-11]
        Ok(())
    }

    pub(super) fn pubcomp(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        if session.sender.pubcomp(ack.packet_id).is_ok() {
            self.pump(session_id);
        }
        Ok(())
    }
}
