//! To one Session: what waits in its queue, what is sent again, and the retained messages of new subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt::delivery::InFlight;
use mqtt::packet::{Ack, Publish};
use mqtt::{Packet, PacketId, Qos, ReasonCode};

use super::limit::Limit;
use super::queue::{HEAD_AWAY, HEAD_THERE};
use super::retained::Step;
use super::route::{PLACEHOLDER, delivery, encode_own, encode_within};
use super::session::Queued;
use super::{Broker, ConnectionId, Notice, SessionId};

/// Bytes of a message that may be encoded in vain for one step of a replay.
const BYTES_A_STEP: usize = 512;

impl Broker {
    /// The slow way to a Session: through its queue.
    pub(super) fn deliver_queued(&mut self, id: SessionId, mut queued: Queued) {
        if queued.qos == Qos::AtMostOnce {
            return self.deliver_or_drop(id, queued);
        }
        let limits = (self.config.max_queued_messages, self.config.max_queued_bytes);
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return };
        let size = queued.size();
        if !session.queue.has_room(size, limits) {
            // What has expired must not keep out what counts [MQTT-3.3.2-5].
            for number in session.queue.drop_expired(self.now) {
                self.counters.dropped_expired += 1;
                self.keeping.done(number, &mut self.out);
            }
        }
        if !session.queue.has_room(size, limits) {
            let (messages, bytes) = (session.queue.len(), session.queue.bytes());
            self.counters.dropped_queue_full += 1;
            let limit = if messages >= limits.0 { Limit::QueuedMessages } else { Limit::QueuedBytes };
            self.counters.reached.count(limit);
            if !std::mem::replace(&mut session.queue.is_told, true) {
                self.out.notice(Notice::QueueFull {
                    client_id: Arc::clone(&session.client_id),
                    messages,
                    bytes,
                });
            }
            return;
        }
        self.keeping.owe(session, &mut queued, &self.subscriptions, &mut self.out);
        let head = if session.connection.is_some() { HEAD_THERE } else { HEAD_AWAY };
        session.queue.push(queued, head);
        self.pump(id);
    }

    /// QoS 0 waits nowhere: an absent Client misses it, and so does one that does not read.
    fn deliver_or_drop(&mut self, id: SessionId, queued: Queued) {
        let Some(connection) = self.session(id).and_then(|session| session.connection) else { return };
        let pending = self.connection(connection).map_or(0, |connection| connection.pending);
        if pending > self.config.max_output_bytes {
            self.counters.dropped_slow_reader += 1;
            return;
        }
        self.send_message(id, queued);
    }

    /// Sends what waits, as long as the window and the socket take it.
    pub(super) fn pump(&mut self, id: SessionId) {
        self.pump_all(id);
        self.fetch(id);
    }

    fn pump_all(&mut self, id: SessionId) {
        while self.has_room(id) {
            let Some(session) = self.session(id) else { return };
            if session.sender.has_repeats() {
                if !self.repeat_next(id) {
                    return;
                }
            } else if let Some(front) = session.queue.front() {
                if front.qos != Qos::AtMostOnce && !session.sender.has_room() {
                    return;
                }
                if let Some(queued) = session.queue.pop() {
                    self.send_message(id, queued);
                }
            } else if !session.queue.is_empty() || !self.replay_next(id) {
                return;
            }
        }
    }

    /// Whether the Session's connection takes more; it is told when it does again.
    fn has_room(&mut self, id: SessionId) -> bool {
        let limit = self.config.max_output_bytes;
        let Some(connection) = self.session(id).and_then(|session| session.connection) else { return false };
        let Some(connection) = self.connection(connection) else { return false };
        connection.is_blocked = connection.pending > limit;
        !connection.is_blocked
    }

    /// The socket has taken bytes.
    pub(super) fn written(&mut self, id: ConnectionId, pending: usize) {
        let limit = self.config.max_output_bytes;
        let Some(connection) = self.connection(id) else { return };
        connection.pending = pending;
        if connection.is_blocked
            && pending <= limit / 2
            && let Some(live) = connection.live()
        {
            let session = live.session;
            self.pump(session);
        }
    }

    /// Sends one retained message of one new subscription. False when there is none, or it must wait.
    fn replay_next(&mut self, id: SessionId) -> bool {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return false };
        if session.replay_rests() {
            return false;
        }
        let Some(mut first) = session.replay.first_entry() else {
            session.replay = BTreeMap::new(); // an empty one may still own memory
            return false;
        };
        let replay = first.get_mut();
        if replay.options.qos != Qos::AtMostOnce && !session.sender.has_room() {
            return false;
        }
        // What begins with `$` is the Server's own, and nothing else matches a filter that does [MQTT-4.7.2-1].
        let is_ours = replay.filter.as_str().split('/').next() == Some("$SYS");
        let retained = if is_ours { &self.sys.retained } else { &self.retained };
        let stored = match retained.next(replay, &mut session.replay_steps) {
            Step::Found(stored) => stored,
            Step::Done => {
                first.remove().done(session.number, &mut self.out);
                return true;
            }
            Step::Later => {
                self.pause_replay(id);
                return false;
            }
        };
        replay.moved(session.number, &mut self.out);
        let mut queued = Queued {
            qos: replay.options.qos.min(stored.message.qos),
            retain: true, // [MQTT3-3.3.1-8]
            share: None,
            subscription_ids: replay.id.iter().map(|id| id.get()).collect(),
            message: stored,
            number: 0,
        };
        let size = queued.size();
        let verdict = self.may_read(id, queued.message.message.topic.as_str());
        let Some(qos) = verdict.qos.filter(|_| verdict.retain) else { return self.goes_on_in_vain(id, size) };
        queued.qos = queued.qos.min(qos);
        (!queued.message.is_expired(now) && self.send_message(id, queued)) || self.goes_on_in_vain(id, size)
    }

    /// Whether a replay goes on at once after a message that could not be sent. No socket bounds how many there are of these,
    /// so they are steps, and the more of them the more was encoded in vain.
    fn goes_on_in_vain(&mut self, id: SessionId, size: usize) -> bool {
        let Some(session) = self.session(id) else { return false };
        let steps = u32::try_from(size / BYTES_A_STEP).unwrap_or(u32::MAX).saturating_add(1);
        session.replay_steps = session.replay_steps.saturating_sub(steps);
        let goes_on = session.replay_steps > 0;
        if !goes_on {
            self.pause_replay(id);
        }
        goes_on
    }

    /// Encodes and sends one message to one connected Session. The window has room for it. False when it was dropped.
    fn send_message(&mut self, id: SessionId, mut queued: Queued) -> bool {
        if queued.message.is_expired(self.now) {
            self.counters.dropped_expired += 1; // [MQTT-3.3.2-5]
            self.done(queued.number);
            return false;
        }
        if !self.may_read(id, queued.message.message.topic.as_str()).allows() {
            self.counters.dropped_denied += 1; // its right is gone since it was queued
            self.done(queued.number);
            return false;
        }
        let Some(session) = self.sessions.get_mut(id.0 as usize) else { return false };
        let Some(connection) = session.connection else { return false };
        let qos = queued.qos;
        // The identifier is known only when the message is known to fit, so it is encoded with another first.
        let Some((shape, size)) = self.encode_message(connection, &queued, PLACEHOLDER, false) else {
            self.done(queued.number);
            return false;
        };
        let packet_id = match qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce | Qos::ExactlyOnce => {
                let Some(session) = self.sessions.get_mut(id.0 as usize) else { return false };
                // One that was retained is kept from here on.
                self.keeping.owe(session, &mut queued, &self.subscriptions, &mut self.out);
                let number = queued.number;
                let packet_id = session.sender.send(qos, queued);
                if let Some(packet_id) = packet_id {
                    self.keeping.sends(session.number, number, (packet_id, qos), &mut self.out);
                }
                packet_id
            }
        };
        match packet_id {
            Some(packet_id) => {
                self.out.send_as(connection, shape.piece, shape.id_at, packet_id);
                self.out.set_holding(false);
            }
            None => self.out.send(connection, shape.piece),
        }
        self.sent(connection, size);
        true
    }

    /// A new connection goes on with a Session: all that is in flight is sent again, in its order [MQTT-4.4.0-1],
    /// also what came by a Shared Subscription [MQTT-4.8.2-4].
    pub(super) fn resume(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        session.sender.repeat_all();
        self.pump(id);
    }

    /// Sends one packet again. False when there is none, or it must wait.
    fn repeat_next(&mut self, id: SessionId) -> bool {
        let Some(session) = self.session(id) else { return false };
        let Some(connection) = session.connection else { return false };
        let Some((packet_id, in_flight)) = session.sender.next_repeat() else { return false };
        let queued = match in_flight {
            // Whether it has expired since or not [MQTT-4.3.3-7].
            InFlight::AwaitPuback(queued) | InFlight::AwaitPubrec(queued) => queued.clone(),
            InFlight::AwaitPubcomp | InFlight::Request => {
                self.send(connection, &Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success)));
                return true;
            }
        };
        let may_read = self.may_read(id, queued.message.message.topic.as_str()).allows();
        self.counters.dropped_denied += u64::from(!may_read);
        let encoded = match may_read {
            true => self.encode_message(connection, &queued, packet_id, true), // with DUP [MQTT-3.3.1-1]
            false => None,
        };
        if let Some((shape, size)) = encoded {
            self.out.send(connection, shape.piece);
            self.sent(connection, size);
        } else if let Some(session) = self.session(id) {
            // The Client takes only smaller packets now, or has no right any more: as if it had been delivered
            // [MQTT-3.1.2-25].
            let done = session.sender.puback(packet_id).or_else(|_| session.sender.refused(packet_id));
            if let Ok(queued) = done {
                self.freed(id, packet_id);
                self.done(queued.number);
            }
        }
        true
    }

    fn encode_message(
        &mut self,
        id: ConnectionId,
        queued: &Queued,
        packet_id: PacketId,
        dup: bool,
    ) -> Option<(super::route::Shape, usize)> {
        let now = self.now;
        let connection = self.connections.get_mut(id.0 as usize)?.as_mut()?;
        let live = connection.live()?;
        let stored = &queued.message;
        let mut publish = Publish::of(&stored.message, delivery(queued.qos, packet_id, dup));
        publish.retain = queued.retain;
        if !queued.subscription_ids.is_empty() {
            publish.properties.subscription_ids = queued.subscription_ids.to_vec();
        }
        if let Some(at) = stored.expires {
            // What remains, which is never said to be nothing while the message still counts [MQTT-3.3.2-6].
            let left = at.since(now).as_secs().max(1);
            publish.properties.message_expiry_s = Some(u32::try_from(left).unwrap_or(u32::MAX));
        }
        // What is sent again is good for any connection.
        let shape = if dup {
            encode_within(&mut self.out, live, &publish)
        } else {
            encode_own(&mut self.out, live, &stored.message.topic, publish)
        };
        let Some(shape) = shape else {
            self.counters.dropped_too_large += 1; // [MQTT-3.1.2-25]
            return None;
        };
        self.counters.payload_bytes_sent += stored.message.payload.len() as u64;
        Some((shape, shape.piece.len()))
    }

    fn sent(&mut self, id: ConnectionId, size: usize) {
        self.counters.messages_sent += 1;
        if let Some(connection) = self.connection(id) {
            connection.pending += size;
        }
    }
}
