//! `switchboard sub`: prints the messages of one or more topics as they come.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use mqtt::client::{Event, Received};
use mqtt::packet::SubscriptionOptions;
use mqtt::{ReasonCode, TopicFilter};

use super::{ConnectArgs, Error, Link, falls_back, goodbye};

/// What to subscribe to.
#[derive(Clone, Debug, Args)]
pub struct SubscribeArgs {
    /// Where and as whom.
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// A topic filter; may be given more than once
    #[arg(short, long = "topic", required_unless_present = "url")]
    pub topics: Vec<String>,

    /// Print the topic before each message
    #[arg(short, long)]
    pub verbose: bool,

    /// Leave after this many messages
    #[arg(short = 'C', value_name = "COUNT")]
    pub count: Option<u64>,

    /// Fail after this many seconds
    #[arg(short = 'W', value_name = "SECONDS")]
    pub timeout_s: Option<u64>,

    /// Print no message that was retained before
    #[arg(short = 'R')]
    pub no_retained: bool,

    /// Print no line break after each message
    #[arg(short = 'N')]
    pub no_newline: bool,
}

/// Connects, subscribes and prints until `-C` or `-W` is reached, reconnecting when the connection is lost.
///
/// # Errors
/// One sentence that says what failed: the first connection, a refusal, the time.
pub async fn subscribe(args: SubscribeArgs) -> Result<(), Error> {
    let mut filters = Vec::new();
    for topic in args.topics.iter().map(String::as_str).chain(args.connect.topic()) {
        let filter =
            TopicFilter::new(topic.into()).map_err(|why| Error::Topic { topic: topic.into(), why })?;
        filters.push((filter, SubscriptionOptions::at(args.connect.qos)));
    }
    if filters.is_empty() {
        return Err(Error::NoTopic);
    }
    let mut link = args.connect.link()?;
    link.with(|client, now| {
        client.subscribe(now, &filters, None);
        client.start(now);
    });
    let Some(seconds) = args.timeout_s else { return print(&mut link, &args).await };
    match tokio::time::timeout(Duration::from_secs(seconds), print(&mut link, &args)).await {
        Ok(done) => done,
        Err(_) => {
            goodbye(&mut link).await;
            Err(Error::TimedOut)
        }
    }
}

async fn print(link: &mut Link, args: &SubscribeArgs) -> Result<(), Error> {
    let (mut was_connected, mut left) = (false, args.count);
    while left != Some(0) {
        match link.next().await {
            Event::Connected(_) => was_connected = true,
            Event::Message(received) => {
                if received.message.retain && args.no_retained {
                    continue;
                }
                match line(args, &received) {
                    Ok(()) => left = left.map(|n| n - 1),
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break, // the reader has seen enough
                    Err(e) => return Err(Error::Output(e)),
                }
            }
            Event::Subscribed { reasons, .. } => refused(args, &reasons)?,
            Event::SubscriptionLost { filter, reason } => {
                return Err(Error::Refused { filter: filter.to_string(), reason });
            }
            Event::Ended { why, retry_at }
                if !falls_back(&why, retry_at) && (retry_at.is_none() || !was_connected) =>
            {
                return Err(Error::Ended { address: args.connect.address(), why });
            }
            _ => {}
        }
    }
    goodbye(link).await;
    Ok(())
}

fn line(args: &SubscribeArgs, received: &Received) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.verbose {
        write!(out, "{} ", received.message.topic)?;
    }
    out.write_all(&received.message.payload)?;
    if !args.no_newline {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn refused(args: &SubscribeArgs, reasons: &[ReasonCode]) -> Result<(), Error> {
    let refused = args.topics.iter().zip(reasons).find(|(_, reason)| reason.is_error());
    match refused {
        Some((filter, &reason)) => Err(Error::Refused { filter: filter.clone(), reason }),
        None => Ok(()),
    }
}
