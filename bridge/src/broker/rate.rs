//! How much a Client may send: so many messages and bytes a second, and what it saves in two seconds of silence at once.

use std::time::Duration;

use mqtt::packet::Packet;
use mqtt::{Instant, ReasonCode};

use super::io::Fault;
use super::limit::Limit;
use super::{Broker, Config, ConnectionId, Peer};

/// What is saved in silence, in time.
const BURST: Duration = Duration::from_secs(2);
const NANOS: u64 = 1_000_000_000;

/// What one Client has sent lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    messages: Pace,
    bytes: Pace,
}

/// One of the two. What is sent takes its time; it may be ahead of the clock by [`BURST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    /// No bound is zero.
    per_s: u64,
    /// When all that was sent would have been, at this pace. In nanoseconds.
    sent_until: u64,
}

impl Pace {
    const fn new(per_s: u32) -> Self {
        Self { per_s: per_s as u64, sent_until: 0 }
    }

    /// Whether so much more may be sent. One that is larger than all that is saved may, after silence.
    fn take(&mut self, now: u64, amount: u64) -> bool {
        if self.per_s == 0 {
            return true;
        }
        if self.sent_until.saturating_sub(now) > BURST.as_secs() * NANOS {
            return false;
        }
        self.sent_until = self.sent_until.max(now) + amount.saturating_mul(NANOS) / self.per_s;
        true
    }
}

impl Rate {
    /// What holds for this peer; none when nothing does. This machine's own are bound only when a number was set, and trusted
    /// proxies never.
    pub(super) fn of(peer: &Peer, config: &Config) -> Option<Self> {
        let per_s = |set: Option<u32>, default| match set {
            _ if peer.is_proxy => 0,
            None if peer.is_loopback => 0,
            set => set.unwrap_or(default),
        };
        let messages = per_s(config.max_messages_per_s, Config::MESSAGES_PER_S);
        let bytes = per_s(config.max_bytes_per_s, Config::BYTES_PER_S);
        let is_bound = messages != 0 || bytes != 0;
        is_bound.then(|| Self { messages: Pace::new(messages), bytes: Pace::new(bytes) })
    }

    /// Other bounds from now on, for what goes on.
    const fn after(mut self, before: Self) -> Self {
        self.messages.sent_until = before.messages.sent_until;
        self.bytes.sent_until = before.bytes.sent_until;
        self
    }

    /// Whether a packet may be taken. Answers to what we sent always are: they come as we send.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are answers, or said once")]
    pub(super) fn check(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Fault> {
        let (messages, bytes) = match packet {
            Packet::Publish(publish) => {
                (1, publish.payload.len() + publish.topic.as_ref().map_or(0, |topic| topic.text().len()))
            }
            Packet::Subscribe(subscribe) => {
                let bytes = subscribe.filters.iter().map(|(filter, _)| filter.text().len()).sum();
                (subscribe.filters.len(), bytes)
            }
            Packet::Unsubscribe(unsubscribe) => {
                let bytes = unsubscribe.filters.iter().map(|filter| filter.text().len()).sum();
                (unsubscribe.filters.len(), bytes)
            }
            Packet::Pingreq => (1, 0),
            _ => return Ok(()),
        };
        let now = now.as_millis().saturating_mul(NANOS / 1000);
        if !self.messages.take(now, messages as u64) {
            let why = "more messages in a second than are allowed; see max_messages_per_s under [limits]";
            return Err(Fault::new(ReasonCode::MessageRateTooHigh, why).over(Limit::MessagesPerSecond));
        }
        if !self.bytes.take(now, bytes as u64) {
            let why = "more bytes in a second than are allowed; see max_bytes_per_s under [limits]";
            return Err(Fault::new(ReasonCode::MessageRateTooHigh, why).over(Limit::BytesPerSecond));
        }
        Ok(())
    }
}

impl Broker {
    /// Bounds have changed: those of everyone who is there do.
    pub(super) fn set_rates(&mut self) {
        for id in self.open_connections() {
            self.set_rate(id);
        }
    }

    /// What holds for one Client from now on.
    pub(super) fn set_rate(&mut self, id: ConnectionId) {
        let Some(Some(connection)) = self.connections.get_mut(id.0 as usize) else { return };
        let rate = Rate::of(&connection.peer, &self.config);
        let Some(live) = connection.live() else { return };
        let before = live.rate.take();
        live.rate = rate.map(|rate| Box::new(before.map_or(rate, |before| rate.after(*before))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> u64 {
        n * NANOS
    }

    #[test]
    fn it_is_held_in_the_long_run_and_saved_for_two_seconds() {
        let mut pace = Pace::new(10);
        assert_eq!(
            (0..100).filter(|_| pace.take(second(100), 1)).count(),
            21,
            "two seconds, and the one that is begun"
        );
        assert_eq!((0..100).filter(|_| pace.take(second(101), 1)).count(), 10);
        let even = (0..100).map(|n| second(200) + n * NANOS / 10);
        assert_eq!(
            even.filter(|&now| pace.take(now, 1)).count(),
            100,
            "as fast as is allowed is never too fast"
        );
        assert_eq!((0..100).filter(|_| pace.take(second(900), 1)).count(), 21, "more is not saved");
    }

    #[test]
    fn one_that_is_larger_than_all_passes_alone() {
        let mut pace = Pace::new(10);
        assert!(pace.take(second(10), 100) && !pace.take(second(10), 1));
        assert!(!pace.take(second(17), 1) && pace.take(second(18), 1), "ten seconds of it, but for two");
        assert!(pace.take(second(10), u64::MAX) || pace.per_s > 0, "no overflow");
    }

    #[test]
    fn who_is_bound() {
        let peer = |is_loopback, is_proxy| Peer {
            name: "x".into(),
            address: None,
            is_loopback,
            is_proxy,
            identity: None,
        };
        let default = Config::default();
        assert_eq!(Rate::of(&peer(true, false), &default), None);
        assert_eq!(Rate::of(&peer(false, true), &default), None);
        assert_eq!(Rate::of(&peer(false, false), &default).unwrap().messages.per_s, 1000);
        let set = Config { max_messages_per_s: Some(5), max_bytes_per_s: Some(0), ..Config::default() };
        assert_eq!(Rate::of(&peer(true, false), &set).unwrap().messages.per_s, 5);
        assert_eq!(Rate::of(&peer(false, false), &set).unwrap().bytes.per_s, 0);
    }
}
