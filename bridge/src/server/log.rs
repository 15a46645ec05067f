//! The log, on stderr: one line for each thing an operator may want to know, with who and why. What a peer chose stands in
//! a field of text, which is escaped, so that no client id or topic writes a line of its own.

use std::borrow::Cow;

use crate::broker::{Ended, Notice};

/// Bytes of what a peer chose that are written: enough to tell who it is, and no way to fill a disk.
const MAX_NAME: usize = 256;

/// Writes the lines in the form and from the level that were asked for.
pub(crate) fn init(level: tracing::Level, json: bool) {
    let builder =
        tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first log.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
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

    impl std::io::Write for Text {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
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
