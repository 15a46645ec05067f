//! Takes messages, says so, and makes room in the window of whoever published them.

use std::rc::Rc;

use anyhow::{Context as _, Result};

use super::{Shared, Window, template};
use crate::clock;
use crate::connection::{Arrived, Connection};

#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) connection: Connection,
    /// Those of its publisher, or of all by their numbers.
    pub(super) windows: Vec<Rc<Window>>,
    pub(super) shared: Rc<Shared>,
    /// The number of the next message in each window.
    pub(super) next: Vec<u64>,
}

impl Subscriber {
    /// Never ends by itself.
    pub(super) async fn run(mut self) -> Result<()> {
        loop {
            while let Some(packet) = self.connection.next() {
                match packet.kind() {
                    3 => self.message(&packet).context("a PUBLISH that is cut short")?,
                    6 => self.connection.queue(&[0x70, 2, packet.body[0], packet.body[1]]),
                    _ => {}
                }
            }
            self.connection.flush().await?;
            self.connection.read().await?;
        }
    }

    fn message(&mut self, packet: &Arrived) -> Option<()> {
        let body = packet.body.as_ref();
        let (length, rest) = body.split_first_chunk::<2>()?;
        let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let now = self.shared.start.elapsed().as_nanos() as u64;
        let (number, sent) = template::stamp_of(body)?;
        let took = now.saturating_sub(sent);
        self.shared.times.borrow_mut().record(took / 1000);
        match (packet.first >> 1) & 3 {
            0 => {}
            1 => self.connection.queue(&[0x40, 2, rest[0], rest[1]]),
            _ => self.connection.queue(&[0x50, 2, rest[0], rest[1]]),
        }
        let publisher = if self.windows.len() == 1 { 0 } else { number_of(topic)? };
        let (window, next) = (self.windows.get(publisher)?, self.next.get_mut(publisher)?);
        // Each once, in the order in which it was published.
        if number != *next {
            self.shared.misplaced.set(self.shared.misplaced.get() + 1);
        }
        *next = number + 1;
        window.open.set(window.open.get().saturating_sub(1));
        if window.open.get() <= window.limit / 2 {
            window.room.notify_one();
        }
        self.shared.delivered.set(self.shared.delivered.get() + 1);
        if self.shared.delivered.get() == self.shared.expected {
            self.shared.last.set(clock::now());
            self.shared.done.notify_one();
        }
        Some(())
    }
}

/// The publisher's number, in which its topic ends.
fn number_of(topic: &[u8]) -> Option<usize> {
    str::from_utf8(topic).ok()?.rsplit('/').next()?.parse().ok()
}
