//! What the broker sends, held against what it owes.

use mqtt::packet::Publish;
use mqtt::{Instant, MessageProperties, Packet, Qos, ReasonCode};

use super::session::{Debt, Flight, Session, Step};
use super::{Answer, Kept, Letter, Model};
use crate::link::LinkKey;

impl Model {
    /// A packet comes out of the broker.
    pub(crate) fn sent(&mut self, link: LinkKey, packet: &Packet<'_>, size: usize) {
        let takes = self.live(link).and_then(|live| self.sessions.get(&live.client)).map(|s| s.max_packet);
        assert!(takes.is_none_or(|takes| size <= takes), "{size} bytes, {takes:?} are taken [MQTT-3.1.2-24]");
        match packet {
            Packet::Connack(connack) if connack.reason == ReasonCode::Success => {
                self.named(link, connack.properties.assigned_client_id);
                self.sent_answer(link, packet);
            }
            Packet::Publish(publish) => self.sent_publish(link, publish),
            Packet::Pubrel(ack)
                if !self.is_answer(link, packet) && self.is_next_again(link, ack.packet_id.get()) =>
            {
                let session = self.session_of(link);
                let step = session.flight(ack.packet_id.get()).map(|flight| flight.step);
                assert_eq!(step, Some(Step::Pubcomp), "PUBREL again for what awaits something else");
                session.again.pop_front();
            }
            Packet::Disconnect(_) => assert!(self.closes.contains(&link), "DISCONNECT without a reason"),
            Packet::Connack(connack) if connack.reason != ReasonCode::Success => {
                assert!(self.closes.contains(&link), "a CONNECT is refused that is in order");
            }
            _ => self.sent_answer(link, packet),
        }
        if let Some(line) = self.lines.get_mut(&link) {
            line.pending += size;
        }
    }

    /// Each Client without an identifier is told one that nobody has [MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT-3.2.2-16].
    fn named(&mut self, link: LinkKey, assigned: Option<&str>) {
        let Some(live) = self.live_mut(link) else { return };
        assert_eq!(assigned.is_some(), live.is_nameless, "{} is told to be {assigned:?}", live.client);
        let Some(name) = assigned else { return };
        let nameless = std::mem::replace(&mut live.client, name.to_owned());
        let session = self.sessions.remove(&nameless).expect("a connected client has a session");
        assert!(self.sessions.insert(name.to_owned(), session).is_none(), "{name} is another client");
    }

    /// The topic, in full or by an alias that this connection was told before and may be told.
    fn topic_said(&mut self, link: LinkKey, publish: &Publish<'_>) -> String {
        let topic = publish.topic.map(|topic| topic.text().to_owned());
        let Some(alias) = publish.properties.topic_alias else {
            return topic.expect("without an alias a topic is said [MQTT-3.3.2-1]");
        };
        assert!(!publish.delivery.dup(), "an alias belongs to one connection [MQTT-3.3.2-7]");
        let live = self.live_mut(link).expect("only a connected client is sent messages");
        let limit = live.alias_maximum;
        assert!((1..=limit).contains(&alias), "alias {alias} of {limit} [MQTT-3.3.2-8], [MQTT-3.3.2-11]");
        if let Some(topic) = topic {
            live.told_aliases.insert(alias, topic);
        }
        live.told_aliases.get(&alias).unwrap_or_else(|| panic!("alias {alias} was never set")).clone()
    }

    fn is_answer(&self, link: LinkKey, packet: &Packet<'_>) -> bool {
        self.answers.contains(&(link, answer(packet)))
    }

    fn sent_answer(&mut self, link: LinkKey, packet: &Packet<'_>) {
        let answer = (link, answer(packet));
        let due = self.answers.iter().position(|due| *due == answer);
        let at = due.unwrap_or_else(|| panic!("{answer:?} was sent, due was {:?}", self.answers));
        self.answers.remove(at);
    }

    fn sent_publish(&mut self, link: LinkKey, publish: &Publish<'_>) {
        let qos = publish.delivery.qos();
        let (pending, limit) =
            (self.lines.get(&link).map_or(0, |line| line.pending), self.config.max_output_bytes);
        assert!(pending <= limit, "{pending} bytes wait for {link}, and more is sent");
        if publish.delivery.dup() {
            self.sent_again(link, publish);
        } else {
            self.sent_first(link, publish);
        }
        let Some(packet_id) = publish.delivery.packet_id() else { return };
        let max_inflight = usize::from(self.config.max_inflight);
        let Some(live) = self.live_mut(link) else { return };
        assert!(live.unacknowledged.insert(packet_id.get()), "an identifier was sent twice on a connection");
        let (many, limit) = (live.unacknowledged.len(), live.receive_maximum.min(max_inflight));
        assert!(
            many <= limit,
            "{many} messages of {qos:?} at once, Receive Maximum is {limit} [MQTT-3.3.4-9]"
        );
    }

    /// In order, and before anything new [MQTT-4.4.0-1], [MQTT-4.6.0-1].
    fn sent_again(&mut self, link: LinkKey, publish: &Publish<'_>) {
        let letter = Letter::new(&self.topic_said(link, publish), publish.payload);
        let id = publish.delivery.packet_id().expect("only QoS 1 and 2 have DUP [MQTT-3.3.1-2]").get();
        assert!(self.is_next_again(link, id), "{id} is sent again, and is not the next to be");
        let session = self.session_of(link);
        let flight = session.flight(id).expect("what is sent again is in flight");
        assert_eq!(
            (&flight.letter, flight.retain),
            (&letter, publish.retain),
            "another message is sent again"
        );
        assert_eq!(flight.step, step(publish.delivery.qos()), "{id} is sent again in a wrong step");
        session.again.pop_front();
    }

    fn sent_first(&mut self, link: LinkKey, publish: &Publish<'_>) {
        let letter = Letter::new(&self.topic_said(link, publish), publish.payload);
        let (now, qos) = (self.now, publish.delivery.qos());
        let is_5 = self.live(link).expect("only a connected client is sent messages").version.is_5();
        let kept = self.retained.get(&letter.topic).cloned();
        let mut ids = publish.properties.subscription_ids.clone();
        ids.sort_unstable();
        let (kind, told) = ((&letter, qos, publish.retain), is_5.then_some(ids.as_slice()));
        let lives = is_5.then_some(publish.properties.message_expiry_s);
        let client = self.live(link).map(|live| live.client.clone()).unwrap_or_default();
        // Empty messages look alike, and one that is published again. What would overtake another, or come after its time, is
        // rather a shared one, if there is such.
        let session = self.session_of(link);
        // A will whose time is over looks like the one that is retained since.
        let looks = |kept: &Kept| publish.retain && kept.payload == letter.payload && !kept.is_expired(now);
        let is_kept = kept.as_ref().is_some_and(looks);
        let counts = |session: &Session, at: usize| !(is_kept && session.debts[at].is_expired(now));
        let debt = session.debt_for(kind, told, now).filter(|&at| counts(session, at));
        let is_in_time = |at: usize| !session.debts[at].is_expired(now);
        let is_in_order = debt.is_some_and(|at| is_in_time(at) && session.overtaken_by(at, now).is_none());
        let parcel = if is_in_order { None } else { self.parcel_for(&client, kind, told, lives) };
        let debt = debt.filter(|_| parcel.is_none());
        let session = self.session_of(link);
        let (expires, properties) = if let Some(at) = debt {
            let overtaken = session.overtaken_by(at, now);
            assert!(overtaken.is_none(), "{letter:?} overtakes {overtaken:?} [MQTT-4.6.0-5]");
            let debt = &mut session.debts[at];
            debt.is_done = true;
            (debt.expires, debt.properties.clone())
        } else if let Some(parcel) = &parcel {
            (parcel.expires, parcel.properties.clone())
        } else {
            let kept = kept.unwrap_or_else(|| panic!("{letter:?} {qos:?} is not owed"));
            assert!(
                publish.retain && kept.payload == letter.payload,
                "{letter:?} {qos:?} is not owed: {kept:?}"
            );
            assert!(session.brings(&letter.topic, qos, &kept, &ids), "retained {letter:?} was not asked for");
            (kept.expires, kept.properties)
        };
        assert!(expires.is_none_or(|at| at > now), "{letter:?} is sent after its time [MQTT-3.3.2-5]");
        if is_5 {
            let left = expires.map(|at| u32::try_from(at.since(now).as_secs().max(1)).expect("not long"));
            let said = publish.properties.message_expiry_s;
            let is_either = parcel.as_ref().is_some_and(|parcel| parcel.may_be_other) && said.is_some();
            assert!(said == left || is_either, "{left:?} remains of {letter:?}, not {said:?} [MQTT-3.3.2-6]");
        }
        if is_5 {
            let sent = MessageProperties::from_packet(&publish.properties).unwrap_or_default();
            let sent = MessageProperties { message_expiry_s: None, ..*sent };
            assert_eq!(sent, properties, "what goes with {letter:?} unaltered (3.3.2.3)");
        }
        let instance = session.instance;
        if let Some(packet_id) = publish.delivery.packet_id() {
            let packet_id = packet_id.get();
            assert!(session.again.is_empty(), "{letter:?} is sent before all is sent again");
            assert!(
                session.flight(packet_id).is_none(),
                "identifier {packet_id} is in use [MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]"
            );
            let step = step(qos);
            let (letter, retain) = (letter.clone(), publish.retain);
            session.flights.push(Flight { packet_id, letter, retain, step, parcel });
        }
        self.ledger.sent(instance, qos, letter);
    }

    fn is_next_again(&mut self, link: LinkKey, packet_id: u16) -> bool {
        self.session_of(link).again.front() == Some(&packet_id)
    }

    fn session_of(&mut self, link: LinkKey) -> &mut Session {
        let client = self.live(link).expect("only a connected client is sent this").client.clone();
        self.sessions.get_mut(&client).expect("a connected client has a session")
    }
}

impl Session {
    /// The oldest debt of this kind; two wills of one Client look alike, so one that still counts comes first.
    fn debt_for(
        &self,
        (letter, qos, retain): (&Letter, Qos, bool),
        ids: Option<&[u32]>,
        now: Instant,
    ) -> Option<usize> {
        let is_it = |debt: &Debt| {
            !debt.is_done
                && debt.qos == qos
                && debt.letter == *letter
                && debt.retain == retain
                && ids.is_none_or(|ids| ids == debt.ids)
        };
        let counts = |debt: &Debt| is_it(debt) && !debt.is_expired(now);
        self.debts.iter().position(counts).or_else(|| self.debts.iter().position(is_it))
    }

    /// Messages of one publisher to one topic at one QoS keep their order [MQTT-4.6.0-5].
    fn overtaken_by(&self, at: usize, now: Instant) -> Option<&Debt> {
        let this = &self.debts[at];
        let is_dropped = |debt: &Debt| debt.may_be_gone || self.is_too_large(debt);
        self.debts[..at].iter().find(|debt| {
            debt.is_due(now)
                && !is_dropped(debt)
                && debt.qos == this.qos
                && debt.publisher == this.publisher
                && debt.letter.topic == this.letter.topic
                && debt.letter != this.letter // copies of one message have no order
        })
    }
}

const fn step(qos: Qos) -> Step {
    match qos {
        Qos::AtMostOnce | Qos::AtLeastOnce => Step::Puback,
        Qos::ExactlyOnce => Step::Pubrec,
    }
}

fn answer(packet: &Packet<'_>) -> Answer {
    let (name, packet_id, reasons) = match packet {
        Packet::Connack(p) if p.session_present => ("CONNACK present", 0, vec![p.reason]),
        Packet::Connack(p) => ("CONNACK", 0, vec![p.reason]),
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            (packet.name(), p.packet_id.get(), vec![p.reason])
        }
        Packet::Suback(p) | Packet::Unsuback(p) => (packet.name(), p.packet_id.get(), p.reasons.clone()),
        _ => (packet.name(), 0, Vec::new()),
    };
    Answer { name, packet_id, reasons }
}
