//! Questions that wait for their answers on a link. Knows no socket; the matching of answers is [`Questions`]'.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mqtt::client::{Event, Outcome, PublishError, QuestionId, Questions, Received};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, Qos, ReasonCode, TopicFilter, TopicName};

use super::answers::Sending;
use super::driver::Driver;
use super::identity;
use super::link::Link;
use super::timer::{Timer, now};

/// Questions of one page that may wait at once.
const MAX_QUESTIONS: usize = 1_000;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The question was not taken.
    NotTaken(PublishError),
    /// It did not reach the broker; or the broker told that nobody hears it.
    NotDelivered(Outcome),
    /// The broker does not let this page hear answers.
    NotSubscribed(ReasonCode),
    /// The broker speaks no 5.0, which has no place for questions before.
    NeedsMqtt5,
    /// Nobody has answered in time.
    Overdue,
}

/// The questions of one link.
#[derive(Debug)]
pub(super) struct Asker {
    questions: RefCell<Questions>,
    waiting: RefCell<Vec<Waiting>>,
    /// The broker lets the answers through.
    is_subscribed: Cell<bool>,
}

#[derive(Debug)]
struct Waiting {
    id: QuestionId,
    answer: Option<Received>,
    waker: Option<Waker>,
}

impl Asker {
    /// One that listens to a driver.
    pub(super) fn of(driver: &Driver) -> Rc<Self> {
        let basis = driver.look(|client| {
            let told = client.grants().and_then(|granted| granted.response_information.clone());
            told.unwrap_or_else(|| "reply".to_owned())
        });
        let own = identity::fresh("");
        let topic = TopicName::new(format!("{basis}/{own}").as_str().into());
        // What a broker says may be no topic.
        let topic = topic.or_else(|_| TopicName::new(format!("reply/{own}").as_str().into()));
        let topic = topic.unwrap_or_else(|_| unreachable!("letters and a slash are a topic"));
        let asker = Rc::new(Self {
            questions: RefCell::new(Questions::new(topic, MAX_QUESTIONS, identity::seed())),
            waiting: RefCell::default(),
            is_subscribed: Cell::new(false),
        });
        let hears = Rc::clone(&asker);
        driver.listen(Rc::new(move |event| hears.hear(event)));
        asker
    }

    fn hear(&self, event: &Event) {
        let Event::Message(received) = event else { return };
        let Some(id) = self.questions.borrow_mut().answered(received) else { return };
        let mut waiting = self.waiting.borrow_mut();
        if let Some(question) = waiting.iter_mut().find(|question| question.id == id) {
            question.answer = Some(received.clone());
            if let Some(waker) = question.waker.take() {
                waker.wake();
            }
        }
    }

    pub(super) async fn ask(
        self: Rc<Self>,
        link: Link,
        message: Message,
        deadline: Instant,
    ) -> Result<Received, NoAnswer> {
        let is_5 = |link: &Link| link.granted().is_none_or(|granted| granted.version.is_5());
        if !is_5(&link) {
            return Err(NoAnswer::NeedsMqtt5);
        }
        let alarm = Alarm::at(deadline);
        if !self.is_subscribed.get() {
            let topic = self.questions.borrow().response_topic().as_str().to_owned();
            let filter = TopicFilter::new(topic.as_str().into());
            let filter = filter.unwrap_or_else(|_| unreachable!("a topic name is a filter"));
            let options = SubscriptionOptions { qos: Qos::AtLeastOnce, ..SubscriptionOptions::default() };
            let reasons = alarm.or(link.subscribed(&[(filter, options)], None)).await;
            match reasons.ok_or(NoAnswer::Overdue)?.first() {
                Some(reason) if reason.is_error() => return Err(NoAnswer::NotSubscribed(*reason)),
                _ => self.is_subscribed.set(true),
            }
            if !is_5(&link) {
                return Err(NoAnswer::NeedsMqtt5);
            }
        }
        let asked = self.questions.borrow_mut().ask(message, deadline);
        let (id, message) = asked.ok_or(NoAnswer::NotTaken(PublishError::QueueFull))?;
        self.waiting.borrow_mut().push(Waiting { id, answer: None, waker: None });
        let question = Question { asker: &self, id };
        let sending = link.send(message, deadline.since(now())).map_err(NoAnswer::NotTaken)?;
        alarm.or(question.answered(sending)).await.unwrap_or(Err(NoAnswer::Overdue))
    }
}

/// A question that is forgotten when nobody waits for its answer any more.
struct Question<'a> {
    asker: &'a Asker,
    id: QuestionId,
}

impl Question<'_> {
    /// The answer may come before the broker's acknowledgement of the question.
    async fn answered(&self, mut sending: Sending) -> Result<Received, NoAnswer> {
        let mut is_sent = false;
        poll_fn(|context| {
            if let Some(answer) = self.take(context) {
                return Poll::Ready(Ok(answer));
            }
            if !is_sent && let Poll::Ready(outcome) = Pin::new(&mut sending).poll(context) {
                is_sent = true;
                let nobody = Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers);
                if outcome == Outcome::Expired {
                    return Poll::Ready(Err(NoAnswer::Overdue));
                }
                if !outcome.is_success() || outcome == nobody {
                    return Poll::Ready(Err(NoAnswer::NotDelivered(outcome)));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn take(&self, context: &Context<'_>) -> Option<Received> {
        let mut waiting = self.asker.waiting.borrow_mut();
        let question = waiting.iter_mut().find(|question| question.id == self.id)?;
        question.waker = Some(context.waker().clone());
        question.answer.take()
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.asker.waiting.borrow_mut().retain(|question| question.id != self.id);
        self.asker.questions.borrow_mut().give_up(self.id);
    }
}

/// The end of patience.
struct Alarm {
    at: Instant,
    rung: Rc<RefCell<Option<Waker>>>,
    _timer: Timer,
}

impl Alarm {
    fn at(at: Instant) -> Self {
        let rung: Rc<RefCell<Option<Waker>>> = Rc::default();
        let rings = Rc::clone(&rung);
        let timer = Timer::new(move || {
            if let Some(waker) = rings.take() {
                waker.wake();
            }
        });
        timer.arm(Some(at));
        Self { at, rung, _timer: timer }
    }

    /// What comes of the future, or none when it takes too long.
    async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            if now() >= self.at {
                return Poll::Ready(None);
            }
            *self.rung.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
