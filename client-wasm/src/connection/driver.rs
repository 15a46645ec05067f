//! The pump between the machine and the browser. Knows no MQTT beyond what the machine asks for.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

#[cfg(feature = "durable")]
use super::durable::Durable;
use super::inbox::Inbox;
use super::page::{Page, Sign};
use super::timer::now;
#[cfg(feature = "durable")]
use super::timer::unix_now;
use mqtt::Instant;
use mqtt::client::{AuthenticationMethod, Client, Config, Event, Input, Output, Step};

/// How long a burst may keep the page from being drawn. Less than half of what is promised: what follows from a piece comes on top, and a pause of the engine.
const SLICE: Duration = Duration::from_millis(3);
/// Bytes that came and wait for their slice, above which messages of QoS 0 are dropped and counted.
const MAX_INBOX_BYTES: usize = 4 << 20;
/// Bytes that the browser may have to send before messages wait in the machine's queue, and at which they go on.
const CONGESTED_BYTES: u32 = 256 << 10;
const RELAXED_BYTES: u32 = 64 << 10;
/// The browser does not tell when it has sent something: this is how often it is asked.
const LOOK_AGAIN_MS: i32 = 20;

/// Who is told what happens.
pub trait Observer {
    /// One thing has happened.
    fn event(&mut self, event: Event);

    /// An attempt to connect begins.
    fn attempt(&mut self) {}

    /// All that a frame, a timer or a command led to is told: the time to pass on what was gathered.
    fn settled(&mut self) {}
}

/// How to connect, and how to prove who does.
#[derive(Debug, Default)]
pub struct Setup {
    config: Config,
    authenticator: Option<AuthenticationMethod>,
}

#[cfg(feature = "authentication")]
impl Setup {
    /// Proves who connects by an enhanced authentication (4.12), in 5.0.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: impl mqtt::client::Authenticator + 'static) -> Self {
        self.authenticator = Some(Box::new(authenticator));
        self
    }
}

impl From<Config> for Setup {
    fn from(config: Config) -> Self {
        Self { config, authenticator: None }
    }
}

/// Hears what happens.
pub(super) type Hear = dyn Fn(&Event);

/// Where a Session outlives its page. A trait, so that a page whose Session ends with it does not carry the code.
pub(super) trait Keeper {
    /// Stores this in place of what was stored before, and tells the machine how that went.
    fn keep(&self, driver: Weak<Driver>, saved: Vec<u8>);

    /// The page is left, with this not stored yet.
    fn leave(&self, unsaved: Option<&[u8]>);

    /// The page is shown again: starts the driver when it knows under which name.
    fn come_back(&self, driver: Rc<Driver>);
}

/// Tells a function.
pub(super) struct Tell<F>(pub(super) F);

impl<F: FnMut(Event)> Observer for Tell<F> {
    fn event(&mut self, event: Event) {
        (self.0)(event);
    }
}

/// One machine with its page.
pub(super) struct Driver {
    address: String,
    client: RefCell<Client>,
    page: Page,
    observer: RefCell<Box<dyn Observer>>,
    /// Who else hears what happens, by a number each. What is answered once, and requests, are heard so: a page that does
    /// without does not carry them.
    listeners: RefCell<Vec<(u64, Rc<Hear>)>>,
    listened: Cell<u64>,
    durable: Option<Box<dyn Keeper>>,
    inbox: RefCell<Inbox>,
    /// Sockets so far: what came on one is nothing for the next.
    sockets: Cell<u64>,
    has_socket: Cell<bool>,
    is_congested: Cell<bool>,
    /// Somebody up the stack is draining already: the callback called us.
    draining: Cell<bool>,
}

impl Driver {
    pub(super) fn new(address: &str, setup: Setup, observer: Box<dyn Observer>) -> Rc<Self> {
        let mut client = Client::new(setup.config);
        client.set_authenticator(setup.authenticator);
        Self::with(address, client, None, observer)
    }

    /// The same with a Session that outlives the page.
    #[cfg(feature = "durable")]
    pub(super) fn durable(
        address: &str,
        setup: Setup,
        mut durable: Durable,
        observer: Box<dyn Observer>,
    ) -> Rc<Self> {
        let Setup { mut config, authenticator } = setup;
        config.client_id = durable.client_id();
        let unix_start_ms = unix_now().as_millis().saturating_sub(now().as_millis());
        let saved = std::mem::take(&mut durable.saved);
        let (mut client, damage) = match Client::durable(config.clone(), unix_start_ms, &saved) {
            Ok(client) => (client, durable.why.clone()),
            // This page keeps nothing, which is told.
            Err(why) => {
                durable.forget();
                (Client::new_durable(config, unix_start_ms), Some(why.to_string()))
            }
        };
        client.set_authenticator(authenticator);
        let driver = Self::with(address, client, Some(Box::new(Rc::new(durable))), observer);
        if let Some(why) = damage {
            let fails = move |client: &mut Client, now| client.handle(now, Input::NotStored { why });
            driver.turn(fails);
        }
        driver
    }

    fn with(
        address: &str,
        client: Client,
        durable: Option<Box<dyn Keeper>>,
        observer: Box<dyn Observer>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|driver: &Weak<Self>| {
            let driver = driver.clone();
            Self {
                address: address.to_owned(),
                client: RefCell::new(client),
                page: Page::new(move |sign, bytes| {
                    if let Some(driver) = driver.upgrade() {
                        driver.heard(sign, bytes);
                    }
                }),
                observer: RefCell::new(observer),
                listeners: RefCell::default(),
                listened: Cell::new(0),
                durable,
                inbox: RefCell::new(Inbox::new(MAX_INBOX_BYTES)),
                sockets: Cell::new(0),
                has_socket: Cell::new(false),
                is_congested: Cell::new(false),
                draining: Cell::new(false),
            }
        })
    }

    pub(super) fn start(self: &Rc<Self>) {
        self.turn(Client::start);
    }

    pub(super) fn wake(self: &Rc<Self>) {
        self.handle(Input::Wake);
    }

    /// The page is left.
    pub(super) fn leave(self: &Rc<Self>) {
        self.turn(|client, now| client.stop(now, mqtt::ReasonCode::Success));
        if let Some(durable) = &self.durable {
            durable.leave(self.look(Client::unsaved).as_deref());
        }
    }

    /// The page is shown again as it was left.
    pub(super) fn come_back(self: &Rc<Self>) {
        match &self.durable {
            Some(durable) => durable.come_back(Rc::clone(self)),
            None => self.start(),
        }
    }

    /// Gives the machine a command and does all that follows from it.
    pub(super) fn turn<T>(self: &Rc<Self>, command: impl FnOnce(&mut Client, Instant) -> T) -> T {
        self.turn_at(now(), command)
    }

    fn turn_at<T>(self: &Rc<Self>, now: Instant, command: impl FnOnce(&mut Client, Instant) -> T) -> T {
        let result = command(&mut self.client.borrow_mut(), now);
        self.drain();
        result
    }

    /// Goes on with a login, and with what came meanwhile.
    pub(super) fn prove(self: &Rc<Self>, step: Step) {
        self.turn(|client, now| client.prove(now, step));
        self.slice();
    }

    /// Asks the machine for a fact.
    pub(super) fn look<T>(&self, question: impl FnOnce(&Client) -> T) -> T {
        question(&self.client.borrow())
    }

    pub(super) fn handle(self: &Rc<Self>, input: Input<'_>) {
        self.turn(|client, now| client.handle(now, input));
    }

    /// Polls until the machine waits. A callback that calls back in has only its command taken: the outer loop goes on
    /// with what follows from it, so that events keep their order.
    fn drain(self: &Rc<Self>) {
        if self.draining.replace(true) {
            return;
        }
        let mut has_news = false;
        loop {
            let output = self.client.borrow_mut().poll();
            match output {
                Output::Open => {
                    self.observer.borrow_mut().attempt();
                    self.open();
                }
                Output::Send(bytes) => self.send(&bytes),
                Output::Close => self.close(),
                Output::Store(saved) => self.store(saved),
                Output::Event(event) => {
                    self.hear(&event);
                    has_news = true;
                    self.observer.borrow_mut().event(event);
                }
                Output::Wait(_) if has_news => {
                    has_news = false;
                    self.observer.borrow_mut().settled();
                }
                Output::Wait(until) => {
                    self.page.tick_at(until);
                    break;
                }
            }
        }
        self.draining.set(false);
    }

    /// Lets somebody hear each event before the observer does, until [`forget`](Self::forget).
    pub(super) fn listen(&self, hear: Rc<Hear>) -> u64 {
        let name = self.listened.get() + 1;
        self.listened.set(name);
        self.listeners.borrow_mut().push((name, hear));
        name
    }

    pub(super) fn forget(&self, name: u64) {
        self.listeners.borrow_mut().retain(|(other, _)| *other != name);
    }

    /// One that hears may begin and end to listen, and let others.
    fn hear(&self, event: &Event) {
        let mut last = 0;
        loop {
            let next = self.listeners.borrow().iter().find(|(name, _)| *name > last).cloned();
            let Some((name, hear)) = next else { return };
            hear(event);
            last = name;
        }
    }

    fn open(&self) {
        self.sockets.set(self.sockets.get() + 1);
        self.has_socket.set(true);
        self.inbox.borrow_mut().clear();
        self.page.open(&self.address);
    }

    /// What came on a connection that is over is of no use.
    fn close(&self) {
        self.has_socket.set(false);
        self.page.close();
        self.inbox.borrow_mut().clear();
    }

    fn send(&self, bytes: &[u8]) {
        if self.page.send(bytes) > CONGESTED_BYTES && !self.is_congested.replace(true) {
            self.page.relief_in(LOOK_AGAIN_MS);
        }
        self.client.borrow_mut().set_congested(now(), self.is_congested.get());
    }

    fn relieve(self: &Rc<Self>) {
        if self.page.buffered() > RELAXED_BYTES {
            return self.page.relief_in(LOOK_AGAIN_MS);
        }
        self.is_congested.set(false);
        self.turn(|client, now| client.set_congested(now, false));
    }

    fn store(self: &Rc<Self>, saved: Vec<u8>) {
        if let Some(durable) = &self.durable {
            durable.keep(Rc::downgrade(self), saved);
        }
    }

    fn heard(self: &Rc<Self>, sign: Sign, bytes: Vec<u8>) {
        match sign {
            Sign::Tick => {
                self.page.ticked();
                self.handle(Input::Tick);
            }
            Sign::Relief => self.relieve(),
            Sign::Soon => {
                self.page.answered();
                self.slice();
            }
            Sign::Opened => self.handle(Input::Opened),
            Sign::Frame => {
                self.inbox.borrow_mut().push(bytes);
                if !self.page.is_asked() {
                    self.slice();
                }
            }
            Sign::Closed => {
                // What came before the end counts before it.
                while self.take_piece(now()) {}
                self.has_socket.set(false);
                self.handle(Input::Closed { why: String::from_utf8(bytes).unwrap_or_default() });
            }
            Sign::Wake => self.wake(),
            Sign::Left => self.leave(),
            Sign::Shown => self.come_back(),
        }
    }

    /// Takes what came for as long as the page can wait to be drawn. The clock is the browser's, and asked no more than needed:
    /// a message in a frame of its own takes little longer than that.
    fn slice(self: &Rc<Self>) {
        let mut at = now();
        let end = at + SLICE;
        while self.take_piece(at) {
            at = now();
            if at >= end {
                return self.page.ask();
            }
        }
    }

    /// Takes one piece, and says whether there are more.
    fn take_piece(self: &Rc<Self>, now: Instant) -> bool {
        if self.look(Client::holds_back) {
            return false;
        }
        let mut inbox = std::mem::replace(&mut *self.inbox.borrow_mut(), Inbox::new(MAX_INBOX_BYTES));
        let shedding = inbox.is_over_limit();
        let socket = self.sockets.get();
        inbox.take(|piece| {
            self.turn_at(now, |client, now| {
                client.set_shedding(shedding);
                client.handle(now, Input::Received(piece));
            });
        });
        let has_more = !inbox.is_empty();
        // The connection may have ended with it: then the rest is of no use.
        let is_same = socket == self.sockets.get() && self.has_socket.get();
        if is_same {
            *self.inbox.borrow_mut() = inbox;
        }
        is_same && has_more
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("address", &self.address).finish_non_exhaustive()
    }
}
