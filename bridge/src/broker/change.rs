//! What must survive the process: every step of the broker's state that somebody relies on, as a value.
//!
//! It knows no file, format or moment of writing. Applied in order to an empty [`Rows`] the changes give the state; handed
//! back in any order of their keys, [`super::Broker::restore`] makes a broker of it.
//!
//! Messages stand once, by the number of their arrival, with the Sessions that owe them. A Session's own progress is a
//! position in that order and what is in flight; everything below the position that is not in flight is done.

mod rows;

use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, PacketId, Qos, SessionExpiry, TopicFilter, TopicName, Will};

pub use rows::{Key, Row, Rows};

use super::stored::Stored;

/// A Session's number for as long as it lives, restarts included. Never zero, never used again.
pub type SessionNumber = u64;
/// A message's place in the order of arrival. Never zero, never used again.
pub type MessageNumber = u64;

/// One step of the state that outlives the process.
#[derive(Clone, Debug)]
pub enum Change {
    /// A Session that outlives its connection began, or one of these facts of it changed.
    Session {
        /// Which.
        session: SessionNumber,
        /// Whose.
        client_id: Arc<str>,
        /// The user it belongs to.
        owner: Option<Arc<str>>,
        /// How long it outlives its connection.
        expiry: SessionExpiry,
        /// When it ends if its Client does not come back; none while that is there, and for ever.
        ends: Option<Instant>,
    },
    /// The Session ended, with all it holds but the messages it owes.
    SessionGone {
        /// Which.
        session: SessionNumber,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// Whose.
        session: SessionNumber,
        /// To what.
        filter: TopicFilter,
        /// How.
        options: SubscriptionOptions,
        /// Its Subscription Identifier.
        id: Option<NonZeroU32>,
    },
    /// A subscription ended.
    Unsubscribed {
        /// Whose.
        session: SessionNumber,
        /// To what.
        filter: TopicFilter,
    },
    /// A subscription that was made brings retained messages, and not all of them are sent.
    Replay {
        /// Whose.
        session: SessionNumber,
        /// What it was made for.
        filter: TopicFilter,
        /// How.
        options: SubscriptionOptions,
        /// Its Subscription Identifier.
        id: Option<NonZeroU32>,
        /// Where in the order of retained messages it goes on.
        from: Bound<TopicName>,
    },
    /// All of them are sent, or no longer wanted.
    ReplayGone {
        /// Whose.
        session: SessionNumber,
        /// What it was made for.
        filter: TopicFilter,
    },
    /// A message took a Packet Identifier, or its handshake went on.
    InFlight {
        /// Whose.
        session: SessionNumber,
        /// Its identifier.
        packet_id: PacketId,
        /// Which message.
        message: MessageNumber,
        /// What it waits for.
        step: Step,
    },
    /// A Packet Identifier is free again.
    Free {
        /// Whose.
        session: SessionNumber,
        /// Which.
        packet_id: PacketId,
    },
    /// A QoS 2 message of the Client was taken and not yet released.
    Received {
        /// Whose.
        session: SessionNumber,
        /// Its identifier.
        packet_id: PacketId,
    },
    /// It was released, or refused after all.
    Released {
        /// Whose.
        session: SessionNumber,
        /// Its identifier.
        packet_id: PacketId,
    },
    /// All messages before this one were taken from the Session's queue. Follows from [`Change::InFlight`] and need not be
    /// said.
    Position {
        /// Whose.
        session: SessionNumber,
        /// The first that may still wait.
        next: MessageNumber,
    },
    /// A will waits for its delay, or for its Client to be lost.
    Will {
        /// Whose.
        session: SessionNumber,
        /// When it is due; none while its Client is connected.
        due: Option<Instant>,
        /// What is to be published.
        will: Arc<Will>,
    },
    /// The will was sent or taken back.
    WillGone {
        /// Whose.
        session: SessionNumber,
    },
    /// A Client is there whose will outlives its Session, which ends with the connection: with the process, too.
    LoneWill {
        /// Of its own, from those of Sessions.
        number: SessionNumber,
        /// Whose.
        client_id: Arc<str>,
        /// The user it belongs to.
        owner: Option<Arc<str>>,
        /// What is to be published.
        will: Arc<Will>,
    },
    /// The will was sent, or its Client left without it.
    LoneWillGone {
        /// Which.
        number: SessionNumber,
    },
    /// A message was retained for its topic.
    Retained {
        /// Which.
        message: Arc<Stored>,
    },
    /// Nothing is retained for a topic any more.
    RetainedGone {
        /// Which.
        topic: Arc<str>,
    },
    /// A message arrived that Sessions must keep.
    Message {
        /// Its place in the order of arrival.
        number: MessageNumber,
        /// What it says.
        message: Arc<Stored>,
        /// Who must get it.
        owers: Box<[Ower]>,
    },
    /// Nobody owes the message any more.
    MessageGone {
        /// Which.
        number: MessageNumber,
    },
}

/// What a Packet Identifier waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A QoS 1 message was sent.
    Puback,
    /// A QoS 2 message was, or is about to be, sent.
    Pubrec,
    /// The message is the Client's; PUBREL was, or is about to be, sent.
    Pubcomp,
}

/// A Session that owes a message to its Client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ower {
    /// Which.
    pub session: SessionNumber,
    /// How it is to be sent: QoS 1 or 2.
    pub qos: Qos,
    /// With which RETAIN flag.
    pub retain: bool,
    /// The identifiers of the subscriptions that brought it.
    pub subscription_ids: Box<[u32]>,
    /// The Shared Subscription that brought it, as it was subscribed to: `$share/NAME/FILTER`. Its other members get the
    /// message if this Session ends.
    pub share: Option<Arc<str>>,
}

impl Change {
    /// Whether an acknowledgement may claim it. The rest may be lost: that only repeats what may be repeated.
    #[must_use]
    pub const fn is_claimed(&self) -> bool {
        match self {
            Self::InFlight { step, .. } => !matches!(step, Step::Puback),
            Self::Free { .. }
            | Self::Position { .. }
            | Self::Replay { .. }
            | Self::ReplayGone { .. }
            | Self::LoneWill { .. }
            | Self::LoneWillGone { .. }
            | Self::MessageGone { .. } => false,
            _ => true,
        }
    }

    /// Bytes it is about to take in a file; what groups are bounded by.
    #[must_use]
    pub fn size(&self) -> usize {
        let own = match self {
            Self::Message { message, owers, .. } => {
                let shares = owers.iter().filter_map(|ower| ower.share.as_deref()).map(str::len);
                message.message.size() + 16 * owers.len() + shares.sum::<usize>()
            }
            Self::Retained { message } => message.message.size(),
            Self::Will { will, .. } => will.message.size(),
            Self::LoneWill { client_id, will, .. } => client_id.len() + will.message.size(),
            Self::Session { client_id, .. } => client_id.len(),
            Self::Subscribed { filter, .. }
            | Self::Unsubscribed { filter, .. }
            | Self::ReplayGone { filter, .. } => filter.as_str().len(),
            Self::Replay { filter, from, .. } => {
                let place = match from {
                    Bound::Included(topic) | Bound::Excluded(topic) => topic.as_str().len(),
                    Bound::Unbounded => 0,
                };
                filter.as_str().len() + place
            }
            Self::RetainedGone { topic } => topic.len(),
            Self::SessionGone { .. }
            | Self::InFlight { .. }
            | Self::Free { .. }
            | Self::Received { .. }
            | Self::Released { .. }
            | Self::Position { .. }
            | Self::WillGone { .. }
            | Self::LoneWillGone { .. }
            | Self::MessageGone { .. } => 0,
        };
        own + 48
    }
}
