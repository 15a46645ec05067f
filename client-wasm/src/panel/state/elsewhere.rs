//! What the other pages of this broker ask devices for. It is shown beside what the device said last, and never in its place:
//! what another page says is hearsay, even about a value, and so it says none.

use std::rc::Rc;
use std::time::Duration;

use mqtt::Instant;

use crate::text;

use super::{Device, State};

impl State {
    /// Another page has asked a tile and waits for so many seconds: `5 wut-0a4711/output/3`; or it waits no longer: `0 …`.
    /// Nothing it says lasts longer than a wish of this page would.
    pub fn hear_page(&mut self, now: Instant, said: &str) {
        let Some((seconds, handle)) = said.split_once(' ') else { return };
        let (Some(seconds), Some((at, tile))) = (text::count(seconds), self.place_of(handle)) else { return };
        let tile = &mut Rc::make_mut(&mut self.devices[at]).tiles[tile];
        let waits = tile.patience().min(Duration::from_secs(seconds.into()));
        tile.elsewhere = (!waits.is_zero()).then(|| now + waits);
    }

    /// Where a tile is, by its handle.
    fn place_of(&self, handle: &str) -> Option<(usize, usize)> {
        let place = |(at, device): (usize, &Rc<Device>)| {
            let key = handle.strip_prefix(&*device.name)?.strip_prefix('/')?;
            Some((at, device.position(key)?))
        };
        self.devices.iter().enumerate().find_map(place)
    }
}
