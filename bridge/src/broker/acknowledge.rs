//! PUBACK, PUBREC, PUBREL and PUBCOMP from a Client (4.3).

use mqtt::packet::Ack;
use mqtt::{Packet, ReasonCode};

use super::change::{Change, Step};
use super::io::Fault;
use super::{Broker, ConnectionId};

impl Broker {
    pub(super) fn puback(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        // One that nothing waits for may be late, from before a resend; it is no fault.
        let Ok(queued) = session.sender.puback(ack.packet_id) else { return Ok(()) };
        let has_waiting = session.has_waiting();
        if queued.number != 0 {
            self.freed(session_id, ack.packet_id);
            self.done(queued.number);
        }
        self.spare.put(queued.message);
        if has_waiting {
            self.pump(session_id);
        }
        Ok(())
    }

    pub(super) fn pubrec(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        if ack.reason.is_error() {
            if let Ok(queued) = session.sender.refused(ack.packet_id) {
                // [MQTT-4.4.0-2], nor offered to others [MQTT-4.8.2-6]
                self.freed(session_id, ack.packet_id);
                self.done(queued.number);
            }
            self.pump(session_id);
            return Ok(());
        }
        let (packet_id, number) = (ack.packet_id, session.number);
        let (reason, taken) = match session.sender.pubrec(packet_id) {
            Ok(taken) => (ReasonCode::Success, taken.map_or(0, |queued| queued.number)),
            Err(_) => (ReasonCode::PacketIdentifierNotFound, 0),
        };
        if taken != 0 && number != 0 {
            let step = Step::Pubcomp;
            self.out.store(Change::InFlight { session: number, packet_id, message: taken, step });
        }
        self.done(taken);
        // Once released, the identifier is forgotten there: it must not be sent with the message again after a restart.
        let holds = number != 0 && reason == ReasonCode::Success;
        self.send_held(id, &Packet::Pubrel(Ack::new(packet_id, reason)), holds); // [MQTT-4.3.3-4]
        Ok(())
    }

    /// The handshake goes on, whatever has become of the message [MQTT-4.3.3-13].
    pub(super) fn pubrel(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session, _)) = self.client(id) else { return Ok(()) };
        let found = self.session(session).is_some_and(|session| session.receiver.pubrel(ack.packet_id));
        let reason = if found { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        // The Client may use the identifier again, and then it must not be taken for this one.
        let holds = self.keep_released(session, ack.packet_id);
        self.send_held(id, &Packet::Pubcomp(Ack::new(ack.packet_id, reason)), holds); // [MQTT-4.3.3-11]
        Ok(())
    }

    pub(super) fn pubcomp(&mut self, id: ConnectionId, ack: &Ack<'_>) -> Result<(), Fault> {
        let Some((session_id, _)) = self.client(id) else { return Ok(()) };
        let Some(session) = self.session(session_id) else { return Ok(()) };
        if session.sender.pubcomp(ack.packet_id).is_ok() {
            self.freed(session_id, ack.packet_id);
            self.pump(session_id);
        }
        Ok(())
    }
}
