//! What a broker carries while it is measured: idle connections, subscriptions and retained messages of no one who is measured.

use anyhow::Result;
use mqtt::Qos;
use tokio::task::JoinSet;

use crate::args::{Args, Load};
use crate::connection::{Connection, Target};
use crate::messages::Template;

/// Connections that are opened at the same time.
const AT_ONCE: usize = 64;
/// Subscriptions of one client, and of one packet.
const OF_A_CLIENT: usize = 50_000;
const OF_A_PACKET: usize = 100;
/// Bytes of retained messages that are sent in one go.
const GO: usize = 64 << 10;

/// Puts it there and gives the connections that hold it.
pub(crate) async fn load(args: &Args, target: &Target) -> Result<Vec<Connection>> {
    let mut held = connections(target, args.connections).await?;
    if args.load == Load::Match {
        held.extend(subscriptions(target, args.count).await?);
    }
    retained(args, target).await?;
    Ok(held)
}

/// So many clients with a subscription each.
pub(crate) async fn connections(target: &Target, count: usize) -> Result<Vec<Connection>> {
    let mut held = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    let mut next = 0;
    while held.len() < count {
        while next < count && opening.len() < AT_ONCE {
            let target = target.clone();
            opening.spawn_local(async move {
                let mut connection = target.connect_nth(next, &format!("idle-{next}")).await?;
                connection.subscribe(&[&format!("idle/{next}/set")], Qos::AtMostOnce).await?;
                anyhow::Ok(connection)
            });
            next += 1;
        }
        if let Some(opened) = opening.join_next().await {
            held.push(opened??);
        }
    }
    Ok(held)
}

/// So many subscriptions of all kinds, none of which matches what is published later.
async fn subscriptions(target: &Target, count: usize) -> Result<Vec<Connection>> {
    let filters: Vec<String> = (0..count).map(filter).collect();
    let mut held = Vec::new();
    for (n, of_a_client) in filters.chunks(OF_A_CLIENT).enumerate() {
        let mut connection = target.connect(&format!("filters-{n}")).await?;
        for part in of_a_client.chunks(OF_A_PACKET) {
            let part: Vec<&str> = part.iter().map(String::as_str).collect();
            connection.subscribe(&part, Qos::AtMostOnce).await?;
        }
        held.push(connection);
    }
    Ok(held)
}

fn filter(n: usize) -> String {
    let site = n % 97;
    match n % 4 {
        0 => format!("site/{site}/dev/{n}/+/state"),
        1 => format!("site/{site}/dev/{n}/#"),
        2 => format!("site/{site}/dev/{n}/out/1"),
        _ => format!("site/+/dev/{n}/in/2"),
    }
}

async fn retained(args: &Args, target: &Target) -> Result<()> {
    if args.retained == 0 {
        return Ok(());
    }
    let mut connection = target.connect("keeper").await?;
    for n in 0..args.retained {
        let topic = format!("kept/{}/{n}", n % 1000);
        let template = Template::new(target.version, &topic, Qos::AtMostOnce, args.size(), true)?;
        connection.queue(template.bytes());
        if connection.queued() > GO {
            connection.flush().await?;
        }
    }
    // Answered when all before it is there.
    connection.subscribe(&["kept"], Qos::AtMostOnce).await
}
