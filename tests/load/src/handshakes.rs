//! Connections that come and go: a TLS handshake each, CONNECT, and goodbye.

use std::rc::Rc;

use anyhow::Result;
use mqtt::packet::Disconnect;
use mqtt::{Packet, ReasonCode};
use tokio::task::spawn_local;

use crate::args::Args;
use crate::{Found, clock};

pub(crate) async fn run(args: &Args) -> Result<Found> {
    let (broker, target) = (args.broker(), Rc::new(args.target()?));
    // Whoever resumes needs a session to resume.
    let mut first = target.connect("first").await?;
    first.send(&Packet::Pingreq).await?;
    first.receive().await?;
    let (cpu, start) = (broker.cpu_us()?, clock::now());
    let each = args.count / args.publishers;
    let clients: Vec<_> = (0..args.publishers)
        .map(|n| {
            let target = Rc::clone(&target);
            spawn_local(async move {
                for at in 0..each {
                    let mut connection = target.connect(&format!("h{n}-{at}")).await?;
                    connection.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success))).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    let (seconds, count) = (start.elapsed().as_secs_f64(), (each * args.publishers) as f64);
    let line = format!(
        "handshakes={count} handshakes_per_s={:.0} broker_cpu_us_per_handshake={:.1}",
        count / seconds,
        (broker.cpu_us()? - cpu) / count,
    );
    Ok(Found { line, amiss: 0 })
}
