//! A Session: what outlives a Network Connection (4.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mqtt::delivery::{Receiver, Sender};
use mqtt::{Instant, PacketId, Qos, SessionExpiry, Will};

use super::answers::Answers;
use super::change::{Change, MessageNumber, SessionNumber};
use super::identity::Grant;
use super::queue::Queue;
use super::retained::{REPLAY_STEPS, Replay};
use super::stored::Stored;
use super::subscriptions::{FilterId, ShareId};
use super::timers::Timer;
use super::{Broker, ConnectionId, SessionId};

/// The state of one Client Identifier.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    /// Whose it is; none when nobody had to say.
    pub(super) user: Option<Arc<str>>,
    /// What the token says by which its Client came last. It is not kept: after a restart nothing is allowed until it comes again.
    pub(super) grant: Option<Arc<Grant>>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) expiry: SessionExpiry,
    pub(super) sender: Sender<Queued>,
    pub(super) receiver: Receiver,
    /// Messages its Client was told it may have under way at once.
    pub(super) receive_maximum: u16,
    /// Those of its publications that wait for other shards.
    pub(super) answers: Answers,
    pub(super) queue: Queue,
    /// Retained messages that are still to be sent for new subscriptions.
    pub(super) replay: BTreeMap<FilterId, Replay>,
    /// Steps its replays may take in vain before others have a turn.
    pub(super) replay_steps: u32,
    /// When they may go on after that.
    replay_timer: Option<Instant>,
    pub(super) filters: BTreeSet<FilterId>,
    pub(super) shares: BTreeSet<ShareId>,
    /// A will whose delay has not passed, with the moment it does.
    pub(super) will: Option<Box<(Instant, Arc<Will>)>>,
    expires: Option<Instant>,
    timer: Option<Instant>,
    /// By which it is kept; zero when it does not outlive its connection, or nothing is kept.
    pub(super) number: SessionNumber,
    /// The last message that it was found to owe.
    pub(super) last_owed: MessageNumber,
    /// QoS 2 messages of its Client that are kept as received.
    pub(super) kept_received: BTreeSet<PacketId>,
    /// By which its will is kept; zero when it is not. A number of its own where it is all that is kept of the Session.
    pub(super) kept_will: SessionNumber,
}

/// A message that waits for, or is in, delivery to one Session.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) message: Arc<Stored>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// The Shared Subscription that brought it, whose other members get it if this Session ends.
    pub(super) share: Option<ShareId>,
    pub(super) subscription_ids: Box<[u32]>,
    /// By which it is kept; zero when it is not.
    pub(super) number: MessageNumber,
}

impl Queued {
    /// Bytes it stands for in a queue's bound.
    pub(super) fn size(&self) -> usize {
        self.message.message.size() + size_of_val(&*self.subscription_ids)
    }
}

/// The earlier of two moments that may never come.
pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Session {
    pub(super) fn new(client_id: Arc<str>, max_inflight: u16) -> Self {
        Self {
            client_id,
            user: None,
            grant: None,
            connection: None,
            expiry: SessionExpiry::AtDisconnect,
            sender: Sender::new(max_inflight),
            receiver: Receiver::default(),
            receive_maximum: u16::MAX,
            answers: Answers::default(),
            queue: Queue::default(),
            replay: BTreeMap::new(),
            replay_steps: REPLAY_STEPS,
            replay_timer: None,
            filters: BTreeSet::new(),
            shares: BTreeSet::new(),
            will: None,
            expires: None,
            timer: None,
            number: 0,
            last_owed: 0,
            kept_received: BTreeSet::new(),
            kept_will: 0,
        }
    }

    /// When it ends if its Client does not come back.
    pub(super) const fn ends(&self) -> Option<Instant> {
        self.expires
    }

    /// It is from before the start.
    pub(super) fn restored(client_id: Arc<str>, number: SessionNumber, ends: Option<Instant>) -> Self {
        Self { number, expires: ends, ..Self::new(client_id, u16::MAX) }
    }

    /// Whether its replays rest, so that others have a turn.
    pub(super) const fn replay_rests(&self) -> bool {
        self.replay_timer.is_some()
    }

    /// Subscriptions it has.
    pub(super) fn subscriptions(&self) -> usize {
        self.filters.len() + self.shares.len()
    }

    /// Whether something waits for the window.
    pub(super) fn has_waiting(&self) -> bool {
        self.sender.has_repeats() || !self.queue.is_empty() || !self.replay.is_empty()
    }
}

impl Broker {
    /// The Client's connection is gone. The Session ends, or waits for it; so does the will.
    pub(super) fn detach(&mut self, id: SessionId, will: Option<Arc<Will>>) {
        let now = self.now;
        let Some(session) = self.session(id) else { return };
        session.connection = None;
        session.answers.cut();
        // What may not be lost is sent when the Client is back; a Session that ends is dropped with it.
        session.replay.retain(|_, replay| replay.options.qos != Qos::AtMostOnce);
        let expires = session.expiry.duration().map(|after| now + after); // [MQTT-3.1.2-23]
        session.expires = expires;
        self.keep_session(id);
        if let Some(will) = will {
            // The will is sent when its delay has passed or the Session ends, whichever comes first [MQTT-3.1.3-9].
            let due = now + Duration::from_secs(u64::from(will.delay_s));
            let due = expires.map_or(due, |at| at.min(due));
            self.keep_will(id, Some((Some(due), &will)));
            if let Some(session) = self.session(id) {
                session.will = Some(Box::new((due, will)));
            }
        } else {
            self.keep_will(id, None);
        }
        self.set_shares_connected(id, false);
        self.session_due(id);
        self.pass_on_unsent(id);
    }

    /// The Client is back: nothing is due any more [MQTT-3.1.3-9].
    pub(super) fn attach(&mut self, id: SessionId, connection: ConnectionId, expiry: SessionExpiry) {
        let Some(session) = self.session(id) else { return };
        session.connection = Some(connection);
        session.expiry = expiry;
        session.expires = None;
        session.will = None;
        self.keep_session(id);
        self.set_session_timer(id, None);
        self.set_shares_connected(id, true);
    }

    /// Sends a will whose delay has passed, ends a Session whose time is over, and sets the timer for what is left.
    pub(super) fn session_due(&mut self, id: SessionId) {
        let now = self.now;
        let Some(session) = self.session(id) else { return };
        if session.connection.is_some() {
            // [MQTT-4.1.0-1]
            return self.set_session_timer(id, None);
        }
        let will = session.will.take_if(|will| will.0 <= now); // sent once [MQTT-3.1.2-8], [MQTT-3.1.2-10]
        let is_over = session.expires.is_some_and(|at| at <= now);
        let has_waited = session.expiry != SessionExpiry::AtDisconnect;
        let next = earlier(session.will.as_ref().map(|will| will.0), session.expires);
        if let Some(will) = will {
            self.send_will(id, will.1);
        }
        if is_over {
            // [MQTT-4.1.0-2]
            self.counters.sessions_expired += u64::from(has_waited);
            self.remove_session(id);
        } else {
            self.set_session_timer(id, next);
        }
    }

    /// Ends a Session with all it holds; what was retained is not part of it [MQTT3-3.1.2-7]. A will that still waited is sent
    /// now.
    pub(super) fn remove_session(&mut self, id: SessionId) {
        self.set_session_timer(id, None);
        self.set_replay_timer(id, None);
        if let Some(will) = self.session(id).and_then(|session| session.will.take()) {
            self.send_will(id, will.1);
        }
        let Some(session) = self.sessions.try_remove(id.0 as usize) else { return };
        if session.number != 0 {
            self.out.store(Change::SessionGone { session: session.number });
        }
        self.subscriptions.remove_all(id, &session.filters);
        if self.by_client.get(&session.client_id) == Some(&id) {
            self.by_client.remove(&session.client_id);
            self.guest_goes(&session.client_id);
        }
        self.leave_shares(id, session);
    }

    /// Lets the replays of a Session rest: they have looked at much that they do not want.
    pub(super) fn pause_replay(&mut self, id: SessionId) {
        self.set_replay_timer(id, Some(self.now + Duration::from_millis(1)));
    }

    /// The replays of a Session go on.
    pub(super) fn replay_due(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        session.replay_timer = None; // taken out when it came due
        session.replay_steps = REPLAY_STEPS;
        self.pump(id);
    }

    fn set_replay_timer(&mut self, id: SessionId, at: Option<Instant>) {
        if let Some(session) = self.sessions.get_mut(id.0 as usize) {
            self.timers.set(Timer::Replay(id), &mut session.replay_timer, at);
        }
    }

    pub(super) fn set_session_timer(&mut self, id: SessionId, at: Option<Instant>) {
        if let Some(session) = self.sessions.get_mut(id.0 as usize) {
            self.timers.set(Timer::Session(id), &mut session.timer, at);
        }
    }
}
