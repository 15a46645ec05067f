//! The log, on stderr: one line for each thing an operator may want to know, with who and why.

use crate::broker::{Ended, Notice};

/// Writes the lines in the form and from the level that were asked for.
pub(crate) fn init(level: tracing::Level, json: bool) {
    let builder =
        tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first log.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

pub(crate) fn notice(notice: &Notice) {
    match notice {
        Notice::Connected { client_id, peer, version, session_present } => {
            let (version, session) = (version.name(), if *session_present { "resumed" } else { "new" });
            tracing::info!(client = %client_id, %peer, version, session, "connected");
        }
        Notice::Ended { client_id, peer, ended } => {
            let client = client_id.as_deref().unwrap_or("-");
            match ended {
                Ended::ByClient(reason) => {
                    tracing::info!(client, %peer, %reason, "disconnected by the client")
                }
                Ended::ByServer(reason, why) => {
                    tracing::warn!(client, %peer, %reason, %why, "connection ended by us")
                }
                Ended::Lost => tracing::info!(client, %peer, "connection lost"),
            }
        }
        Notice::Refused { client_id, what, reason } => {
            tracing::warn!(client = %client_id, %reason, "refused: {what}");
        }
        Notice::QueueFull { client_id, messages, bytes } => {
            tracing::warn!(client = %client_id, messages, bytes, "queue full: further messages for this client are dropped");
        }
    }
}
