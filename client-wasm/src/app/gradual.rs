//! A panel that is drawn for the first time comes a few cards a frame: what is seen first is there at once, and no frame takes
//! so long that a tap waits. Pure; knows no time.

use std::rc::Rc;

use crate::panel::state::Device;
use crate::panel::view::{Shown, heads};

/// So many cards a phone draws and lays out within a frame.
pub(super) const AT_ONCE: usize = 4;

/// What is to be drawn of these devices, as they stand by family, when that was drawn `before` and there is room for so many cards
/// more; and whether more waits for a later frame. A card that was drawn stays.
pub(super) fn next(before: &[Shown], devices: Vec<Rc<Device>>, mut room: usize) -> (Vec<Shown>, bool) {
    let mut is_more = false;
    let draw = |device: Rc<Device>| {
        let place =
            |shown: &Shown| (shown.device.family, &shown.device.name).cmp(&(device.family, &device.name));
        let old = before.binary_search_by(place).ok().and_then(|at| before.get(at));
        if old.is_some_and(|old| old.waits.is_empty() && Rc::ptr_eq(&old.device, &device)) {
            return Shown { device, waits: Vec::new() };
        }
        let is_drawn =
            |key: &Rc<str>| old.is_some_and(|old| old.device.tile(key).is_some() && !old.waits.contains(key));
        let mut waits = Vec::new();
        for key in heads(&device).map(|tile| &tile.spec.key).filter(|key| !is_drawn(key)) {
            match room.checked_sub(1) {
                Some(less) => room = less,
                None => waits.push(Rc::clone(key)),
            }
        }
        is_more |= !waits.is_empty();
        Shown { device, waits }
    };
    let shown = devices.into_iter().map(draw).collect();
    (shown, is_more)
}

#[cfg(test)]
mod tests {
    use mqtt::Instant;

    use crate::panel::state::State;

    use super::*;

    /// Devices with these outputs each.
    fn devices(names: std::ops::Range<u32>, outputs: &[u32]) -> Vec<Rc<Device>> {
        let mut state = State::default();
        for name in names {
            for output in outputs {
                state.hear(Instant::START, &format!("wut-{name:02}/get/output/{output}"), b"ON", false);
            }
        }
        state.by_family()
    }

    /// The outputs that are drawn.
    fn drawn(shown: &[Shown]) -> Vec<String> {
        let of = |shown: &Shown| {
            let keys = heads(&shown.device).map(|tile| &tile.spec.key);
            let keys: Vec<_> = keys.filter(|key| !shown.waits.contains(key)).collect();
            keys.iter().map(|key| format!("{} {key}", shown.device.name)).collect::<Vec<_>>()
        };
        shown.iter().flat_map(of).map(|name| name.replace("wut-", "").replace("output/", "")).collect()
    }

    #[test]
    fn the_first_come_first_and_all_come() {
        let all = || devices(10..13, &[0, 1, 2]);
        let (first, more) = next(&[], all(), AT_ONCE);
        assert_eq!(drawn(&first), ["10 0", "10 1", "10 2", "11 0"]);
        assert!(more && !first[2].is_begun());
        let (second, more) = next(&first, all(), AT_ONCE);
        assert_eq!(drawn(&second).len(), 8);
        assert!(more);
        let (third, more) = next(&second, all(), AT_ONCE);
        assert!(drawn(&third).len() == 9 && !more && third.iter().all(Shown::is_begun));
    }

    #[test]
    fn what_stands_there_stays_when_others_come_before_it() {
        let (shown, _) = next(&[], devices(10..11, &[4, 5, 6]), AT_ONCE);
        let (shown, more) = next(&shown, devices(9..11, &[0, 1, 2, 3, 4, 5, 6]), AT_ONCE);
        assert_eq!(drawn(&shown), ["09 0", "09 1", "09 2", "09 3", "10 4", "10 5", "10 6"]);
        assert!(more);
    }

    #[test]
    fn where_there_is_no_room_what_stands_there_is_drawn_and_all_else_waits() {
        let (shown, _) = next(&[], devices(10..11, &[4, 5]), AT_ONCE);
        let (shown, more) = next(&shown, devices(9..11, &[4, 5, 6]), 0);
        assert_eq!(drawn(&shown), ["10 4", "10 5"]);
        assert!(more && !shown[0].is_begun());
    }

    #[test]
    fn a_device_of_which_nothing_is_understood_is_there() {
        let mut state = State::new("me", 1);
        state.meet(Instant::START, crate::devices::others("me"));
        let odd = br#"{"stat_t":"a","val_tpl":"{% for x in y %}","uniq_id":"x","dev":{"ids":"odd"}}"#;
        state.hear(Instant::START, "homeassistant/sensor/odd/config", odd, true);
        let (shown, more) = next(&[], state.by_family(), AT_ONCE);
        assert!(shown.len() == 1 && shown[0].device.tiles.is_empty() && shown[0].is_begun() && !more);
    }
}
