//! TLS from a client's side: whom it trusts and what it shows. It knows nothing of what is said over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::Error;

/// How the server proves who it is, and how the client does.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArgs {
    /// Speak TLS, and trust the CAs in this file
    #[arg(long, value_name = "FILE")]
    pub cafile: Option<PathBuf>,

    /// Speak TLS, and trust the CAs that this system trusts; so does port 8883 by itself
    #[arg(long, alias = "tls-use-os-certs")]
    pub tls: bool,

    /// The client's certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The key of the client's certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Take a certificate of any name; without --cafile, any certificate: then nobody knows who is at the other end
    #[arg(long)]
    pub insecure: bool,
}

/// Who speaks TLS to a server of this name.
#[derive(Clone)]
pub struct TlsClient {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient").field("name", &self.name).finish_non_exhaustive()
    }
}

impl TlsArgs {
    /// Whether TLS is spoken without anything else being said.
    pub(super) const fn is_asked_for(&self) -> bool {
        self.cafile.is_some() || self.tls || self.cert.is_some() || self.insecure
    }

    /// What speaks TLS to this host.
    pub(super) fn client(&self, host: &str) -> Result<TlsClient, Error> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned()).map_err(|_| Error::Host(host.into()))?;
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|why| Error::Tls(why.to_string()))?;
        let verifier = Verifier { inner: self.verifier(&provider)?, takes_any_name: self.insecure };
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let chain = read(cert, CertificateDer::pem_file_iter(cert).and_then(Iterator::collect))?;
                let private = read(key, PrivateKeyDer::from_pem_file(key))?;
                let fits = builder.with_client_auth_cert(chain, private);
                fits.map_err(|why| Error::Tls(format!("{} and {}: {why}", cert.display(), key.display())))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(TlsClient { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Who knows the CAs that are trusted; none where any certificate will do.
    fn verifier(
        &self,
        provider: &Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Option<Arc<WebPkiServerVerifier>>, Error> {
        let mut roots = RootCertStore::empty();
        match &self.cafile {
            Some(file) => {
                let all: Vec<_> =
                    read(file, CertificateDer::pem_file_iter(file).and_then(Iterator::collect))?;
                for certificate in all {
                    let added = roots.add(certificate);
                    added.map_err(|why| Error::Tls(format!("{}: no CA: {why}", file.display())))?;
                }
            }
            None if self.insecure => return Ok(None),
            None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
        verifier.map(Some).map_err(|_| match &self.cafile {
            Some(file) => Error::Tls(format!("{} has no certificate of a CA", file.display())),
            None => Error::Tls("this system trusts no CA: name one with --cafile".into()),
        })
    }
}

fn read<T>(path: &Path, read: Result<T, rustls::pki_types::pem::Error>) -> Result<T, Error> {
    read.map_err(|why| match why {
        rustls::pki_types::pem::Error::Io(why) => Error::File { path: path.display().to_string(), why },
        why => Error::Tls(format!("{}: {why}", path.display())),
    })
}

/// The words for a connection that did not come to be.
pub(super) fn words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        // The signature is looked at when a CA has the right name.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            "the server's certificate is not from a CA that is trusted here: name the file of its CA with --cafile".into()
        }
        Some(rustls::Error::InvalidCertificate(why)) => format!("the server's certificate: {why}"),
        Some(rustls::Error::InvalidMessage(_)) => "the server does not speak TLS at this port".into(),
        _ => error.to_string(),
    }
}

/// Asks the CAs, and is content with another name where that was said.
#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    takes_any_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: all else is in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.takes_any_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
