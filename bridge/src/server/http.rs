//! What the one port for browsers answers: the page, the WebSocket's door, health and counters. It knows nothing of MQTT
//! but where it begins.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::admission::Admission;
use super::api::{self, Visit};
use super::assets::{Assets, Coding};
use super::lobby::{Lobby, Place};
use super::proxy::{Proxies, Remote};
use super::shards::Shards;
use super::tls::{Acceptor, CHALLENGES, Stream};
use super::trust::{self, Visitor};
use super::{log, metrics, upgrade};
use crate::broker::Limit;

pub(super) type Answer = Response<Full<Bytes>>;

/// Bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// Scripts, styles and connections come from here alone, but for the WebSocket of another broker.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) shards: Rc<Shards>,
    pub(crate) assets: Assets,
    /// Pages that need no program of ours in the browser.
    pub(crate) pages: Assets,
    pub(crate) admission: Admission,
    /// Pages of other addresses, or of a public name of this one, that may open the WebSocket.
    pub(crate) origins: RefCell<Vec<String>>,
    pub(crate) proxies: Proxies,
    pub(crate) lobby: Rc<Lobby>,
    /// There is one where something is served by TLS.
    pub(crate) tls: Option<Rc<Acceptor>>,
    /// Where browsers are.
    pub(crate) https_port: Option<u16>,
    /// The page as other machines of the network reach it, if they do.
    pub(crate) network: Option<String>,
    pub(crate) started: tokio::time::Instant,
    /// What an acknowledgement promises.
    pub(crate) durability: &'static str,
}

/// Stands with a request that came by TLS.
#[derive(Clone, Copy, Debug)]
struct ByTls;

impl Site {
    /// For how many seconds browsers are to remember that this name is served by TLS alone, if they are.
    fn hsts_max_age_s(&self) -> Option<u32> {
        self.tls.as_ref().and_then(|tls| tls.hsts_max_age_s())
    }

    fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

/// Serves one connection of a browser, until it ends or becomes a WebSocket.
pub(crate) async fn serve(site: Rc<Site>, stream: Stream, peer: Remote, _place: Place) {
    let has_tls = stream.is_tls();
    let lobby = Rc::clone(&site.lobby);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let site = Rc::clone(&site);
        if has_tls {
            request.extensions_mut().insert(ByTls);
        }
        async move {
            let is_secure = is_secure(&request);
            let mut answer = answer(&site, request, peer).await;
            if let Some(seconds) = site.hsts_max_age_s().filter(|_| is_secure) {
                answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts(seconds));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(lobby.patience())
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        if error.is_timeout() {
            lobby.count(Limit::ConnectTimeout);
        }
        tracing::debug!(%peer, %error, "browser connection ended");
    }
}

/// Whether a request came by TLS: what is answered may then be a secret.
pub(super) fn is_secure<B>(request: &Request<B>) -> bool {
    request.extensions().get::<ByTls>().is_some()
}

fn hsts(seconds: u32) -> HeaderValue {
    HeaderValue::try_from(format!("max-age={seconds}")).unwrap_or(HeaderValue::from_static("max-age=0"))
}

async fn answer(site: &Rc<Site>, request: Request<Incoming>, peer: Remote) -> Answer {
    // Also to a proxy: what its browser is told may then be a secret, too.
    let is_secure = is_secure(&request) || site.proxies.took_by_tls(peer, request.headers());
    let peer = match site.proxies.client(peer, request.headers()) {
        Ok(client) => client,
        Err(why) => {
            tracing::warn!(proxy = %peer, "request refused: {why}");
            return text(StatusCode::BAD_REQUEST, why);
        }
    };
    let path = request.uri().path().to_owned();
    if let Some(token) = path.strip_prefix(CHALLENGES) {
        let answer = site.tls.as_ref().and_then(|tls| tls.challenge(token));
        return answer.map_or_else(
            || text(StatusCode::NOT_FOUND, "There is no such challenge."),
            |it| text(StatusCode::OK, it),
        );
    }
    let visit = Visit { peer, is_secure };
    // Who is to trust us has to do so before all else.
    let is_open = site.tls.is_some() && is_of_trust(&path);
    if let Some(answer) = api::keep_out(site, &path, visit).filter(|_| !is_open) {
        return answer;
    }
    if path == "/mqtt" {
        return upgrade::answer(site, request, visit);
    }
    if path.starts_with("/api/") {
        return api::answer(site, request, visit).await;
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let mut answer = match path.as_str() {
        "/health" => health(site),
        "/metrics" => metrics(site).await,
        path if is_of_trust(path) => trusted(site, &request, path),
        "/" | "/explorer" | "/settings" => api::way_to_login(site, &request, visit)
            .unwrap_or_else(|| file(&site.assets, "index.html", request.headers())),
        path => match api::page(path) {
            Some(page) => file(&site.pages, page, request.headers()),
            None => file(&site.assets, path.trim_start_matches('/'), request.headers()),
        },
    };
    if request.method() == Method::HEAD {
        let length = hyper::body::Body::size_hint(answer.body()).exact().unwrap_or(0);
        answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        *answer.body_mut() = Full::default();
    }
    answer
}

fn is_of_trust(path: &str) -> bool {
    path.strip_prefix("/trust").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn trusted(site: &Site, request: &Request<Incoming>, path: &str) -> Answer {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = host.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let trust = site.tls.as_ref().and_then(|tls| tls.trust());
    let visitor = Visitor { host: &host, is_secure: is_secure(request), https_port: site.https_port };
    trust::answer(path, trust, visitor)
}

fn health(site: &Site) -> Answer {
    let body = serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "durability": site.durability,
        "shards": site.shards.count(),
        "uptime_s": site.uptime_s(),
    });
    let mut answer = text(StatusCode::OK, body.to_string());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

async fn metrics(site: &Site) -> Answer {
    let reports = site.shards.reports().await;
    let mut answer =
        text(StatusCode::OK, metrics::render(&reports, &site.lobby.reached(), site.uptime_s(), log::lost()));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    answer
}

fn file(assets: &Assets, path: &str, request: &HeaderMap) -> Answer {
    let Some(asset) = assets.find(path) else {
        return match path {
            "index.html" => text(
                StatusCode::NOT_FOUND,
                "This program was built without its page. Build it with `cargo xtask build`, or name a built page with --app.",
            ),
            _ => text(StatusCode::NOT_FOUND, "There is nothing at this address."),
        };
    };
    let said = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (coding, body) = asset.negotiate(said(header::ACCEPT_ENCODING));
    let mut answer = if asset.is_known(said(header::IF_NONE_MATCH)) {
        respond(StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        respond(StatusCode::OK, body)
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    match coding {
        Coding::Brotli => _ = headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br")),
        Coding::Gzip => _ = headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        Coding::Identity => {}
    }
    answer
}

/// A short answer in words.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = respond(status, body.into());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn respond(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
