//! Messages that wait to be sent. It knows neither connections nor packet identifiers.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Offline, PublishId};
use crate::packet::Publish;
use crate::{Delivery, Instant, Message, Qos, Version};

/// A message of the application with what it is to be done with it.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) id: PublishId,
    pub(super) message: Message,
    offline: Offline,
    accepted: Instant,
    /// The storage may have it as one that waits.
    pub(super) kept: bool,
}

/// For a Session that outlives its program.
#[cfg(feature = "durable")]
impl Outgoing {
    /// One that was kept. What it has lived before this program is taken off its message expiry.
    pub(super) fn restored(
        id: PublishId,
        mut message: Message,
        offline: Offline,
        accepted_ms: u64,
        unix_start_ms: u64,
    ) -> Self {
        let lived_ms = unix_start_ms.saturating_sub(accepted_ms);
        let mut accepted = Instant::from_millis(accepted_ms.saturating_sub(unix_start_ms));
        let expiry = message.properties.as_mut().and_then(|properties| properties.message_expiry_s.as_mut());
        if let Some(expiry_s) = expiry.filter(|_| lived_ms > 0) {
            // What is left, in whole seconds from a moment after the start: never longer than it was.
            let left_ms = (u64::from(*expiry_s) * 1_000).saturating_sub(lived_ms);
            *expiry_s = u32::try_from(left_ms / 1_000).unwrap_or(u32::MAX);
            accepted = Instant::from_millis(left_ms % 1_000);
        }
        Self { id, message, offline, accepted, kept: true }
    }

    pub(super) const fn lasting(&self, unix_start_ms: u64) -> Lasting {
        let offline = match self.offline {
            Offline::Wait => 0,
            Offline::FailNow => u64::MAX,
            Offline::WaitUntil(at) => unix_start_ms.saturating_add(at.as_millis()),
        };
        Lasting { accepted_ms: unix_start_ms.saturating_add(self.accepted.as_millis()), offline }
    }
}

/// What of an [`Outgoing`] is counted from 1970 UTC when it is kept.
#[cfg(feature = "durable")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Lasting {
    pub(super) accepted_ms: u64,
    /// 0 for [`Offline::Wait`], the greatest number for [`Offline::FailNow`], else the deadline.
    pub(super) offline: u64,
}

impl Outgoing {
    pub(super) const fn new(id: PublishId, message: Message, offline: Offline, now: Instant) -> Self {
        Self { id, message, offline, accepted: now, kept: false }
    }

    /// When it is worth nothing more: at its message expiry or its deadline, whichever is first.
    pub(super) fn expires(&self) -> Option<Instant> {
        let expiry = self.expiry_s().map(|s| self.accepted + Duration::from_secs(u64::from(s)));
        let deadline = match self.offline {
            Offline::WaitUntil(deadline) => Some(deadline),
            Offline::Wait | Offline::FailNow => None,
        };
        Instant::sooner(expiry, deadline)
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }

    /// Whether it may not be sent again. What was sent once in 5.0 does not expire, for the Server counts what remains
    /// [MQTT-4.3.3-7], [MQTT-4.3.3-13]; a deadline that the application set, and in 3.x any, is a promise that nothing happens after it.
    pub(super) fn is_stale(&self, now: Instant, version: Version) -> bool {
        match self.offline {
            Offline::WaitUntil(deadline) if deadline <= now => true,
            _ => !version.is_5() && self.is_expired(now),
        }
    }

    const fn has_deadline(&self) -> bool {
        matches!(self.offline, Offline::WaitUntil(_))
    }

    pub(super) fn fails_offline(&self) -> bool {
        self.offline == Offline::FailNow
    }

    /// The packet that carries it now, with what remains of its Message Expiry Interval (rounded up: it is checked
    /// to the millisecond here; and a message that is sent again after its time has one second, for 0 means different
    /// things to different Servers).
    pub(super) fn packet(&self, now: Instant, delivery: Delivery) -> Publish<'_> {
        let mut packet = Publish::of(&self.message, delivery);
        let waited = u32::try_from(now.since(self.accepted).as_secs()).unwrap_or(u32::MAX);
        packet.properties.message_expiry_s = self.expiry_s().map(|s| s.saturating_sub(waited).max(1));
        packet
    }

    fn expiry_s(&self) -> Option<u32> {
        self.message.properties.as_deref()?.message_expiry_s
    }
}

/// First in, first out, bounded in messages and bytes.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    items: VecDeque<Outgoing>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
    /// Not later than the first expiry of any item.
    earliest: Option<Instant>,
}

impl Queue {
    pub(super) const fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { items: VecDeque::new(), bytes: 0, max_messages, max_bytes, earliest: None }
    }

    pub(super) fn has_room_for(&self, message: &Message) -> bool {
        self.items.len() < self.max_messages && self.bytes + message.size() <= self.max_bytes
    }

    pub(super) fn push(&mut self, item: Outgoing) {
        self.count_in(&item);
        self.items.push_back(item);
    }

    /// Puts messages that were accepted before all others back in front, in their order. They had their place in the
    /// bounds once, so none is refused.
    pub(super) fn put_back(&mut self, items: Vec<Outgoing>) {
        for item in items.into_iter().rev() {
            self.count_in(&item);
            self.items.push_front(item);
        }
    }

    pub(super) fn front(&self) -> Option<&Outgoing> {
        self.items.front()
    }

    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.message.size());
        if self.items.is_empty() {
            self.earliest = None;
        }
        Some(item)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.items.iter()
    }

    /// Whether the newest is this one: then it is noted that it is kept.
    pub(super) fn keep_last(&mut self, id: PublishId) -> bool {
        let last = self.items.back_mut().filter(|last| last.id == id);
        last.is_some_and(|last| {
            last.kept = true;
            true
        })
    }

    /// When to ask for [`take_expired`](Self::take_expired).
    pub(super) const fn earliest_expiry(&self) -> Option<Instant> {
        self.earliest
    }

    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Outgoing> {
        if self.earliest.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.take(&|item| item.is_expired(now))
    }

    /// Those that asked to fail when the connection ends.
    pub(super) fn take_failing(&mut self) -> Vec<Outgoing> {
        self.take(&Outgoing::fails_offline)
    }

    /// Takes out the first message with a deadline that overtakes none to its own topic; only one of QoS 0 when there is no
    /// room for others.
    pub(super) fn take_urgent(&mut self, has_room: bool) -> Option<Outgoing> {
        let may_leave = |(at, item): &(usize, &Outgoing)| {
            item.has_deadline()
                && (has_room || item.message.qos == Qos::AtMostOnce)
                && !self.items.iter().take(*at).any(|before| before.message.topic == item.message.topic)
        };
        let (_, found) = self.items.iter().enumerate().find(may_leave)?;
        let id = found.id;
        self.take(&|item| item.id == id).pop()
    }

    /// Takes out one message, if it waits here.
    pub(super) fn cancel(&mut self, id: PublishId) -> bool {
        !self.take(&|item| item.id == id).is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Counts those that stay anew.
    fn take(&mut self, which: &dyn Fn(&Outgoing) -> bool) -> Vec<Outgoing> {
        let items = std::mem::take(&mut self.items);
        (self.bytes, self.earliest) = (0, None);
        let mut taken = Vec::new();
        for item in items {
            if which(&item) {
                taken.push(item);
            } else {
                self.push(item);
            }
        }
        taken
    }

    fn count_in(&mut self, item: &Outgoing) {
        self.bytes += item.message.size();
        self.earliest = Instant::sooner(self.earliest, item.expires());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicName;

    fn item(n: u64, message: Message, offline: Offline) -> Outgoing {
        Outgoing::new(PublishId(n), message, offline, Instant::START)
    }

    fn message(payload: &'static str) -> Message {
        Message::new(TopicName::new("t".into()).unwrap(), payload)
    }

    #[test]
    fn bounds_hold_in_messages_and_in_bytes() {
        let mut queue = Queue::new(2, 10);
        assert!(!queue.has_room_for(&message("0123456789")));
        queue.push(item(0, message("01234"), Offline::Wait));
        assert!(queue.has_room_for(&message("012")));
        assert!(!queue.has_room_for(&message("0123")));
        queue.push(item(1, message(""), Offline::Wait));
        assert!(!queue.has_room_for(&message("")));
        queue.pop();
        assert!(queue.has_room_for(&message("01234567")));
    }

    #[test]
    fn the_earlier_of_expiry_and_deadline_counts() {
        let at = Instant::from_millis;
        let mut queue = Queue::new(9, 99);
        queue.push(item(0, message("").with_expiry(5), Offline::WaitUntil(at(9_000))));
        queue.push(item(1, message("").with_expiry(5), Offline::WaitUntil(at(3_000))));
        queue.push(item(2, message(""), Offline::Wait));
        assert_eq!(queue.earliest_expiry(), Some(at(3_000)));
        assert!(queue.take_expired(at(2_999)).is_empty());
        let ids = |items: Vec<Outgoing>| items.iter().map(|item| item.id.0).collect::<Vec<_>>();
        assert_eq!(ids(queue.take_expired(at(3_000))), [1]);
        assert_eq!(queue.earliest_expiry(), Some(at(5_000)));
        assert_eq!(ids(queue.take_expired(at(5_000))), [0]);
        assert_eq!(queue.earliest_expiry(), None);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn what_is_cancelled_waits_no_more() {
        let mut queue = Queue::new(2, 5);
        queue.push(item(0, message("01234"), Offline::Wait));
        assert!(!queue.cancel(PublishId(1)));
        assert!(queue.cancel(PublishId(0)) && !queue.cancel(PublishId(0)));
        assert!(queue.pop().is_none() && queue.has_room_for(&message("0123")));
    }

    #[test]
    fn the_packet_says_what_remains_of_the_expiry() {
        let item = item(0, message("").with_expiry(10), Offline::Wait);
        let packet = item.packet(Instant::from_millis(3_999), Delivery::AtMostOnce);
        assert_eq!(packet.properties.message_expiry_s, Some(7));
    }
}
