//! The log, on stderr: one line for each thing an operator may want to know, with who and why. What a peer chose stands in
//! a field of text, which is escaped, so that no client id or topic writes a line of its own.
//!
//! Whoever reads it may be slow or gone, and its disk may be full: nobody waits for that, and nothing ends by it.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::broker::{Ended, Notice};

/// Bytes of what a peer chose that are written: enough to tell who it is, and no way to fill a disk.
const MAX_NAME: usize = 256;

/// Lines that wait for whoever reads them; what comes on top of them is lost.
const WAITING: usize = 4096;
/// How long the last lines are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// The log of a server: what waits is written before this is gone.
#[derive(Debug)]
pub(super) struct Log(Option<SyncSender<Job>>);

#[derive(Debug)]
enum Job {
    Write(Box<[u8]>),
    /// Says when all before it is written.
    Tell(SyncSender<()>),
}

/// Takes whole lines.
#[derive(Clone, Debug)]
enum Pen {
    /// Writes them at once.
    Now,
    /// Leaves that to a thread of its own.
    Soon(SyncSender<Job>),
}

/// Begins the log of a server, in the form and from the level that were asked for.
pub(super) fn start(level: tracing::Level, json: bool) -> Log {
    let (queue, jobs) = sync_channel(WAITING);
    let started = thread::Builder::new().name("log".into()).spawn(move || write_on(&jobs));
    let queue = started.ok().map(|_| queue);
    init(level, json, queue.clone().map_or(Pen::Now, Pen::Soon));
    Log(queue)
}

/// Begins the log of a command that serves nobody.
pub(super) fn start_here(level: tracing::Level) {
    init(level, false, Pen::Now);
}

/// How many lines could not be written.
pub(super) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Prints for whoever started this. When nobody reads that any more, it is no reason to stop.
pub(super) fn print(text: &str) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        tracing::warn!("standard output cannot be written: {error}");
    }
}

fn init(level: tracing::Level, json: bool, pen: Pen) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(move || pen.clone())
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first log.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

fn write_on(jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Write(line) => put(&line),
            Job::Tell(told) => _ = told.try_send(()),
        }
    }
}

fn put(line: &[u8]) {
    if io::stderr().write_all(line).is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

impl Write for Pen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Self::Now => put(line),
            Self::Soon(queue) => {
                if queue.try_send(Job::Write(line.into())).is_err() {
                    LOST.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (tell, told) = sync_channel(1);
        if self.0.take().is_some_and(|queue| queue.try_send(Job::Tell(tell)).is_ok()) {
            let _ = told.recv_timeout(PATIENCE); // whoever reads it had its time
        }
    }
}

pub(crate) fn notice(notice: &Notice) {
    match notice {
        Notice::Connected { client_id, user, peer, version, session_present } => {
            let (version, session) = (version.name(), if *session_present { "resumed" } else { "new" });
            let user = user.as_deref().map(short);
            tracing::info!(client = &*short(client_id), user = user.as_deref(), %peer, version, session, "connected");
        }
        Notice::TurnedAway { named, peer, ended } => {
            end(&named.client_id, named.user.as_deref(), peer, ended);
        }
        Notice::Ended { client_id, peer, ended } => {
            end(client_id.as_deref().unwrap_or("-"), None, peer, ended);
        }
        Notice::Refused { client_id, what, reason } => {
            tracing::warn!(client = &*short(client_id), %reason, what = &*short(what), "refused");
        }
        Notice::Unreadable { client_id, messages } => {
            tracing::error!(
                client = &*short(client_id),
                messages,
                "messages that waited for this client cannot be read and are lost"
            );
        }
        Notice::QueueFull { client_id, messages, bytes } => {
            tracing::warn!(
                client = &*short(client_id),
                messages,
                bytes,
                "queue full: further messages for this client are dropped"
            );
        }
    }
}

fn end(client: &str, user: Option<&str>, peer: &str, ended: &Ended) {
    let (client, user) = (&*short(client), user.map(short));
    match ended {
        Ended::ByClient(reason) => tracing::info!(client, %peer, %reason, "disconnected by the client"),
        Ended::ByServer(reason, why) => {
            tracing::warn!(client, user = user.as_deref(), %peer, %reason, %why, "connection ended by us");
        }
        Ended::Lost => tracing::info!(client, %peer, "connection lost"),
    }
}

/// A text as it is, or its beginning and how long it is.
fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_NAME {
        return text.into();
    }
    let begin = &text[..text.floor_char_boundary(MAX_NAME)];
    format!("{begin}… ({} bytes)", text.len()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use mqtt::{ReasonCode, Version};

    use super::*;
    use crate::broker::Named;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_name_writes_a_line_of_its_own() {
        let text = Text::default();
        let writer = text.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let name: Arc<str> = "a\n2026-01-01 INFO connected client=\"root\"\u{1b}[2J".into();
        tracing::subscriber::with_default(subscriber, || {
            notice(&Notice::Connected {
                client_id: Arc::clone(&name),
                user: Some(Arc::clone(&name)),
                peer: "127.0.0.1:5".into(),
                version: Version::V5,
                session_present: false,
            });
            notice(&Notice::Ended {
                client_id: Some(Arc::clone(&name)),
                peer: "x".into(),
                ended: Ended::Lost,
            });
            notice(&Notice::TurnedAway {
                named: Box::new(Named { client_id: Arc::clone(&name), user: Some(Arc::clone(&name)) }),
                peer: "x".into(),
                ended: Ended::ByServer(ReasonCode::NotAuthorized, "why".into()),
            });
            notice(&Notice::QueueFull { client_id: Arc::clone(&name), messages: 1, bytes: 1 });
            let what = format!("publish to {name}");
            notice(&Notice::Refused { client_id: name, what, reason: ReasonCode::NotAuthorized });
        });
        let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    #[test]
    fn no_name_fills_the_disk() {
        assert_eq!(short("a/b"), "a/b");
        assert_eq!(short(&"ü".repeat(128)), "ü".repeat(128));
        assert_eq!(short(&("a".to_owned() + &"ü".repeat(300))), format!("a{}… (601 bytes)", "ü".repeat(127)));
    }
}
