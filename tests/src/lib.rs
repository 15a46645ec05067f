//! The harness: what the tests in `tests/` stand on. It starts the built `switchboard`, real peers and a browser, and speaks to
//! them over sockets, byte by byte where that matters.
//!
//! It knows no module of the broker, of its server or of the page: all that is tested is tested from outside. It shares one
//! thing with them, the codec of `mqtt`, which has its own wire tables.
//!
//! Nothing here sleeps for luck: everything waits for an event and fails, with words, at a deadline.

mod acme;
mod bridge;
mod client;
mod deadline;
mod frames;
mod http;
mod mosquitto;
mod paths;
mod process;
mod scenario;
mod tls;
mod webdriver;
mod wire;

pub use acme::AcmeDirectory;
pub use bridge::{Bridge, TempFile, TempFolder, own_address};
pub use client::{Client, End, delivery, message};
pub use deadline::{Deadline, PATIENCE, now, unix_s, until};
pub use frames::{Frame, RawWebSocket, mask};
pub use http::{Request, Response};
pub use mosquitto::Mosquitto;
pub use paths::{chromedriver, program, tool, workspace};
pub use process::{Lines, Process};
pub use scenario::{Kind, Rng, Scenario, on_all, on_v3_1, on_v3_1_1, on_v5, qos};
pub use tls::{Authority, Credentials, TlsStream, dial_tls};
pub use webdriver::{Browser, Element, keys};
pub use wire::{Received, Transport, Wire};
