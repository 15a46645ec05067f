//! The sending half: Packet Identifiers and what each of them waits for.

use std::collections::VecDeque;
use std::ops::Range;

use thiserror::Error;

use crate::{PacketId, Qos};

/// Identifiers there are.
const IDS: u64 = 65_535;

/// An acknowledgement for an identifier that waits for no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no message waits for this acknowledgement")]
pub struct Unknown;

/// What an identifier waits for. The message is kept exactly as long as it may have to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InFlight<M> {
    /// A QoS 1 message was sent (4.3.2).
    AwaitPuback(M),
    /// A QoS 2 message was sent (4.3.3).
    AwaitPubrec(M),
    /// PUBREL was sent; the message is the receiver's.
    AwaitPubcomp,
    /// A SUBSCRIBE or UNSUBSCRIBE of a Client was sent, which takes an identifier but no place in the window.
    Request,
}

/// The messages of QoS 1 and 2 that were sent and not yet acknowledged, in the order they were sent.
///
/// ```text
///   QoS 1  send ─▶ AwaitPuback ── PUBACK ─▶ free
///   QoS 2  send ─▶ AwaitPubrec ── PUBREC ─▶ AwaitPubcomp ── PUBCOMP ─▶ free
///                        └── PUBREC with an error ─▶ free
/// ```
///
/// Identifiers are given out in a row and reused after 65535; one that is still in use holds up those behind it, so
/// identifier and place in the queue follow from each other and every step takes constant time.
#[derive(Clone, Debug)]
pub struct Sender<M> {
    slots: VecDeque<Option<InFlight<M>>>,
    /// The running number of the first slot; its identifier is this modulo 65535, plus one.
    first: u64,
    unacknowledged: u32,
    receive_maximum: u16,
    /// Running numbers of what is still to be sent again on this Network Connection, and how many messages those are.
    repeats: Range<u64>,
    unrepeated: u32,
}

impl<M> Sender<M> {
    /// Nothing in flight; at most `receive_maximum` at once (3.1.2.11.3).
    #[must_use]
    pub const fn new(receive_maximum: u16) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            unacknowledged: 0,
            receive_maximum,
            repeats: 0..0,
            unrepeated: 0,
        }
    }

    /// What was in flight when the Session was last kept, in the order it was sent. What cannot have been sent in that
    /// order is left out.
    #[must_use]
    pub fn restore(
        receive_maximum: u16,
        in_flight: impl IntoIterator<Item = (PacketId, InFlight<M>)>,
    ) -> Self {
        let mut sender = Self::new(receive_maximum);
        for (packet_id, entry) in in_flight {
            if sender.slots.is_empty() {
                sender.first = u64::from(packet_id.get()) - 1;
            }
            let ahead = sender.ahead(packet_id);
            if ahead < sender.slots.len() as u64 {
                continue;
            }
            while (sender.slots.len() as u64) < ahead {
                sender.slots.push_back(None);
            }
            sender.take(entry);
        }
        sender
    }

    /// The peer of a new Network Connection takes this many at once. What is in flight already stays.
    pub const fn set_receive_maximum(&mut self, receive_maximum: u16) {
        self.receive_maximum = receive_maximum;
    }

    /// Whether another message may be sent now: not more at once than the receiver takes [MQTT-4.9.0-2], which is
    /// [MQTT-3.3.4-7] for a Client and [MQTT-3.3.4-9] for a Server. Not before all repeats, which keep the order.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.has_repeats() && self.unacknowledged < u32::from(self.receive_maximum) && self.has_id()
    }

    /// Whether an identifier is free.
    #[must_use]
    pub fn has_id(&self) -> bool {
        (self.slots.len() as u64) < IDS
    }

    /// Messages between PUBLISH and their last acknowledgement.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.unacknowledged as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.unacknowledged == 0
    }

    /// Takes a message in flight, where it stays until it is acknowledged [MQTT-4.3.2-3], [MQTT-4.3.3-3], and names its
    /// identifier, which nothing else uses: [MQTT-4.3.2-1], [MQTT-4.3.3-1], [MQTT-2.2.1-3] for a Client, [MQTT-2.2.1-4] for
    /// a Server. None for QoS 0, which has none [MQTT-2.2.1-2], and when no identifier is free. The window is the caller's to
    /// ask for, by [`has_room`](Self::has_room).
    pub fn send(&mut self, qos: Qos, message: M) -> Option<PacketId> {
        let entry = match qos {
            Qos::AtMostOnce => return None,
            Qos::AtLeastOnce => InFlight::AwaitPuback(message),
            Qos::ExactlyOnce => InFlight::AwaitPubrec(message),
        };
        self.take(entry)
    }

    /// An identifier for a SUBSCRIBE or UNSUBSCRIBE.
    pub fn request(&mut self) -> Option<PacketId> {
        self.take(InFlight::Request)
    }

    /// PUBACK: the message is done, and handed back.
    ///
    /// # Errors
    /// No QoS 1 message has this identifier.
    pub fn puback(&mut self, packet_id: PacketId) -> Result<M, Unknown> {
        let slot = self.slot(packet_id)?;
        match slot.take() {
            Some(InFlight::AwaitPuback(message)) => {
                self.freed(packet_id);
                Ok(message)
            }
            other => {
                *slot = other;
                Err(Unknown)
            }
        }
    }

    /// PUBREC: the receiver has the message, which is handed back and not sent again [MQTT-4.3.3-6]; PUBREL
    /// is due, and waits for its PUBCOMP [MQTT-4.3.3-5]. A repeated PUBREC hands back none.
    ///
    /// # Errors
    /// No QoS 2 message has this identifier.
    pub fn pubrec(&mut self, packet_id: PacketId) -> Result<Option<M>, Unknown> {
        let slot = self.slot(packet_id)?;
        match slot.replace(InFlight::AwaitPubcomp) {
            Some(InFlight::AwaitPubrec(message)) => Ok(Some(message)),
            Some(InFlight::AwaitPubcomp) => Ok(None),
            other => {
                *slot = other;
                Err(Unknown)
            }
        }
    }

    /// PUBREC with an error: the receiver does not want it, the handshake ends here [MQTT-4.4.0-2].
    ///
    /// # Errors
    /// No QoS 2 message has this identifier.
    pub fn refused(&mut self, packet_id: PacketId) -> Result<M, Unknown> {
        let slot = self.slot(packet_id)?;
        match slot.take() {
            Some(InFlight::AwaitPubrec(message)) => {
                self.freed(packet_id);
                Ok(message)
            }
            other => {
                *slot = other;
                Err(Unknown)
            }
        }
    }

    /// PUBCOMP: the handshake is done.
    ///
    /// # Errors
    /// No PUBREL was sent for this identifier.
    pub fn pubcomp(&mut self, packet_id: PacketId) -> Result<(), Unknown> {
        let slot = self.slot(packet_id)?;
        if !matches!(slot, Some(InFlight::AwaitPubcomp)) {
            return Err(Unknown);
        }
        *slot = None;
        self.freed(packet_id);
        Ok(())
    }

    /// SUBACK or UNSUBACK: the request is answered.
    ///
    /// # Errors
    /// No request has this identifier.
    pub fn answered(&mut self, packet_id: PacketId) -> Result<(), Unknown> {
        let slot = self.slot(packet_id)?;
        if !matches!(slot, Some(InFlight::Request)) {
            return Err(Unknown);
        }
        *slot = None;
        self.trim();
        Ok(())
    }

    /// Gives up all requests: they do not outlive the Network Connection.
    pub fn forget_requests(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot, Some(InFlight::Request)) {
                *slot = None;
            }
        }
        self.trim();
    }

    /// All that is in flight, in the order it was sent: what is sent again on a new connection [MQTT-4.4.0-1].
    pub fn in_flight(&self) -> impl Iterator<Item = (PacketId, &InFlight<M>)> {
        (self.first..).zip(&self.slots).filter_map(|(number, slot)| Some((id_of(number)?, slot.as_ref()?)))
    }

    /// A new Network Connection: all that is in flight is to be sent again, by [`next_repeat`](Self::next_repeat).
    pub fn repeat_all(&mut self) {
        self.repeats = self.first..self.first + self.slots.len() as u64;
        self.unrepeated = self.unacknowledged;
    }

    /// Whether something is still to be sent again.
    #[must_use]
    pub const fn has_repeats(&self) -> bool {
        self.unrepeated > 0
    }

    /// What is to be sent again next, in the order it was sent [MQTT-4.4.0-1]; none when that is all, or when the peer
    /// takes no more at once: its Receive Maximum may be less than it was [MQTT-3.3.4-9].
    pub fn next_repeat(&mut self) -> Option<(PacketId, &InFlight<M>)> {
        if self.unacknowledged - self.unrepeated >= u32::from(self.receive_maximum) {
            return None;
        }
        let (first, slots) = (self.first, &self.slots);
        let entry = |number: u64| slots.get(usize::try_from(number.checked_sub(first)?).ok()?)?.as_ref();
        let is_message = |number: &u64| entry(*number).is_some_and(|e| !matches!(e, InFlight::Request));
        let number = self.repeats.find(is_message)?;
        self.unrepeated = self.unrepeated.saturating_sub(1);
        Some((id_of(number)?, entry(number)?))
    }

    /// Ends everything and hands back the messages that were not yet the receiver's, oldest first.
    pub fn drain(&mut self) -> Vec<M> {
        self.first += self.slots.len() as u64;
        self.unacknowledged = 0;
        self.unrepeated = 0;
        let mut messages = Vec::new();
        while let Some(slot) = self.slots.pop_front() {
            if let Some(InFlight::AwaitPuback(message) | InFlight::AwaitPubrec(message)) = slot {
                messages.push(message);
            }
        }
        messages
    }

    fn take(&mut self, entry: InFlight<M>) -> Option<PacketId> {
        if !self.has_id() {
            return None;
        }
        let id = id_of(self.first + self.slots.len() as u64)?;
        self.unacknowledged += u32::from(!matches!(entry, InFlight::Request));
        self.slots.push_back(Some(entry));
        Some(id)
    }

    fn slot(&mut self, packet_id: PacketId) -> Result<&mut Option<InFlight<M>>, Unknown> {
        let at = usize::try_from(self.ahead(packet_id)).map_err(|_| Unknown)?;
        self.slots.get_mut(at).ok_or(Unknown)
    }

    /// How far an identifier is from that of the first slot.
    fn ahead(&self, packet_id: PacketId) -> u64 {
        (u64::from(packet_id.get()) - 1 + IDS - self.first % IDS) % IDS
    }

    fn freed(&mut self, packet_id: PacketId) {
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        if self.unrepeated > 0 && self.repeats.contains(&(self.first + self.ahead(packet_id))) {
            self.unrepeated -= 1; // acknowledged before it was sent again
        }
        self.trim();
    }

    fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        if self.slots.is_empty() && self.slots.capacity() > 64 {
            self.slots = VecDeque::new(); // a burst that is over keeps no memory
        }
    }
}

fn id_of(number: u64) -> Option<PacketId> {
    u16::try_from(number % IDS + 1).ok().and_then(PacketId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> PacketId {
        PacketId::new(n).unwrap()
    }

    #[test]
    fn acknowledgements_in_any_order_free_their_messages() {
        let mut s = Sender::new(10);
        let ids: Vec<_> = (0..4).map(|n| s.send(Qos::AtLeastOnce, n).unwrap()).collect();
        assert_eq!(ids, [id(1), id(2), id(3), id(4)]);
        assert_eq!(s.puback(id(3)), Ok(2));
        assert_eq!(s.puback(id(3)), Err(Unknown));
        assert_eq!(s.puback(id(1)), Ok(0));
        assert_eq!(s.in_flight().map(|(id, _)| id.get()).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(s.len(), 2);
    }

    #[test]
    fn mqtt_3_3_4_9_the_window_closes_at_receive_maximum_until_the_last_step() {
        let mut s = Sender::new(1);
        let a = s.send(Qos::ExactlyOnce, 'a').unwrap();
        assert!(!s.has_room());
        assert_eq!(s.pubrec(a), Ok(Some('a')));
        assert_eq!(s.pubrec(a), Ok(None), "a repeated PUBREC asks for PUBREL again");
        assert!(!s.has_room());
        assert_eq!(s.puback(a), Err(Unknown));
        assert_eq!(s.pubcomp(a), Ok(()));
        assert!(s.has_room());
    }

    #[test]
    fn what_was_in_flight_is_so_again_under_its_identifiers() {
        let kept = [(id(65_534), InFlight::AwaitPuback('a')), (id(2), InFlight::AwaitPubcomp)];
        let mut s = Sender::restore(10, kept.clone());
        assert_eq!(s.in_flight().map(|(id, _)| id).collect::<Vec<_>>(), [id(65_534), id(2)]);
        assert_eq!(s.send(Qos::AtLeastOnce, 'b'), Some(id(3)));
        s.repeat_all();
        assert_eq!(s.next_repeat(), Some((id(65_534), &InFlight::AwaitPuback('a'))));
        assert_eq!(s.puback(id(65_534)), Ok('a'));
        assert_eq!(s.pubcomp(id(2)), Ok(()));
        assert_eq!(s.len(), 1);
        let twice = kept.iter().chain(&kept).cloned();
        assert_eq!(Sender::restore(10, twice).len(), 2);
    }

    #[test]
    fn mqtt_4_3_3_4_a_refused_message_ends_its_handshake() {
        let mut s = Sender::new(1);
        let a = s.send(Qos::ExactlyOnce, 'a').unwrap();
        assert_eq!(s.refused(a), Ok('a'));
        assert_eq!(s.pubcomp(a), Err(Unknown));
        assert!(s.is_empty());
    }

    #[test]
    fn mqtt_3_3_4_9_repeats_keep_to_the_window_and_go_before_all_else() {
        let mut s = Sender::new(10);
        let ids: Vec<_> = (0..5).map(|n| s.send(Qos::ExactlyOnce, n).unwrap()).collect();
        s.pubrec(ids[1]).unwrap();
        s.repeat_all();
        assert!(!s.has_room(), "repeats go first, however wide the window");
        s.set_receive_maximum(2);
        s.repeat_all();
        assert_eq!(s.next_repeat(), Some((ids[0], &InFlight::AwaitPubrec(0))));
        assert_eq!(s.next_repeat(), Some((ids[1], &InFlight::AwaitPubcomp)));
        assert_eq!(s.next_repeat(), None, "the window is closed");
        s.refused(ids[2]).unwrap(); // of the connection before
        assert_eq!(s.next_repeat(), None, "which makes no room on this one");
        s.pubcomp(ids[1]).unwrap();
        assert_eq!(s.next_repeat(), Some((ids[3], &InFlight::AwaitPubrec(3))));
        s.refused(ids[0]).unwrap();
        assert!(!s.has_room());
        assert_eq!(s.next_repeat(), Some((ids[4], &InFlight::AwaitPubrec(4))));
        assert!(!s.has_repeats() && !s.has_room());
        s.refused(ids[3]).unwrap();
        assert!(s.has_room());
    }

    #[test]
    fn identifiers_are_reused_only_when_they_are_free() {
        let mut s = Sender::new(u16::MAX);
        let stuck = s.send(Qos::AtLeastOnce, 0).unwrap();
        for n in 1..65_535 {
            let next = s.send(Qos::AtLeastOnce, n).unwrap();
            assert_eq!(s.puback(next), Ok(n));
        }
        assert_eq!(s.send(Qos::AtLeastOnce, 9), None, "identifier 1 is in use");
        assert_eq!(s.puback(stuck), Ok(0));
        assert_eq!(s.send(Qos::AtLeastOnce, 9), Some(id(1)));
    }

    #[test]
    fn requests_take_an_identifier_but_no_place_in_the_window() {
        let mut s = Sender::new(1);
        let request = s.request().unwrap();
        assert!(s.has_room());
        let message = s.send(Qos::AtLeastOnce, 'm').unwrap();
        assert_ne!(request, message);
        s.forget_requests();
        assert_eq!(s.answered(request), Err(Unknown));
        assert_eq!(s.drain(), ['m']);
    }
}
