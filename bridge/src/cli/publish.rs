//! `switchboard pub`: publishes one message and says whether it arrived.

use std::io::Read as _;

use clap::Args;
use mqtt::client::{Event, Outcome};
use mqtt::{Message, TopicName};

use super::{ConnectArgs, Error, falls_back, goodbye};

/// What to publish.
#[derive(Clone, Debug, Args)]
pub struct PublishArgs {
    /// Where and as whom.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// The topic
    #[arg(short, long, required_unless_present = "url")]
    pub topic: Option<String>,

    /// The message
    #[arg(short, long, group = "what", allow_hyphen_values = true)]
    pub message: Option<String>,

    /// An empty message; with -r it clears a retained one
    #[arg(short, long, group = "what")]
    pub null_message: bool,

    /// The content of a file
    #[arg(short, long, group = "what", value_name = "FILE")]
    pub file: Option<std::path::PathBuf>,

    /// All of standard input
    #[arg(short, long, group = "what")]
    pub stdin_file: bool,

    /// Keep the message for those who subscribe later
    #[arg(short, long)]
    pub retain: bool,
}

impl PublishArgs {
    fn payload(&self) -> Result<Vec<u8>, Error> {
        if let Some(text) = &self.message {
            return Ok(text.clone().into_bytes());
        }
        if let Some(path) = &self.file {
            return std::fs::read(path).map_err(|why| Error::File { path: path.display().to_string(), why });
        }
        if self.stdin_file {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            return read.map(|_| bytes).map_err(|why| Error::File { path: "standard input".into(), why });
        }
        if self.null_message { Ok(Vec::new()) } else { Err(Error::NoMessage) }
    }
}

/// Connects, publishes, waits for the acknowledgement its QoS has, disconnects.
///
/// # Errors
/// One sentence that says what failed.
pub async fn publish(args: PublishArgs) -> Result<(), Error> {
    let topic = args.topic.as_deref().or_else(|| args.connect.topic()).ok_or(Error::NoTopic)?;
    let topic = TopicName::new(topic.into()).map_err(|why| Error::Topic { topic: topic.into(), why })?;
    let message = Message::new(topic, args.payload()?).with_qos(args.connect.qos).with_retain(args.retain);
    let mut link = args.connect.link()?;
    link.with(|client, now| client.publish(now, message).map(|_| client.start(now)))?;
    loop {
        match link.next().await {
            Event::Published { outcome, .. } => {
                goodbye(&mut link).await;
                return verdict(outcome);
            }
            Event::Ended { why, retry_at } if !falls_back(&why, retry_at) => {
                return Err(Error::Ended { address: args.connect.address(), why });
            }
            _ => {}
        }
    }
}

fn verdict(outcome: Outcome) -> Result<(), Error> {
    let words = match outcome {
        Outcome::Sent | Outcome::Acknowledged(_) => return Ok(()),
        Outcome::Refused { reason, reason_string: Some(words) } => format!("{reason}: {words}"),
        Outcome::Refused { reason, reason_string: None } => reason.to_string(),
        Outcome::Impossible(e) => e.to_string(),
        Outcome::Cancelled => "it was taken back".into(),
        Outcome::Expired => "its time was over".into(),
        Outcome::LinkLost | Outcome::SessionLost => "the connection was lost".into(),
    };
    Err(Error::NotDelivered(words))
}
