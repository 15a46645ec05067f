//! A shard and the threads that check passwords: until one is checked, nothing more of its connection is read.

use std::rc::Rc;

use mqtt::Instant;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use super::{Inner, Next, Reader, Shard};
use crate::broker::{Access, Check, Config, Identity, Input, Peer};
use crate::server::inbox::Parcel;
use crate::server::passwords::{Answer, Checker};

impl Shard {
    /// Who may come from now on.
    pub(crate) fn set_access(self: &Rc<Self>, access: Access) {
        self.handle(Input::Access(access));
    }

    /// How much everyone may do from now on. Who is there keeps the packet size it was told.
    pub(crate) fn set_limits(self: &Rc<Self>, limits: Config) {
        self.max_packet_bytes.set(limits.max_packet_bytes);
        self.max_output_bytes.set(limits.max_output_bytes);
        self.handle(Input::Limits(Box::new(limits)));
    }

    /// Ends what came by a login, here and on the other shards. It reaches them behind the connections that were given to them.
    pub(crate) fn revoke(self: &Rc<Self>, login: u64) {
        self.handle(Input::Revoked { login });
        let inner = &mut *self.inner.borrow_mut();
        if let Some(peers) = &mut inner.peers {
            peers.send_to_all(|| Parcel::Revoked(login));
        }
        self.end_turn(inner);
    }

    /// Whether a login may be tried of this one.
    ///
    /// # Errors
    /// Too many have failed; the text says so.
    pub(crate) fn may_log_in(&self, peer: &Peer) -> Result<(), &'static str> {
        self.inner.borrow().broker.may_log_in(peer, self.clock.now())
    }

    /// One has failed.
    pub(crate) fn login_failed(self: &Rc<Self>, peer: Peer) {
        self.handle(Input::LoginFailed { peer });
    }

    /// What a token says that came beside MQTT.
    ///
    /// # Errors
    /// It does not count, for this reason.
    pub(crate) fn check_token(&self, token: &[u8]) -> Result<Identity, String> {
        self.keyring.check(token, self.clock)
    }

    /// The time that the broker goes by.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Lets a password be checked.
    pub(super) fn check(self: &Rc<Self>, inner: &mut Inner, check: Check) {
        if let Some(socket) = inner.sockets.get_mut(check.connection.0 as usize) {
            socket.check = check.number;
        }
        let checker = inner.checker.get_or_insert_with(|| {
            let (checker, answers) = Checker::start(&self.keyring, self.clock);
            spawn_local(Rc::clone(self).take_answers(answers));
            checker
        });
        checker.check(check);
    }

    async fn take_answers(self: Rc<Self>, mut answers: UnboundedReceiver<Answer>) {
        while let Some(Answer { connection, number, checked }) = answers.recv().await {
            let now = self.clock.now();
            let inner = &mut *self.inner.borrow_mut();
            // Another connection may have its number by now, and wait for an answer of its own.
            if let Some(socket) = inner.sockets.get_mut(connection.0 as usize)
                && socket.check == number
            {
                socket.check = 0;
                if let Some(gate) = &socket.gate {
                    gate.notify_one();
                }
            }
            self.step(inner, now, Input::Checked { connection, number, checked });
            self.end_turn(inner);
        }
    }

    /// Waits for the answer, then takes what has come meanwhile.
    pub(super) async fn go_on_after_check(self: &Rc<Self>, reader: &mut Reader) -> Next {
        loop {
            let gate = match self.inner.borrow_mut().sockets.get_mut(reader.id) {
                Some(socket) if socket.check != 0 => {
                    Rc::clone(socket.gate.get_or_insert_with(|| Rc::new(Notify::new())))
                }
                _ => break,
            };
            gate.notified().await; // which may also be for what was written
        }
        let event = reader.event.take();
        self.resume(reader, event.map(|event| *event))
    }
}
