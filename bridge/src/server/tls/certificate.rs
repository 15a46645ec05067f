//! What stands in a certificate: whom it names, until when it counts.

use std::sync::Arc;
use std::time::Duration;

use mqtt::scram::prepare;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

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
        let (_, certificate) = parse_x509_certificate(certificate).ok()?;
        let name = match self {
            Self::CommonName => certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned(),
            Self::AlternativeName => alternative_name(&certificate)?,
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

/// From when until when a certificate counts, since 1970; none when it is not one.
pub(super) fn validity(certificate: &[u8]) -> Option<(Duration, Duration)> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let since = |at: i64| Duration::from_secs(u64::try_from(at).unwrap_or(0));
    let validity = certificate.validity();
    Some((since(validity.not_before.timestamp()), since(validity.not_after.timestamp())))
}
