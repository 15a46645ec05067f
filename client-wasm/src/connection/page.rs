//! The page as a link sees it: its one socket, its alarms, and the signs of its sleep and waking. Knows bytes and frames, not
//! what they mean.
//!
//! Sleeping pages lose their sockets without being told, and their timers run late. So each sign of waking makes the machine
//! probe its connection at once; and because an open socket keeps a page out of the browser's back/forward cache, it is closed
//! when the page is left.
//!
//! What is done to the browser stands in `page.js`: each call and each event of its own would be a way between the two
//! languages, and weigh more than all that it does.

use std::cell::Cell;

use mqtt::Instant;
use wasm_bindgen::prelude::*;

use super::timer::now;

#[wasm_bindgen(module = "/src/connection/page.js")]
extern "C" {
    #[wasm_bindgen(js_name = Page)]
    type Browser;

    #[wasm_bindgen(constructor, js_class = "Page")]
    fn new(hear: &Closure<Hear>) -> Browser;
    /// Opens a socket in place of the one before, to an address in UTF-8.
    #[wasm_bindgen(method)]
    fn open(this: &Browser, address: &[u8]);
    /// Sends a frame; gives the bytes that have not left.
    #[wasm_bindgen(method)]
    fn send(this: &Browser, frame: &[u8]) -> u32;
    #[wasm_bindgen(method)]
    fn buffered(this: &Browser) -> u32;
    #[wasm_bindgen(method)]
    fn close(this: &Browser);
    #[wasm_bindgen(method)]
    fn arm(this: &Browser, sign: u8, ms: i32);
    #[wasm_bindgen(method)]
    fn soon(this: &Browser);
    /// Nothing more is told.
    #[wasm_bindgen(method)]
    fn end(this: &Browser);
}

/// What has happened, with bytes where there are some. Not `FnMut`: who is told may make the next thing happen.
type Hear = dyn Fn(u8, Vec<u8>);

/// What a page has to tell, in the order of `page.js`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The alarm rings.
    Tick,
    /// It is time to look whether the browser has sent what it was given.
    Relief,
    /// The page was drawn since it was asked for this.
    Soon,
    /// The socket is open.
    Opened,
    /// A frame came; frames and packets need not agree [MQTT-6.0.0-2].
    Frame,
    /// The socket is gone; the bytes say why. Nothing follows from it.
    Closed,
    /// The page may have slept.
    Wake,
    /// The page is left.
    Left,
    /// It is shown again as it was left.
    Shown,
}

impl Sign {
    const ALL: [Self; 9] = [
        Self::Tick,
        Self::Relief,
        Self::Soon,
        Self::Opened,
        Self::Frame,
        Self::Closed,
        Self::Wake,
        Self::Left,
        Self::Shown,
    ];
}

/// The page. Dropping it closes the socket, and it tells nothing more.
pub(super) struct Page {
    browser: Browser,
    _hear: Closure<Hear>,
    tick: Cell<Option<Instant>>,
    is_asked: Cell<bool>,
}

impl Page {
    /// Watches it from now on.
    pub(super) fn new(tell: impl Fn(Sign, Vec<u8>) + 'static) -> Self {
        let hear: Closure<Hear> = Closure::new(move |sign, bytes| {
            if let Some(sign) = Sign::ALL.get(usize::from(sign)) {
                tell(*sign, bytes);
            }
        });
        Self { browser: Browser::new(&hear), _hear: hear, tick: Cell::default(), is_asked: Cell::default() }
    }

    /// Begins to open a socket. What keeps it from opening is told as its end.
    pub(super) fn open(&self, address: &str) {
        self.browser.open(address.as_bytes());
    }

    /// Sends a frame on the socket, if there is one; gives the bytes of it that have not left.
    pub(super) fn send(&self, frame: &[u8]) -> u32 {
        self.browser.send(frame)
    }

    /// Bytes that were given to [`send`](Self::send) and have not left.
    pub(super) fn buffered(&self) -> u32 {
        self.browser.buffered()
    }

    /// Closes the socket, if there is one; it tells nothing more.
    pub(super) fn close(&self) {
        self.browser.close();
    }

    /// Tells [`Sign::Tick`] at this time of [`now`], or at an earlier one it was told before: whoever hears it looks at the
    /// clock. So the many deadlines that only move away cost no call into the browser.
    pub(super) fn tick_at(&self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.tick.get().is_none_or(|armed| at < armed) {
            self.tick.set(Some(at));
            let wait = at.as_millis().saturating_sub(now().as_millis()) + 1; // the clock is cut to whole milliseconds
            self.browser.arm(Sign::Tick as u8, i32::try_from(wait).unwrap_or(i32::MAX));
        }
    }

    /// It has told [`Sign::Tick`].
    pub(super) fn ticked(&self) {
        self.tick.set(None);
    }

    /// Tells [`Sign::Relief`] after so many milliseconds.
    pub(super) fn relief_in(&self, ms: i32) {
        self.browser.arm(Sign::Relief as u8, ms);
    }

    /// Tells [`Sign::Soon`] once, however often it is asked before.
    pub(super) fn ask(&self) {
        if !self.is_asked.replace(true) {
            self.browser.soon();
        }
    }

    /// It has told [`Sign::Soon`].
    pub(super) fn answered(&self) {
        self.is_asked.set(false);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.get()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.browser.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_signs() {
        let script = include_str!("page.js");
        for (at, sign) in Sign::ALL.iter().enumerate() {
            assert_eq!(*sign as usize, at);
            let is_there =
                script.contains(&format!("const {} = {at};\n", format!("{sign:?}").to_uppercase()));
            assert_eq!(is_there, !matches!(sign, Sign::Tick | Sign::Relief), "{sign:?}");
        }
    }
}
