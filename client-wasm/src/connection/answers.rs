//! Answers as futures: what becomes of a message, what a broker says to a subscription. Knows names of questions, no socket.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mqtt::client::{Event, Outcome, PublishId, RequestId};
use mqtt::{Instant, ReasonCode};

use super::driver::Driver;
use super::timer::{Timer, now};

/// Whoever waits, by the name of what they wait for.
#[derive(Debug, Default)]
pub(super) struct Answers {
    published: Waiting<PublishId, Outcome>,
    requested: Waiting<RequestId, Vec<ReasonCode>>,
}

type Waiting<I, T> = RefCell<Vec<(I, Rc<RefCell<Slot<T>>>)>>;

#[derive(Debug)]
struct Slot<T> {
    answer: Option<T>,
    waker: Option<Waker>,
}

impl Answers {
    /// Answers that listen to a driver.
    pub(super) fn of(driver: &Driver) -> Rc<Self> {
        let answers = Rc::new(Self::default());
        let hears = Rc::clone(&answers);
        driver.listen(Rc::new(move |event| hears.hear(event)));
        answers
    }

    /// Tells those who wait for it. The event goes on to the callback all the same.
    fn hear(&self, event: &Event) {
        match event {
            Event::Published { id, outcome } => tell(&self.published, *id, || outcome.clone()),
            Event::Subscribed { id, reasons } | Event::Unsubscribed { id, reasons } => {
                tell(&self.requested, *id, || reasons.clone());
            }
            _ => {}
        }
    }

    pub(super) fn of_publish(&self, id: PublishId, deadline: Instant) -> Sending {
        Sending { id, answer: wait_for(&self.published, id), deadline, timer: None }
    }

    pub(super) fn of_request(&self, id: RequestId) -> Answer<Vec<ReasonCode>> {
        wait_for(&self.requested, id)
    }
}

fn wait_for<I, T>(waiting: &Waiting<I, T>, id: I) -> Answer<T> {
    let slot = Rc::new(RefCell::new(Slot { answer: None, waker: None }));
    let mut waiting = waiting.borrow_mut();
    // Those who gave up waiting are forgotten here, so the list is as long as the waiting are many.
    waiting.retain(|(_, slot)| Rc::strong_count(slot) > 1);
    waiting.push((id, Rc::clone(&slot)));
    Answer(slot)
}

fn tell<I: PartialEq, T>(waiting: &Waiting<I, T>, id: I, answer: impl FnOnce() -> T) {
    let mut waiting = waiting.borrow_mut();
    let Some(at) = waiting.iter().position(|(other, _)| *other == id) else { return };
    let (_, slot) = waiting.swap_remove(at);
    let mut slot = slot.borrow_mut();
    slot.answer = Some(answer());
    if let Some(waker) = slot.waker.take() {
        waker.wake();
    }
}

/// An answer that comes once.
#[derive(Debug)]
pub struct Answer<T>(Rc<RefCell<Slot<T>>>);

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.borrow_mut();
        match slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A message under way: a future of what becomes of it, at its deadline at the latest. A message that was sent and not
/// answered until then is [`Outcome::Expired`] too: nobody can say whether it arrived.
#[derive(Debug)]
pub struct Sending {
    id: PublishId,
    answer: Answer<Outcome>,
    deadline: Instant,
    timer: Option<Timer>,
}

impl Sending {
    /// Its name, for [`Link::cancel`](super::Link::cancel).
    #[must_use]
    pub const fn id(&self) -> PublishId {
        self.id
    }
}

impl Future for Sending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.answer).poll(context) {
            return Poll::Ready(outcome);
        }
        if now() >= self.deadline {
            return Poll::Ready(Outcome::Expired);
        }
        let (waker, deadline) = (context.waker().clone(), self.deadline);
        let timer = Timer::new(move || waker.wake_by_ref());
        timer.arm(Some(deadline));
        self.timer = Some(timer);
        Poll::Pending
    }
}
