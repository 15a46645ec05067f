//! Request and response (4.10): questions that wait for their answers, told apart by Correlation Data. It knows neither
//! connections nor what is asked; the application publishes, and subscribes to the Response Topic.

use std::collections::BTreeMap;

use super::Received;
use crate::{Instant, Message, TopicName};

/// Names a question until it is answered or overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(u64);

/// The questions of one asker, who subscribes to their Response Topic. 5.0 only: older versions have no place for either
/// property.
///
/// ```text
///   ask(message) ──▶ publish it ──▶ …someone answers… ──▶ answered(&received) says to which question
/// ```
#[derive(Clone, Debug)]
pub struct Questions {
    response_topic: TopicName,
    /// Tells the answers to this asker from those to one that was here before.
    seed: u64,
    asked: u64,
    waiting: BTreeMap<QuestionId, Instant>,
    maximum: usize,
}

impl Questions {
    /// Questions that are answered on this topic: one of its own for each asker, for instance below the
    /// [Response Information](super::Connected::response_information). At most `maximum` wait at once. The seed is different
    /// each time.
    #[must_use]
    pub const fn new(response_topic: TopicName, maximum: usize, seed: u64) -> Self {
        Self { response_topic, seed, asked: 0, waiting: BTreeMap::new(), maximum }
    }

    /// Where answers come.
    #[must_use]
    pub const fn response_topic(&self) -> &TopicName {
        &self.response_topic
    }

    /// Makes a message a question that waits until then: it gets Response Topic and Correlation Data. None when as many wait
    /// as may.
    pub fn ask(&mut self, mut message: Message, until: Instant) -> Option<(QuestionId, Message)> {
        if self.waiting.len() >= self.maximum {
            return None;
        }
        self.asked += 1;
        let id = QuestionId(self.asked);
        self.waiting.insert(id, until);
        let properties = message.properties.get_or_insert_default();
        properties.response_topic = Some(self.response_topic.as_str().into());
        properties.correlation_data = Some(self.correlation(id).into());
        Some((id, message))
    }

    /// Which question this message answers; none when it is no answer, or one to a question that waits no more. A question
    /// is answered once.
    pub fn answered(&mut self, received: &Received) -> Option<QuestionId> {
        let message = &received.message;
        if message.topic != self.response_topic {
            return None;
        }
        let data = message.properties.as_deref()?.correlation_data.as_deref()?;
        let (_, number) = data.split_last_chunk::<8>()?;
        let id = QuestionId(u64::from_be_bytes(*number));
        (self.correlation(id) == *data && self.waiting.remove(&id).is_some()).then_some(id)
    }

    /// Takes out a question that nobody waits for any more.
    pub fn give_up(&mut self, id: QuestionId) {
        self.waiting.remove(&id);
    }

    /// Takes out the questions whose time is over.
    pub fn overdue(&mut self, now: Instant) -> Vec<QuestionId> {
        let over: Vec<_> =
            self.waiting.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
        for id in &over {
            self.waiting.remove(id);
        }
        over
    }

    /// When to ask for [`overdue`](Self::overdue) next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }

    fn correlation(&self, id: QuestionId) -> [u8; 16] {
        let mut data = [0; 16];
        let bytes = self.seed.to_be_bytes().into_iter().chain(id.0.to_be_bytes());
        data.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        data
    }
}

impl Message {
    /// The answer to this question: to its Response Topic, at its QoS, with its Correlation Data (4.10). None when it asks
    /// for none.
    #[must_use]
    pub fn answer(&self, payload: impl Into<bytes::Bytes>) -> Option<Self> {
        let asked = self.properties.as_deref()?;
        let topic = TopicName::new(asked.response_topic.as_deref()?).ok()?.to_shared();
        let mut answer = Self::new(topic, payload).with_qos(self.qos);
        if let Some(data) = &asked.correlation_data {
            answer.properties.get_or_insert_default().correlation_data = Some(data.clone());
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Qos;

    fn questions(seed: u64) -> Questions {
        Questions::new(TopicName::new("answers/me".into()).unwrap(), 2, seed)
    }

    fn question(text: &'static str) -> Message {
        Message::new(TopicName::new("ask".into()).unwrap(), text).with_qos(Qos::AtLeastOnce)
    }

    fn received(message: Message) -> Received {
        Received { message, dup: false, subscription_ids: Vec::new() }
    }

    const LATER: Instant = Instant::from_millis(5_000);

    #[test]
    fn an_answer_finds_its_question_once() {
        let mut questions = questions(1);
        let (one, first) = questions.ask(question("1"), LATER).unwrap();
        let (two, second) = questions.ask(question("2"), LATER).unwrap();
        assert_eq!(questions.ask(question("3"), LATER), None, "two may wait");
        let answer = second.answer("yes").unwrap();
        assert_eq!((answer.topic.as_str(), answer.qos), ("answers/me", Qos::AtLeastOnce));
        let answer = received(answer);
        assert_eq!(questions.answered(&answer), Some(two));
        assert_eq!(questions.answered(&answer), None, "it came again");
        assert_eq!(questions.answered(&received(first.answer("no").unwrap())), Some(one));
        assert_eq!(questions.next_deadline(), None);
    }

    #[test]
    fn what_answers_no_question_of_ours_is_none() {
        let mut ours = questions(1);
        let (_, asked) = ours.ask(question("1"), LATER).unwrap();
        let (_, other) = questions(2).ask(question("1"), LATER).unwrap();
        assert_eq!(ours.answered(&received(other.answer("to the one before").unwrap())), None);
        assert_eq!(ours.answered(&received(asked)), None, "the question itself");
        let mut bare = question("x");
        bare.topic = ours.response_topic().clone();
        assert_eq!(ours.answered(&received(bare.clone())), None);
        bare.properties.get_or_insert_default().correlation_data = Some([1, 2].into());
        assert_eq!(ours.answered(&received(bare)), None);
    }

    #[test]
    fn a_question_is_overdue_at_its_time() {
        let mut questions = questions(1);
        let (id, message) = questions.ask(question("1"), LATER).unwrap();
        assert_eq!(questions.next_deadline(), Some(LATER));
        assert_eq!(questions.overdue(Instant::from_millis(4_999)), []);
        assert_eq!(questions.overdue(LATER), [id]);
        assert_eq!(questions.answered(&received(message.answer("late").unwrap())), None);
    }

    #[test]
    fn a_message_that_asks_for_no_answer_gets_none() {
        assert_eq!(question("x").answer("y"), None);
        let mut bad = question("x");
        bad.properties.get_or_insert_default().response_topic = Some("a/#".into());
        assert_eq!(bad.answer("y"), None);
    }
}
