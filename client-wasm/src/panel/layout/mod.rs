//! Arrangements of tiles that people make: pages, what stands on them, and each step that changes them. Pure.
//!
//! Knows no device and no broker: a tile that is arranged here need not be there. [`Desk`] knows what is saved, [`document`]
//! how it is written.

mod desk;
pub mod document;

#[cfg(test)]
mod tests;

pub use desk::{Conflict, Desk, Keep};
pub use document::Document;

use crate::devices::Num;
use crate::devices::json::Json;

/// Pages of a layout.
pub const MAX_PAGES: usize = 32;
/// Places of a page.
pub const MAX_PLACES: usize = 200;
/// Characters of a title.
pub const MAX_TITLE: usize = 60;

/// What stands in a document besides what is known here: a later page's. It is written back as it was read.
pub type More = Vec<(String, Json)>;

/// All pages, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The pages.
    pub pages: Vec<Page>,
    /// What else is said of it.
    pub more: More,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its name, never empty.
    pub title: String,
    /// What stands on it, in order.
    pub places: Vec<Place>,
    /// What else is said of it.
    pub more: More,
}

/// What stands at one place of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Whose tile: a device by name, or each device of a model.
    pub of: Of,
    /// The tile's point: `output/3`. Of one that was made by hand what tells it from the others.
    pub key: String,
    /// Twice as wide as it would be.
    pub wide: bool,
    /// What people want to be told of it.
    pub alarm: Alarm,
    /// What else is said of it; for a tile that was made by hand, all that makes it.
    pub more: More,
}

/// What people want to be told of a tile, while a page is open; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// Its number is larger.
    pub above: Option<Num>,
    /// Its number is smaller.
    pub below: Option<Num>,
    /// By how much it has to come back before that is over; never negative.
    pub margin: Num,
    /// Its device is offline.
    pub silent: bool,
}

/// Whose tile stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// One device, by its name in topics.
    Device(String),
    /// Every device of this model: one place for many like devices, also for those that come later.
    Model(String),
    /// Nobody's: it was made by hand, as this kind. A later page may know more kinds.
    Made(String),
}

/// Nobody's and nothing.
impl Default for Of {
    fn default() -> Self {
        Self::Made(String::new())
    }
}

/// One step of arranging. Pages and places are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A new page behind the others.
    AddPage(String),
    /// A page and what stands on it goes.
    RemovePage(usize),
    /// Another title.
    Rename(usize, String),
    /// A page goes to another place among the pages.
    MovePage(usize, usize),
    /// A tile comes behind the others of a page.
    Add(usize, Place),
    /// A tile leaves its page.
    Remove(usize, usize),
    /// A tile goes to another place of its page.
    Move(usize, usize, usize),
    /// A tile goes behind the others of another page: from page, place, to page.
    Hand(usize, usize, usize),
    /// A tile becomes wide, or is no more.
    Widen(usize, usize),
    /// A tile stands for each device of a model.
    Spread(usize, usize, String),
    /// What people want to be told of a tile.
    Alarm(usize, usize, Alarm),
    /// A tile becomes another one, in its place.
    Put(usize, usize, Place),
}

impl Layout {
    /// Does a step. Says whether it changed anything: a step that leads nowhere, or past a bound, does not.
    pub fn apply(&mut self, edit: Edit) -> bool {
        self.step(edit).is_some()
    }

    fn step(&mut self, edit: Edit) -> Option<()> {
        match edit {
            Edit::AddPage(title) => {
                let title = titled(&title)?;
                (self.pages.len() < MAX_PAGES).then_some(())?;
                self.pages.push(Page { title, ..Page::default() });
            }
            Edit::RemovePage(at) => {
                self.pages.get(at)?;
                self.pages.remove(at);
            }
            Edit::Rename(at, title) => {
                let (page, title) = (self.pages.get_mut(at)?, titled(&title)?);
                (page.title != title).then_some(())?;
                page.title = title;
            }
            Edit::MovePage(from, to) => moved(&mut self.pages, from, to)?,
            Edit::Add(page, place) => self.pages.get_mut(page)?.take(place)?,
            Edit::Remove(page, at) => {
                let places = &mut self.pages.get_mut(page)?.places;
                places.get(at)?;
                places.remove(at);
            }
            Edit::Move(page, from, to) => moved(&mut self.pages.get_mut(page)?.places, from, to)?,
            Edit::Hand(from, at, to) => {
                (from != to).then_some(())?;
                let place = self.pages.get(from)?.places.get(at)?.clone();
                self.pages.get_mut(to)?.take(place)?;
                self.pages[from].places.remove(at);
            }
            Edit::Widen(page, at) => {
                let place = self.pages.get_mut(page)?.places.get_mut(at)?;
                place.wide = !place.wide;
            }
            Edit::Spread(page, at, model) => {
                let page = self.pages.get_mut(page)?;
                let key = page.places.get(at)?.key.clone();
                let of = Of::Model(model);
                (!page.has(&of, &key)).then_some(())?;
                page.places[at].of = of;
            }
            Edit::Alarm(page, at, alarm) => {
                let place = self.pages.get_mut(page)?.places.get_mut(at)?;
                (place.alarm != alarm && alarm.margin >= Num(0)).then_some(())?;
                place.alarm = alarm;
            }
            Edit::Put(page, at, place) => {
                let page = self.pages.get_mut(page)?;
                let same =
                    page.places.iter().position(|other| other.of == place.of && other.key == place.key);
                let may = page.places.get(at)? != &place && same.is_none_or(|same| same == at);
                may.then(|| page.places[at] = place)?;
            }
        }
        Some(())
    }
}

impl Of {
    /// The device's or the model's name, or the kind's.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Device(name) | Self::Model(name) | Self::Made(name) => name,
        }
    }
}

impl Page {
    /// Whether such a place is there: the same tile stands on a page once.
    #[must_use]
    pub fn has(&self, of: &Of, key: &str) -> bool {
        self.places.iter().any(|place| place.of == *of && place.key == key)
    }

    fn take(&mut self, place: Place) -> Option<()> {
        let may = self.places.len() < MAX_PLACES && !self.has(&place.of, &place.key);
        may.then(|| self.places.push(place))
    }
}

/// A title without what surrounds it, no longer than it may be; none when nothing is left.
fn titled(title: &str) -> Option<String> {
    let title: String = title.trim().chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    (!title.is_empty()).then_some(title)
}

/// Takes an item out and puts it where `to` counts without it.
fn moved<T>(items: &mut Vec<T>, from: usize, to: usize) -> Option<()> {
    (from != to && from < items.len() && to < items.len()).then_some(())?;
    let item = items.remove(from);
    items.insert(to, item);
    Some(())
}
