//! What becomes of a page: it sleeps, wakes, is left and shown again. Knows no packet.
//!
//! Sleeping pages lose their sockets without being told, and their timers run late. So each sign of waking makes the
//! machine probe its connection at once; and because an open socket keeps a page out of the browser's back/forward cache,
//! it is closed when the page is left.

use super::window;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use web_sys::{EventTarget, PageTransitionEvent, VisibilityState};

use super::driver::Driver;
use super::listener::Listener;

/// Watches the page for a driver until dropped.
#[derive(Debug)]
pub(super) struct Lifecycle {
    _listeners: Vec<Listener>,
}

impl Lifecycle {
    pub(super) fn watch(driver: &Rc<Driver>) -> Self {
        let mut listeners = Vec::new();
        let Some(window) = window::own() else { return Self { _listeners: listeners } };
        let mut on = |target: &EventTarget, kind, act: fn(&Rc<Driver>, &web_sys::Event)| {
            let driver = Rc::downgrade(driver);
            listeners.push(Listener::new(target, kind, move |event| {
                if let Some(driver) = driver.upgrade() {
                    act(&driver, &event);
                }
            }));
        };
        // Losing the network is not believed blindly: loopback and a second interface still work.
        on(&window, "online", |driver, _| driver.wake());
        on(&window, "offline", |driver, _| driver.wake());
        on(&window, "pagehide", |driver, _| driver.leave());
        on(&window, "pageshow", |driver, event| {
            // One that a script made up says nothing of it.
            if event.unchecked_ref::<PageTransitionEvent>().persisted() {
                driver.come_back();
            }
        });
        if let Some(document) = window.document() {
            on(&document, "resume", |driver, _| driver.wake());
            on(&document, "visibilitychange", |driver, _| {
                let document = window::own().and_then(|window| window.document());
                if document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible) {
                    driver.wake();
                }
            });
        }
        Self { _listeners: listeners }
    }
}
