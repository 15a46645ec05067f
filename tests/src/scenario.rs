//! One scenario, played once for each kind of client: TCP and WebSocket, 3.1, 3.1.1 and 5.0. Each time with a broker of its own.

use std::thread;

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, SessionExpiry, Version};

use crate::bridge::Bridge;
use crate::client::Client;
use crate::wire::{Transport, Wire};

/// A transport and a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What lies below MQTT.
    pub transport: Transport,
    /// What is spoken.
    pub version: Version,
}

/// A fresh broker and the kind of clients to test it with.
#[derive(Debug)]
pub struct Scenario {
    /// Which kind.
    pub kind: Kind,
    /// The broker.
    pub bridge: Bridge,
}

/// A small generator, so that random bytes are the same in every run.
#[derive(Debug)]
pub struct Rng(mqtt::Rng);

const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// Plays a scenario for every kind.
pub fn on_all(scenario: impl Fn(&mut Scenario)) {
    on(&[Version::V3_1, Version::V3_1_1, Version::V5], scenario);
}

/// Plays a scenario over both transports with 5.0, for what only that has.
pub fn on_v5(scenario: impl Fn(&mut Scenario)) {
    on(&[Version::V5], scenario);
}

/// Plays a scenario over both transports with 3.1.1, for what that says in its own way.
pub fn on_v3_1_1(scenario: impl Fn(&mut Scenario)) {
    on(&[Version::V3_1_1], scenario);
}

/// Plays a scenario over both transports with 3.1, for what that says in its own way.
pub fn on_v3_1(scenario: impl Fn(&mut Scenario)) {
    on(&[Version::V3_1], scenario);
}

fn on(versions: &[Version], scenario: impl Fn(&mut Scenario)) {
    for transport in TRANSPORTS {
        for &version in versions {
            let kind = Kind { transport, version };
            let mut playing = Playing(Scenario { kind, bridge: Bridge::start() });
            scenario(&mut playing.0);
        }
    }
}

/// Names the kind when the scenario fails.
struct Playing(Scenario);

impl Drop for Playing {
    fn drop(&mut self) {
        if thread::panicking() {
            let Kind { transport, version } = self.0.kind;
            eprintln!("── failed over {transport:?} with MQTT {}", version.name());
        }
    }
}

impl Scenario {
    /// Whether clients speak 5.0.
    #[must_use]
    pub const fn is_5(&self) -> bool {
        self.kind.version.is_5()
    }

    /// Whether CONNACK says if there was a Session: in 3.1 that place is reserved.
    #[must_use]
    pub fn says_session_present(&self) -> bool {
        self.kind.version != Version::V3_1
    }

    /// `five` or `three`, by the version.
    #[must_use]
    pub fn either<T>(&self, five: T, three: T) -> T {
        if self.is_5() { five } else { three }
    }

    /// A connection without a CONNECT.
    #[must_use]
    pub fn open(&self) -> Client {
        let wire = match self.kind.transport {
            Transport::Tcp => Wire::tcp(self.bridge.tcp),
            Transport::WebSocket if self.kind.version == Version::V3_1 => {
                Wire::websocket_as("mqttv3.1", self.bridge.http)
            }
            Transport::WebSocket => Wire::websocket(self.bridge.http),
        };
        Client::new(wire, self.kind.version)
    }

    /// A CONNECT with a clean start and nothing else.
    #[must_use]
    pub fn hello<'a>(&self, client_id: &'a str) -> Connect<'a> {
        Connect::new(self.kind.version, client_id)
    }

    /// A CONNECT that goes on with a Session and keeps it: for ever in 3.1.1, for 1000 s in 5.0.
    #[must_use]
    pub fn hello_again<'a>(&self, client_id: &'a str) -> Connect<'a> {
        let mut connect = self.hello(client_id);
        connect.clean_start = false;
        connect.properties.session_expiry = self.either(SessionExpiry::After(1000), SessionExpiry::Never);
        connect
    }

    /// A client that is connected with a clean start.
    #[must_use]
    pub fn connect(&self, client_id: &str) -> Client {
        self.connect_with(&self.hello(client_id)).0
    }

    /// A client with the Session it left, and whether the broker had one.
    #[must_use]
    pub fn resume(&self, client_id: &str) -> (Client, bool) {
        self.connect_with(&self.hello_again(client_id))
    }

    /// A client that is connected as asked, and whether the broker had a Session for it.
    ///
    /// # Panics
    /// It is not let in.
    #[must_use]
    pub fn connect_with(&self, connect: &Connect<'_>) -> (Client, bool) {
        let mut client = self.open();
        let connack = client.connect(connect);
        assert_eq!(connack.reason, ReasonCode::Success, "{} is let in", connect.client_id);
        (client, connack.session_present)
    }
}

impl Rng {
    /// The generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mqtt::Rng::new(seed))
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    /// Some bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }
}

/// The QoS of a level.
///
/// # Panics
/// There is no such level.
#[must_use]
pub fn qos(level: u8) -> Qos {
    Qos::from_level(level).expect("QoS 0, 1 or 2")
}
