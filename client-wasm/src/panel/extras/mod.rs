//! What is drawn on tiles besides what operates them, and comes later than they: lines of last values, charts, gauges,
//! pictures, places, controls that are held.
//!
//! Knows which values were there; what is kept of them and where each stands in a drawing is [`made`](super::made)'s.

mod dial;
mod held;
mod line;
mod picture;
mod spot;

use std::cell::RefCell;
use std::rc::Rc;

use mqtt::Instant;

use super::made::history::History;
use super::made::wall::Wall;
use super::state::Device;
use super::view::{EXTRAS, Extras};

pub(crate) use dial::dial;
pub(crate) use line::charted;
pub(crate) use picture::picture;
pub(crate) use spot::{follow, spot};

thread_local! {
    /// What was heard is the same on the whole page, for as long as it lives.
    static WALL: RefCell<Wall> = const { RefCell::new(Wall::new()) };
}

/// Cards are drawn with this from now on.
pub(crate) fn install() {
    if EXTRAS.get().is_none() {
        EXTRAS.set(Some(Extras { line: line::line, held: held::held, version: 1 }));
    }
}

/// Looks at the numbers of devices: once a frame, however many messages there were.
pub(crate) fn look<'a>(now: Instant, devices: impl Iterator<Item = &'a Rc<Device>>) {
    WALL.with_borrow_mut(|wall| wall.look(now, devices));
}

/// Topics of lines that have begun.
pub(crate) fn take_begun() -> Vec<Rc<str>> {
    WALL.with_borrow_mut(Wall::take_begun)
}

/// What a topic said before the page heard it, oldest first.
pub(crate) fn recall(topic: &str, past: &[(Instant, String)]) {
    WALL.with_borrow_mut(|wall| wall.recall(topic, past));
}

/// Lets all be drawn again with the next frame that shows what was.
pub(crate) fn draw_again() {
    EXTRAS.set(EXTRAS.get().map(|extras| Extras { version: extras.version + 1, ..extras }));
}

/// The last values of a device's number.
fn history<T>(device: &str, key: &str, of: impl FnOnce(&History) -> T) -> Option<T> {
    WALL.with_borrow(|wall| wall.of(device, key).map(of))
}
