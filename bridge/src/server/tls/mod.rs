//! TLS: who we are to those who connect, and what they have to show. It knows nothing of what is said over it.
//!
//! ```text
//!   files, or Authority ──▶ Settings · Identity ──▶ Acceptor ──▶ Tls: one for each connection, in the shard's Socket
//!             └──────────────── looked at anew ────────┘              or a browser's Stream
//! ```

mod acceptor;
mod acme;
mod authority;
mod certificate;
mod connection;
mod failure;
mod names;
mod pem;
mod settings;
mod stream;

pub(crate) use acceptor::{Acceptor, Trust};
pub(crate) use acme::CHALLENGES;
pub(crate) use connection::{Failure, RECORD, Received, Tls};
pub(crate) use failure::{TLS_ON_PLAIN, begins_with_tls};
pub(crate) use stream::Stream;

use anyhow::{Result, ensure};

use super::config;
use certificate::NameFrom;
use settings::{Clients, Identity, Settings, Source};

/// Whether clients are whom their certificates name.
///
/// # Errors
/// A word of `[tls]` is none.
pub fn certifies_users(tls: &config::Tls) -> Result<bool> {
    let settings = Settings::of(tls)?;
    Ok(settings.clients != Clients::Nothing && settings.name_from != NameFrom::Nothing)
}

/// Whether `[tls]` can be served.
///
/// # Errors
/// A word of it is none, or a file that it names cannot be used.
pub fn check(tls: &config::Tls) -> Result<()> {
    let settings = Settings::of(tls)?;
    if let Source::Files { certificate, key } = &settings.source {
        let identity = Identity::from_files(certificate, key)?;
        let complaint = identity.complaint();
        ensure!(
            complaint.is_none(),
            "[tls] certificate: {}: {}",
            certificate.display(),
            complaint.unwrap_or_default()
        );
    }
    settings.check_clients()
}
