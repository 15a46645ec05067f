//! The page that leads a person through trusting our own CA, and the CA to take along. It works without a script, and over plain
//! HTTP too: who does not trust us yet cannot come otherwise.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::http::{Answer, text};
use super::tls::Trust;

const PAGE: &str = include_str!("trust/page.html");
const STYLE: &str = include_str!("trust/style.css");

/// What a browser that asks for `/trust` comes with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor<'a> {
    /// The name it knows us by, without a port.
    pub(super) host: &'a str,
    /// It trusts us already.
    pub(super) is_secure: bool,
    /// The port where it will be when it does, if there is one.
    pub(super) https_port: Option<u16>,
}

/// The answer to a path below `/trust`; without a CA there is nothing to trust.
pub(super) fn answer(path: &str, trust: Option<Trust>, visitor: Visitor<'_>) -> Answer {
    let Some(trust) = trust else {
        return text(
            StatusCode::NOT_FOUND,
            "There is nothing to trust here: this server has made no certificate of its own.",
        );
    };
    match path {
        "/trust" | "/trust/" => typed(page(&trust, visitor), "text/html; charset=utf-8"),
        "/trust/ca.crt" => typed(trust.der, "application/x-x509-ca-cert"),
        "/trust/ca.pem" => typed(trust.pem, "application/x-pem-file"),
        "/trust/style.css" => typed(STYLE, "text/css; charset=utf-8"),
        _ => text(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}

fn page(trust: &Trust, Visitor { host, is_secure, https_port }: Visitor<'_>) -> String {
    let state = match is_secure {
        true => {
            "You came here by an encrypted connection. If the browser showed no warning, this device trusts it already."
        }
        false => "This device does not need to trust anything to see this page; it does to come by https.",
    };
    let next = match https_port.filter(|_| !is_secure) {
        Some(port) => {
            let url = escape(&format!("https://{host}:{port}/"));
            format!("<h2>Then</h2>\n<p>Open <a href=\"{url}\">{url}</a>.</p>")
        }
        None => "<h2>Then</h2>\n<p>Open <a href=\"/\">the panel</a>.</p>".into(),
    };
    PAGE.replace("{state}", state)
        .replace("{fingerprint}", &trust.fingerprint)
        .replace("{name}", &escape(&trust.name))
        .replace("{next}", &next)
        .replace("{host}", &escape(host))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn typed(body: impl Into<bytes::Bytes>, kind: &'static str) -> Answer {
    let mut answer: Response<_> = text(StatusCode::OK, body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_text_and_no_markup() {
        let trust = Trust { der: vec![], pem: String::new(), fingerprint: "AB".into(), name: "<i>".into() };
        let visitor = Visitor { host: "a\"><script>", is_secure: false, https_port: Some(8443) };
        let page = page(&trust, visitor);
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains('{'), "{page}");
        assert!(page.contains("&lt;script&gt;:8443/"), "{page}");
    }
}
