//! Why a handshake failed, in words for who runs the server.

use std::borrow::Cow;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// What went wrong after the handshake.
pub(super) fn words_later(error: &Error) -> Cow<'static, str> {
    format!("what came over TLS is not what was sent: {error}").into()
}

/// What went wrong in the handshake. `first` is the first byte that the peer ever sent, where nothing of it was understood.
pub(super) fn words(error: &Error, first: Option<u8>) -> Cow<'static, str> {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::InvalidEmptyPayload)
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion | InvalidMessage::MessageTooLarge)
            if first.is_some_and(|first| first != HANDSHAKE) =>
        {
            match first {
                Some(b'A'..=b'Z') => SPEAKS_HTTP.into(),
                Some(0x10) => "it speaks MQTT without TLS: switch TLS on there, or use the plain port".into(),
                _ => "it does not speak TLS".into(),
            }
        }
        Error::NoCertificatesPresented => {
            "the client has no certificate, and [tls] client_certificates = \"required\"".into()
        }
        Error::InvalidCertificate(why) => certificate(why),
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::DecryptError,
        ) => format!("the client does not trust our certificate ({error}): give it the CA").into(),
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => "the client speaks no version of TLS that is spoken here: 1.2 and 1.3, or what min_version says"
            .into(),
        other => format!("the TLS handshake failed: {other}").into(),
    }
}

fn certificate(why: &CertificateError) -> Cow<'static, str> {
    match why {
        // The signature is looked at when a CA has the right name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the client's certificate is not from the CA that [tls] client_ca names".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the client's certificate has expired".into()
        }
        other => format!("the client's certificate is refused: {other}").into(),
    }
}

/// Said of a browser that was sent to http:// where only https:// is.
pub(super) const SPEAKS_HTTP: &str =
    "it speaks HTTP without TLS: this address takes https:// and wss:// alone";
/// Said of who speaks TLS where nobody does.
pub(crate) const TLS_ON_PLAIN: &str =
    "it speaks TLS, and this port does not: use a port of `tls` or `https` under [listen]";
/// The first byte of whoever speaks TLS: a handshake.
pub(super) const HANDSHAKE: u8 = 0x16;

/// Whether these are the first bytes of TLS, of any version.
pub(crate) fn begins_with_tls(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|first| *first == [HANDSHAKE, 3])
}
