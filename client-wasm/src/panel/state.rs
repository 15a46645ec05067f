//! The panel's memory: devices, their tiles, and what was asked of them. Pure: messages, wishes, answers and the time come
//! in; tiles and commands come out.
//!
//! Knows no browser and no connection. Devices sit behind [`Rc`] and are copied only when they change, so a component
//! sees by one comparison of pointers that there is nothing to draw.

use std::rc::Rc;

use mqtt::Instant;

use crate::devices::{self, Says, TileKey, Value};

use super::tile::{CommandId, Tile};

/// Devices that are remembered; more is not a site but a flood.
const MAX_DEVICES: usize = 1_000;

/// All devices that were heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// By name.
    devices: Vec<Rc<Device>>,
    commands: u64,
}

/// One device with its tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name in topics.
    pub name: Rc<str>,
    /// What it, or its will, says of itself.
    pub presence: Presence,
    /// In the order of the page.
    pub tiles: Vec<Tile>,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing was said.
    Unknown,
    /// It says so.
    Online,
    /// Its will, or itself, says it is not.
    Offline {
        /// When that was heard.
        since: Instant,
        /// It was the broker's memory that said so: it has been away for longer.
        longer: bool,
    },
}

/// A message to send for a wish: QoS 1, never retained, worth nothing after [`DEADLINE`](super::tile::DEADLINE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// For the answers.
    pub id: CommandId,
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: String,
}

impl State {
    /// A message came. Says whether it changed anything.
    pub fn hear(&mut self, now: Instant, topic: &str, payload: &[u8], retained: bool) -> bool {
        let Some(signal) = devices::read(topic, payload) else { return false };
        let meaningless = matches!(signal.says, Says::Value { value: None, .. });
        let at = match self.position(signal.device) {
            Ok(at) => at,
            Err(_) if meaningless || self.devices.len() >= MAX_DEVICES => return false,
            Err(at) => {
                let device =
                    Device { name: signal.device.into(), presence: Presence::Unknown, tiles: Vec::new() };
                self.devices.insert(at, Rc::new(device));
                at
            }
        };
        let Some(device) = self.devices.get_mut(at) else { return false };
        let device = Rc::make_mut(device);
        match signal.says {
            Says::Online(online) => device.hear_presence(now, online, retained),
            Says::Value { key, value, form } => match device.position(key) {
                Ok(at) => device.tiles[at].hear(now, value, retained),
                Err(_) if meaningless => return false,
                Err(at) => {
                    let mut tile = Tile::new(key, form);
                    tile.hear(now, value, retained);
                    device.tiles.insert(at, tile);
                }
            },
        }
        true
    }

    /// A person asks a tile for a value. The command is to be sent at once or [refused](Self::refuse); none when the tile
    /// cannot be asked: it waits already, its device is away, or it only tells.
    pub fn wish(&mut self, now: Instant, device: &str, key: TileKey, wanted: Value) -> Option<Command> {
        let at = self.position(device).ok()?;
        let device = self.devices.get_mut(at)?;
        let at = device.position(key).ok()?;
        if device.is_offline() || device.tiles[at].next_wish().is_none() {
            return None;
        }
        self.commands += 1;
        let id = CommandId(self.commands);
        let device = Rc::make_mut(device);
        let tile = &mut device.tiles[at];
        tile.wish(now, id, wanted);
        let (topic, payload) = devices::command(&device.name, key, tile.form, wanted);
        Some(Command { id, topic, payload })
    }

    /// The command was not sent, or the broker does not want it.
    pub fn refuse(&mut self, command: CommandId, reason: &str) -> bool {
        self.tile_of(command).is_some_and(|tile| tile.refuse(command, reason))
    }

    /// The command was taken, by a device that never confirms.
    pub fn assume(&mut self, command: CommandId) -> bool {
        self.tile_of(command).is_some_and(|tile| tile.assume(command))
    }

    /// The link is lost: whatever was heard may have changed since. Wishes go on waiting for their deadline, because the
    /// device may have got them.
    pub fn lose(&mut self) {
        for device in &mut self.devices {
            Rc::make_mut(device).tiles.iter_mut().for_each(Tile::doubt);
        }
    }

    /// Lets wishes time out. Says whether one did.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        for device in &mut self.devices {
            if device.tiles.iter().any(|tile| tile.deadline().is_some_and(|deadline| deadline <= now)) {
                Rc::make_mut(device).tiles.iter_mut().for_each(|tile| tile.time_out(now));
            }
        }
        true
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.devices.iter().flat_map(|device| &device.tiles).filter_map(Tile::deadline).min()
    }

    /// The devices to show, by name.
    pub fn shown(&self) -> impl Iterator<Item = &Rc<Device>> {
        self.devices.iter().filter(|device| device.is_shown())
    }

    /// A device that is shown.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Rc<Device>> {
        self.position(name).ok().and_then(|at| self.devices.get(at)).filter(|device| device.is_shown())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.devices.binary_search_by(|device| (*device.name).cmp(name))
    }

    /// The tile that waits for the answer to a command. No other device is copied for it.
    fn tile_of(&mut self, command: CommandId) -> Option<&mut Tile> {
        let waits = |device: &Rc<Device>| device.tiles.iter().any(|tile| tile.waits_for(command));
        let device = self.devices.iter_mut().find(|device| waits(device))?;
        Rc::make_mut(device).tiles.iter_mut().find(|tile| tile.waits_for(command))
    }
}

impl Device {
    /// Whether it is known to be away.
    #[must_use]
    pub const fn is_offline(&self) -> bool {
        matches!(self.presence, Presence::Offline { .. })
    }

    /// The tile of a point.
    #[must_use]
    pub fn tile(&self, key: TileKey) -> Option<&Tile> {
        self.position(key).ok().and_then(|at| self.tiles.get(at))
    }

    /// Two signals, or one and a name that only such a device has: broad filters catch strangers.
    fn is_shown(&self) -> bool {
        let says_presence = usize::from(self.presence != Presence::Unknown);
        match self.tiles.len() {
            0 => false,
            tiles => tiles + says_presence >= 2 || devices::is_known_name(&self.name),
        }
    }

    fn position(&self, key: TileKey) -> Result<usize, usize> {
        self.tiles.binary_search_by_key(&key, |tile| tile.key)
    }

    fn hear_presence(&mut self, now: Instant, online: bool, retained: bool) {
        match (online, self.presence) {
            (true, presence) => {
                // What it said before it went away need not be so any more.
                if let Presence::Offline { .. } = presence {
                    self.tiles.iter_mut().for_each(Tile::doubt);
                }
                self.presence = Presence::Online;
            }
            (false, Presence::Offline { .. }) => {}
            (false, _) => {
                self.presence = Presence::Offline { since: now, longer: retained };
                for tile in &mut self.tiles {
                    tile.give_up("The device went offline");
                }
            }
        }
    }
}
