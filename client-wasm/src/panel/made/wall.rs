//! The last values of the readings that devices tell. Pure; bounded by [`MAX_READINGS`] and by what each keeps.

use std::rc::Rc;

use mqtt::Instant;

use crate::devices::{Heard, Payload, Read, Tells, Value};
use crate::panel::state::Device;
use crate::panel::tile::Tile;

use super::history::History;

/// Readings whose values are kept, of all devices together; those that come later have no line.
pub const MAX_READINGS: usize = 400;

/// All lines.
#[derive(Debug, Default)]
pub struct Wall {
    /// In the order of their names.
    devices: Vec<Seen>,
    /// Counts the looks.
    round: u64,
    /// Topics of lines that have begun, and whose past nobody was asked for yet; in order, each once.
    begun: Vec<Rc<str>>,
}

/// A device as it was seen last, with the lines of its readings.
#[derive(Debug)]
struct Seen {
    device: Rc<Device>,
    lines: Vec<(Rc<str>, History)>,
    /// The look that saw it last.
    round: u64,
}

impl Wall {
    /// Without anything.
    #[must_use]
    pub const fn new() -> Self {
        Self { devices: Vec::new(), round: 0, begun: Vec::new() }
    }

    /// Looks at all devices that there are. One that did not change since is passed over.
    pub fn look<'a>(&mut self, now: Instant, devices: impl Iterator<Item = &'a Rc<Device>>) {
        let mut room = MAX_READINGS.saturating_sub(self.devices.iter().map(|seen| seen.lines.len()).sum());
        self.round += 1;
        let round = self.round;
        let mut count = 0;
        for device in devices {
            count += 1;
            let place = self.place(&device.name).unwrap_or_else(|place| {
                self.devices.insert(place, Seen { device: Rc::clone(device), lines: Vec::new(), round: 0 });
                place
            });
            let Some(seen) = self.devices.get_mut(place) else { continue };
            if seen.round == 0 || !Rc::ptr_eq(&seen.device, device) {
                seen.device = Rc::clone(device);
                seen.look(now, &mut room, &mut self.begun);
            }
            seen.round = round;
        }
        // Whoever is not there any more was not looked at.
        if count < self.devices.len() {
            self.devices.retain(|seen| seen.round == round);
        }
    }

    /// The topics of lines that have begun since the last call, each once.
    pub fn take_begun(&mut self) -> Vec<Rc<str>> {
        std::mem::take(&mut self.begun)
    }

    /// What a topic said before this page heard it, oldest first: all lines that it speaks for begin with it.
    pub fn recall(&mut self, topic: &str, past: &[(Instant, String)]) {
        for seen in &mut self.devices {
            for tile in &seen.device.tiles {
                let line = seen.lines.iter_mut().find(|(key, _)| *key == tile.spec.key);
                let read = telling(tile).find(|read| *read.topic == *topic);
                if let (Some((_, history)), Some(read)) = (line, read) {
                    history.precede(past.iter().filter_map(|(at, payload)| {
                        match read.hear(&mut Payload::new(payload.as_bytes())) {
                            Heard::Value(Value::Number(n)) => Some((*at, n)),
                            _ => None,
                        }
                    }));
                }
            }
        }
    }

    /// The last values of a device's reading.
    #[must_use]
    pub fn of(&self, device: &str, key: &str) -> Option<&History> {
        let lines = &self.devices.get(self.place(device).ok()?)?.lines;
        lines.iter().find(|(known, _)| **known == *key).map(|(_, history)| history)
    }

    /// Where a device stands, or would.
    fn place(&self, device: &str) -> Result<usize, usize> {
        self.devices.binary_search_by(|seen| (*seen.device.name).cmp(device))
    }
}

/// What says the value of a tile.
fn telling(tile: &Tile) -> impl Iterator<Item = &Read> {
    tile.spec.reads.iter().filter(|read| read.tells == Tells::Value)
}

impl Seen {
    fn look(&mut self, now: Instant, room: &mut usize, begun: &mut Vec<Rc<str>>) {
        for tile in self.device.tiles.iter().filter(|tile| tile.tells()) {
            let Some(reading) = &tile.reading else { continue };
            let is_known = !reading.stale && !self.device.is_offline();
            let line = self.lines.iter_mut().find(|(key, _)| *key == tile.spec.key);
            match (line, &reading.value) {
                (Some((_, history)), Value::Number(n)) if is_known => history.push(reading.heard, *n),
                (Some((_, history)), _) => history.pause(now),
                (None, Value::Number(n)) if is_known && *room > 0 => {
                    *room -= 1;
                    let mut history = History::default();
                    history.push(reading.heard, *n);
                    self.lines.push((Rc::clone(&tile.spec.key), history));
                    for Read { topic, .. } in telling(tile) {
                        if let Err(place) = begun.binary_search(topic) {
                            begun.insert(place, Rc::clone(topic));
                        }
                    }
                }
                (None, _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::panel::state::State;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    /// A room with a thermometer, as Home Assistant describes it.
    fn room(state: &mut State, name: &str) {
        let said = format!(
            "{{\"name\":\"{name}\",\"stat_t\":\"{name}/t\",\"avty_t\":\"{name}/s\",\"uniq_id\":\"{name}\"}}"
        );
        let topic = format!("homeassistant/sensor/{name}/config");
        state.hear(at(0), &topic, said.as_bytes(), true);
    }

    fn state(names: usize) -> State {
        let mut state = State::new("me", 1);
        state.meet(at(0), crate::devices::others("me"));
        (0..names).for_each(|n| room(&mut state, &format!("r{n}")));
        state
    }

    fn values(wall: &Wall, device: &str) -> Vec<i64> {
        let seen = wall.place(device).ok().and_then(|place| wall.devices.get(place));
        let lines = seen.map(|seen| seen.lines.as_slice()).unwrap_or_default();
        lines.iter().flat_map(|(_, history)| history.values()).map(|(_, n)| n.to_whole()).collect()
    }

    #[test]
    fn numbers_are_kept_while_they_are_known() {
        let (mut state, mut wall) = (state(1), Wall::new());
        let mut step = |ms: u64, topic: &str, payload: &str| {
            state.hear(at(ms), topic, payload.as_bytes(), false);
            wall.look(at(ms), state.shown());
        };
        step(1, "r0/s", "online");
        step(2, "r0/t", "20");
        step(3, "r0/t", "21");
        step(4, "r0/s", "offline");
        step(6, "r0/s", "online");
        let name = state.shown().next().unwrap().name.clone();
        assert_eq!(values(&wall, &name), [20, 21]);
        let line = |wall: &Wall| wall.devices[wall.place(&name).unwrap()].lines[0].1.line(at(6), 100, 10);
        assert_eq!(line(&wall), "M0 10H25V0H50", "nobody knows what it is while it is away");
        state.hear(at(8), "r0/t", b"20", false);
        wall.look(at(8), state.shown());
        assert_eq!(values(&wall, &name), [20, 21, 20]);
        assert_eq!(wall.of(&name, "nothing"), None);
        wall.look(at(9), std::iter::empty());
        assert!(wall.devices.is_empty(), "a device that is gone takes its lines along");
    }

    #[test]
    fn a_line_begins_with_what_its_topic_said_before() {
        let (mut state, mut wall) = (state(2), Wall::new());
        for (topic, payload) in [("r0/s", "online"), ("r0/t", "20"), ("r1/s", "online"), ("r1/t", "5")] {
            state.hear(at(100), topic, payload.as_bytes(), false);
        }
        wall.look(at(100), state.shown());
        assert_eq!(wall.take_begun().iter().map(|topic| &**topic).collect::<Vec<_>>(), ["r0/t", "r1/t"]);
        wall.look(at(101), state.shown());
        assert!(wall.take_begun().is_empty(), "once");
        let past = [(at(1), "18".to_owned()), (at(2), "no number".to_owned()), (at(3), "19".to_owned())];
        wall.recall("r0/t", &past);
        wall.recall("r0/s", &past);
        let names: Vec<_> = state.shown().map(|device| device.name.clone()).collect();
        assert_eq!(values(&wall, &names[0]), [18, 19, 20]);
        assert_eq!(values(&wall, &names[1]), [5]);
    }

    #[test]
    fn there_are_never_more_lines_than_there_may_be() {
        let (mut state, mut wall) = (state(MAX_READINGS + 9), Wall::new());
        for n in 0..MAX_READINGS + 9 {
            state.hear(at(1), &format!("r{n}/s"), b"online", false);
            state.hear(at(1), &format!("r{n}/t"), n.to_string().as_bytes(), false);
        }
        wall.look(at(1), state.shown());
        assert_eq!(wall.devices.iter().map(|seen| seen.lines.len()).sum::<usize>(), MAX_READINGS);
        assert_eq!(wall.devices.len(), MAX_READINGS + 9);
    }
}
