//! A CA of a test's own, and clients that trust it.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::bridge::TempFolder;
use crate::deadline::PATIENCE;
use crate::wire::dial;

/// A connection with TLS, from the client's side.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A CA with a folder for what it makes.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub certificate: PathBuf,
    folder: TempFolder,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// The folder for temporary files cannot be written to.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempFolder::new("ca");
        fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let own = params.self_signed(&key).expect("a certificate");
        let certificate = folder.0.join("ca.crt");
        fs::write(&certificate, own.pem()).expect("the folder for temporary files can be written to");
        Self { issuer: Issuer::new(params, key), certificate, folder }
    }

    /// Makes a certificate for a server of this machine, in files of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Credentials {
        self.server_for(name, &["localhost", "127.0.0.1"])
    }

    /// The same for a server of these names.
    ///
    /// # Panics
    /// One is none.
    #[must_use]
    pub fn server_for(&self, name: &str, names: &[&str]) -> Credentials {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        self.make(name, CertificateParams::new(names).expect("names"), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Makes a certificate for a client with this common name, and a name for mail.
    #[must_use]
    pub fn client(&self, name: &str) -> Credentials {
        let names = [format!("{name}.devices.test")];
        let params = CertificateParams::new(names).expect("a name");
        self.make(name, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Signs what was asked for.
    ///
    /// # Panics
    /// The request is none.
    #[must_use]
    pub fn sign_request(&self, request: &[u8]) -> String {
        let request = CertificateSigningRequestParams::from_der(&request.into()).expect("a request");
        request.signed_by(&self.issuer).expect("a certificate").pem()
    }

    fn make(&self, name: &str, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Credentials {
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let at = |ending: &str| self.folder.0.join(name).with_extension(ending);
        let files = Credentials { certificate: at("crt"), key: at("key") };
        replace(&files.key, &key.serialize_pem());
        replace(&files.certificate, &certificate.pem());
        files
    }

    /// What a client of TLS needs that trusts this CA, and has a certificate if one is named.
    ///
    /// # Panics
    /// The files cannot be read.
    #[must_use]
    pub fn client_config(&self, credentials: Option<&Credentials>) -> ClientConfig {
        self.client_config_of(ALL_VERSIONS, credentials)
    }

    /// The same for some versions of TLS.
    ///
    /// # Panics
    /// The files cannot be read.
    #[must_use]
    pub fn client_config_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        credentials: Option<&Credentials>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.certificate).expect("a CA")).expect("a CA");
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .expect("the versions that there are")
            .with_root_certificates(roots);
        match credentials {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = vec![CertificateDer::from_pem_file(&files.certificate).expect("a certificate")];
                let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a certificate with its key")
            }
        }
    }

    /// A connection to `localhost` at this address, whose handshake has not begun.
    #[must_use]
    pub fn dial(&self, address: SocketAddr) -> TlsStream {
        dial_tls(&Arc::new(self.client_config(None)), address)
    }
}

/// A connection to `localhost` at this address, whose handshake has not begun.
///
/// # Panics
/// Nobody listens there.
#[must_use]
pub fn dial_tls(config: &Arc<ClientConfig>, address: SocketAddr) -> TlsStream {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a connection");
    let stream = dial(address);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    StreamOwned::new(connection, stream)
}

/// Writes a file in one step, as who renews a certificate does.
fn replace(path: &PathBuf, text: &str) {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new).expect("the folder for temporary files can be written to");
    file.write_all(text.as_bytes()).expect("the folder for temporary files can be written to");
    fs::rename(&new, path).expect("the folder for temporary files can be written to");
}
