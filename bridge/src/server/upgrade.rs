//! The door from HTTP to MQTT: who may open the WebSocket, and how it is handed to the shard.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use tungstenite::handshake::derive_accept_key;

use super::api::{self, Visit};
use super::http::{Answer, Site, text};
use super::proxy::Remote;
use super::socket::Transport;
use super::tls::Stream;
use crate::broker::Identity;

/// Switches to a WebSocket, or says with a clear status why not.
pub(super) fn answer(site: &Rc<Site>, request: Request<Incoming>, visit: Visit) -> Answer {
    let peer = visit.peer;
    match check(site, &request, visit) {
        Ok(Granted { accept, protocol, who }) => {
            let site = Rc::clone(site);
            spawn_local(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await
                    && let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>()
                {
                    // Copied, so that a quiet connection does not hold on to the buffer its request was read into.
                    let mut first = parts.read_buf.to_vec();
                    drop(parts.read_buf);
                    let (stream, tls, more) = parts.io.into_inner().into_parts();
                    first.extend(more);
                    // A task of its own: this one has room for a request.
                    spawn_local(Rc::clone(&site.shards.door).serve(
                        stream,
                        peer,
                        (Transport::WebSocket, tls),
                        first,
                        who,
                    ));
                }
            });
            switching(&accept, protocol)
        }
        Err((status, why)) => {
            tracing::warn!(%peer, status = status.as_u16(), "WebSocket refused: {why}");
            let mut answer = text(status, why.into_owned());
            if status == StatusCode::UNAUTHORIZED {
                let asks = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
            }
            // A page whose WebSocket fails is told nothing: it may ask here why, wherever it comes from.
            answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            if status == StatusCode::METHOD_NOT_ALLOWED {
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            if status == StatusCode::UPGRADE_REQUIRED {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            answer
        }
    }
}

type Refusal = (StatusCode, Cow<'static, str>);

/// A WebSocket that may be opened.
struct Granted {
    accept: String,
    protocol: &'static str,
    /// Who opens it, where that is known.
    who: Option<Arc<Identity>>,
}

fn check(site: &Site, request: &Request<Incoming>, visit: Visit) -> Result<Granted, Refusal> {
    let peer = visit.peer;
    let headers = request.headers();
    let origin = said(headers, header::ORIGIN);
    if !origin.is_empty() && !may_open(origin, said(headers, header::HOST), peer, &site.origins.borrow()) {
        return Err((
            StatusCode::FORBIDDEN,
            "pages of that origin may not connect; add it to `origins` under [listen]".into(),
        ));
    }
    if request.method() != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET".into()));
    }
    if request.version() < Version::HTTP_11 {
        return Err((StatusCode::HTTP_VERSION_NOT_SUPPORTED, "a WebSocket is opened with HTTP/1.1".into()));
    }
    if !lists(headers, header::UPGRADE, "websocket") || !lists(headers, header::CONNECTION, "upgrade") {
        return Err((
            StatusCode::UPGRADE_REQUIRED,
            "this address speaks MQTT over WebSocket; open it with an MQTT client".into(),
        ));
    }
    if !lists(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "only version 13 of WebSocket is spoken here".into()));
    }
    let key = said(headers, header::SEC_WEBSOCKET_KEY);
    if key.len() != 24 || !key.ends_with("==") {
        return Err((
            StatusCode::BAD_REQUEST,
            "the Sec-WebSocket-Key is missing or not 16 bytes in base64".into(),
        ));
    }
    let offered = |name| lists(headers, header::SEC_WEBSOCKET_PROTOCOL, name);
    // [MQTT-6.0.0-3], [MQTT-6.0.0-4]
    let protocol = ["mqtt", "mqttv3.1"].into_iter().find(|&name| offered(name));
    let protocol = protocol.ok_or_else(|| {
        (StatusCode::BAD_REQUEST, "offer the WebSocket subprotocol `mqtt` or `mqttv3.1`".into())
    })?;
    // A token that was sent has to count; a cookie comes along unasked.
    let who = match api::bearer(site, headers, visit)? {
        Some(who) => Some(who),
        None => api::holder(site, headers, visit, &site.shards.access()),
    };
    Ok(Granted { accept: derive_accept_key(key.as_bytes()), protocol, who })
}

/// A page may connect to the place it came from, if that has a name of this network, and a page on this machine to this
/// machine.
fn may_open(origin: &str, host: &str, peer: Remote, allowed: &[String]) -> bool {
    if allowed.iter().any(|allowed| allowed == origin) {
        return true;
    }
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let is_local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    // What stands behind the host is a port, or nothing.
    let is_whole = uri.authority().is_some_and(|it| it.port().is_some() || it.as_str() == it.host());
    is_same(&uri, host) || (is_local && is_whole && peer.is_here())
}

/// Whether browsers say an origin like this (RFC 6454, 6.2): a scheme and a place, without the port that goes without saying.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return text == "null" };
    let implied = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "@", // which stands in none
    };
    let is_place = place.parse::<Authority>().is_ok_and(|place| !place.host().is_empty());
    is_place
        && !place.contains('@')
        && !place.ends_with(implied)
        && !text.contains(|c: char| c.is_ascii_uppercase())
}

/// Whether a page is one of ours, by the place it came from.
pub(super) fn is_own(origin: &str, host: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| allowed == origin)
        || origin.parse::<Uri>().is_ok_and(|uri| is_same(&uri, host))
}

fn is_same(origin: &Uri, host: &str) -> bool {
    let authority = origin.authority();
    authority.is_some_and(|own| own.as_str().eq_ignore_ascii_case(host) && is_of_this_network(own.host()))
}

/// Whether a question without an origin, as a browser asks it for a page of the same place, names a place that is ours.
pub(super) fn is_own_place(headers: &HeaderMap, allowed: &[String]) -> bool {
    let is_browser =
        headers.contains_key("sec-fetch-site") || said(headers, header::USER_AGENT).starts_with("Mozilla/");
    let host = said(headers, header::HOST);
    let name = host.parse::<Authority>().map(|authority| authority.host().to_owned()).unwrap_or_default();
    let is_named = |origin: &String| origin.split_once("://").is_some_and(|(_, place)| place == host);
    !is_browser || is_of_this_network(&name) || allowed.iter().any(is_named)
}

/// Whether a host is none that anybody on the internet could have given our address: a page of such a one would have both
/// names agree (DNS rebinding). Addresses are safe, and names that only the local network resolves.
fn is_of_this_network(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_address = host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[');
    // RFC 6761, 6762, 8375, ICANN's `internal`, and what common home routers use.
    let local = [".localhost", ".local", ".home.arpa", ".internal", ".lan", ".home", ".fritz.box"];
    is_address || !host.contains('.') || local.iter().any(|ending| host.ends_with(ending))
}

fn switching(accept: &str, protocol: &'static str) -> Answer {
    let mut answer = Response::new(Full::<Bytes>::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    answer
}

fn said(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a header's comma-separated list, also over several lines, has this word.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(address: &str) -> Remote {
        address.parse::<std::net::SocketAddr>().unwrap().into()
    }

    #[test]
    fn an_origin_is_compared_whole() {
        let (near, far) = (remote("127.0.0.1:5000"), remote("192.0.2.7:5000"));
        let allowed = ["https://panel.example".to_owned()];
        assert!(may_open("http://house:8080", "house:8080", far, &[]));
        assert!(may_open("https://panel.example", "house:8080", far, &allowed));
        assert!(!may_open("https://panel.example.net", "house:8080", far, &allowed));
        assert!(!may_open("https://panel.exampl", "house:8080", far, &allowed));
        assert!(!may_open("http://house", "house:8080", far, &[]));
        assert!(!may_open("null", "house:8080", near, &[]));
        assert!(may_open("http://localhost:8081", "127.0.0.1:8080", near, &[]));
        assert!(
            !may_open("http://localhost:8081", "house:8080", far, &[]),
            "a page of somebody else's machine"
        );
        assert!(!may_open("http://localhost.example", "127.0.0.1:8080", near, &[]));
        assert!(!may_open("http://127.0.0.1:8080.example", "127.0.0.1:8080", near, &[]));
        assert!(!may_open("http://me@localhost", "127.0.0.1:8080", near, &[]));
        assert!(may_open("http://localhost", "127.0.0.1:8080", near, &[]));
        assert!(may_open("http://[::1]:5173", "127.0.0.1:8080", near, &[]));
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_no_proof() {
        let near = remote("127.0.0.1:5000");
        for host in ["evil.example:8080", "127.0.0.1.evil.example:8080", "a.localhost.example:8080"] {
            assert!(!may_open(&format!("http://{host}"), host, near, &[]), "{host}");
            let named = [format!("http://{host}")];
            assert!(may_open(&format!("http://{host}"), host, near, &named), "{host} is named in `origins`");
        }
        for host in ["192.168.1.5:8080", "[fd00::5]:8080", "house:8080", "pi.local:8080", "PI.fritz.box:8080"]
        {
            assert!(may_open(&format!("http://{host}"), host, near, &[]), "{host}");
        }
    }
}
