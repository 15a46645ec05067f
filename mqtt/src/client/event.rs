//! What goes into a Client and what comes out of it.

use std::sync::Arc;

use super::Ended;
use crate::words::errors;
use crate::{Instant, Message, Qos, ReasonCode, SessionExpiry, TopicError, TopicFilter, Version, Words};

/// What happened outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The transport asked for by [`Output::Open`] is there.
    Opened,
    /// Bytes of the Server, cut anywhere.
    Received(&'a [u8]),
    /// The transport is gone or could not be opened; `why` is for a person.
    Closed {
        /// The transport's own words.
        why: String,
    },
    /// The machine this runs on woke, or its network came back: do not trust the connection, do not wait either.
    Wake,
    /// The time that [`Output::Wait`] named has come.
    Tick,
    /// What [`Output::Store`] named is safe.
    Stored,
    /// It is not, and nothing will be: the Session lives in memory from now on.
    NotStored {
        /// The storage's own words.
        why: String,
    },
}

/// What the driver does next, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a transport to the Server that keeps the order of bytes and loses none [MQTT-4.2-1], [MQTT3-7.1.2-1]; answer with [`Input::Opened`] or [`Input::Closed`].
    Open,
    /// All bytes of this turn: one write, one WebSocket frame.
    Send(Vec<u8>),
    /// Close the transport after what was sent, and report nothing more of it.
    Close,
    /// Keep this in place of what was kept before; answer with [`Input::Stored`] or [`Input::NotStored`]. Only a
    /// [durable](super::Client::durable) Client says it, one at a time.
    Store(Vec<u8>),
    /// Tell the application.
    Event(Event),
    /// Nothing more to do before new input, or a [`Input::Tick`] at this time.
    Wait(Option<Instant>),
}

/// Names a published message until its [`Event::Published`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId(pub(super) u64);

/// Names a subscribe or unsubscribe until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl PublishId {
    /// A number of its own, also among those of [`RequestId`]: for what crosses into another language.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// What a [`number`](Self::number) names; one that names nothing does no harm.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl RequestId {
    /// A number of its own, also among those of [`PublishId`].
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The Server accepted the connection.
    Connected(Arc<Connected>),
    /// The connection, or the attempt to make one, has ended.
    Ended {
        /// Who ended it and why.
        why: Ended,
        /// When the next attempt begins by itself; none when it needs [`Client::start`](super::Client::start).
        retry_at: Option<Instant>,
    },
    /// A message for one of our subscriptions. It is acknowledged already.
    Message(Received),
    /// What became of a message of ours; once for each [`PublishId`].
    Published {
        /// The message.
        id: PublishId,
        /// Its end.
        outcome: Outcome,
    },
    /// The Server's answer to a subscribe, one reason for each filter in its order.
    Subscribed {
        /// The request.
        id: RequestId,
        /// Granted QoS or why not.
        reasons: Vec<ReasonCode>,
    },
    /// The Server's answer to an unsubscribe, one reason for each filter in its order; always success in 3.x.
    Unsubscribed {
        /// The request.
        id: RequestId,
        /// Success or why not.
        reasons: Vec<ReasonCode>,
    },
    /// What the Server said beside a reason; told just before the event that it belongs to.
    Remark {
        /// What it is about.
        about: Subject,
        /// Its words for a person.
        reason_string: Option<String>,
        /// Name and value, in order.
        user_properties: Vec<(String, String)>,
    },
    /// [`Client::reauthenticate`](super::Client::reauthenticate) has succeeded.
    Reauthenticated,
    /// A message of ours was on its way when the connection was lost, and the Server has forgotten the Session: nobody can
    /// say whether it arrived. [`Outcome::SessionLost`] follows.
    InDoubt {
        /// Its name; of a program before this one, if that kept its Session.
        id: PublishId,
        /// What it says.
        message: Box<Message>,
    },
    /// The storage has failed: the Session ends with this program.
    NotStored {
        /// The storage's own words.
        why: String,
    },
    /// A subscription that was granted before was refused when it had to be made again on a new Session.
    SubscriptionLost {
        /// The filter.
        filter: TopicFilter,
        /// Why the Server refused it.
        reason: ReasonCode,
    },
}

/// What a [`Event::Remark`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A message of ours.
    Publish(PublishId),
    /// A subscribe or unsubscribe.
    Request(RequestId),
    /// A step of an enhanced authentication.
    Authentication,
}

/// What the Server granted in CONNACK, with the defaults of the standard filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The Server still had our Session.
    pub session_present: bool,
    /// The version that is spoken.
    pub version: Version,
    /// Ours or the one the Server chose.
    pub client_id: String,
    /// Seconds, 0 for none: the Server's if it set one.
    pub keep_alive_s: u16,
    /// How long the Server keeps the Session.
    pub session_expiry: SessionExpiry,
    /// QoS 1 and 2 messages the Server takes at once.
    pub receive_maximum: u16,
    /// The highest QoS it takes.
    pub maximum_qos: Qos,
    /// Whether it keeps retained messages.
    pub retain_available: bool,
    /// Bytes of the largest packet it takes.
    pub max_packet_bytes: Option<u32>,
    /// Whether `+` and `#` may be subscribed to.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers; never in 3.x.
    pub subscription_id_available: bool,
    /// Whether `$share/…` may be subscribed to.
    pub shared_subscription_available: bool,
    /// Topic aliases it takes.
    pub topic_alias_maximum: u16,
    /// The basis for Response Topics, if it was asked for.
    pub response_information: Option<String>,
    /// The Server's words for a person.
    pub reason_string: Option<String>,
    /// Name and value, in order.
    pub user_properties: Vec<(String, String)>,
}

/// A message of the Server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message; its `retain` says that it was retained (or as published, where that was asked for).
    pub message: Message,
    /// The Server may have sent it before. At QoS 2 it still comes once.
    pub dup: bool,
    /// The identifiers of the subscriptions that brought it.
    pub subscription_ids: Vec<u32>,
}

/// What became of a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// QoS 0: handed to the transport, and nobody will say more.
    Sent,
    /// The Server has it (PUBACK or PUBREC); the reason may say that nobody subscribes to it.
    Acknowledged(ReasonCode),
    /// The Server does not want it.
    Refused {
        /// Why.
        reason: ReasonCode,
        /// The Server's words for a person.
        reason_string: Option<String>,
    },
    /// [`Client::cancel`](super::Client::cancel) took it back before it was sent.
    Cancelled,
    /// Its time was over. A message that was on its way when the connection was lost may have arrived all the same.
    Expired,
    /// It waited for its turn and asked to fail when the connection ends ([`Offline::FailNow`]).
    LinkLost,
    /// It was on its way when the connection was lost, and the Server has forgotten the Session: nobody can say whether
    /// it arrived, and sending it again might do it twice.
    SessionLost,
    /// The Server that was connected to in the end cannot take it.
    Impossible(PublishError),
}

impl Outcome {
    /// Whether the message did all that its QoS can promise.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Sent | Self::Acknowledged(_))
    }
}

/// What a message does when there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offline {
    /// It waits, until its own message expiry if it has one.
    #[default]
    Wait,
    /// It waits until then, and is not sent, nor sent again, after.
    WaitUntil(Instant),
    /// It is sent now or not at all.
    FailNow,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// There is no connection, and the message asked to fail then.
    NotConnected,
    /// As much waits already as [`Config`](super::Config) allows.
    QueueFull,
    /// [MQTT-3.2.2-11]
    QosNotSupported(Qos),
    /// [MQTT-3.2.2-14]
    RetainNotSupported,
    /// [MQTT-3.2.2-15]
    TooLarge {
        /// Bytes of the packet.
        size: usize,
        /// Bytes the Server takes.
        limit: usize,
    },
    /// The topic, a property or the payload is longer than a packet can say.
    TooLong,
    /// [MQTT-1.5.4-2]
    NullCharacter,
    /// [MQTT-3.3.2-14]
    ResponseTopic(TopicError),
}

impl Words for PublishError {
    fn say(&self, out: &mut String) {
        let mut say = |before: &str, number: usize, behind: &str| {
            out.push_str(before);
            number.say(out);
            out.push_str(behind);
        };
        match self {
            Self::NotConnected => out.push_str("not connected"),
            Self::QueueFull => out.push_str("too many messages wait to be sent"),
            Self::QosNotSupported(qos) => {
                say("the server takes no QoS above ", qos.level().into(), " [MQTT-3.2.2-11]");
            }
            Self::RetainNotSupported => out.push_str("the server keeps no retained messages [MQTT-3.2.2-14]"),
            Self::TooLarge { size, limit } => {
                say("the message makes a packet of ", *size, " bytes, the server takes ");
                say("", *limit, " [MQTT-3.2.2-15]");
            }
            Self::TooLong => out.push_str("a part of the message is too long for a packet"),
            Self::NullCharacter => out.push_str("a property contains the character U+0000 [MQTT-1.5.4-2]"),
            Self::ResponseTopic(e) => {
                out.push_str("the response topic is no topic name: ");
                e.say(out);
                out.push_str(" [MQTT-3.3.2-14]");
            }
        }
    }
}

errors!(PublishError);
