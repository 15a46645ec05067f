//! A closed-loop MQTT load generator. Every message that is published must be delivered: how many are under way is bounded
//! by a window, so a broker that drops is caught, not rewarded.
//!
//! It knows no broker but by its address and the number of its process, whose processor time and memory it reads from
//! `/proc`. It runs in one thread and costs less than any broker it measures. What it found is the last line that it prints,
//! as `name=value` words; it fails when something was lost.
//!
//! `cargo xtask bench` runs it with every broker there is.
#![expect(clippy::print_stdout, reason = "what it found is its output")]

mod acked;
mod args;
mod ballast;
mod clock;
mod connection;
mod counted;
mod frames;
mod handshakes;
mod histogram;
mod idle;
mod messages;
mod process;
mod tls;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime;
use tokio::task::LocalSet;

use args::{Args, Load};

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    // Every connection is a file.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let found = LocalSet::new().block_on(&runtime, async {
        match args.load {
            Load::Idle => idle::run(&args).await,
            Load::Handshakes => handshakes::run(&args).await,
            Load::Counted => counted::run(&args).await,
            Load::Acked => acked::run(&args).await,
            Load::Pairs | Load::Fanout | Load::Fanin | Load::Match => messages::run(&args).await,
        }
    })?;
    println!("{}", found.line);
    Ok(if found.amiss == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a load has found.
#[derive(Debug)]
struct Found {
    /// `name=value` words.
    line: String,
    /// Messages that did not arrive in time, came twice or out of their order.
    amiss: u64,
}
