//! Answers to publications of QoS 1 and 2 that wait for other shards, and those behind them: PUBACK and PUBREC leave in the
//! order of their PUBLISH packets. It knows nothing of what they wait for.

use std::collections::VecDeque;

use mqtt::{Packet, PacketId, Qos, ReasonCode};

use super::publish::with_words;
use super::{Broker, ConnectionId, SessionId};

/// A publication that other shards are to say something of, by a number that no other has.
pub(super) type Serial = u64;

/// The answers of one Session. Without any that waits it takes no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Answers(Option<Box<Line>>);

/// Of several, the first that came.
#[derive(Debug, Default)]
struct Line {
    answers: VecDeque<Answer>,
}

#[derive(Debug)]
struct Answer {
    serial: Serial,
    packet_id: PacketId,
    qos: Qos,
    /// None while it waits; and whether it claims what is kept.
    said: Option<(ReasonCode, bool)>,
    /// Its PUBLISH came on the connection that is there.
    is_due: bool,
}

impl Answers {
    /// Nobody is there any more to be answered; who comes back sends its publications again.
    pub(super) fn cut(&mut self) {
        self.0.iter_mut().flat_map(|line| &mut line.answers).for_each(|answer| answer.is_due = false);
    }

    /// Whether this one waits.
    pub(super) fn has(&self, serial: Serial) -> bool {
        self.0.iter().flat_map(|line| &line.answers).any(|answer| answer.serial == serial)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn push(&mut self, answer: Answer) {
        self.0.get_or_insert_default().answers.push_back(answer);
    }

    /// The next one that is to leave, or to be forgotten.
    fn pop(&mut self) -> Option<Answer> {
        let line = self.0.as_mut()?;
        let answer = line.answers.pop_front_if(|answer| answer.said.is_some());
        if line.answers.is_empty() {
            self.0 = None;
        }
        answer
    }

    /// It waits no more.
    fn say(&mut self, serial: Serial, said: (ReasonCode, bool)) {
        let answers = self.0.iter_mut().flat_map(|line| &mut line.answers);
        for answer in answers.filter(|answer| answer.serial == serial) {
            answer.said = Some(said);
        }
    }

    fn find(&mut self, is_it: impl Fn(&Answer) -> bool) -> Option<&mut Answer> {
        self.0.as_mut()?.answers.iter_mut().find(|answer| is_it(answer))
    }
}

impl Broker {
    /// The answer to this waits for other shards.
    pub(super) fn await_answer(&mut self, id: SessionId, packet_id: PacketId, qos: Qos) -> Serial {
        self.last_serial += 1;
        let serial = self.last_serial;
        if let Some(session) = self.session(id) {
            session.answers.push(Answer { serial, packet_id, qos, said: None, is_due: true });
        }
        serial
    }

    /// Answers a publication, as soon as those before it are.
    pub(super) fn answer_in_turn(
        &mut self,
        (id, session): (ConnectionId, SessionId),
        (packet_id, qos): (PacketId, Qos),
        reason: ReasonCode,
        holds: bool,
    ) {
        let said = Some((reason, holds));
        match self.session(session).map(|session| &mut session.answers).filter(|answers| !answers.is_empty())
        {
            // [MQTT-4.6.0-2], [MQTT-4.6.0-3]
            Some(answers) => answers.push(Answer { serial: 0, packet_id, qos, said, is_due: true }),
            None => self.send_answer(id, (packet_id, qos), reason, holds),
        }
    }

    /// All that this waited for is said.
    pub(super) fn answered(&mut self, id: SessionId, serial: Serial, reason: ReasonCode, holds: bool) {
        let Some(session) = self.session(id) else { return };
        session.answers.say(serial, (reason, holds));
        while let Some(session) = self.session(id)
            && let Some(answer) = session.answers.pop()
        {
            if let (Some(connection), Some((reason, holds)), true) =
                (session.connection, answer.said, answer.is_due)
            {
                self.send_answer(connection, (answer.packet_id, answer.qos), reason, holds);
            }
        }
    }

    /// Whether a QoS 2 message that came once more is still to be answered. Then it is as often as it came on this connection.
    pub(super) fn is_answered_later(&mut self, id: SessionId, packet_id: PacketId) -> bool {
        let is_it = |answer: &Answer| {
            answer.qos == Qos::ExactlyOnce && answer.packet_id == packet_id && answer.said.is_none()
        };
        let Some(answers) = self.session(id).map(|session| &mut session.answers) else { return false };
        let Some(answer) = answers.find(is_it) else { return false };
        let (serial, qos) = (answer.serial, answer.qos);
        if std::mem::replace(&mut answer.is_due, true) {
            answers.push(Answer { serial, packet_id, qos, said: None, is_due: true });
        }
        true
    }

    fn send_answer(
        &mut self,
        id: ConnectionId,
        (packet_id, qos): (PacketId, Qos),
        reason: ReasonCode,
        holds: bool,
    ) {
        let ack = with_words(packet_id, reason);
        match qos {
            Qos::ExactlyOnce => self.send_held(id, &Packet::Pubrec(ack), holds), // [MQTT-4.3.3-8]
            _ => self.send_held(id, &Packet::Puback(ack), holds),                // [MQTT-4.3.2-4]
        }
    }
}
