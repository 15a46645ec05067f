//! `[tls]`, checked: where the certificate comes from and what clients have to show.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::acme::Acme;
use super::certificate::{NameFrom, validity};
use super::names::Names;
use super::pem;
use crate::server::clock;
use crate::server::config;

/// The directory, when nobody names one.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
static FROM_1_2: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static FROM_1_3: &[&SupportedProtocolVersion] = &[&TLS13];
/// How long a browser remembers that this name is served by TLS alone, when nobody says: a year.
const HSTS_MAX_AGE_S: u32 = 31_536_000;

/// What `[tls]` says.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) source: Source,
    pub(super) clients: Clients,
    pub(super) name_from: NameFrom,
    /// Seconds; none says nothing.
    pub(super) hsts_max_age_s: Option<u32>,
    versions: &'static [&'static SupportedProtocolVersion],
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Files that somebody else looks after.
    Files { certificate: PathBuf, key: PathBuf },
    /// A directory of ACME; until it has given one, a CA of our own.
    Acme(Acme),
    /// A CA of our own, for this machine and these names.
    Own { names: Names },
}

/// What clients have to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    Nothing,
    Certificate { ca: PathBuf, is_required: bool },
}

/// A certificate with its chain and key.
#[derive(Clone, Debug)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl Settings {
    /// What a configuration says.
    ///
    /// # Errors
    /// It contradicts itself, or a word of it is none.
    pub(super) fn of(tls: &config::Tls) -> Result<Self> {
        let source = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => {
                Source::Files { certificate: certificate.clone(), key: key.clone() }
            }
            (Some(_), None) => bail!("[tls] certificate needs its key: name the file with `key`"),
            (None, Some(_)) => bail!("[tls] key needs its certificate: name the file with `certificate`"),
            (None, None) if !tls.acme_names.is_empty() => Source::Acme(acme(tls)?),
            (None, None) => Source::Own { names: Names::parse(&tls.names)? },
        };
        let is_own = matches!(source, Source::Own { .. });
        ensure!(
            tls.acme_names.is_empty() || matches!(source, Source::Acme(_)),
            "[tls] acme_names are for a certificate by ACME; remove them, or `certificate` and `key`"
        );
        ensure!(
            is_own || tls.names.is_empty(),
            "[tls] names are for a certificate that is made here; remove them, or `certificate` and `key`"
        );
        let versions = match tls.min_version.as_deref() {
            None | Some("1.2") => FROM_1_2,
            Some("1.3") => FROM_1_3,
            Some(other) => bail!("[tls] min_version = {other:?}: use \"1.2\" or \"1.3\""),
        };
        let name_from = tls.client_user.as_deref().unwrap_or("common_name");
        let name_from = NameFrom::from_name(name_from).ok_or_else(|| {
            anyhow!(
                "[tls] client_user = {name_from:?}: use \"common_name\", \"alternative_name\" or \"none\""
            )
        })?;
        let default = if is_own { 0 } else { HSTS_MAX_AGE_S };
        let hsts_max_age_s = Some(tls.hsts_max_age_s.unwrap_or(default)).filter(|&seconds| seconds > 0);
        Ok(Self { source, clients: Clients::of(tls)?, name_from, hsts_max_age_s, versions })
    }

    /// The files that it depends on.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files = match &self.source {
            Source::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Source::Acme(_) | Source::Own { .. } => Vec::new(),
        };
        if let Clients::Certificate { ca, .. } = &self.clients {
            files.push(ca.clone());
        }
        files
    }

    /// Whether the CA of the clients can be used.
    ///
    /// # Errors
    /// It cannot.
    pub(super) fn check_clients(&self) -> Result<()> {
        self.clients.verifier(&Arc::new(default_provider())).map(drop)
    }

    /// What a listener does with its connections. Sessions go on by tickets, which are the client's to keep.
    ///
    /// # Errors
    /// The CA of the clients cannot be used.
    pub(super) fn server_config(
        &self,
        identity: &Identity,
        tickets: &Arc<dyn ProducesTickets>,
        protocols: &[&str],
    ) -> Result<ServerConfig> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .context("[tls] min_version")?;
        let builder = match self.clients.verifier(&provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let resolver = SingleCertAndKey::from((*identity.0).clone());
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.ticketer = Arc::clone(tickets);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

fn acme(tls: &config::Tls) -> Result<Acme> {
    let names = Names::parse(&tls.acme_names)?;
    ensure!(
        names.addresses.is_empty(),
        "[tls] acme_names: an address cannot be proved to be ours; use names"
    );
    let directory = tls.acme_directory.clone().unwrap_or_else(|| LETS_ENCRYPT.into());
    ensure!(
        directory.starts_with("https://"),
        "[tls] acme_directory = {directory:?}: a directory is at https://"
    );
    if let Some(ca) = &tls.acme_directory_ca {
        pem::certificates(ca).context("[tls] acme_directory_ca")?;
    }
    let contact = tls.acme_contact.clone();
    ensure!(
        contact.as_ref().is_none_or(|contact| contact.starts_with("mailto:")),
        "[tls] acme_contact: write it as mailto:me@example.org"
    );
    Ok(Acme { names, contact, directory, directory_ca: tls.acme_directory_ca.clone() })
}

impl Clients {
    fn of(tls: &config::Tls) -> Result<Self> {
        let word = tls.client_certificates.as_deref();
        let is_required = match (word, &tls.client_ca) {
            (None | Some("off"), None) | (Some("off"), Some(_)) => return Ok(Self::Nothing),
            (Some("optional"), _) => false,
            (Some("required") | None, _) => true,
            (Some(other), _) => {
                bail!("[tls] client_certificates = {other:?}: use \"off\", \"optional\" or \"required\"")
            }
        };
        let Some(ca) = tls.client_ca.clone() else {
            bail!("[tls] client_certificates needs the CA they come from: name its file with `client_ca`");
        };
        Ok(Self::Certificate { ca, is_required })
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
        let Self::Certificate { ca, is_required } = self else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(ca)? {
            let added = roots.add(certificate);
            added.map_err(|why| anyhow!("[tls] client_ca: {}: no CA: {why}", ca.display()))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
        let builder = if *is_required { builder } else { builder.allow_unauthenticated() };
        builder.build().map(Some).map_err(|why| anyhow!("[tls] client_ca: {}: {why}", ca.display()))
    }
}

impl Identity {
    /// A certificate with its chain, and its key.
    ///
    /// # Errors
    /// The key is of no kind that can be used, or not the certificate's.
    pub(super) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self> {
        let key = default_provider().key_provider.load_private_key(key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| anyhow!("the key is not the certificate's"))?;
        Ok(Self(Arc::new(certified)))
    }

    /// What stands in two files.
    ///
    /// # Errors
    /// One of them cannot be used; the text names it.
    pub(super) fn from_files(certificate: &Path, key: &Path) -> Result<Self> {
        let chain = pem::certificates(certificate).context("[tls] certificate")?;
        let private = pem::key(key).context("[tls] key")?;
        Self::new(chain, private)
            .with_context(|| format!("[tls] {} and {} do not fit", certificate.display(), key.display()))
    }

    /// The certificate itself.
    pub(super) fn leaf(&self) -> &[u8] {
        self.0.cert.first().map_or(&[], |leaf| leaf)
    }

    /// What its clients will have against it, if they look now.
    pub(super) fn complaint(&self) -> Option<String> {
        let now = Duration::from_millis(clock::unix_ms());
        let (from, until) = validity(self.leaf())?;
        if now >= until {
            return Some(format!("it expired {} days ago", (now - until).as_secs() / 86_400));
        }
        (now < from).then(|| "it is not valid yet; is the clock of this machine right?".into())
    }
}
