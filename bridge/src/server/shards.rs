//! All shards of the process: shard 0 on the main thread, which lets everyone in, and the others on threads of their own.
//! What was kept is read once, for all of them, before anyone is let in.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use mqtt::Instant;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

use super::clock::Clock;
use super::data;
use super::inbox::{Inbox, Parcel, Report};
use super::load::Load;
use super::shard::{Peers, Shard};
use super::store::{Durability, Journal};
use super::tokens::{Keyring, Tokens};
use crate::broker::change::Change;
use crate::broker::{Access, Broker, Config, LastAsked, LastFound, Place, ShardId};

/// The one that lets everyone in.
pub(super) const DOOR: ShardId = ShardId(0);
/// Rows that go to another thread at once, and how many such lots may be on their way.
const LOT: usize = 1024;
const LOTS: usize = 8;
/// How long another shard may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// When [`Spread::Soon`] is.
const SOON: Duration = Duration::from_secs(1);

/// All shards.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) door: Rc<Shard>,
    inboxes: Arc<[Inbox]>,
    threads: RefCell<Vec<JoinHandle<()>>>,
    access: RefCell<Access>,
    keyring: Keyring,
}

/// What every shard is made of.
#[derive(Clone, Debug)]
struct Plan {
    config: Config,
    /// The same in all shards, so that they agree where a client is at home.
    seed: u64,
    clock: Clock,
    inboxes: Arc<[Inbox]>,
    keyring: Keyring,
    spread: Spread,
}

/// When Clients are spread over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// When one thread is not enough for them and others would have a processor.
    #[default]
    WhenBusy,
    /// From the start.
    Always,
    /// A second after the start, whatever there is to do: to see how they move.
    Soon,
}

/// What another shard gets before it begins.
enum Kept {
    Rows(Vec<Change>),
    /// That was all. This is its end of the store, if there is one.
    All(Option<Box<Journal>>),
}

/// The other threads at the start.
struct Crew {
    threads: Vec<JoinHandle<()>>,
    deals: Vec<Deal>,
    ready: Vec<oneshot::Receiver<()>>,
}

/// Where rows gather on their way to one shard.
struct Deal {
    rows: Vec<Change>,
    to: SyncSender<Kept>,
}

impl Shards {
    /// Starts them with what is kept in `folder`, if anything is.
    ///
    /// # Errors
    /// The state cannot be used, or the system has no threads or random numbers left.
    pub(super) async fn start(
        config: Config,
        (shards, spread): (u16, Spread),
        folder: Option<(PathBuf, Durability)>,
        keyring: Keyring,
    ) -> Result<Self> {
        let seed = getrandom::u64().context("the system gives no random numbers")?;
        let inboxes: Arc<[Inbox]> = (0..shards).map(|_| Inbox::default()).collect();
        let (anonymous, users, rules) = (config.anonymous, config.users.clone(), config.rules.clone());
        let access = RefCell::new(Access { anonymous, users, rules });
        let spread = spread.here();
        let plan = Plan { config, seed, clock: Clock::start(), inboxes, keyring: keyring.clone(), spread };
        let mut crew = Crew::hire(&plan)?;
        let mut broker = plan.broker(DOOR)?;
        let mut journals = match &folder {
            Some((folder, durability)) => crew.deal_out(&mut broker, &plan, folder, *durability)?.into_iter(),
            None => Vec::new().into_iter(),
        };
        let journal = journals.next();
        let teller = journal.as_ref().map(Journal::teller);
        crew.go(journals)?;
        for ready in crew.ready {
            ready.await.map_err(|_| anyhow!("a thread that serves clients could not be started"))?;
        }
        let door = plan.shard(broker, DOOR, journal);
        door.start();
        door.catch_up();
        spawn_local(Rc::clone(&door).attend());
        if plan.inboxes.len() > 1 && spread != Spread::Always {
            door.may_part();
            spawn_local(spread_later(Rc::clone(&door), spread));
        }
        if let (Some((folder, _)), Some(teller)) = (folder, teller) {
            data::serve_copies(&folder, teller);
        }
        Ok(Self { door, inboxes: plan.inboxes, threads: RefCell::new(crew.threads), access, keyring })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.inboxes.len()
    }

    /// How each of them is, in their order; those that do not say so in time are left out.
    pub(super) async fn reports(&self) -> Vec<(ShardId, Report)> {
        let asked: Vec<_> = self
            .others()
            .map(|(shard, inbox)| {
                let (tell, told) = oneshot::channel();
                inbox.put_one(DOOR, Parcel::Ask(tell));
                (shard, told)
            })
            .collect();
        let mut reports = vec![(DOOR, self.door.report())];
        for (shard, told) in asked {
            if let Ok(Ok(report)) = tokio::time::timeout(PATIENCE, told).await {
                reports.push((shard, report));
            }
        }
        reports
    }

    /// What was said last, of all of them, with the present and whether what is not retained is remembered. Those that do not
    /// say so in time are left out, as if they were cut. None for whoever may not ask.
    pub(super) async fn last(&self, asked: LastAsked) -> Option<(Vec<LastFound>, Instant, bool)> {
        if !self.door.may_ask(&asked) {
            return None;
        }
        let elsewhere = LastAsked { with_retained: false, ..asked.clone() };
        let told: Vec<_> = self
            .others()
            .map(|(_, inbox)| {
                let (tell, told) = oneshot::channel();
                inbox.put_one(DOOR, Parcel::AskLast(Box::new(elsewhere.clone()), tell));
                told
            })
            .collect();
        let mut all = vec![self.door.last(&asked)];
        for told in told {
            let found = tokio::time::timeout(PATIENCE, told).await;
            let silent = LastFound { is_cut: true, ..LastFound::default() };
            all.push(found.ok().and_then(Result::ok).unwrap_or(silent));
        }
        let (now, unretained) = self.door.remembers();
        Some((all, now, unretained))
    }

    /// Tells all of them who may come from now on, and whose tokens count.
    pub(super) fn set_access(&self, access: &Access, tokens: Option<Arc<Tokens>>) {
        self.keyring.set(tokens);
        for (_, inbox) in self.others() {
            inbox.put_one(DOOR, Parcel::Access(access.clone()));
        }
        self.door.set_access(access.clone());
        self.access.replace(access.clone());
    }

    /// Who may come now.
    pub(super) fn access(&self) -> Access {
        self.access.borrow().clone()
    }

    /// Tells all of them how much everyone may do from now on.
    pub(super) fn set_limits(&self, limits: &Config) {
        for (_, inbox) in self.others() {
            inbox.put_one(DOOR, Parcel::Limits(Box::new(limits.clone())));
        }
        self.door.set_limits(limits.clone());
    }

    /// Ends all connections with a reason, waits a moment for them to be told, and writes what is left.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) async fn shut_down(&self) -> Result<()> {
        let told: Vec<_> = self
            .others()
            .map(|(_, inbox)| {
                let (tell, told) = oneshot::channel();
                inbox.put_one(DOOR, Parcel::ShutDown(tell));
                told
            })
            .collect();
        self.door.shut_down().await;
        for told in told {
            let _ = told.await; // one that has failed has nothing more to say
        }
        for (_, inbox) in self.others() {
            inbox.put_one(DOOR, Parcel::Stop);
        }
        for thread in self.threads.take() {
            let _ = thread.join(); // it has said why it failed
        }
        self.door.stop_keeping()
    }

    fn others(&self) -> impl Iterator<Item = (ShardId, &Inbox)> {
        (0..).map(ShardId).zip(&*self.inboxes).skip(1)
    }
}

/// Lets Clients part when that is worth it.
async fn spread_later(door: Rc<Shard>, spread: Spread) {
    match spread {
        Spread::Soon => tokio::time::sleep(SOON).await,
        Spread::WhenBusy | Spread::Always => door.is_too_much().await,
    }
    tracing::info!("clients are spread over all threads that serve them from now on");
    door.part().await;
}

impl Spread {
    /// Where the system does not say how busy it is, they are spread from the start.
    fn here(self) -> Self {
        if self == Self::WhenBusy && Load::now().is_none() { Self::Always } else { self }
    }
}

impl Plan {
    fn broker(&self, shard: ShardId) -> Result<Broker> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).context("the system gives no random numbers")?;
        let broker = Broker::new(self.config.clone(), self.seed).with_secret(secret);
        let of = u16::try_from(self.inboxes.len()).unwrap_or(u16::MAX);
        if of == 1 {
            return Ok(broker);
        }
        let stream = getrandom::u64().context("the system gives no random numbers")?;
        let broker = broker.placed(Place { shard, of }, stream);
        Ok(if self.spread == Spread::Always { broker } else { broker.together() })
    }

    fn shard(&self, broker: Broker, shard: ShardId, journal: Option<Journal>) -> Rc<Shard> {
        let has_others = self.inboxes.len() > 1;
        let peers = has_others.then(|| Peers::new(shard, Arc::clone(&self.inboxes)));
        let limits = (self.config.max_packet_bytes, self.config.max_output_bytes);
        Shard::new(broker, (journal, peers), (self.clock, self.keyring.clone()), limits.0, limits.1)
    }

    /// The life of a shard on a thread of its own.
    fn run(&self, shard: ShardId, kept: &Receiver<Kept>, ready: oneshot::Sender<()>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut broker = self.broker(shard)?;
        let mut restoring = broker.restore(self.clock.now());
        let journal = loop {
            match kept.recv() {
                Ok(Kept::Rows(rows)) => rows.into_iter().for_each(|row| restoring.take(row)),
                Ok(Kept::All(journal)) => break journal.map(|journal| *journal),
                Err(_) => return Ok(()), // the start has failed elsewhere
            }
        };
        restoring.finish();
        LocalSet::new().block_on(&runtime, async {
            let shard = self.shard(broker, shard, journal);
            shard.start();
            let _ = ready.send(()); // who does not wait any more has failed
            Rc::clone(&shard).attend().await;
            shard.stop_keeping()
        })
    }
}

impl Crew {
    /// Starts a thread for each shard but the first.
    fn hire(plan: &Plan) -> Result<Self> {
        let mut crew = Self { threads: Vec::new(), deals: Vec::new(), ready: Vec::new() };
        for shard in (0..).map(ShardId).take(plan.inboxes.len()).skip(1) {
            let (to, kept) = sync_channel(LOTS);
            let (tell, told) = oneshot::channel();
            let alarm = Alarm { shard, inboxes: Arc::clone(&plan.inboxes) };
            let plan = plan.clone();
            let life = move || {
                let alarm = alarm;
                if let Err(why) = plan.run(shard, &kept, tell) {
                    alarm.sound(format!("{why:#}"));
                }
            };
            let name = format!("shard {}", shard.0);
            let thread = thread::Builder::new().name(name).spawn(life);
            crew.threads.push(thread.context("a thread that serves clients could not be started")?);
            crew.deals.push(Deal { rows: Vec::new(), to });
            crew.ready.push(told);
        }
        Ok(crew)
    }

    /// Reads what is kept, and hands it to all: each finds what is its own. The door's end of the store comes first.
    fn deal_out(
        &mut self,
        door: &mut Broker,
        plan: &Plan,
        folder: &Path,
        durability: Durability,
    ) -> Result<Vec<Journal>> {
        let mut restoring = door.restore(plan.clock.now());
        let store = data::load(folder, durability, plan.clock, &mut |row| {
            self.deals.iter_mut().for_each(|deal| deal.add(row.clone()));
            restoring.take(row);
        })?;
        restoring.finish();
        data::keep(store, durability, plan.inboxes.len())
    }

    /// That was all: they begin.
    fn go(&mut self, mut journals: impl Iterator<Item = Journal>) -> Result<()> {
        for deal in &mut self.deals {
            deal.send();
            let journal = journals.next().map(Box::new);
            deal.to
                .send(Kept::All(journal))
                .map_err(|_| anyhow!("a thread that serves clients has ended"))?;
        }
        Ok(())
    }
}

impl Deal {
    fn add(&mut self, row: Change) {
        self.rows.push(row);
        if self.rows.len() >= LOT {
            self.send();
        }
    }

    fn send(&mut self) {
        let _ = self.to.send(Kept::Rows(std::mem::take(&mut self.rows))); // a thread that has ended is noticed when it is to begin
    }
}

/// If a shard ends in a way that nobody thought of, so does everything: its sessions would hang, and hold up all that others
/// tell it.
struct Alarm {
    shard: ShardId,
    inboxes: Arc<[Inbox]>,
}

impl Alarm {
    fn sound(&self, why: String) {
        self.inboxes[0].put_one(self.shard, Parcel::Failed(why));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.sound(format!("the thread of shard {} failed", self.shard.0));
        }
    }
}
