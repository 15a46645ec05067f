//! Files of certificates and keys, and what is wrong with them: the file, the line, the reason.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::parse_x509_certificate;

/// All certificates of a file, in their order.
///
/// # Errors
/// It cannot be read, has none, or one of them is none.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let text = read(path)?;
    let wrong = |why| anyhow!("{shown}: {why}");
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(wrong)?;
    ensure!(
        !all.is_empty(),
        "{shown} has no certificate: nothing in it begins with -----BEGIN CERTIFICATE-----"
    );
    for (at, certificate) in all.iter().enumerate() {
        let parsed = parse_x509_certificate(certificate);
        parsed.map_err(|why| anyhow!("{shown}: certificate {} of {} is none: {why}", at + 1, all.len()))?;
    }
    Ok(all)
}

/// The private key of a file.
///
/// # Errors
/// It cannot be read, or has none that can be used.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let shown = path.display();
    let text = read(path)?;
    let is_locked = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
    };
    if is_locked(&text) {
        bail!("{shown}: the key is locked with a password; unlock it with `openssl pkey -in FILE -out NEW`");
    }
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(key) => key.map_err(|why| anyhow!("{shown}: {why}")),
        None => bail!("{shown} has no private key: nothing in it begins with -----BEGIN PRIVATE KEY-----"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    check_lines(&text).map_err(|(line, why)| anyhow!("{} line {line}: {why}", path.display()))?;
    Ok(text)
}

/// Finds the first line that does not belong into such a file.
fn check_lines(text: &[u8]) -> Result<(), (usize, &'static str)> {
    let mut open = None;
    for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        let number = at + 1;
        if line.starts_with(b"-----BEGIN ") {
            if open.replace(number).is_some() {
                return Err((number, "a section begins inside another"));
            }
        } else if line.starts_with(b"-----END ") {
            if open.take().is_none() {
                return Err((number, "a section ends that never began"));
            }
        } else if open.is_some() {
            let is_header = line.contains(&b':'); // of an old kind of key
            let is_base64 =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b' ');
            if !is_header && !line.iter().all(is_base64) {
                return Err((number, "is not base64"));
            }
        }
    }
    open.map_or(Ok(()), |number| Err((number, "the section that begins here has no end")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_is_wrong_is_named() {
        assert_eq!(check_lines(b"words\n-----BEGIN X-----\nAAAA\n-----END X-----\n"), Ok(()));
        let wrong = |text: &str| check_lines(text.as_bytes()).unwrap_err().0;
        assert_eq!(wrong("-----BEGIN X-----\nAAäA\n-----END X-----\n"), 2);
        assert_eq!(wrong("\n-----BEGIN X-----\nAAAA\n"), 2);
        assert_eq!(wrong("-----BEGIN X-----\n-----BEGIN X-----\n"), 2);
        assert_eq!(wrong("-----END X-----\n"), 1);
    }
}
