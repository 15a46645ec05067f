//! Publishers of what an absent session wants: how fast is an acknowledgement that is kept.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mqtt::Qos;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::Args;
use crate::connection::Target;
use crate::histogram::Histogram;
use crate::messages::Template;
use crate::{Found, clock};

const TOPIC: &str = "kept/by/absent";

pub(crate) async fn run(args: &Args) -> Result<Found> {
    let (target, broker) = (args.target()?, args.broker());
    let mut keeper = target.connect_to_stay("absent").await?;
    keeper.subscribe(&[TOPIC], Qos::AtLeastOnce).await?;
    drop(keeper);
    // Until the broker has seen that it is gone.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (cpu, start) = (broker.cpu_us()?, clock::now());
    let each = args.messages / args.publishers as u64;
    let mut publishers = JoinSet::new();
    for n in 0..args.publishers {
        publishers.spawn_local(publish(n, each, args.clone(), target.clone()));
    }
    let mut all = Histogram::default();
    let done = timeout(Duration::from_secs(args.timeout), async {
        while let Some(times) = publishers.join_next().await {
            all.add(&times??);
        }
        anyhow::Ok(())
    });
    if let Ok(done) = done.await {
        done?;
    }
    let (seconds, acked) = (start.elapsed().as_secs_f64(), all.total());
    let lost = each * args.publishers as u64 - acked;
    let line = format!(
        "acked={acked} lost={lost} secs={seconds:.3} acked_per_s={:.0} broker_cpu_us_per_ack={:.3} p50_us={} p99_us={}",
        acked as f64 / seconds,
        (broker.cpu_us()? - cpu) / acked as f64,
        all.quantile(0.5),
        all.quantile(0.99),
    );
    Ok(Found { line, amiss: lost })
}

/// Keeps a window of messages unacknowledged; what is measured is the time from sending to PUBACK.
async fn publish(n: usize, each: u64, args: Args, target: Target) -> Result<Histogram> {
    let mut connection = target.connect(&format!("publisher-{n}")).await?;
    let mut template = Template::new(target.version, TOPIC, Qos::AtLeastOnce, args.size(), false)?;
    let (mut times, mut sent_at) = (Histogram::default(), VecDeque::new());
    let (mut sent, mut acked) = (0, 0);
    while acked < each {
        while sent < each && sent - acked < args.window {
            template.next_id();
            connection.queue(template.bytes());
            sent_at.push_back(clock::now());
            sent += 1;
        }
        connection.flush().await?;
        connection.read().await?;
        while let Some(packet) = connection.next() {
            if packet.kind() == 4 {
                let began = sent_at.pop_front().context("a PUBACK for nothing")?;
                times.record(began.elapsed().as_micros() as u64);
                acked += 1;
            }
        }
    }
    Ok(times)
}
