//! One publisher and subscribers that count bytes and look at none: what a reader costs is left out, so that the broker is
//! what all waits for, and processors that it does not use idle.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use mqtt::Qos;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::Args;
use crate::connection::{Connection, Transport};
use crate::messages::Template;
use crate::{Found, clock};

const TOPIC: &str = "counted";
/// Bytes that a read makes room for.
const READ: usize = 1 << 20;
/// Messages that are published at once.
const BATCH: u64 = 16;

/// What all subscribers have got so far.
#[derive(Debug, Default)]
struct Got {
    bytes: Cell<u64>,
    more: Notify,
}

pub(crate) async fn run(args: &Args) -> Result<Found> {
    let (target, broker) = (args.target()?, args.broker());
    ensure!(target.transport == Transport::Tcp, "only what comes by TCP can be counted");
    let template = Template::new(target.version, TOPIC, Qos::AtMostOnce, args.size(), false)?;
    let each = template.bytes().len() as u64 * args.subscribers as u64;
    let got = Rc::new(Got::default());
    let mut readers = JoinSet::new();
    for n in 0..args.subscribers {
        let mut connection = target.connect(&format!("subscriber-{n}")).await?;
        connection.subscribe(&[TOPIC], Qos::AtMostOnce).await?;
        readers.spawn_local(count(connection, Rc::clone(&got)));
    }
    let mut publisher = target.connect("publisher").await?;
    let (cpu, start) = (broker.cpu_us()?, clock::now());
    let all = timeout(Duration::from_secs(args.timeout), async {
        let mut sent = 0;
        while sent < args.messages {
            while sent * each > got.bytes.get() + args.window * each {
                got.more.notified().await;
            }
            (0..BATCH).for_each(|_| publisher.queue(template.bytes()));
            publisher.flush().await?;
            sent += BATCH;
        }
        while got.bytes.get() < sent * each {
            got.more.notified().await;
        }
        anyhow::Ok(sent)
    });
    let sent = all.await.map_or(Ok(args.messages), |all| all)?;
    let (seconds, delivered) =
        (start.elapsed().as_secs_f64(), got.bytes.get() * args.subscribers as u64 / each);
    let lost = (sent * args.subscribers as u64).saturating_sub(delivered);
    let line = format!(
        "delivered={delivered} lost={lost} secs={seconds:.3} deliveries_per_s={:.0} broker_cpu_us_per_delivery={:.4} rss_bytes={:.0}",
        delivered as f64 / seconds,
        (broker.cpu_us()? - cpu) / delivered as f64,
        broker.memory()?,
    );
    Ok(Found { line, amiss: lost })
}

async fn count(mut connection: Connection, got: Rc<Got>) -> Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        let bytes = connection.read_blindly(&mut buffer).await?;
        got.bytes.set(got.bytes.get() + bytes as u64);
        got.more.notify_one();
    }
}
