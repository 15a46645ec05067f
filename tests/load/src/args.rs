//! The command line. Knows the names of the loads, not what they do.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use mqtt::{Qos, Version};

use crate::connection::{Target, Transport};
use crate::process::Process;
use crate::tls::Tls;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// Each publisher has its own topic and its own subscriber.
    Pairs,
    /// Every subscriber takes every publisher's messages.
    Fanout,
    /// One publisher and subscribers that only count bytes: the broker is what all waits for.
    Counted,
    /// One subscriber takes all publishers' messages.
    Fanin,
    /// Connections with a subscription that do nothing: memory and processor time for each.
    Idle,
    /// `pairs` beside subscriptions by the thousand to other topics: the cost of matching.
    Match,
    /// Connections that come and go, so many of `--publishers` at once.
    Handshakes,
    /// Publishers only, QoS 1, to a topic that an absent session wants: how fast is an acknowledgement that is kept.
    Acked,
}

#[derive(Clone, Debug, Parser)]
#[command(about = "Puts an MQTT broker under a load whose every message must arrive")]
pub(crate) struct Args {
    pub(crate) load: Load,
    #[arg(long, default_value = "127.0.0.1:1883")]
    pub(crate) addr: SocketAddr,
    /// Over WebSocket
    #[arg(long)]
    ws: bool,
    /// Over TLS, trusting the CA of this file; the certificate is for `localhost`
    #[arg(long)]
    cafile: Option<PathBuf>,
    /// TLS sessions go on from earlier ones
    #[arg(long)]
    resume: bool,
    /// Path of the WebSocket
    #[arg(long, default_value = "/mqtt")]
    path: String,
    /// MQTT 5.0 instead of 3.1.1
    #[arg(long)]
    v5: bool,
    /// The broker chooses all names. One of several shards that deals such Clients out in turn has both of a pair on the same shard
    #[arg(long)]
    pub(crate) unnamed: bool,
    #[arg(long, default_value_t = 1)]
    pub(crate) publishers: usize,
    #[arg(long, default_value_t = 1)]
    pub(crate) subscribers: usize,
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Bytes of a payload, 16 at least
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Messages published in all
    #[arg(long, default_value_t = 100_000)]
    pub(crate) messages: u64,
    /// Messages under way for each publisher
    #[arg(long, default_value_t = 100)]
    pub(crate) window: u64,
    /// Publish so many messages a second in all, instead of as fast as the window allows
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Connections to hold (idle), or subscriptions to place (match)
    #[arg(long, default_value_t = 10_000)]
    pub(crate) count: usize,
    /// Idle connections to hold beside the load
    #[arg(long, default_value_t = 0)]
    pub(crate) connections: usize,
    /// Retained messages to leave before the load
    #[arg(long, default_value_t = 0)]
    pub(crate) retained: usize,
    /// The broker's process: its processor time and memory are read from /proc
    #[arg(long)]
    pid: Option<u32>,
    /// Seconds after which what has not arrived is lost
    #[arg(long, default_value_t = 60)]
    pub(crate) timeout: u64,
}

impl Args {
    pub(crate) fn target(&self) -> Result<Target> {
        let tls = self.cafile.as_ref().map(|cafile| Tls::new(cafile, self.resume)).transpose()?;
        Ok(Target {
            addr: self.addr,
            transport: if self.ws { Transport::WebSocket } else { Transport::Tcp },
            path: self.path.clone(),
            version: if self.v5 { Version::V5 } else { Version::V3_1_1 },
            tls,
        })
    }

    pub(crate) fn qos(&self) -> Qos {
        match self.qos {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }

    /// Bytes of a payload: number and time stand in the last sixteen.
    pub(crate) fn size(&self) -> usize {
        self.size.max(16)
    }

    pub(crate) const fn broker(&self) -> Process {
        Process(self.pid)
    }
}
