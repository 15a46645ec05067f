//! A panel that is drawn for the first time comes a few cards a frame: what is seen first is there at once, and no frame takes
//! so long that a tap waits. Pure; knows no time.

use std::rc::Rc;

use crate::panel::state::Device;
use crate::panel::view::{Shown, count};

/// So many cards a phone draws and lays out within a frame.
const AT_ONCE: usize = 4;

/// How many cards of which device were drawn already, in the order of the devices' names.
#[derive(Debug, Default)]
pub(super) struct Gradual {
    drawn: Vec<(Rc<str>, usize)>,
}

impl Gradual {
    /// How much of these is to be drawn in this frame, and whether there is more. What was drawn stays.
    pub(super) fn next(&mut self, devices: Vec<Rc<Device>>) -> (Vec<Shown>, bool) {
        let (mut room, mut is_more) = (AT_ONCE, false);
        let mut shown = Vec::with_capacity(devices.len());
        for device in devices {
            let all = count(&device);
            let place = match self.drawn.binary_search_by(|(name, _)| (**name).cmp(&device.name)) {
                Ok(place) => place,
                Err(place) => {
                    self.drawn.insert(place, (Rc::clone(&device.name), 0));
                    place
                }
            };
            let Some((_, cards)) = self.drawn.get_mut(place) else { continue };
            let more = all.saturating_sub(*cards).min(room);
            (*cards, room) = (*cards + more, room - more);
            is_more |= *cards < all;
            shown.push(Shown { device, cards: *cards });
        }
        (shown, is_more)
    }
}

#[cfg(test)]
mod tests {
    use mqtt::Instant;

    use crate::panel::state::State;

    use super::*;

    fn devices(names: std::ops::Range<u32>) -> Vec<Rc<Device>> {
        let mut state = State::default();
        for name in names {
            for output in 0..3 {
                state.hear(Instant::START, &format!("wut-{name:02}/get/output/{output}"), b"ON", false);
            }
        }
        state.by_family()
    }

    fn drawn(gradual: &mut Gradual, devices: Vec<Rc<Device>>) -> (Vec<(String, usize)>, bool) {
        let (shown, more) = gradual.next(devices);
        let pair = |shown: &Shown| (shown.device.name.trim_start_matches("wut-").to_owned(), shown.cards);
        (shown.iter().map(pair).collect(), more)
    }

    fn named<const N: usize>(list: [(&str, usize); N]) -> Vec<(String, usize)> {
        list.map(|(name, cards)| (name.to_owned(), cards)).to_vec()
    }

    #[test]
    fn the_first_come_first_and_all_come() {
        let mut gradual = Gradual::default();
        assert_eq!(drawn(&mut gradual, devices(10..13)), (named([("10", 3), ("11", 1), ("12", 0)]), true));
        assert_eq!(drawn(&mut gradual, devices(10..13)), (named([("10", 3), ("11", 3), ("12", 2)]), true));
        assert_eq!(drawn(&mut gradual, devices(10..13)), (named([("10", 3), ("11", 3), ("12", 3)]), false));
        assert!(!drawn(&mut gradual, devices(10..13)).1);
    }

    #[test]
    fn what_stands_there_stays_when_others_come_before_it() {
        let mut gradual = Gradual::default();
        drawn(&mut gradual, devices(10..11));
        assert_eq!(drawn(&mut gradual, devices(8..11)), (named([("08", 3), ("09", 1), ("10", 3)]), true));
    }
}
