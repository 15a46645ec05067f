//! What has gathered for sockets and for other shards in a turn leaves at its end, each with one call. It knows nothing of what it is.

use std::rc::{Rc, Weak};

use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::{Inner, Shard, connection_id, mark};
use crate::broker::Input;
use crate::server::socket::Flushed;

impl Shard {
    pub(super) async fn flusher(self: Rc<Self>) {
        let mut list = Vec::new();
        loop {
            self.flush.notified().await;
            let inner = &mut *self.inner.borrow_mut();
            std::mem::swap(&mut list, &mut inner.dirty);
            for id in list.drain(..) {
                self.flush_one(inner, id);
            }
            if let Some(peers) = &mut inner.peers {
                peers.hand_over();
            }
            self.end_turn(inner);
        }
    }

    /// Many peers that are read before the flusher has its turn may all send to one: it is not slow, and loses nothing for it.
    pub(super) fn flush_full(self: &Rc<Self>, inner: &mut Inner) {
        for _ in 0..inner.full.len() {
            if let Some(id) = inner.full.pop() {
                self.flush_one(inner, id);
            }
        }
    }

    pub(super) fn flush_one(self: &Rc<Self>, inner: &mut Inner, id: usize) {
        let Some(socket) = inner.sockets.get_mut(id) else { return };
        socket.is_dirty = false;
        if socket.is_stuck {
            return;
        }
        let mut flushed = socket.flush(&mut inner.pool);
        if flushed == Flushed::All && socket.is_closing && !socket.is_held() {
            flushed = socket.shut_down_write(&mut inner.pool);
        }
        let pending = socket.pending();
        if pending < self.max_output_bytes.get()
            && let Some(gate) = socket.gate.take()
        {
            gate.notify_one();
        }
        if flushed == Flushed::Stuck {
            socket.is_stuck = true;
            spawn_local(Rc::clone(self).wait_for_room(id, Rc::downgrade(&socket.stream)));
        }
        let now = self.clock.now();
        self.step(inner, now, Input::Written { connection: connection_id(id), pending });
    }

    /// Waits until the kernel takes more for a slow peer.
    async fn wait_for_room(self: Rc<Self>, id: usize, stream: Weak<TcpStream>) {
        let Some(stream) = stream.upgrade() else { return };
        let _ = stream.writable().await;
        let inner = &mut *self.inner.borrow_mut();
        let Some(socket) = inner.sockets.get_mut(id) else { return };
        if Rc::ptr_eq(&socket.stream, &stream) {
            socket.is_stuck = false;
            mark(socket, id, &mut inner.dirty);
            self.flush.notify_one();
        }
    }
}
