//! Several brokers that share the work, with all that lies between them: batches that take their time, confirmations, one disk,
//! and clients that come in by the door. From seeds, in virtual time.

mod answers;
mod clients;
mod parting;
mod retained;
mod runs;
mod share;
mod sys;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt::Rng;

use super::*;
use crate::broker::change::Change;
use crate::broker::{PeerItem, Place, ShardId};

/// What a held packet, or a batch that is to be confirmed, waits for.
#[derive(Clone, Debug)]
struct Ticket {
    /// Changes up to this one are durable.
    changes: u64,
    /// By each other shard, batches up to this one are confirmed.
    batches: Vec<u64>,
}

/// One shard, and what it has told the others.
struct Shard {
    broker: Broker,
    /// What it says in this turn, by shard; in its batch of this number.
    saying: Vec<Vec<PeerItem>>,
    said: Vec<u64>,
    /// Those batches that each other shard has not confirmed.
    unconfirmed: Vec<BTreeSet<u64>>,
    /// Batches it has handled and not confirmed.
    handled: Vec<(usize, u64, Ticket)>,
    links: BTreeMap<u32, usize>,
    last_connection: u32,
    deadline: Option<Instant>,
}

impl Shard {
    /// What another is told in this turn.
    fn batch_to(&mut self, to: ShardId) -> &mut Vec<PeerItem> {
        let to = usize::from(to.0);
        if self.saying[to].is_empty() {
            self.said[to] += 1;
            self.unconfirmed[to].insert(self.said[to]);
        }
        &mut self.saying[to]
    }
}

/// What is told at once, and its number.
type Batch = (u64, Vec<PeerItem>);

struct Cluster {
    shards: Vec<Shard>,
    config: Config,
    rng: Rng,
    /// All begin at the door, until they part.
    begins_together: bool,
    now: Instant,
    /// Batches on their way, by (from, to), each with its number.
    between: BTreeMap<(usize, usize), VecDeque<Batch>>,
    disk: Rows,
    pending: Rows,
    changes: u64,
    durable: u64,
    clients: Vec<clients::Client>,
    /// How much was told between shards, of the kinds that a test may want to have seen.
    moved: u32,
    resettled: u32,
    told: u32,
    crashes: u32,
}

impl Cluster {
    fn new(seed: u64, shards: u16, config: Config) -> Self {
        Self::begin(seed, shards, config, false)
    }

    fn begin(seed: u64, shards: u16, config: Config, begins_together: bool) -> Self {
        let mut cluster = Self {
            begins_together,
            shards: Vec::new(),
            config,
            rng: Rng::new(seed),
            now: Instant::from_millis(1),
            between: BTreeMap::new(),
            disk: Rows::default(),
            pending: Rows::default(),
            changes: 0,
            durable: 0,
            clients: Vec::new(),
            moved: 0,
            resettled: 0,
            told: 0,
            crashes: 0,
        };
        cluster.start(shards, seed);
        cluster
    }

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    /// A process begins with what the disk has.
    fn start(&mut self, of: u16, seed: u64) {
        let rows: Vec<Change> = self.disk.puts().collect();
        self.shards.clear();
        self.between.clear();
        self.pending.clear();
        for shard in 0..of {
            let place = Place { shard: ShardId(shard), of };
            let mut broker = Broker::new(self.config.clone(), seed).placed(place, u64::from(shard));
            if self.begins_together {
                broker = broker.together();
            }
            let mut restore = broker.restore(self.now);
            rows.iter().for_each(|row| restore.take(row.clone()));
            restore.finish();
            self.shards.push(Shard {
                broker,
                saying: vec![Vec::new(); of.into()],
                said: vec![0; of.into()],
                unconfirmed: vec![BTreeSet::new(); of.into()],
                handled: Vec::new(),
                links: BTreeMap::new(),
                last_connection: 0,
                deadline: None,
            });
        }
        for at in 0..self.shards.len() {
            self.outputs(at);
            self.handle(at, Input::Tick);
        }
    }

    /// The process ends, and another begins.
    fn crash(&mut self, of: u16) {
        self.crashes += 1;
        self.clients.iter_mut().for_each(|client| client.link = None);
        self.now = self.now + secs(1);
        let seed = self.rng.next_u64();
        self.start(of, seed);
    }

    fn handle(&mut self, at: usize, input: Input<'_>) {
        self.shards[at].broker.handle(self.now, input);
        self.outputs(at);
    }

    fn outputs(&mut self, at: usize) {
        let (mut closed, mut wanted, mut held) = (Vec::new(), Vec::new(), Vec::new());
        let shard = &mut self.shards[at];
        loop {
            match shard.broker.poll() {
                Output::Send { connection, bytes, held: waits } => {
                    if let Some(&client) = shard.links.get(&connection.0)
                        && let Some(link) = &mut self.clients[client].link
                    {
                        link.sent.push_back((None, bytes.to_vec()));
                        held.extend(waits.then_some((client, link.sent.len() - 1)));
                    }
                }
                Output::Store(change) => {
                    self.changes += 1;
                    self.pending.apply(change);
                }
                Output::Peer { to, item } => {
                    self.told += 1;
                    shard.batch_to(to).push(item);
                }
                Output::Carry { to, message } => {
                    self.told += 1;
                    let carried = PeerItem::carry(shard.saying[usize::from(to.0)].last_mut(), message);
                    carried.into_iter().for_each(|item| shard.batch_to(to).push(item));
                }
                Output::Move { connection, to, crowd } => {
                    self.moved += 1;
                    if let Some(client) = shard.links.remove(&connection.0)
                        && let Some(link) = &mut self.clients[client].link
                    {
                        link.moves = Some((usize::from(to.0), crowd));
                    }
                }
                Output::Close { connection } => closed.push(connection),
                Output::Notice(_) | Output::Check(_) => {}
                Output::Fetch(fetch) => wanted.push(fetch),
                Output::Wait(deadline) => {
                    shard.deadline = deadline;
                    break;
                }
            }
        }
        let ticket = self.ticket(at);
        for (client, index) in held {
            if let Some((waits, _)) =
                self.clients[client].link.as_mut().and_then(|link| link.sent.get_mut(index))
            {
                *waits = Some(ticket.clone());
            }
        }
        for fetch in wanted {
            let mut all = self.disk.clone();
            all.absorb(&self.pending);
            let found = Found { messages: all.find(fetch.numbers()), unstored: Vec::new() };
            self.handle(at, Input::Fetched { fetch, found });
        }
        for connection in closed {
            self.close(at, connection);
        }
        if self.below(2) == 0 {
            self.end_turn(at);
        }
    }

    /// All that came out of a shard until now.
    fn ticket(&self, at: usize) -> Ticket {
        Ticket { changes: self.changes, batches: self.shards[at].said.clone() }
    }

    fn is_over(&self, at: usize, ticket: &Ticket) -> bool {
        let unconfirmed = self.shards[at].unconfirmed.iter().zip(&ticket.batches);
        let mut first = unconfirmed.map(|(unconfirmed, upto)| (unconfirmed.first(), upto));
        self.durable >= ticket.changes && first.all(|(first, upto)| first.is_none_or(|first| first > upto))
    }

    /// What a shard has said in this turn goes on its way.
    fn end_turn(&mut self, at: usize) {
        let shard = &mut self.shards[at];
        for to in 0..shard.saying.len() {
            let batch = std::mem::take(&mut shard.saying[to]);
            if !batch.is_empty() {
                self.between.entry((at, to)).or_default().push_back((shard.said[to], batch));
            }
        }
    }

    /// One batch arrives. False when there is none on this way.
    fn arrive(&mut self, from: usize, to: usize) -> bool {
        let Some((number, batch)) = self.between.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
            return false;
        };
        for item in batch {
            let from = ShardId(from as u16);
            self.handle(to, Input::Peer { from, item });
        }
        // If it waited for what was said meanwhile, two shards would wait for each other.
        let ticket = Ticket { changes: self.changes, batches: vec![0; self.shards.len()] };
        self.shards[to].handled.push((from, number, ticket));
        true
    }

    /// Confirms what a shard has handled and is safe. True when that was something.
    fn confirm(&mut self, at: usize) -> bool {
        let handled = std::mem::take(&mut self.shards[at].handled);
        let all = handled.len();
        for (from, number, ticket) in handled {
            // One that waits for others must not keep back those behind it, which these may wait for.
            if self.is_over(at, &ticket) {
                self.shards[from].unconfirmed[at].remove(&number);
            } else {
                self.shards[at].handled.push((from, number, ticket));
            }
        }
        self.shards[at].handled.len() < all
    }

    /// All that came out is safe; what nobody waits for may stay in memory.
    fn sync(&mut self) {
        if self.pending.is_heavy() || self.below(2) == 0 {
            self.disk.absorb(&self.pending);
            self.pending.clear();
        }
        self.durable = self.changes;
    }

    fn close(&mut self, at: usize, connection: ConnectionId) {
        if let Some(client) = self.shards[at].links.remove(&connection.0) {
            self.clients[client].link = None;
        }
        self.handle(at, Input::Closed { connection });
    }

    /// Something happens between the shards or on the disk.
    fn shuffle(&mut self) {
        let of = self.shards.len() as u64;
        let (a, b) = (self.below(of) as usize, self.below(of) as usize);
        match self.below(8) {
            0 | 1 => self.end_turn(a),
            2..5 => _ = self.arrive(a, b),
            5 | 6 => _ = self.confirm(a),
            _ => self.sync(),
        }
    }

    /// Nothing is on its way any more. False when nothing was.
    fn settle_shards(&mut self) -> bool {
        let mut any = false;
        loop {
            let mut moves = false;
            for a in 0..self.shards.len() {
                self.end_turn(a);
                for b in 0..self.shards.len() {
                    moves |= self.arrive(a, b);
                }
                self.sync();
                moves |= self.confirm(a);
            }
            any |= moves;
            if !moves {
                return any;
            }
        }
    }
}
