//! What a convention says about a device goes into the panel's memory: new devices, new points, two names of one device.

use std::cmp::Ordering;
use std::rc::Rc;

use mqtt::Instant;

use crate::devices::{Found, Kind, LOOSE, Spec};
use crate::panel::tile::Tile;
use crate::text;

use super::{Device, State};

/// Devices that are remembered; more is not a site but a flood.
const MAX_DEVICES: usize = 1_000;
/// Points of a device.
const MAX_POINTS: usize = 300;
/// Topics that are subscribed to one by one.
const MAX_LISTENING: usize = 10_000;

impl State {
    pub(super) fn learn(&mut self, now: Instant, found: Found) {
        let name = self.name_of(&found);
        if found.gone {
            if let Ok(at) = self.position(&name) {
                self.devices.remove(at);
            }
            return;
        }
        let at = match self.position(&name) {
            Ok(at) => at,
            Err(_) if self.devices.len() >= MAX_DEVICES => return,
            // There is nothing to take from a device that is not there.
            Err(_) if !found.lost.is_empty() => return,
            Err(at) => {
                self.devices.insert(at, Rc::new(Device::new(Rc::clone(&name))));
                at
            }
        };
        let Some(device) = self.devices.get_mut(at) else { return };
        let device = Rc::make_mut(device);
        let asks_anew = found.asks != device.asks && !found.asks.is_empty();
        let (has_points, listen, anew) = (!found.points.is_empty(), found.listen.clone(), found.anew);
        // The lighter word about a device adds nothing but its other name; one of no weight only says whether it is there.
        if found.weight > 0 && found.weight < device.weight {
            device.hardware.extend(found.hardware);
            return;
        }
        let takes_cards = found.points.iter().any(takes_card);
        let topics = device.learn(found);
        if device.family < LOOSE {
            topics.iter().for_each(|topic| self.take_away(topic));
        }
        self.has_cards |= takes_cards;
        self.route(&name, topics);
        self.listen(listen, anew);
        // Others may have gone meanwhile, and it stands elsewhere then.
        if let Ok(at) = self.position(&name)
            && (asks_anew || has_points && self.devices[at].asked.is_none())
        {
            self.ask_soon(now, at);
        }
    }

    /// The name under which a device is remembered: another when a heavier convention has it by its hardware.
    fn name_of(&mut self, found: &Found) -> Rc<str> {
        if let Some((_, name)) = self.aliases.iter().find(|(alias, _)| *alias == found.id) {
            return Rc::clone(name);
        }
        let shares = |device: &Rc<Device>| {
            device.name != found.id && device.hardware.iter().any(|h| found.hardware.contains(h))
        };
        let Some(at) = self.devices.iter().position(shares) else { return Rc::clone(&found.id) };
        let other = Rc::clone(&self.devices[at].name);
        if self.devices[at].weight >= found.weight {
            self.aliases.push((Rc::clone(&found.id), Rc::clone(&other)));
            // What it may have been under its own name is the same device.
            if let Ok(at) = self.position(&found.id) {
                self.devices.remove(at);
            }
            return other;
        }
        self.devices.remove(at);
        self.aliases.push((other, Rc::clone(&found.id)));
        Rc::clone(&found.id)
    }

    /// What only looked like a point is one of a device that is known better.
    fn take_away(&mut self, topic: &str) {
        let Ok(at) = self.routes.binary_search_by(|(known, _)| (**known).cmp(topic)) else { return };
        for name in self.routes[at].1.clone() {
            let Ok(at) = self.position(&name) else { continue };
            if self.devices[at].family == LOOSE {
                let device = Rc::make_mut(&mut self.devices[at]);
                device.tiles.retain(|tile| tile.spec.reads.iter().all(|read| *read.topic != *topic));
                if device.tiles.is_empty() {
                    self.devices.remove(at);
                }
            }
        }
    }

    fn route(&mut self, name: &Rc<str>, topics: Vec<Rc<str>>) {
        for topic in topics {
            match self.routes.binary_search_by(|(known, _)| known.cmp(&topic)) {
                Ok(at) if self.routes[at].1.contains(name) => {}
                Ok(at) => self.routes[at].1.push(Rc::clone(name)),
                Err(at) => self.routes.insert(at, (topic, vec![Rc::clone(name)])),
            }
        }
    }

    fn listen(&mut self, filters: Vec<String>, anew: bool) {
        for filter in filters {
            match self.listening.binary_search(&filter) {
                Ok(_) if anew && !self.unheard.contains(&filter) => self.unheard.push(filter),
                Err(at) if self.listening.len() < MAX_LISTENING => {
                    self.unheard.push(filter.clone());
                    self.listening.insert(at, filter);
                }
                _ => {}
            }
        }
    }
}

impl Device {
    /// Gives the topics that speak for it now.
    fn learn(&mut self, found: Found) -> Vec<Rc<str>> {
        if found.weight > self.weight {
            // What a lighter convention said of it is said better now.
            self.tiles.clear();
            if self.weight > 0 {
                self.presences.clear();
                self.said.clear();
            }
            self.obscure.clear();
            self.weight = found.weight;
            self.family = found.family;
        }
        if !found.name.is_empty() {
            self.title = found.name;
        }
        if !found.model.is_empty() {
            self.model = found.model;
        }
        self.sure |= found.sure;
        self.hardware
            .extend(found.hardware.into_iter().filter(|h| !self.hardware.contains(h)).collect::<Vec<_>>());
        if !found.asks.is_empty() {
            self.asks = found.asks;
        }
        let mut topics = Vec::new();
        for read in found.presence {
            topics.push(Rc::clone(&read.topic));
            if !self.presences.contains(&read) {
                self.presences.push(read);
            }
        }
        let is_lost = |key: &str, lost: &str| {
            key.strip_prefix(lost).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let stays = |key: &str| !found.lost.iter().any(|lost| is_lost(key, lost));
        self.tiles.retain(|tile| stays(&tile.spec.key));
        // What is described anew, as it is when it is heard again, is understood now or once more not.
        let is_new =
            |key: &Rc<str>| found.obscure.contains(key) || found.points.iter().any(|p| p.key == *key);
        self.obscure.retain(|key| stays(key) && !is_new(key));
        self.obscure.extend(found.obscure.iter().cloned());
        for spec in found.points {
            topics.extend(spec.reads.iter().map(|read| Rc::clone(&read.topic)));
            self.point(spec);
        }
        topics
    }

    /// A new point, or more about one that is known: it keeps its value, and what spoke for it goes on.
    fn point(&mut self, mut spec: Spec) {
        let tile = match self.position(&spec.key) {
            Some(at) => {
                let mut tile = self.tiles.remove(at);
                let is_new = |topic: &str| !spec.reads.iter().any(|read| *read.topic == *topic);
                let others: Vec<_> =
                    tile.spec.reads.iter().filter(|read| is_new(&read.topic)).cloned().collect();
                spec.reads.extend(others);
                tile.spec = Rc::new(spec);
                tile
            }
            None if self.tiles.len() < MAX_POINTS => Tile::new(Rc::new(spec)),
            None => return,
        };
        let at = self.tiles.partition_point(|other| order(&other.spec, &tile.spec) == Ordering::Less);
        self.tiles.insert(at, tile);
    }
}

/// Tiles by what they are and by name, parts of a tile behind its first.
fn order(a: &Spec, b: &Spec) -> Ordering {
    a.rank
        .cmp(&b.rank)
        .then_with(|| natural(&a.card, &b.card))
        .then_with(|| b.is_main().cmp(&a.is_main()))
        .then_with(|| a.part_rank().cmp(&b.part_rank()))
        .then_with(|| natural(&a.key, &b.key))
}

/// Whether it takes more than what is drawn for a Web-IO.
fn takes_card(spec: &Spec) -> bool {
    !spec.is_main() || !(spec.is_input() || matches!(spec.kind, Kind::Switch | Kind::Lock | Kind::Counter))
}

/// `output/2` before `output/10`.
fn natural(a: &str, b: &str) -> Ordering {
    let split = |name: &str| {
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count().min(9);
        let (stem, number) = name.split_at(name.len() - digits);
        (stem.to_owned(), text::count(number).unwrap_or(0))
    };
    split(a).cmp(&split(b)).then_with(|| a.cmp(b))
}
