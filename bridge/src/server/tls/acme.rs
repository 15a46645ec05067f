//! Certificates that a CA gives away by ACME (RFC 8555), as Let's Encrypt does: what it is asked for, and how it finds out that the
//! names are ours, which is a file at port 80 of each (HTTP-01). What was had lies beside what our own CA makes:
//!
//! ```text
//!   DATA/tls/acme.json   the account       DATA/tls/acme.crt, acme.key   the last certificate
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::authority::write;
use super::certificate;
use super::names::Names;
use super::pem;
use super::settings::Identity;
use crate::server::clock;

/// How long one answer may take, and how large it may be.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_ANSWER: usize = 1 << 20;
const NOT_FOUND: &str = "the directory does not find our answer at port 80 of each name";
/// Where the directory looks for the answer to a challenge.
pub(crate) const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acme {
    pub(super) names: Names,
    pub(super) contact: Option<String>,
    pub(super) directory: String,
    /// The CA of the directory itself, where the system does not know it.
    pub(super) directory_ca: Option<PathBuf>,
}

/// What is answered at [`CHALLENGES`], by token.
#[derive(Debug, Default)]
pub(super) struct Challenges(RefCell<BTreeMap<String, String>>);

impl Challenges {
    pub(super) fn answer(&self, token: &str) -> Option<String> {
        self.0.borrow().get(token).cloned()
    }
}

impl Acme {
    /// The certificate that was had last, if there is one for these names that still counts.
    pub(super) fn kept(&self, folder: &Path) -> Option<Identity> {
        let identity =
            Identity::new(pem::certificates(&crt(folder)).ok()?, pem::key(&key(folder)).ok()?).ok()?;
        let is_for_all = certificate::names(identity.leaf())? == self.names;
        (is_for_all && identity.complaint().is_none()).then_some(identity)
    }

    /// In how long another certificate should be had: when a third of the time of the last is left.
    pub(super) fn due_in(&self, folder: &Path) -> Duration {
        let Some(kept) = self.kept(folder) else { return Duration::ZERO };
        let Some((from, until)) = certificate::validity(kept.leaf()) else { return Duration::ZERO };
        let due = until.saturating_sub(until.saturating_sub(from) / 3);
        due.saturating_sub(Duration::from_millis(clock::unix_ms()))
    }

    /// Has a certificate made, and keeps it.
    ///
    /// # Errors
    /// The directory cannot be reached, or does not find our answer at one of the names.
    pub(super) async fn obtain(&self, folder: &Path, challenges: &Challenges) -> Result<()> {
        let account = self.account(folder).await?;
        let names = self.names.texts();
        let identifiers: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let answered = prove(&mut order, challenges).await;
        let finished = match answered {
            Ok(()) => finish(&mut order, &names, folder).await,
            Err(error) => Err(error),
        };
        challenges.0.borrow_mut().clear();
        finished
    }

    async fn account(&self, folder: &Path) -> Result<Account> {
        let place = folder.join("acme.json");
        let builder = Account::builder_with_http(Box::new(self.http()?));
        let kept = fs::read_to_string(&place).ok().and_then(|text| {
            let value: serde_json::Value = serde_json::from_str(&text).ok()?;
            let is_same = value["directory"].as_str() == Some(&self.directory);
            serde_json::from_value::<AccountCredentials>(value).ok().filter(|_| is_same)
        });
        if let Some(credentials) = kept {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact: Vec<_> = self.contact.as_deref().into_iter().collect();
        let account =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&account, self.directory.clone(), None).await?;
        write(&place, &serde_json::to_string(&credentials)?)?;
        Ok(account)
    }

    fn http(&self) -> Result<Http> {
        let mut roots = RootCertStore::empty();
        match &self.directory_ca {
            Some(ca) => {
                for certificate in pem::certificates(ca)? {
                    roots.add(certificate).with_context(|| format!("{}: no CA", ca.display()))?;
                }
            }
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Http(TlsConnector::from(Arc::new(config))))
    }
}

pub(super) fn crt(folder: &Path) -> PathBuf {
    folder.join("acme.crt")
}

fn key(folder: &Path) -> PathBuf {
    folder.join("acme.key")
}

/// Answers the challenges of an order, and waits until they were looked at.
async fn prove(order: &mut Order, challenges: &Challenges) -> Result<()> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => bail!("an authorization is {other:?}"),
        }
        let challenge = authorization.challenge(ChallengeType::Http01);
        let mut challenge = challenge.context("the directory has no challenge of the kind http-01")?;
        let token = challenge.token.clone();
        challenges.0.borrow_mut().insert(token, challenge.key_authorization().as_str().to_owned());
        challenge.set_ready().await.context(NOT_FOUND)?;
    }
    let status = order.poll_ready(&RetryPolicy::default()).await?;
    if status == OrderStatus::Ready {
        return Ok(());
    }
    let mut why = String::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let errors = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        errors.for_each(|error| why.push_str(&format!("; {error}")));
    }
    bail!("{NOT_FOUND}{why}")
}

async fn finish(order: &mut Order, names: &[String], folder: &Path) -> Result<()> {
    let private = KeyPair::generate()?;
    let request = CertificateParams::new(names)?.serialize_request(&private)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&RetryPolicy::default()).await?;
    write(&key(folder), &private.serialize_pem())?;
    write(&crt(folder), &chain)
}

/// HTTP as the directory wants it: one request a connection, which is seldom enough.
struct Http(TlsConnector);

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let connector = self.0.clone();
        Box::pin(async move {
            let uri = request.uri().clone();
            let sent = tokio::time::timeout(PATIENCE, send(&connector, request)).await;
            let sent = sent.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", PATIENCE.as_secs())));
            sent.map_err(|error| instant_acme::Error::Other(error.context(uri.to_string()).into()))
        })
    }
}

async fn send(connector: &TlsConnector, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse> {
    let uri = request.uri().clone();
    let (host, authority) = uri.host().zip(uri.authority()).context("the address has no host")?;
    ensure!(uri.scheme_str() == Some("https"), "a directory is at https://");
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let stream = connector.connect(name, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>()?;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| anyhow!(error))?.to_bytes();
    connection.abort();
    Ok(BytesResponse { parts, body: Box::new(body) })
}
