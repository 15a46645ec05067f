//! The pump between the machine and the browser. Knows no MQTT beyond what the machine asks for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mqtt::Instant;
use mqtt::client::{Client, Config, Event, Input, Output};

use super::socket::{Happening, Socket};
use super::timer::{Timer, now};

/// Who is told what happens.
pub trait Observer {
    /// One thing has happened.
    fn event(&mut self, event: Event);

    /// All that a frame, a timer or a command led to is told: the time to pass on what was gathered.
    fn settled(&mut self) {}
}

/// Tells a function.
pub(super) struct Tell<F>(pub(super) F);

impl<F: FnMut(Event)> Observer for Tell<F> {
    fn event(&mut self, event: Event) {
        (self.0)(event);
    }
}

/// One machine with its socket and its timer.
pub(super) struct Driver {
    address: String,
    client: RefCell<Client>,
    socket: RefCell<Option<Socket>>,
    timer: Timer,
    observer: RefCell<Box<dyn Observer>>,
    /// Somebody up the stack is draining already: the callback called us.
    draining: Cell<bool>,
}

impl Driver {
    pub(super) fn new(address: &str, config: Config, observer: Box<dyn Observer>) -> Rc<Self> {
        Rc::new_cyclic(|driver: &std::rc::Weak<Self>| {
            let driver = driver.clone();
            let tick = move || driver.upgrade().into_iter().for_each(|driver| driver.handle(Input::Tick));
            Self {
                address: address.to_owned(),
                client: RefCell::new(Client::new(config)),
                socket: RefCell::new(None),
                timer: Timer::new(tick),
                observer: RefCell::new(observer),
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

    /// Gives the machine a command and does all that follows from it.
    pub(super) fn turn<T>(self: &Rc<Self>, command: impl FnOnce(&mut Client, Instant) -> T) -> T {
        let result = command(&mut self.client.borrow_mut(), now());
        self.drain();
        result
    }

    /// Asks the machine for a fact.
    pub(super) fn look<T>(&self, question: impl FnOnce(&Client) -> T) -> T {
        question(&self.client.borrow())
    }

    fn handle(self: &Rc<Self>, input: Input<'_>) {
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
                Output::Open => self.open(),
                Output::Send(bytes) => self.send(&bytes),
                Output::Close => drop(self.socket.take()),
                // A machine that is not durable never says it.
                Output::Store(_) => self.client.borrow_mut().handle(now(), Input::Stored),
                Output::Event(event) => {
                    has_news = true;
                    self.observer.borrow_mut().event(event);
                }
                Output::Wait(_) if has_news => {
                    has_news = false;
                    self.observer.borrow_mut().settled();
                }
                Output::Wait(until) => {
                    self.timer.arm(until);
                    break;
                }
            }
        }
        self.draining.set(false);
    }

    fn open(self: &Rc<Self>) {
        let driver = Rc::downgrade(self);
        let socket = Socket::open(&self.address, move |happening| {
            if let Some(driver) = driver.upgrade() {
                driver.happened(happening);
            }
        });
        match socket {
            Ok(socket) => *self.socket.borrow_mut() = Some(socket),
            Err(why) => self.client.borrow_mut().handle(now(), Input::Closed { why }),
        }
    }

    fn send(&self, bytes: &[u8]) {
        let sent = self.socket.borrow().as_ref().map_or(Ok(()), |socket| socket.send(bytes));
        if let Err(why) = sent {
            drop(self.socket.take());
            self.client.borrow_mut().handle(now(), Input::Closed { why });
        }
    }

    fn happened(self: &Rc<Self>, happening: Happening) {
        match happening {
            Happening::Opened => self.handle(Input::Opened),
            Happening::Frame(bytes) => self.handle(Input::Received(&bytes)),
            Happening::Closed(why) => {
                drop(self.socket.take());
                self.handle(Input::Closed { why });
            }
        }
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("address", &self.address).finish_non_exhaustive()
    }
}
