//! A CA of our own, for those who have no certificate from elsewhere: made at the first start, it vouches for this machine's names
//! in its local network and for nothing else. Phones are shown it once, and trust what it makes from then on.
//!
//! ```text
//!   DATA/tls/ca.crt   what phones are shown       DATA/tls/own.crt   made by it, for the names there are now
//!   DATA/tls/ca.key   its key                     DATA/tls/own.key   the same for as long as the folder lasts
//! ```

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::ASN1Time;

use super::certificate;
use super::names::Names;
use super::pem;
use super::settings::Identity;
use crate::server::clock;

const DAY_S: u64 = 86_400;
/// For how long the CA counts.
const CA_DAYS: u64 = 3650;
/// For how long what it makes counts, and how long before its end another is made.
const DAYS: u64 = 90;
const RENEW_DAYS: u64 = 30;

/// The CA.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    folder: Option<PathBuf>,
    /// The key of what it makes, and the names and certificate of the last.
    key: KeyPair,
    made: Option<(Names, CertificateDer<'static>)>,
}

impl Authority {
    /// The one in the folder for state, which is made where there is none; without a folder one for this process.
    ///
    /// # Errors
    /// The folder cannot be read or written, or what is there is none.
    pub(super) fn open(data: Option<&Path>, asked: &Names) -> Result<Self> {
        let folder = data.map(folder).transpose()?;
        let kept = folder.as_deref().map(Self::read).transpose()?.flatten();
        let (key, pem, certificate) = match kept {
            Some(kept) => kept,
            None => make_ca(folder.as_deref(), asked)?,
        };
        let issuer = Issuer::from_ca_cert_der(&certificate, key).context("the certificate of our own CA")?;
        let own_key = own_key(folder.as_deref())?;
        Ok(Self { issuer, certificate, pem, folder, key: own_key, made: None })
    }

    /// A certificate for these names: the last one, if it will do for a while yet, or another. Of this machine's names those
    /// count that the CA may vouch for; those that were asked for all must.
    ///
    /// # Errors
    /// It may not vouch for a name that was asked for, or nothing can be written.
    pub(super) fn identity(&mut self, asked: &Names) -> Result<Identity> {
        let permitted = asked.permitted_by(&self.certificate);
        let refused = asked.texts().into_iter().find(|name| !permitted.texts().contains(name));
        let place = self.folder.as_ref().map_or_else(|| "memory".into(), |at| at.display().to_string());
        ensure!(
            refused.is_none(),
            "[tls] names: the CA in {place} was not made for {:?}; remove ca.crt and ca.key there to have another, \
             which all phones have to trust anew",
            refused.unwrap_or_default()
        );
        let names = Names::of_this_machine().permitted_by(&self.certificate).and(asked);
        let certificate = match self.made.take().filter(|(made, leaf)| *made == names && !is_due(leaf)) {
            Some((_, certificate)) => certificate,
            None => self.kept_or_new(&names)?,
        };
        self.made = Some((names, certificate.clone()));
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(anyhow::Error::msg)?;
        Identity::new(vec![certificate], key)
    }

    /// Whether another certificate should be made by now.
    pub(super) fn is_due(&self, asked: &Names) -> bool {
        let names = Names::of_this_machine().permitted_by(&self.certificate).and(asked);
        self.made.as_ref().is_none_or(|(made, leaf)| *made != names || is_due(leaf))
    }

    /// Its certificate, in the two forms that programs want.
    pub(super) fn certificate(&self) -> (&[u8], &str) {
        (&self.certificate, &self.pem)
    }

    /// Its SHA-256 fingerprint, as other programs print it.
    pub(super) fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in Sha256::digest(&self.certificate) {
            let _ = write!(text, "{}{byte:02X}", if text.is_empty() { "" } else { ":" });
        }
        text
    }

    /// What is kept in a folder, if anything is.
    fn read(folder: &Path) -> Result<Option<(KeyPair, String, CertificateDer<'static>)>> {
        let (crt, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        let text = match fs::read_to_string(&key) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", key.display())),
        };
        let key = KeyPair::from_pem(&text).with_context(|| format!("{} is damaged", key.display()))?;
        let pem = fs::read_to_string(&crt).with_context(|| format!("cannot read {}", crt.display()))?;
        let certificate = pem::certificates(&crt)?.swap_remove(0);
        Ok(Some((key, pem, certificate)))
    }

    fn kept_or_new(&self, names: &Names) -> Result<CertificateDer<'static>> {
        let place = self.folder.as_ref().map(|folder| folder.join("own.crt"));
        let kept = place.as_ref().and_then(|place| pem::certificates(place).ok()?.into_iter().next());
        if let Some(kept) = kept
            && certificate::names(&kept) == Some(names.clone())
            && certificate::is_for_key(&kept, &self.key)
            && !is_due(&kept)
        {
            return Ok(kept);
        }
        let mut params = CertificateParams::new(names.texts())?;
        params.distinguished_name.push(DnType::CommonName, "Switchboard");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = times(DAYS)?;
        let made = params.signed_by(&self.key, &self.issuer)?;
        if let Some(place) = &place {
            write(place, &made.pem())?;
        }
        tracing::info!(names = names.texts().join(" "), "a TLS certificate was made for this machine");
        Ok(made.der().clone())
    }
}

/// The folder for all that is made here.
///
/// # Errors
/// It cannot be made.
pub(super) fn folder(data: &Path) -> Result<PathBuf> {
    let folder = data.join("tls");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn make_ca(folder: Option<&Path>, asked: &Names) -> Result<(KeyPair, String, CertificateDer<'static>)> {
    let names = Names::of_this_machine().and(asked);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let host =
        names.domains.iter().find(|name| !name.starts_with("localhost")).map_or("here", String::as_str);
    params.distinguished_name.push(DnType::CommonName, format!("Switchboard on {host}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(names.constraints());
    (params.not_before, params.not_after) = times(CA_DAYS)?;
    let made = params.self_signed(&key)?;
    if let Some(folder) = folder {
        write(&folder.join("ca.crt"), &made.pem())?;
        write(&folder.join("ca.key"), &key.serialize_pem())?; // last: without it there is none
    }
    Ok((key, made.pem(), made.der().clone()))
}

fn own_key(folder: Option<&Path>) -> Result<KeyPair> {
    let place = folder.map(|folder| folder.join("own.key"));
    if let Some(text) = place.as_ref().and_then(|place| fs::read_to_string(place).ok()) {
        let key = KeyPair::from_pem(&text);
        return key.with_context(|| format!("{} is damaged", place.unwrap_or_default().display()));
    }
    let key = KeyPair::generate()?;
    if let Some(place) = &place {
        write(place, &key.serialize_pem())?;
    }
    Ok(key)
}

/// From yesterday, for clocks that are behind, for so many days.
fn times(days: u64) -> Result<(time::OffsetDateTime, time::OffsetDateTime)> {
    let now = clock::unix_ms() / 1000;
    let at = |seconds: u64| -> Result<time::OffsetDateTime> {
        Ok(ASN1Time::from_timestamp(i64::try_from(seconds)?)?.to_datetime())
    };
    Ok((at(now.saturating_sub(DAY_S))?, at(now + days * DAY_S)?))
}

fn is_due(leaf: &[u8]) -> bool {
    let until = certificate::validity(leaf).map_or(0, |(_, until)| until.as_secs());
    clock::unix_ms() / 1000 + RENEW_DAYS * DAY_S > until
}

/// Writes a file in one step, for its owner alone.
pub(super) fn write(place: &Path, text: &str) -> Result<()> {
    let new = place.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, place)
    };
    write().with_context(|| format!("{} cannot be written", place.display()))
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("folder", &self.folder)
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}
