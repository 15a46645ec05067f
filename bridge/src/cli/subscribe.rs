//! `switchboard sub`: prints the messages of one or more topics as they come.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use mqtt::client::{Event, Received};
use mqtt::packet::SubscriptionOptions;
use mqtt::{ReasonCode, TopicFilter};
use tokio::signal::unix::{SignalKind, signal};

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

/// Connects, subscribes and prints until `-C` or `-W` is reached or it is told to stop, reconnecting when the connection is lost.
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
    let stopped = stopped()?;
    let done = tokio::select! {
        done = print(&mut link, &filters, &args) => done,
        () = time_out(args.timeout_s) => Err(Error::TimedOut),
        () = stopped => Ok(()),
    };
    if !matches!(done, Err(Error::Ended { .. })) {
        goodbye(&mut link).await;
    }
    done
}

async fn time_out(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Whoever stops it at a terminal has what was wanted: the broker is told, and no will is sent.
fn stopped() -> Result<impl Future<Output = ()>, Error> {
    let take = |kind| signal(kind).map_err(Error::NoSignals);
    let [mut interrupt, mut terminate] = [take(SignalKind::interrupt())?, take(SignalKind::terminate())?];
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

type Filters = [(TopicFilter, SubscriptionOptions)];

async fn print(link: &mut Link, filters: &Filters, args: &SubscribeArgs) -> Result<(), Error> {
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
            Event::Subscribed { reasons, .. } => refused(filters, &reasons)?,
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

fn refused(filters: &Filters, reasons: &[ReasonCode]) -> Result<(), Error> {
    let refused = filters.iter().zip(reasons).find(|(_, reason)| reason.is_error());
    match refused {
        Some(((filter, _), &reason)) => Err(Error::Refused { filter: filter.to_string(), reason }),
        None => Ok(()),
    }
}
