//! Parts of the page that come when they are needed: what the first paint does without.
//!
//! Built with the feature `split` each is a module of its own, which shares the page's memory; without, all of them are
//! there from the beginning. Each is a function that gives the way into its part, and nothing else in the page may name
//! what is in there, or it would not be apart.

use std::rc::Rc;
use std::time::Duration;

use mqtt::{Instant, Message};
use yew::{Callback, Html};

use crate::connection::Link;
use crate::devices::Others;
use crate::explorer;
use crate::panel::look::Clock;
use crate::panel::view::{DrawCard, Shown, Wish};

use super::hub::Hub;
use super::model::Model;
use super::route::Route;

/// Devices that describe themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conventions {
    /// Makes the conventions of a page that is answered below this.
    pub(crate) make: fn(&str) -> Box<dyn Others>,
    /// Draws their cards.
    pub(crate) card: DrawCard,
}

/// The screens beside the panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screens {
    /// Draws the one of a route.
    pub(crate) draw: fn(Route, &Hub, u64) -> Html,
    /// The explorer's ear.
    pub(crate) hear: fn(&mut explorer::state::State, Instant, &Message),
}

/// Draws the panel as it was arranged, of these devices.
pub(crate) type DrawPages = fn(&Hub, u64, Rc<[Shown]>, Clock, &Callback<Wish>) -> Html;

/// What tiles show besides what operates them, and what other people's pages do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extras {
    /// Hears and says what pages ask for, and keeps what was.
    pub(crate) work: fn(&mut Model, Option<&Link>),
}

/// Pages of tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages {
    /// Draws the cards of tiles that people make.
    pub(crate) card: DrawCard,
    /// Draws the pages.
    pub(crate) draw: DrawPages,
    /// Looks at what is saved, and its alarms.
    pub(crate) watch: fn(&mut Model, Option<&Link>),
    /// Draws what lies over every screen.
    pub(crate) over: fn(&Hub) -> Html,
}

/// A part, or how far it has come.
#[derive(Debug)]
pub(crate) struct Part<T> {
    here: Option<T>,
    coming: bool,
    failures: u32,
    /// When it may be tried again.
    retry_at: Instant,
}

impl<T> Part<T> {
    pub(crate) const fn new() -> Self {
        Self { here: None, coming: false, failures: 0, retry_at: Instant::START }
    }

    /// The part, when it is there.
    pub(crate) const fn here(&self) -> Option<&T> {
        self.here.as_ref()
    }

    /// Whether it is to be fetched now. Whoever asks does so when it is.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        let begins = self.here.is_none() && !self.coming && self.retry_at <= now;
        self.coming |= begins;
        begins
    }

    /// It came, or did not: then it is tried again, less and less often.
    pub(crate) fn end(&mut self, now: Instant, came: Option<T>) {
        self.coming = false;
        if came.is_none() {
            self.retry_at = now + Duration::from_secs(1 << self.failures.min(6));
            self.failures += 1;
        }
        self.here = came;
    }

    /// A person wants it tried now.
    pub(crate) const fn hurry(&mut self) {
        self.retry_at = Instant::START;
    }

    /// Whether it was tried in vain.
    pub(crate) const fn is_missing(&self) -> bool {
        self.here.is_none() && self.failures > 0
    }
}

#[cfg(feature = "split")]
mod ways {
    use wasm_split_helpers::{SplitLoaderError, wasm_split};

    use super::{Conventions, Extras, Pages, Screens};

    #[wasm_split(conventions, fallible)]
    pub(crate) fn conventions() -> Result<Conventions, SplitLoaderError> {
        Ok(crate::app::screens::CONVENTIONS)
    }

    #[wasm_split(screens, fallible)]
    pub(crate) fn screens() -> Result<Screens, SplitLoaderError> {
        Ok(crate::app::screens::SCREENS)
    }

    #[wasm_split(extras, fallible)]
    pub(crate) fn extras() -> Result<Extras, SplitLoaderError> {
        Ok(crate::app::screens::EXTRAS)
    }

    #[wasm_split(pages, fallible)]
    pub(crate) fn pages() -> Result<Pages, SplitLoaderError> {
        Ok(crate::app::screens::PAGES)
    }
}

#[cfg(not(feature = "split"))]
mod ways {
    use std::future::{Ready, ready};

    use super::{Conventions, Extras, Pages, Screens};

    pub(crate) fn conventions() -> Ready<Result<Conventions, ()>> {
        ready(Ok(crate::app::screens::CONVENTIONS))
    }

    pub(crate) fn screens() -> Ready<Result<Screens, ()>> {
        ready(Ok(crate::app::screens::SCREENS))
    }

    pub(crate) fn extras() -> Ready<Result<Extras, ()>> {
        ready(Ok(crate::app::screens::EXTRAS))
    }

    pub(crate) fn pages() -> Ready<Result<Pages, ()>> {
        ready(Ok(crate::app::screens::PAGES))
    }
}

pub(crate) use ways::{conventions, extras, pages, screens};

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_millis(s * 1_000)
    }

    #[test]
    fn a_part_is_fetched_once_and_again_when_it_did_not_come() {
        let mut part = Part::new();
        assert!(part.begin(at(5)) && !part.begin(at(5)), "once");
        assert!(!part.is_missing());
        part.end(at(6), None);
        assert!(part.is_missing() && !part.begin(at(6)) && part.begin(at(7)), "a second later");
        part.end(at(8), None);
        assert!(!part.begin(at(9)) && part.begin(at(10)), "two seconds later");
        part.end(at(11), None);
        assert!(!part.begin(at(11)));
        part.hurry();
        assert!(part.begin(at(11)), "when a person wants it");
        part.end(at(12), Some(1));
        assert!(!part.is_missing() && !part.begin(at(999)) && part.here() == Some(&1));
    }

    #[test]
    fn it_is_tried_every_minute_or_so_for_ever() {
        let mut part = Part::<()>::new();
        for _ in 0..100 {
            part.end(at(0), None);
        }
        assert!(!part.begin(at(63)) && part.begin(at(64)));
    }
}
