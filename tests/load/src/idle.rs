//! Connections with a subscription that do nothing: what each costs.

use std::time::Duration;

use anyhow::Result;

use crate::args::Args;
use crate::{Found, ballast, clock};

/// Time for the broker to give back what it needed only to let them in.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args) -> Result<Found> {
    let broker = args.broker();
    let (memory, cpu, start) = (broker.memory()?, broker.cpu_us()?, clock::now());
    let held = ballast::connections(&args.target()?, args.count).await?;
    let seconds = start.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let count = held.len() as f64;
    let line = format!(
        "connections={count} connects_per_s={:.0} rss_bytes_per_conn={:.0} broker_cpu_us_per_connect={:.2} \
         rss_bytes={:.0}",
        count / seconds,
        (broker.memory()? - memory) / count,
        (broker.cpu_us()? - cpu) / count,
        broker.memory()?,
    );
    Ok(Found { line, amiss: 0 })
}
