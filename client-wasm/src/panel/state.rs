//! The panel's memory: devices, their tiles, and what was asked of them. Pure: messages, wishes, answers and the time come
//! in; tiles, commands and what is to be subscribed to come out.
//!
//! Knows no browser and no connection. Devices sit behind [`Rc`] and are copied only when they change, so a component
//! sees by one comparison of pointers that there is nothing to draw.

mod device;
mod elsewhere;
mod learn;
mod waiting;

use std::rc::Rc;
use std::time::Duration;

use mqtt::{Instant, Rng};

use crate::devices::{Conventions, FAMILIES, Found, Others, Payload, Said, Spec, Value};

use super::tile::{CommandId, Proof, Source, Tile};

pub use device::{Device, Presence};

use waiting::Waiting;

/// The device of the tiles that people make themselves. No level of a topic is called so.
pub const OWN: &str = "+own";

/// All devices that were heard.
#[derive(Debug, Default)]
pub struct State {
    /// By name.
    devices: Vec<Rc<Device>>,
    conventions: Conventions,
    /// What nobody understands before all conventions are there.
    waiting: Waiting,
    has_cards: bool,
    /// Which devices each topic speaks for, by topic.
    routes: Vec<(Rc<str>, Vec<Rc<str>>)>,
    /// Devices that have another name in another convention.
    aliases: Vec<(Rc<str>, Rc<str>)>,
    /// What is subscribed to besides what the conventions need, sorted; and what is still to be.
    listening: Vec<String>,
    unheard: Vec<String>,
    commands: u64,
    /// Spreads the questions of many pages that were opened at once.
    seed: u64,
}

/// A message to send for a wish: QoS 1, never retained, worth nothing after its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// For the answers.
    pub id: CommandId,
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: String,
    /// How long the tile waits, and the command is worth something.
    pub life: Duration,
}

impl State {
    /// Of a page that devices answer at `me/…`; `seed` differs from page to page.
    #[must_use]
    pub fn new(me: &str, seed: u64) -> Self {
        Self { conventions: Conventions::new(me), seed, ..Self::default() }
    }

    /// A message came. Says whether it changed anything.
    pub fn hear(&mut self, now: Instant, topic: &str, payload: &[u8], retained: bool) -> bool {
        let source = if retained { Source::Retained } else { Source::Live };
        self.take((now, now), topic, payload, source)
    }

    /// The present, and when the message was said.
    fn take(
        &mut self,
        (now, said_at): (Instant, Instant),
        topic: &str,
        payload: &[u8],
        source: Source,
    ) -> bool {
        let route = self.routes.binary_search_by(|(known, _)| (**known).cmp(topic));
        // What people made of a topic themselves does not say what it is.
        let is_fed = route.is_ok_and(|at| self.routes[at].1.iter().any(|name| **name != *OWN));
        let mut changed = false;
        match self.conventions.hear(topic, payload, is_fed) {
            Said::NotYet => {
                self.waiting.keep(said_at, topic, payload, source);
                return false;
            }
            Said::Known(all) => {
                for found in all {
                    self.learn(now, found);
                    changed = true;
                }
            }
        }
        let Ok(at) = self.routes.binary_search_by(|(known, _)| (**known).cmp(topic)) else { return changed };
        let mut payload = Payload::new(payload);
        for name in self.routes[at].1.clone() {
            let Ok(at) = self.position(&name) else { continue };
            if let Some(device) = self.devices.get_mut(at) {
                Rc::make_mut(device).hear(said_at, topic, &mut payload, source);
                changed = true;
            }
        }
        changed
    }

    /// What was said before this page heard anything: when, topic and payload. Of an earlier visit, as it stands in the
    /// [memory](super::memory), or what the broker remembers. It shows as what was so then, and never in place of what is heard
    /// now, or was said later.
    pub fn recall(&mut self, now: Instant, messages: &[(Instant, &str, impl AsRef<[u8]>)]) {
        // Twice: what describes a device may stand behind what it said.
        for _ in 0..2 {
            for (at, topic, payload) in messages {
                self.take((now, *at), topic, payload.as_ref(), Source::Recalled);
            }
        }
    }

    /// Whether something was heard that takes [the others](crate::devices::others()) to understand.
    #[must_use]
    pub const fn needs_others(&self) -> bool {
        self.waiting.is_any()
    }

    /// Whether there is, or was, something for which it takes cards of several parts to be shown.
    #[must_use]
    pub const fn has_cards(&self) -> bool {
        self.has_cards
    }

    /// The tiles that people made are these from now on: those that stay as they were keep what they know. Gives the topics of
    /// those that are new or others; none when all are as they were.
    pub fn make(&mut self, now: Instant, mut points: Vec<Spec>) -> Option<Vec<String>> {
        let own = self.position(OWN).ok();
        let tiles = own.and_then(|at| self.devices.get(at)).map(|device| device.tiles.as_slice());
        let tiles = tiles.unwrap_or_default().iter().map(|tile| &tile.spec);
        let lost = tiles.clone().filter(|old| !points.contains(old)).map(|old| Rc::clone(&old.key)).collect();
        points.retain(|new| !tiles.clone().any(|old| **old == *new));
        let topic = |spec: &Spec| spec.reads.first().map(|read| read.topic.to_string());
        let topics: Vec<_> = points.iter().filter_map(topic).collect();
        let found = Found {
            id: OWN.into(),
            // They stand where people put them, not among the devices.
            family: FAMILIES,
            weight: 1,
            sure: true,
            lost,
            listen: topics.clone(),
            anew: true,
            points,
            ..Found::default()
        };
        let is_other = !found.points.is_empty() || !found.lost.is_empty();
        is_other.then(|| {
            self.learn(now, found);
            topics
        })
    }

    /// What devices answer this page below.
    #[must_use]
    pub fn me(&self) -> &str {
        self.conventions.me()
    }

    /// The other conventions are there: they hear what waited for them. Says whether more was said than could wait; then
    /// what the broker keeps is to be asked for again.
    pub fn meet(&mut self, now: Instant, others: Box<dyn Others>) -> bool {
        self.conventions.meet(others);
        let waiting = std::mem::take(&mut self.waiting);
        for message in waiting.messages {
            self.take((now, message.at), &message.topic, &message.payload, message.source);
        }
        waiting.missed
    }

    /// A person asks a tile for a value. The command is to be sent at once or [refused](Self::refuse); none when the tile
    /// cannot be asked: it waits already, its device is away, or it only tells.
    pub fn wish(&mut self, now: Instant, device: &str, key: &str, wanted: Value) -> Option<Command> {
        let at = self.position(device).ok()?;
        let device = self.devices.get_mut(at)?;
        let at = device.position(key)?;
        let tile = &device.tiles[at];
        if device.is_offline() || !tile.may_ask() {
            return None;
        }
        let (topic, payload) = tile.spec.command(&wanted)?;
        self.commands += 1;
        let id = CommandId(self.commands);
        let tile = &mut Rc::make_mut(device).tiles[at];
        tile.wish(now, id, wanted);
        Some(Command { id, topic, payload, life: tile.patience() })
    }

    /// The command was not sent, or the broker does not want it.
    pub fn refuse(&mut self, command: CommandId, reason: &str) -> bool {
        self.tile_of(command).is_some_and(|tile| tile.refuse(command, reason))
    }

    /// The broker has the command. What never confirms is assumed from now on.
    pub fn sent(&mut self, command: CommandId) {
        if let Some(tile) = self.tile_of(command) {
            tile.advance(Proof::Sent);
        }
    }

    /// The link is lost: whatever was heard may have changed since. Wishes go on waiting for their deadline, because the
    /// device may have got them.
    pub fn lose(&mut self) {
        for device in &mut self.devices {
            Rc::make_mut(device).tiles.iter_mut().for_each(Tile::doubt);
        }
    }

    /// The link is there: what has not been said again by itself soon is asked for.
    pub fn connected(&mut self, now: Instant) {
        for at in 0..self.devices.len() {
            self.ask_soon(now, at);
        }
    }

    /// Lets wishes time out. Says whether one did.
    pub fn tick(&mut self, now: Instant) -> bool {
        let mut any = false;
        for device in &mut self.devices {
            if device.tiles.iter().any(|tile| tile.deadline().is_some_and(|deadline| deadline <= now)) {
                Rc::make_mut(device).tiles.iter_mut().for_each(|tile| tile.time_out(now));
                any = true;
            }
        }
        any
    }

    /// The questions that are due: topic and payload. A device that has said everything meanwhile, perhaps because another
    /// page asked it, is not asked.
    pub fn questions(&mut self, now: Instant) -> Vec<(String, String)> {
        let mut questions = Vec::new();
        for device in &mut self.devices {
            if device.asks_at.is_some_and(|at| at <= now) {
                let device = Rc::make_mut(device);
                device.asks_at = None;
                if device.is_silent() {
                    device.asked = Some(now);
                    questions.extend(device.asks.iter().cloned());
                }
            }
        }
        questions
    }

    /// When [`tick`](Self::tick) or [`questions`](Self::questions) have something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let wishes = self.devices.iter().flat_map(|device| &device.tiles).filter_map(Tile::deadline);
        wishes.chain(self.devices.iter().filter_map(|device| device.asks_at)).min()
    }

    /// What is to be subscribed to now, besides all before.
    pub fn take_listen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unheard)
    }

    /// All that is to be subscribed to.
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        let mut filters = self.conventions.filters();
        filters.extend(self.listening.iter().cloned());
        filters
    }

    /// The devices to show, by name.
    pub fn shown(&self) -> impl Iterator<Item = &Rc<Device>> + Clone {
        self.devices.iter().filter(|device| device.is_shown())
    }

    /// The same, those of one family together.
    #[must_use]
    pub fn by_family(&self) -> Vec<Rc<Device>> {
        // A sort would bring the whole of the library's sorting into the page.
        let of = |family| self.shown().filter(move |device| device.family == family).cloned();
        (0..FAMILIES).flat_map(of).collect()
    }

    /// Whether a device tells a number, of which there may be a line, or has something that is held.
    #[must_use]
    pub fn has_extras(&self) -> bool {
        let is_line = |tile: &Tile| tile.tells() && matches!(tile.value(), Some(Value::Number(_)));
        self.shown().flat_map(|device| &device.tiles).any(|tile| is_line(tile) || tile.spec.held)
    }

    /// A device that is shown.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Rc<Device>> {
        self.position(name).ok().and_then(|at| self.devices.get(at)).filter(|device| device.is_shown())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.devices.binary_search_by(|device| (*device.name).cmp(name))
    }

    /// In a second or so, and not more often than twice a minute.
    fn ask_soon(&mut self, now: Instant, at: usize) {
        const PAUSE: Duration = Duration::from_secs(30);
        let Some(device) = self.devices.get_mut(at).filter(|device| !device.asks.is_empty()) else { return };
        self.seed = self.seed.wrapping_add(1);
        let soon = now + Duration::from_millis(250 + Rng::new(self.seed).up_to(1_000));
        let device = Rc::make_mut(device);
        let at = device.asked.map_or(soon, |asked| soon.max(asked + PAUSE));
        device.asks_at = Some(device.asks_at.map_or(at, |before| before.min(at)));
    }

    /// Whether a tile waits for the answer to a command.
    #[must_use]
    pub fn waits_for(&self, command: CommandId) -> bool {
        self.devices.iter().flat_map(|device| &device.tiles).any(|tile| tile.waits_for(command))
    }

    /// The tile that waits for the answer to a command. No other device is copied for it.
    fn tile_of(&mut self, command: CommandId) -> Option<&mut Tile> {
        let waits = |device: &Rc<Device>| device.tiles.iter().any(|tile| tile.waits_for(command));
        let device = self.devices.iter_mut().find(|device| waits(device))?;
        Rc::make_mut(device).tiles.iter_mut().find(|tile| tile.waits_for(command))
    }
}
