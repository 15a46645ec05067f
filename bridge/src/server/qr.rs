//! The address of the page as a code that a phone can scan.

use std::io::{IsTerminal as _, stdout};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use qrcodegen::{QrCode, QrCodeEcc};

use super::claim::LIFE;
use super::log;
use super::tls::Trust;

/// Prints the code for the first address that others can reach.
pub(super) fn print(http: &[SocketAddr]) {
    let Some(url) = network(http, &[]) else { return };
    if let Ok(code) = QrCode::encode_text(&url, QrCodeEcc::Medium) {
        let drawing = drawing(&code, stdout().is_terminal());
        log::print(&format!("{drawing}\nscan this with a phone, or open {url}"));
    }
}

/// Prints the code for the page that leads through trusting our own CA, for the first address that others can reach.
pub(super) fn print_trust(http: &[SocketAddr], https: &[SocketAddr], trust: &Trust) {
    tracing::info!(sha256 = trust.fingerprint, "clients have to trust the CA {:?}", trust.name);
    let first = |list: &[SocketAddr]| list.iter().find_map(|&address| network_address(address));
    // Who does not trust it yet sees no warning over plain HTTP.
    let plain = first(http).map(|address| format!("http://{address}/trust"));
    let Some(url) = plain.or_else(|| Some(format!("https://{}/trust", first(https)?))) else { return };
    if let Ok(code) = QrCode::encode_text(&url, QrCodeEcc::Medium) {
        let drawing = drawing(&code, stdout().is_terminal());
        let fingerprint = &trust.fingerprint;
        log::print(&format!(
            "{drawing}\nto trust this machine, scan this or open {url}\nfingerprint {fingerprint}"
        ));
    }
}

/// Prints the link that makes whoever opens it the first user. This is the only place where it is ever written.
pub(super) fn print_claim(http: &[SocketAddr], https: &[SocketAddr], token: &str) {
    // A password is to be chosen there: by TLS, where there is some.
    let all = || https.iter().map(|at| ("https", at)).chain(http.iter().map(|at| ("http", at)));
    let far = all().find_map(|(scheme, &at)| Some((scheme, network_address(at)?)));
    let Some((scheme, address)) = far.or_else(|| all().next().map(|(scheme, &at)| (scheme, at))) else {
        return;
    };
    let url = format!("{scheme}://{address}/claim#{token}");
    if let Ok(code) = QrCode::encode_text(&url, QrCodeEcc::Medium) {
        log::print(&drawing(&code, stdout().is_terminal()));
    }
    let minutes = LIFE.as_secs() / 60;
    log::print(&format!(
        "nobody owns this Switchboard yet, and other machines get nothing from it until somebody does:\n\
         within {minutes} minutes scan this with a phone, or open {url}"
    ));
}

/// The page for a phone in the same network; none when no other machine reaches it.
pub(super) fn network(http: &[SocketAddr], https: &[SocketAddr]) -> Option<String> {
    let first = |list: &[SocketAddr]| list.iter().find_map(|&address| network_address(address));
    let plain = first(http).map(|address| format!("http://{address}/"));
    plain.or_else(|| Some(format!("https://{}/", first(https)?)))
}

/// The code as text, two rows to a line. A terminal is told to draw it black on white, whatever its colours: many phones read
/// nothing else.
fn drawing(code: &QrCode, in_colour: bool) -> String {
    const MARGIN: i32 = 4;
    let all = -MARGIN..code.size() + MARGIN;
    let module = |x, y| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let (before, behind) = if in_colour { ("\x1b[30;107m", "\x1b[0m") } else { ("", "") };
    let line = |y| format!("{before}{}{behind}", all.clone().map(|x| module(x, y)).collect::<String>());
    all.clone().step_by(2).map(line).collect::<Vec<_>>().join("\n")
}

fn network_address(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return Some(address).filter(|a| !a.ip().is_loopback());
    }
    Some(SocketAddr::new(outgoing_ip()?, address.port()))
}

/// The address of the network that leads outside. Nothing is sent: connecting a datagram socket only asks the routes.
fn outgoing_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_reaches_what_is_not_for_this_machine_alone() {
        let at = |text: &str| text.parse().unwrap();
        let (here, lan) = (at("127.0.0.1:8080"), at("192.0.2.7:8080"));
        assert_eq!(network(&[here], &[here]), None);
        assert_eq!(network(&[here, lan], &[]).as_deref(), Some("http://192.0.2.7:8080/"));
        assert_eq!(network(&[], &[lan]).as_deref(), Some("https://192.0.2.7:8080/"));
    }

    #[test]
    fn a_terminal_draws_the_code_black_on_white_and_a_file_has_no_colours() {
        let code = QrCode::encode_text("http://192.0.2.1:8080/", QrCodeEcc::Medium).unwrap();
        assert!(
            drawing(&code, true)
                .lines()
                .all(|line| line.starts_with("\x1b[30;107m") && line.ends_with("\x1b[0m"))
        );
        assert!(!drawing(&code, false).contains('\x1b'));
    }
}
