//! The command-line client: `switchboard pub` and `switchboard sub`, and the driver they share with the demo.

mod args;
mod link;
mod publish;
mod subscribe;
mod tls;
mod user;
mod why;

pub use args::{ConnectArgs, Url};
pub use link::Link;
pub use publish::{PublishArgs, publish};
pub use subscribe::{SubscribeArgs, subscribe};
pub use tls::{TlsArgs, TlsClient};
pub use user::{add_user, import_users, list_users, remove_user, user_entry};
pub use why::{why, why_of};

use std::time::Duration;

use mqtt::client::{Ended, Event, PublishError};
use mqtt::{Instant, ReasonCode, TopicError};
use thiserror::Error;

/// Why a command failed, in one sentence.
#[derive(Debug, Error)]
pub enum Error {
    /// A topic of the command line is none.
    #[error("the topic {topic:?} cannot be used: {why}")]
    Topic {
        /// As it was given.
        topic: String,
        /// The rule it breaks.
        why: TopicError,
    },
    /// No message was named.
    #[error("no message was given: use -m TEXT, -f FILE, -s for standard input or -n for an empty message")]
    NoMessage,
    /// A file of the command line cannot be read.
    #[error("{path} cannot be read: {why}")]
    File {
        /// As it was given.
        path: String,
        /// The system's words.
        why: std::io::Error,
    },
    /// The connection ended before the work was done.
    #[error("{address}: {why}")]
    Ended {
        /// Where to.
        address: String,
        /// Who ended it.
        why: Ended,
    },
    /// The message was not delivered.
    #[error("the message was not delivered: {0}")]
    NotDelivered(String),
    /// The message was not even taken.
    #[error("the message cannot be sent: {0}")]
    NotTaken(#[from] PublishError),
    /// A subscription was refused.
    #[error("the server refused the subscription to {filter:?}: {reason}")]
    Refused {
        /// As it was given.
        filter: String,
        /// The server's reason.
        reason: ReasonCode,
    },
    /// `-W` is over.
    #[error("the time set by -W is over")]
    TimedOut,
    /// Older versions have no login but the password itself.
    #[error("--scram needs MQTT 5.0: leave out -V, or say -V 5")]
    ScramBefore5,
    /// No topic was named.
    #[error("no topic was given: use -t TOPIC, or put it behind the host of -L")]
    NoTopic,
    /// No certificate can be for this host.
    #[error("{0:?} is neither a name nor an address of a server")]
    Host(String),
    /// What TLS was given cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// A login needs them.
    #[error("the system gives no random numbers")]
    NoRandom,
    /// It could not be stopped in order.
    #[error("the system does not tell when this is to stop: {0}")]
    NoSignals(std::io::Error),
    /// Standard output is gone.
    #[error("standard output cannot be written: {0}")]
    Output(std::io::Error),
}

impl Error {
    /// The exit code: 2 for bad usage, 1 for a failure while running.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Topic { .. }
            | Self::NoMessage
            | Self::NoTopic
            | Self::File { .. }
            | Self::Host(_)
            | Self::Tls(_)
            | Self::ScramBefore5 => 2,
            Self::Ended { .. }
            | Self::NotDelivered(_)
            | Self::NotTaken(_)
            | Self::Refused { .. }
            | Self::TimedOut
            | Self::NoRandom
            | Self::NoSignals(_)
            | Self::Output(_) => 1,
        }
    }
}

/// A clean end: the broker publishes no will and forgets what it need not keep.
async fn goodbye(link: &mut Link) {
    link.with(|client, now| client.stop(now, ReasonCode::Success));
    let ended = async { while !matches!(link.next().await, Event::Ended { .. }) {} };
    let _gave_up = tokio::time::timeout(Duration::from_secs(2), ended).await;
    link.finish().await;
}

/// Whether the end of a connection is only the step from 5.0 to 3.1.1.
fn falls_back(why: &Ended, retry_at: Option<Instant>) -> bool {
    matches!(why, Ended::Refused(farewell) if farewell.reason == ReasonCode::UnsupportedProtocolVersion)
        && retry_at.is_some()
}
