//! Messages from publishers to subscribers, as fast as a window allows or at a pace. Knows who publishes to whom, and waits
//! until all has arrived.

mod publisher;
mod subscriber;
mod template;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mqtt::Qos;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::{Args, Load};
use crate::connection::{Connection, Target};
use crate::histogram::Histogram;
use crate::process::Process;
use crate::{Found, ballast, clock};
use publisher::Publisher;
use subscriber::Subscriber;

pub(crate) use template::Template;

/// What all tasks of a load know.
#[derive(Debug)]
struct Shared {
    start: Instant,
    times: RefCell<Histogram>,
    delivered: Cell<u64>,
    /// Deliveries that were not the next one of their publisher.
    misplaced: Cell<u64>,
    expected: u64,
    last: Cell<Instant>,
    done: Notify,
}

/// Deliveries of one publisher's messages that are under way.
#[derive(Debug)]
struct Window {
    open: Cell<u64>,
    limit: u64,
    room: Notify,
}

/// Who takes part.
struct Cast {
    publishers: Vec<Connection>,
    subscribers: Vec<Connection>,
    /// Subscribers that get each message.
    copies: u64,
}

pub(crate) async fn run(args: &Args) -> Result<Found> {
    let (target, broker) = (args.target()?, args.broker());
    let before = broker.memory()?;
    let _ballast = ballast::load(args, &target).await?;
    let ballast = broker.memory()? - before;
    let cast = cast(args, &target).await?;
    let each = args.messages / args.publishers as u64;
    let shared = Rc::new(Shared {
        start: clock::now(),
        times: RefCell::default(),
        delivered: Cell::new(0),
        misplaced: Cell::new(0),
        expected: each * args.publishers as u64 * cast.copies,
        last: Cell::new(clock::now()),
        done: Notify::new(),
    });
    let spent = (broker.cpu_us()?, Process::ourselves().cpu_us()?);
    let mut tasks = start(args, &target, cast, each, &shared)?;
    let end = timeout(Duration::from_secs(args.timeout), async {
        tokio::select! {
            () = shared.done.notified() => Ok(()),
            // None of them ends by itself.
            Some(failed) = tasks.join_next() => failed?,
        }
    });
    match end.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("{error:#}"),
        Err(_) => eprintln!("not all has arrived in {} s", args.timeout),
    }
    found(&shared, broker, spent, ballast)
}

fn topic(load: Load, n: usize) -> String {
    match load {
        Load::Match => format!("site/1/dev/x{n}/state/{n}"),
        _ => format!("load/{n}"),
    }
}

fn name(args: &Args, what: &str, n: usize) -> String {
    if args.unnamed { String::new() } else { format!("{what}-{n}") }
}

/// Everyone connected and subscribed.
async fn cast(args: &Args, target: &Target) -> Result<Cast> {
    let (count, copies) = match args.load {
        Load::Fanout => (args.subscribers, args.subscribers as u64),
        Load::Fanin => (1, 1),
        _ => (args.publishers, 1),
    };
    let mut subscribers = Vec::new();
    for n in 0..count {
        let mut connection = target.connect(&name(args, "subscriber", n)).await?;
        let filter = match args.load {
            Load::Fanout | Load::Fanin => "load/+".to_owned(),
            _ => topic(args.load, n),
        };
        connection.subscribe(&[&filter], args.qos()).await?;
        subscribers.push(connection);
    }
    let mut publishers = Vec::new();
    for n in 0..args.publishers {
        publishers.push(target.connect(&name(args, "publisher", n)).await?);
    }
    Ok(Cast { publishers, subscribers, copies })
}

/// A task for each connection.
fn start(
    args: &Args,
    target: &Target,
    cast: Cast,
    each: u64,
    shared: &Rc<Shared>,
) -> Result<JoinSet<Result<()>>> {
    let window = || Window { open: Cell::new(0), limit: args.window * cast.copies, room: Notify::new() };
    let windows: Vec<Rc<Window>> = cast.publishers.iter().map(|_| Rc::new(window())).collect();
    let mut tasks = JoinSet::new();
    for (n, connection) in cast.subscribers.into_iter().enumerate() {
        let windows = match args.load {
            Load::Fanout | Load::Fanin => windows.clone(),
            _ => vec![Rc::clone(windows.get(n).context("each subscriber has a publisher")?)],
        };
        let next = vec![0; windows.len()];
        tasks.spawn_local(Subscriber { connection, windows, shared: Rc::clone(shared), next }.run());
    }
    // Each publishes at its part of the rate.
    let interval = args.rate.map(|rate| Duration::from_secs_f64(args.publishers as f64 / rate));
    for (n, (connection, window)) in cast.publishers.into_iter().zip(windows).enumerate() {
        let template = Template::new(target.version, &topic(args.load, n), args.qos(), args.size(), false)?;
        let publisher = Publisher {
            connection,
            template,
            copies: cast.copies,
            messages: each,
            most_unacked: (args.qos() != Qos::AtMostOnce).then_some(args.window),
            interval,
            window,
            shared: Rc::clone(shared),
            sent: 0,
            acked: 0,
        };
        tasks.spawn_local(publisher.run());
    }
    Ok(tasks)
}

fn found(shared: &Shared, broker: Process, spent: (f64, f64), ballast: f64) -> Result<Found> {
    let delivered = shared.delivered.get();
    let (lost, misplaced) = (shared.expected - delivered, shared.misplaced.get());
    let last = if lost == 0 { shared.last.get() } else { clock::now() };
    let seconds = last.duration_since(shared.start).as_secs_f64();
    let each = delivered.max(1) as f64;
    let times = shared.times.borrow();
    let line = format!(
        "delivered={delivered} lost={lost} misplaced={misplaced} secs={seconds:.3} deliveries_per_s={:.0} \
         broker_cpu_us_per_delivery={:.4} load_cpu_us_per_delivery={:.4} p50_us={} p99_us={} p999_us={} \
         rss_bytes={:.0} ballast_bytes={ballast:.0}",
        delivered as f64 / seconds,
        (broker.cpu_us()? - spent.0) / each,
        (Process::ourselves().cpu_us()? - spent.1) / each,
        times.quantile(0.5),
        times.quantile(0.99),
        times.quantile(0.999),
        broker.memory()?,
    );
    Ok(Found { line, amiss: lost + misplaced })
}
