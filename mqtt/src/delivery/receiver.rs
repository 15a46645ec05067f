//! The receiving half: which QoS 2 messages were taken and not yet released.

use crate::PacketId;

/// Identifiers of QoS 2 messages between PUBLISH and PUBREL. Belongs to the Session, so it outlives a connection.
///
/// It grows by two bytes for each; its owner bounds it by Receive Maximum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    // Nearly always released in the order taken, so the hit is at the front; a few hundred fit into cache lines.
    awaiting_pubrel: Vec<PacketId>,
    /// How many of them, in front, came on Network Connections before this one.
    before: usize,
}

/// What a QoS 2 PUBLISH is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// New: hand the message on, then answer PUBREC.
    New,
    /// Taken before: answer PUBREC and hand on nothing [MQTT-4.3.3-10].
    Repeated,
}

impl Receiver {
    /// What awaited its PUBREL when the Session was last kept, oldest first.
    #[must_use]
    pub fn restore(awaiting_pubrel: Vec<PacketId>) -> Self {
        let before = awaiting_pubrel.len();
        Self { awaiting_pubrel, before }
    }

    /// Identifiers between PUBLISH and PUBREL, oldest first.
    #[must_use]
    pub fn awaiting_pubrel(&self) -> &[PacketId] {
        &self.awaiting_pubrel
    }

    /// A QoS 2 PUBLISH has arrived.
    pub fn publish(&mut self, packet_id: PacketId) -> Reception {
        let known = self.take_out(packet_id);
        self.awaiting_pubrel.push(packet_id);
        if known { Reception::Repeated } else { Reception::New }
    }

    /// A new Network Connection: the peer counts what it sends from nothing (4.9). What came before takes no place in the
    /// window then, and may never be released: a peer that lost its Session no longer knows of it.
    pub const fn begin_connection(&mut self) {
        self.before = self.awaiting_pubrel.len();
    }

    /// Messages between PUBLISH and PUBREL that came, for the first time or again, on this Network Connection.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.awaiting_pubrel.len() - self.before
    }

    /// Forgets a message that was refused with PUBREC after all [MQTT-4.3.3-9].
    pub fn refuse(&mut self, packet_id: PacketId) {
        self.pubrel(packet_id);
    }

    /// A PUBREL has arrived: the identifier is free again, for a new message [MQTT-4.3.3-12]. False when it was not in use.
    pub fn pubrel(&mut self, packet_id: PacketId) -> bool {
        self.take_out(packet_id)
    }

    /// Whether this identifier awaits its PUBREL.
    #[must_use]
    pub fn contains(&self, packet_id: PacketId) -> bool {
        self.awaiting_pubrel.contains(&packet_id)
    }

    /// Messages between PUBLISH and PUBREL.
    #[must_use]
    pub fn len(&self) -> usize {
        self.awaiting_pubrel.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.awaiting_pubrel.is_empty()
    }

    fn take_out(&mut self, packet_id: PacketId) -> bool {
        let Some(at) = self.awaiting_pubrel.iter().position(|&id| id == packet_id) else { return false };
        self.awaiting_pubrel.remove(at);
        self.before -= usize::from(at < self.before);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-4.3.3-9], [MQTT-4.3.3-10], [MQTT-4.3.3-12], [MQTT3-4.3.3-2]
    #[test]
    fn an_identifier_is_new_again_once_it_was_released_or_refused() {
        let mut receiver = Receiver::default();
        let id = PacketId::new(7).unwrap();
        assert_eq!(receiver.publish(id), Reception::New);
        assert_eq!(receiver.publish(id), Reception::Repeated);
        assert!(receiver.pubrel(id));
        assert!(!receiver.pubrel(id), "it is free");
        assert_eq!(receiver.publish(id), Reception::New);
        receiver.refuse(id);
        assert_eq!(receiver.publish(id), Reception::New);
    }

    #[test]
    fn each_connection_counts_what_came_on_it_for_the_first_time_or_again() {
        let mut receiver = Receiver::default();
        let [a, b, c] = [1, 2, 3].map(|n| PacketId::new(n).unwrap());
        assert_eq!([a, b].map(|id| receiver.publish(id)), [Reception::New; 2]);
        assert_eq!(receiver.unfinished(), 2);
        receiver.begin_connection();
        assert_eq!(receiver.unfinished(), 0);
        receiver.publish(c);
        assert!(receiver.pubrel(a));
        assert_eq!(receiver.unfinished(), 1, "what is released now was not counted");
        assert_eq!(receiver.publish(b), Reception::Repeated);
        assert_eq!(receiver.unfinished(), 2);
        assert!(receiver.pubrel(b) && receiver.pubrel(c));
        assert_eq!((receiver.unfinished(), receiver.len()), (0, 0));
    }
}
