//! Ties memory, link and drawing together: whatever happens is done to the [`Model`] at once and drawn once per frame.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use mqtt::client::{Config, Event};
use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_futures::spawn_local;

use crate::connection::address::Address;
use crate::connection::{Link, Listener, Timer, identity, now, probe};
use crate::panel::state::State as Panel;
use crate::panel::view::CARD;

use super::desk::Slot;
use super::model::{LinkState, Model, Next};
use super::sheet::Sheet;
use super::{parts, pause, recall, remember};

/// Packets larger than this are not taken from the broker.
const MAX_PACKET_BYTES: u32 = 16 << 20;

/// The shared handle of all components. Two are equal when they are the same.
#[derive(Clone)]
pub(crate) struct Hub(Rc<Inner>);

struct Inner {
    model: RefCell<Model>,
    link: RefCell<Option<Link>>,
    /// Events that came while the model was busy: a command of ours may be answered before it returns.
    events: RefCell<VecDeque<Event>>,
    draw: OnceCell<Box<dyn Fn(bool)>>,
    frame: Frame,
    second: Timer,
    listeners: RefCell<Vec<Listener>>,
}

impl Hub {
    /// Opens the link of this page.
    pub(crate) async fn open() -> Self {
        let (address, page_is_secure, is_own_broker) = place();
        let id = identity::take("switchboard-");
        let panel = Panel::new(&id, identity::seed());
        let desk = desk(&address.as_ref().map(Address::to_string).unwrap_or_default());
        let mut model = Model::new(address, page_is_secure, is_own_broker, panel, desk);
        remember::recall(&mut model);
        let inner = Rc::new_cyclic(|inner: &Weak<Inner>| {
            let (for_frame, for_second) = (inner.clone(), inner.clone());
            Inner {
                model: RefCell::new(model),
                link: RefCell::new(None),
                events: RefCell::default(),
                draw: OnceCell::new(),
                frame: Frame::new(move || {
                    for_frame.upgrade().into_iter().for_each(|inner| Self(inner).draw())
                }),
                second: Timer::new(move || {
                    for_second.upgrade().into_iter().for_each(|inner| Self(inner).tick())
                }),
                listeners: RefCell::default(),
            }
        });
        let hub = Self(inner);
        pause().await;
        hub.connect(id);
        pause().await;
        hub.listen();
        hub.tick();
        hub
    }

    /// `draw` is called from now on whenever there is something new to draw, and told whether a frame is to be filled with it.
    /// Only the first one is.
    pub(crate) fn drawn_by(&self, draw: impl Fn(bool) + 'static) {
        let _ = self.0.draw.set(Box::new(draw));
    }

    /// Looks at the model.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        look(&self.0.model.borrow())
    }

    /// Looks at the model where looking tidies it up.
    pub(crate) fn look_mut<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        look(&mut self.0.model.borrow_mut())
    }

    /// Does what a person wants. It is drawn before the next frame is shown.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut Model, Option<&Link>) -> T) -> T {
        let result = self.perform(act);
        self.show(false);
        result
    }

    /// Does what nobody waits for. It is drawn in the next frame, not in the task that had to do this.
    fn learn(&self, learn: impl FnOnce(&mut Model, Option<&Link>)) {
        self.perform(learn);
        self.draw_soon();
    }

    /// Does what the one who draws will draw by itself.
    pub(crate) fn perform<T>(&self, act: impl FnOnce(&mut Model, Option<&Link>) -> T) -> T {
        let link = self.0.link.borrow().clone();
        let result = act(&mut self.0.model.borrow_mut(), link.as_ref());
        self.pump();
        result
    }

    fn show(&self, fills: bool) {
        self.0.draw.get().into_iter().for_each(|draw| draw(fills));
    }

    /// Draws in the next frame.
    pub(crate) fn draw_soon(&self) {
        self.0.frame.request();
    }

    /// Tries to connect now.
    pub(crate) fn retry(&self) {
        let link = self.0.link.borrow().clone();
        self.act(|model, _| {
            model.conventions.hurry();
            model.screens.hurry();
            model.pages.hurry();
            model.extras.hurry();
            if model.link_state == LinkState::Refused && link.is_some() {
                model.link_state = LinkState::Connecting;
                model.ended = None;
            }
        });
        if let Some(link) = link {
            link.retry();
        }
    }

    /// The client identifier of this page.
    pub(crate) fn client_id(&self) -> String {
        self.0.link.borrow().as_ref().map(Link::client_id).unwrap_or_default()
    }

    fn connect(&self, id: String) {
        let Ok(address) = self.look(|model| model.address.clone()) else { return };
        let config = Config {
            client_id: id,
            seed: identity::seed(),
            max_packet_bytes: MAX_PACKET_BYTES,
            ..Config::default()
        };
        let weak = Rc::downgrade(&self.0);
        let link = Link::open(&address.to_string(), config, move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.events.borrow_mut().push_back(event);
                Self(inner).pump();
            }
        });
        self.look_mut(|model| model.subscribe_panel(&link));
        *self.0.link.borrow_mut() = Some(link);
        self.pump();
    }

    /// Hands the events that wait to the model, unless it is at work: then whoever put it to work does so afterwards.
    fn pump(&self) {
        let Ok(mut model) = self.0.model.try_borrow_mut() else { return };
        let link = self.0.link.borrow().clone();
        loop {
            let Some(event) = self.0.events.borrow_mut().pop_front() else { break };
            if model.event(event, link.as_ref()) == Next::Probe {
                self.ask_server();
            }
            self.0.frame.request();
        }
        self.fetch_parts(&mut model);
        self.recall(&mut model);
    }

    /// Fetches the parts of the page that are needed now.
    fn fetch_parts(&self, model: &mut Model) {
        // What nobody has described is drawn in cards as well.
        let lacks_cards = model.panel.has_cards() && CARD.get().is_none();
        if (model.panel.needs_others() || lacks_cards) && model.conventions.begin(now()) {
            let part = async {
                let came = parts::conventions().await.ok();
                pause().await;
                came
            };
            self.fetch(part, |came, model, link| {
                if let Some(part) = came {
                    CARD.set(Some(part.card));
                    let others = (part.make)(model.panel.me());
                    model.meet(others, link);
                }
                model.conventions.end(now(), came.map(|_| ()));
            });
        }
        if model.wants_extras() && model.extras.begin(now()) {
            self.fetch(dressed(Sheet::Lines, parts::extras()), |came, model, link| {
                model.extras.end(now(), came);
                model.work(link);
            });
        }
        if model.desk.is_wanted() && model.pages.begin(now()) {
            self.fetch(dressed(Sheet::Later, parts::pages()), |came, model, link| {
                if let Some(part) = came {
                    CARD.set(Some(part.card));
                }
                model.pages.end(now(), came);
                model.work(link);
            });
        }
        if model.wants_screens && model.screens.begin(now()) {
            self.fetch(dressed(Sheet::Later, parts::screens()), |came, model, link| {
                model.screens.end(now(), came);
                model.meet_screens(link);
            });
        }
    }

    /// Tells the model of a part when it came, or did not.
    fn fetch<T: 'static>(
        &self,
        part: impl Future<Output = Option<T>> + 'static,
        meet: fn(Option<T>, &mut Model, Option<&Link>),
    ) {
        let hub = Rc::downgrade(&self.0);
        spawn_local(async move {
            let came = part.await;
            if let Some(inner) = hub.upgrade() {
                Self(inner).learn(|model, link| meet(came, model, link));
            }
        });
    }

    /// Asks the broker's memory, where there is one.
    fn recall(&self, model: &mut Model) {
        let Some(filters) = model.take_recalls() else { return };
        let hub = Rc::downgrade(&self.0);
        spawn_local(async move {
            let recalled = recall::recall(&filters).await;
            if let Some(inner) = hub.upgrade() {
                Self(inner).learn(|model, link| model.recalled(recalled, link));
            }
        });
    }

    fn ask_server(&self) {
        let hub = Rc::downgrade(&self.0);
        spawn_local(async move {
            let Some(address) = hub.upgrade().and_then(|inner| inner.model.borrow().address.clone().ok())
            else {
                return;
            };
            let answer = probe(&address).await;
            if let Some(inner) = hub.upgrade() {
                inner.model.borrow_mut().probe = answer;
                inner.frame.request();
            }
        });
    }

    /// What has come since the last frame.
    fn draw(&self) {
        let link = self.0.link.borrow().clone();
        self.look_mut(|model| model.work(link.as_ref()));
        self.pump();
        self.show(true);
    }

    /// Once a second, and when a wish times out: ages grow, deadlines pass.
    fn tick(&self) {
        let next_second = now() + std::time::Duration::from_secs(1);
        let link = self.0.link.borrow().clone();
        let deadline = {
            let mut model = self.0.model.borrow_mut();
            remember::write_sometimes(&mut model);
            model.tick(link.as_ref())
        };
        self.pump();
        self.0.second.arm(Some(deadline.map_or(next_second, |deadline| deadline.min(next_second))));
        self.0.frame.request();
    }

    fn listen(&self) {
        let Some(window) = web_sys::window() else { return };
        let mut listeners = self.0.listeners.borrow_mut();
        for kind in ["online", "offline"] {
            let weak = Rc::downgrade(&self.0);
            listeners.push(Listener::new(&window, kind, move |_| {
                if let Some(inner) = weak.upgrade() {
                    inner.model.borrow_mut().network(kind == "online");
                    inner.frame.request();
                }
            }));
        }
        // A phone may end a page that is hidden, and tell nobody.
        if let Some(document) = window.document() {
            let weak = Rc::downgrade(&self.0);
            listeners.push(Listener::new(&document, "visibilitychange", move |_| {
                weak.upgrade().into_iter().for_each(|inner| remember::write(&mut inner.model.borrow_mut()));
            }));
        }
        let weak = Rc::downgrade(&self.0);
        listeners.push(Listener::new(&window, "pagehide", move |_| {
            if let Some(inner) = weak.upgrade() {
                remember::write(&mut inner.model.borrow_mut());
                identity::keep(&Self(inner).client_id());
            }
        }));
        drop(listeners);
        if !window.navigator().on_line() {
            self.0.model.borrow_mut().network(false);
        }
    }
}

/// A part that is drawn in a style of its own: it comes with that, or not at all.
async fn dressed<T, E>(sheet: Sheet, part: impl Future<Output = Result<T, E>>) -> Option<T> {
    let worn = sheet.wear();
    let came = part.await.ok();
    if worn.await.is_err() {
        sheet.forget();
        return None;
    }
    came
}

impl PartialEq for Hub {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// The broker's address, whether the page came by https, and whether its own server is the broker's.
fn place() -> (Result<Address, String>, bool, bool) {
    let Some(location) = web_sys::window().map(|window| window.location()) else {
        return (Err("There is no page.".to_owned()), false, false);
    };
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let host = location.host().unwrap_or_default();
    let address = Address::choose(secure, &host, asked("broker").as_deref());
    let is_own = address.as_ref().is_ok_and(|address| address.host() == host);
    (address, secure, is_own)
}

/// The layout that the page's address asks for. A draft of an earlier visit is gone on with.
fn desk(broker: &str) -> Slot {
    let mut desk = Slot::named(asked("layout"), broker);
    let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    let draft = storage.and_then(|storage| storage.get_item(&desk.draft_key).ok().flatten());
    desk.is_open = draft.is_some();
    desk
}

/// What the page's address asks for under a name.
pub(super) fn asked(name: &str) -> Option<String> {
    let search = web_sys::window()?.location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get(name)
}

/// A call before the next frame, however often it was asked for.
struct Frame {
    call: Closure<dyn FnMut()>,
    requested: Rc<Cell<bool>>,
}

impl Frame {
    fn new(mut draw: impl FnMut() + 'static) -> Self {
        let requested = Rc::new(Cell::new(false));
        let request = Rc::clone(&requested);
        let call = Closure::new(move || {
            request.set(false);
            draw();
        });
        Self { call, requested }
    }

    fn request(&self) {
        if self.requested.replace(true) {
            return;
        }
        if let Some(window) = web_sys::window() {
            // Fails in no window that is shown.
            let _ = window.request_animation_frame(self.call.as_ref().unchecked_ref());
        }
    }
}
