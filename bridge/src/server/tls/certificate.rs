//! What stands in a certificate: whom it names, until when it counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt::scram::prepare;
use rcgen::KeyPair;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use super::names::Names;
use crate::broker::ANONYMOUS;

/// Where a client's certificate names the user who shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NameFrom {
    /// In the common name of its subject.
    #[default]
    CommonName,
    /// In the first DNS name or mail address of its alternative names.
    AlternativeName,
    /// Nowhere: it lets its client in to log in like any other.
    Nothing,
}

impl NameFrom {
    /// By the name that stands in the configuration.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "common_name" => Some(Self::CommonName),
            "alternative_name" => Some(Self::AlternativeName),
            "none" => Some(Self::Nothing),
            _ => None,
        }
    }

    /// The user that a certificate names, if that can be one.
    pub(super) fn user(self, certificate: &[u8]) -> Option<Arc<str>> {
        let name = match self {
            Self::CommonName => common_name(certificate)?,
            Self::AlternativeName => alternative_name(&parse_x509_certificate(certificate).ok()?.1)?,
            Self::Nothing => return None,
        };
        prepare(&name).ok().filter(|name| !name.is_empty() && *name != ANONYMOUS).map(|name| (*name).into())
    }
}

fn alternative_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        _ => None,
    })
}

/// The common name of its subject.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    Some(name)
}

/// From when until when a certificate counts, since 1970; none when it is not one.
pub(super) fn validity(certificate: &[u8]) -> Option<(Duration, Duration)> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let since = |at: i64| Duration::from_secs(u64::try_from(at).unwrap_or(0));
    let validity = certificate.validity();
    Some((since(validity.not_before.timestamp()), since(validity.not_after.timestamp())))
}

/// The names and addresses that a server's certificate is for.
pub(super) fn names(certificate: &[u8]) -> Option<Names> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let mut found = Names::default();
    for name in &certificate.subject_alternative_name().ok()??.value.general_names {
        match name {
            GeneralName::DNSName(name) => _ = found.domains.insert((*name).to_owned()),
            GeneralName::IPAddress(octets) => {
                let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
                found.addresses.insert(v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok()?);
            }
            _ => {}
        }
    }
    Some(found)
}

/// Whether a certificate is for this key.
pub(super) fn is_for_key(certificate: &[u8], key: &KeyPair) -> bool {
    let parsed = parse_x509_certificate(certificate);
    parsed.is_ok_and(|(_, parsed)| parsed.public_key().subject_public_key.data == key.public_key_raw())
}
