//! Publishes into its window, or at its pace.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Shared, Template, Window};
use crate::clock;
use crate::connection::Connection;

/// Bytes that are written at once.
const WRITE: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) connection: Connection,
    pub(super) template: Template,
    /// Deliveries of each message.
    pub(super) copies: u64,
    /// Messages to publish.
    pub(super) messages: u64,
    /// Messages that may wait for their acknowledgement, when there are any.
    pub(super) most_unacked: Option<u64>,
    /// Between two messages, with a pace.
    pub(super) interval: Option<Duration>,
    pub(super) window: Rc<Window>,
    pub(super) shared: Rc<Shared>,
    pub(super) sent: u64,
    pub(super) acked: u64,
}

impl Publisher {
    /// Never ends by itself: the connection stays until all has arrived.
    pub(super) async fn run(mut self) -> Result<()> {
        let began = clock::now();
        loop {
            self.fill_window(began);
            self.connection.flush().await?;
            let is_acked = self.most_unacked.is_none() || self.acked == self.messages;
            if self.sent == self.messages && is_acked {
                return std::future::pending().await;
            }
            let due = self.due(began).filter(|_| self.sent < self.messages);
            tokio::select! {
                read = self.connection.read(), if self.most_unacked.is_some() => read?,
                () = self.window.room.notified() => {}
                () = tokio::time::sleep_until(due.unwrap_or(began).into()), if due.is_some() => {}
            }
            self.take_answers();
        }
    }

    fn fill_window(&mut self, began: Instant) {
        while self.sent < self.messages && self.connection.queued() < WRITE && self.has_room() {
            let due = self.due(began);
            if due.is_some_and(|due| due > clock::now()) {
                break;
            }
            // With a pace, what counts is when the message was due, not when it got out.
            let from = due.unwrap_or_else(clock::now).duration_since(self.shared.start);
            self.template.next_id();
            self.template.stamp(self.sent, from.as_nanos() as u64);
            self.connection.queue(self.template.bytes());
            self.sent += 1;
            self.window.open.set(self.window.open.get() + self.copies);
        }
    }

    fn has_room(&self) -> bool {
        self.window.open.get() + self.copies <= self.window.limit
            && self.most_unacked.is_none_or(|most| self.sent - self.acked < most)
    }

    /// When the next message is due.
    fn due(&self, began: Instant) -> Option<Instant> {
        self.interval.map(|interval| began + interval.mul_f64(self.sent as f64))
    }

    fn take_answers(&mut self) {
        while let Some(packet) = self.connection.next() {
            match packet.kind() {
                4 | 7 => self.acked += 1,
                5 => self.connection.queue(&[0x62, 2, packet.body[0], packet.body[1]]),
                _ => {}
            }
        }
    }
}
