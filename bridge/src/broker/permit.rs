//! What a Session may do: asked at each publication and subscription, and again whenever a message is about to be delivered, also
//! one that is retained, was queued, is sent again, is shared or is a will. Where there are no rules, nothing is asked.
//!
//! A verdict is remembered until the rules or users change. Those of ordinary subscriptions are part of the audience of a topic,
//! so they cost a message nothing; the others are found here.

use std::cell::RefCell;
use std::hash::BuildHasher as _;
use std::rc::Rc;
use std::sync::Arc;

use mqtt::packet::{Connect, Publish};
use mqtt::{Qos, ReasonCode, TopicName};

use super::connack::Granted;
use super::hash::Keys;
use super::io::Fault;
use super::rules::{Action, Rules, Subject, Verdict};
use super::session::Session;
use super::subscriptions::{Audience, Subscription};
use super::{Broker, SessionId, access};

/// Verdicts that are remembered: a place each, which the last one takes.
const REMEMBERED: usize = 1 << 13;

/// Verdicts by Session, action and topic.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// Empty until there is one.
    known: RefCell<Vec<Option<Known>>>,
    keys: Keys,
}

#[derive(Debug)]
struct Known {
    /// No other Session has the same one, for as long as this holds it.
    client_id: Arc<str>,
    action: Action,
    topic: Box<str>,
    verdict: Verdict,
}

impl Verdicts {
    pub(super) const fn new(keys: Keys) -> Self {
        Self { known: RefCell::new(Vec::new()), keys }
    }

    fn forget(&self) {
        self.known.take();
    }

    fn find(
        &self,
        client_id: &Arc<str>,
        action: Action,
        topic: &str,
        judge: impl FnOnce() -> Verdict,
    ) -> Verdict {
        let mut known = self.known.borrow_mut();
        if known.is_empty() {
            known.resize_with(REMEMBERED, || None);
        }
        let hash = self.keys.hash_one((Arc::as_ptr(client_id).addr(), action, topic));
        let Some(slot) = known.get_mut(hash as usize % REMEMBERED) else { return judge() };
        if let Some(known) = slot
            && Arc::ptr_eq(&known.client_id, client_id)
            && known.action == action
            && *known.topic == *topic
        {
            return known.verdict;
        }
        let verdict = judge();
        *slot = Some(Known { client_id: Arc::clone(client_id), action, topic: topic.into(), verdict });
        verdict
    }
}

impl Session {
    fn subject(&self) -> Subject<'_> {
        Subject { grant: self.grant.as_deref(), ..Subject::new(self.user.as_deref(), &self.client_id) }
    }
}

impl Broker {
    /// Who gets what is published to a topic: those that are subscribed and may read it.
    pub(super) fn audience(&mut self, topic: TopicName<&str>) -> Rc<Audience> {
        let (config, sessions) = (&self.config, &self.sessions);
        self.subscriptions.audience(topic, |subscription: &mut Subscription| {
            if !config.asks_rights() || subscription.session.peer().is_some() {
                return true;
            }
            let Some(session) = sessions.get(subscription.session.0 as usize) else { return true };
            let (who, topic) = (session.subject(), topic.text());
            let Some(qos) = config.rules.judge(&config.users, who, Action::Read, topic).qos else {
                return false;
            };
            subscription.options.qos = subscription.options.qos.min(qos);
            true
        })
    }

    /// What was remembered of rights is worth nothing any more.
    pub(super) fn forget_verdicts(&mut self) {
        self.verdicts.forget();
        self.subscriptions.forget_audiences();
    }

    /// Whether a Session may read what was published to a topic, and how.
    pub(super) fn may_read(&self, id: SessionId, topic: &str) -> Verdict {
        self.verdict(id, Action::Read, topic)
    }

    /// A QoS, or the highest that a Session may read a topic at.
    pub(super) fn at_most(&self, id: SessionId, topic: &TopicName, qos: Qos) -> Qos {
        self.may_read(id, topic.as_str()).qos.map_or(qos, |most| most.min(qos))
    }

    fn verdict(&self, id: SessionId, action: Action, topic: &str) -> Verdict {
        if !self.config.asks_rights() {
            return Verdict::ALLOWED;
        }
        let Some(session) = self.sessions.get(id.0 as usize) else { return Verdict::DENIED };
        let (rules, users) = (&self.config.rules, &self.config.users);
        let judge = || rules.judge(users, session.subject(), action, topic);
        self.verdicts.find(&session.client_id, action, topic, judge)
    }

    /// Whether a Session may publish this.
    pub(super) fn may_publish(
        &self,
        id: SessionId,
        topic: TopicName<&str>,
        publish: &Publish<'_>,
    ) -> Result<(), ReasonCode> {
        self.may_publish_as(id, topic.text(), (publish.delivery.qos(), publish.retain))
    }

    /// The same for a message of this QoS that is to be retained or not.
    pub(super) fn may_publish_as(
        &self,
        id: SessionId,
        topic: &str,
        (qos, retain): (Qos, bool),
    ) -> Result<(), ReasonCode> {
        access::may_publish(topic)?;
        allow(self.verdict(id, Action::Publish, topic), qos, retain)
    }

    /// Whether a Client that is about to be let in may have its will. Its answer has a word for that in 5.0 alone.
    pub(super) fn check_will_right(&self, granted: &Granted, connect: &Connect<'_>) -> Result<(), Fault> {
        match &connect.will {
            Some(will) if connect.version.is_5() && !access::is_link_state(will.topic.text()) => self
                .may_have_will(granted, connect)
                .map_err(|_| Fault::new(ReasonCode::NotAuthorized, "the rules do not allow its will")),
            _ => Ok(()),
        }
    }

    /// The same in all versions.
    pub(super) fn may_have_will(&self, granted: &Granted, connect: &Connect<'_>) -> Result<(), ReasonCode> {
        let Some(will) = &connect.will else { return Ok(()) };
        access::may_publish(will.topic.text())?;
        let who = granted.subject();
        let (rules, users) = (&self.config.rules, &self.config.users);
        allow(rules.judge(users, who, Action::Publish, will.topic.text()), will.qos, will.retain)
    }

    /// Whether a Session may subscribe to a filter.
    pub(super) fn may_subscribe(&self, id: SessionId, filter: &str) -> bool {
        if !self.config.asks_rights() {
            return true;
        }
        let Some(session) = self.sessions.get(id.0 as usize) else { return false };
        self.config.rules.judge_filter(&self.config.users, session.subject(), filter).allows()
    }

    /// For the operator: which rule has refused a publication. Empty where none did.
    pub(super) fn whose_refusal(&self, id: SessionId, topic: &str) -> String {
        if !self.config.asks_rights() || access::may_publish(topic).is_err() {
            return String::new();
        }
        said(&self.config.rules, self.verdict(id, Action::Publish, topic))
    }
}

fn allow(verdict: Verdict, qos: Qos, retain: bool) -> Result<(), ReasonCode> {
    match verdict.qos {
        Some(most) if qos <= most && (verdict.retain || !retain) => Ok(()),
        _ => Err(ReasonCode::NotAuthorized),
    }
}

fn said(rules: &Rules, verdict: Verdict) -> String {
    match verdict.rule {
        Some(at) if verdict.allows() => format!(", which {} allows within its limits", rules.name(at)),
        Some(at) => format!(", denied by {}", rules.name(at)),
        None if verdict.is_beyond_token => ", which its token does not allow".into(),
        None => ", which no rule allows".into(),
    }
}
