//! What a Server must do, as a second broker of plain maps. It sends nothing: it takes each input before the broker does,
//! and says afterwards whether all that the broker sent was owed, and all that was owed was sent.

mod connect;
mod filter;
mod keep;
mod ledger;
mod route;
mod sent;
mod session;
mod share;
mod size;
mod take;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge::broker::Config;
use mqtt::{Instant, MessageProperties, Qos, ReasonCode, TopicName, Version, Will};

use crate::link::LinkKey;

pub(crate) use keep::{Received, Snapshot};
pub(crate) use ledger::{Ledger, Letter};
pub(crate) use session::Session;

#[derive(Debug)]
pub(crate) struct Model {
    config: Config,
    pub(crate) now: Instant,
    lines: BTreeMap<LinkKey, Line>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) retained: BTreeMap<String, Kept>,
    pub(crate) ledger: Ledger,
    /// What the present input must lead to.
    closes: BTreeSet<LinkKey>,
    answers: Vec<(LinkKey, Answer)>,
    dropped: turn::Dropped,
    too_large: size::TooLarge,
    /// Messages that full queues turn away in this turn.
    turned_away: u64,
    /// Messages of Shared Subscriptions that nobody was sent yet.
    parcels: Vec<share::Parcel>,
    /// A connection or Session ended in this turn, and what it was owed with it.
    has_ended: bool,
    next_instance: u64,
    /// Something has come of the present message that outlives the process.
    keeps: bool,
    /// The broker has asked the disk for messages that it does not have yet.
    pub(crate) is_fetching: bool,
}

/// A connection.
#[derive(Debug)]
struct Line {
    state: State,
    /// Bytes sent that the socket has not taken.
    pending: usize,
}

#[derive(Debug)]
enum State {
    AwaitConnect { deadline: Instant },
    Live(Box<Live>),
    Closing,
}

#[derive(Debug)]
struct Live {
    client: String,
    /// Its place among all connections and Sessions that began.
    number: u64,
    /// It must be told an identifier.
    is_nameless: bool,
    version: Version,
    silence: Option<Duration>,
    last_heard: Instant,
    will: Option<Will>,
    aliases: BTreeMap<u16, TopicName>,
    /// What the Server said its aliases stand for, and up to which it may give them.
    told_aliases: BTreeMap<u16, String>,
    alias_maximum: u16,
    /// The Client's Receive Maximum, and the messages on this connection that count for it.
    receive_maximum: usize,
    unacknowledged: BTreeSet<u16>,
}

/// A retained message.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) payload: Vec<u8>,
    qos: Qos,
    expires: Option<Instant>,
    /// Without the Message Expiry Interval, of which only what remains is sent.
    properties: MessageProperties,
}

/// A packet that must come out once for the packet that went in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    name: &'static str,
    packet_id: u16,
    reasons: Vec<ReasonCode>,
}

impl Model {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::START,
            lines: BTreeMap::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            ledger: Ledger::default(),
            closes: BTreeSet::new(),
            answers: Vec::new(),
            dropped: turn::Dropped::default(),
            too_large: size::TooLarge::default(),
            turned_away: 0,
            parcels: Vec::new(),
            has_ended: false,
            next_instance: 0,
            keeps: false,
            is_fetching: false,
        }
    }

    /// The broker begins anew, with nothing; what Clients have got they have.
    pub(crate) fn restart(&mut self) {
        let ledger = std::mem::take(&mut self.ledger);
        let (now, next_instance) = (self.now, self.next_instance);
        *self = Self { ledger, now, next_instance, ..Self::new(self.config.clone()) };
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether all connections and sessions are gone.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.sessions.is_empty()
    }

    fn live(&self, link: LinkKey) -> Option<&Live> {
        match &self.lines.get(&link)?.state {
            State::Live(live) => Some(live),
            State::AwaitConnect { .. } | State::Closing => None,
        }
    }

    fn live_mut(&mut self, link: LinkKey) -> Option<&mut Live> {
        match &mut self.lines.get_mut(&link)?.state {
            State::Live(live) => Some(live),
            State::AwaitConnect { .. } | State::Closing => None,
        }
    }

    fn answer(&mut self, link: LinkKey, name: &'static str, packet_id: u16, reasons: Vec<ReasonCode>) {
        self.answers.push((link, Answer { name, packet_id, reasons }));
    }

    /// The next moment at which something is due, which the broker must not sleep through.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let lines = self.lines.values().filter_map(|line| line.deadline());
        let sessions = self.sessions.values().filter_map(Session::deadline);
        let retained = self.retained.values().filter_map(|kept| kept.expires);
        lines.chain(sessions).chain(retained).min()
    }

    /// Connections that have been silent for too long.
    pub(crate) fn late(&self) -> Vec<LinkKey> {
        let is_late = |line: &Line| line.deadline().is_some_and(|at| at <= self.now);
        self.lines.iter().filter(|(_, line)| is_late(line)).map(|(link, _)| *link).collect()
    }

    /// All that is due now.
    pub(crate) fn tick(&mut self) {
        let now = self.now;
        for link in self.late() {
            self.end(link, true);
        }
        // After a crash several are due at once, and a short queue has no room for all their wills.
        let due = self.sessions.iter().map(|(client, s)| (s.deadline(), s.instance, client.clone()));
        for (_, _, client) in due.collect::<BTreeSet<_>>() {
            self.session_due(&client);
        }
        let expired = self.retained.extract_if(.., |_, kept| kept.is_expired(now)); // (3.3.1.3)
        for (topic, _) in expired.collect::<Vec<_>>() {
            self.was_not_retained(&topic);
        }
    }

    /// The socket took bytes; this much still waits.
    pub(crate) fn written(&mut self, link: LinkKey, pending: usize) {
        if let Some(line) = self.lines.get_mut(&link) {
            line.pending = pending;
        }
    }
}

impl Line {
    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::AwaitConnect { deadline } => Some(*deadline),
            State::Live(live) => live.silence.map(|silence| live.last_heard + silence), // [MQTT-3.1.2-24]
            State::Closing => None,
        }
    }
}

impl Kept {
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}
