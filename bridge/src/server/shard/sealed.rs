//! A shard's connections with TLS: what is read is opened into the scratch buffer, and goes on as if it had come without. What is
//! written is sealed by the socket, once a turn.

use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;

use super::{Inner, Next, Reader, SCRATCH, Shard, connection_id, mark};
use crate::broker::{Handshake, Identity, Input};
use crate::server::tls::{Failure, RECORD, Received};

/// Bytes of TLS read at once: a handshake may leave as many as a record of its largest message.
const SEALED: usize = 2 * SCRATCH;

impl Shard {
    /// One read of a connection with TLS.
    pub(super) fn read_sealed(self: &Rc<Self>, inner: &mut Inner, reader: &mut Reader) -> Next {
        let mut sealed = std::mem::take(&mut inner.sealed);
        sealed.resize(SEALED, 0);
        let mut scratch = std::mem::take(&mut inner.scratch);
        let next = self.read_between(inner, reader, &mut sealed, &mut scratch);
        (inner.sealed, inner.scratch) = (sealed, scratch);
        next
    }

    fn read_between(
        self: &Rc<Self>,
        inner: &mut Inner,
        reader: &mut Reader,
        sealed: &mut [u8],
        scratch: &mut [u8],
    ) -> Next {
        let Some(tls) = inner.sockets.get_mut(reader.id).and_then(|socket| socket.tls.as_mut()) else {
            return Next::Stop;
        };
        let carry = tls.before();
        let from = carry.len();
        let before = reader.before();
        let kept = before.len();
        // What was carried may be opened too, and is at most one record then.
        let to = sealed.len().min(from + (scratch.len() - RECORD).saturating_sub(kept));
        let Some(room) = sealed.get_mut(from..to).filter(|room| !room.is_empty()) else { return Next::Stop };
        let read = match reader.stream.try_read(room) {
            Ok(0) => return Next::Stop,
            Ok(n) => n,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Next::Read;
            }
            Err(_) => return Next::Stop,
        };
        let is_full = from + read == to;
        sealed[..from].copy_from_slice(carry);
        scratch[..kept].copy_from_slice(reader.before());
        let mut end = kept;
        let was_open = tls.is_open();
        let received = tls.receive(&mut sealed[..from + read], |piece| {
            scratch[end..end + piece.len()].copy_from_slice(piece);
            end += piece.len();
        });
        self.tls_event(inner, reader.id, was_open, &received);
        let mut next = Next::Read;
        if end > kept {
            *reader.before() = Vec::new();
            next = self.received(inner, reader, &mut scratch[..end]);
        } else {
            self.end_turn(inner);
        }
        if next == Next::Read && received.is_ok_and(|received| received.is_over) {
            self.flush_one(inner, reader.id); // what was asked for before it left
            return Next::Stop;
        }
        if next == Next::Read && is_full { Next::More } else { next }
    }

    /// What came of the TLS itself: the handshake is complete, or it has failed, or it has something to say.
    fn tls_event(
        self: &Rc<Self>,
        inner: &mut Inner,
        id: usize,
        was_open: bool,
        received: &Result<Received, Failure>,
    ) {
        let Some(socket) = inner.sockets.get_mut(id) else { return };
        if socket.tls.as_ref().is_some_and(|tls| tls.pending() > 0) {
            mark(socket, id, &mut inner.dirty);
        }
        let (now, connection) = (self.clock.now(), connection_id(id));
        match received {
            Ok(Received { completed: Some(is_resumed), .. }) => {
                inner.broker.count_handshake(Handshake::complete(*is_resumed));
                if let Some(user) = socket.tls.as_ref().and_then(|tls| tls.user().cloned()) {
                    socket.identity = Some(Arc::new(Identity::of_certificate(Arc::clone(&user))));
                    self.step(inner, now, Input::Certified { connection, user });
                }
            }
            Ok(_) => {}
            Err(why) => {
                if !was_open {
                    inner.broker.count_handshake(Handshake::Failed);
                }
                self.step(inner, now, Input::Violation { connection, why: why.clone() });
            }
        }
    }

    /// Counts a handshake of a browser.
    pub(crate) fn count_handshake(&self, handshake: Handshake) {
        self.inner.borrow_mut().broker.count_handshake(handshake);
    }
}
