//! What browsers ask beside MQTT: who they are, logging in and out, and for admins users and permissions. Everything is JSON; a
//! refusal is `{"error": words}`. It knows nothing of messages.
//!
//! Whoever changes something has to come from a page of ours: the cookie is `SameSite=Strict`, a browser's `Origin` has to be
//! exactly this place, and the body has to be called JSON, which no form of another site can.

mod claim;
mod last;
mod login;
mod sessions;
mod users;
mod why;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::http::{Answer, Site, text};
use super::proxy::Remote;
use super::upgrade;
use crate::broker::{Access, Anonymous, Identity};

/// Bytes of a question.
const MAX_BODY: usize = 16 << 10;
/// How long one may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Whoever is in it may change who may come.
pub(super) const ADMIN: &str = "admin";
/// The pages that are plain HTML, by their paths.
const PAGES: [(&str, &str); 5] = [
    ("/login", "login.html"),
    ("/claim", "claim.html"),
    ("/account", "account.html"),
    ("/users", "users.html"),
    ("/permissions", "permissions.html"),
];
/// What the claim page is made of. It is all that other machines get of a server without an owner.
const OF_CLAIM: [&str; 5] =
    ["/claim", "/api/claim", "/pages/style.css", "/pages/script.js", "/pages/icon.svg"];
const UNCLAIMED: &str = "nobody has claimed this Switchboard yet, so it serves nothing to other machines: open the link that it \
     printed at its start, or scan its code";

/// From where and how a request came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The other end.
    pub(super) peer: Remote,
    /// It came by TLS, to us or to a proxy that is trusted: cookies are `Secure` then.
    pub(super) is_secure: bool,
}

/// Why a request is not answered as it hoped.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    words: String,
    /// The methods there are, where another came.
    allow: Option<&'static str>,
}

type Done<T = Answer> = Result<T, Refusal>;

impl Visit {
    /// Whether it came from this machine.
    pub(super) const fn is_here(&self) -> bool {
        self.peer.is_here()
    }
}

impl Refusal {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), allow: None }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, words)
    }

    /// Something went wrong here; what, is in the log.
    fn failed(error: &anyhow::Error) -> Self {
        tracing::error!("{error:#}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "that could not be done; the log says why")
    }

    fn answer(self) -> Answer {
        let mut answer = json(self.status, &serde_json::json!({ "error": self.words }));
        if let Some(methods) = self.allow {
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        answer
    }
}

/// What other machines get of a server that nobody has claimed: none where this request may go on.
pub(super) fn keep_out(site: &Site, path: &str, visit: Visit) -> Option<Answer> {
    // Whoever claims it by TLS may have to be led through trusting it first; what is told there is no secret.
    let is_open = OF_CLAIM.contains(&path) || path == "/trust" || path.starts_with("/trust/");
    let is_kept_out = site.admission.is_unclaimed() && !visit.is_here() && !is_open;
    is_kept_out.then(|| {
        tracing::debug!(peer = %visit.peer, path, "nothing is served to other machines before the claim");
        text(StatusCode::FORBIDDEN, UNCLAIMED)
    })
}

/// The file of a page that is served here.
pub(super) fn page(path: &str) -> Option<&str> {
    let own = path.strip_prefix('/').filter(|path| path.starts_with("pages/"));
    PAGES.iter().find(|(at, _)| *at == path).map(|(_, file)| *file).or(own)
}

/// Where a page of the panel leads that its visitor could do nothing with: to the login, and back.
pub(super) fn way_to_login<B>(site: &Site, request: &Request<B>, visit: Visit) -> Option<Answer> {
    let access = site.shards.access();
    let path = request.uri().path();
    // With another broker in its address the page needs nothing of us.
    let is_for_other = request.uri().query().is_some_and(|query| query.contains("broker="));
    let may_stay = access.users.is_empty()
        || is_for_other
        || may_come_as_nobody(&access, visit)
        || holder(site, request.headers(), visit, &access).is_some();
    (!may_stay).then(|| {
        let to = if path == "/" { "/login".to_owned() } else { format!("/login?back={path}") };
        let mut answer = text(StatusCode::SEE_OTHER, "log in first");
        if let Ok(to) = HeaderValue::from_str(&to) {
            answer.headers_mut().insert(header::LOCATION, to);
        }
        answer
    })
}

/// Who holds the cookie that came along, if anybody does.
pub(super) fn holder(
    site: &Site,
    headers: &HeaderMap,
    visit: Visit,
    access: &Access,
) -> Option<Arc<Identity>> {
    let name = login::cookie_name(visit);
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(key, _)| *key == name).map(|(_, token)| token);
    tokens.find_map(|token| site.admission.logins.find(token, &access.users))
}

/// Who a WebSocket is opened by, if a token came along. Where no tokens are taken such a header means nothing.
pub(super) fn bearer(
    site: &Site,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Option<Arc<Identity>>, (StatusCode, Cow<'static, str>)> {
    let door = &site.shards.door;
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.map(|value| value.split_once(' ').unwrap_or((value, "")));
    let token =
        token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = token.filter(|_| site.shards.access().users.take_tokens()) else { return Ok(None) };
    door.may_log_in(&visit.peer.identity()).map_err(|why| (StatusCode::TOO_MANY_REQUESTS, why.into()))?;
    match door.check_token(token.as_bytes()) {
        Ok(who) => Ok(Some(who.into())),
        Err(why) => {
            door.login_failed(visit.peer.identity());
            Err((StatusCode::UNAUTHORIZED, why.into()))
        }
    }
}

/// Answers `/api/…`.
pub(super) async fn answer(site: &Rc<Site>, request: Request<Incoming>, visit: Visit) -> Answer {
    let peer = visit.peer;
    route(site, request, visit).await.unwrap_or_else(|refusal| {
        tracing::debug!(%peer, status = refusal.status.as_u16(), "refused: {}", refusal.words);
        refusal.answer()
    })
}

async fn route(site: &Rc<Site>, request: Request<Incoming>, visit: Visit) -> Done {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let is_change = !matches!(head.method, Method::GET | Method::HEAD);
    if is_change {
        check_origin(site, &head.headers, visit)?;
    }
    let asks = Asks { site, headers: &head.headers, query: head.uri.query().unwrap_or_default(), visit };
    match (head.method.as_str(), path.as_str()) {
        ("GET" | "HEAD", "/api/me") => Ok(login::me(&asks)),
        ("POST", "/api/login") => login::log_in(&asks, read(&head.headers, body).await?).await,
        ("POST", "/api/logout") => login::log_out(&asks).await,
        ("GET" | "HEAD", "/api/claim") => Ok(claim::state(&asks)),
        ("POST", "/api/claim") => claim::claim(&asks, read(&head.headers, body).await?).await,
        ("GET" | "HEAD", "/api/sessions") => sessions::list(&asks),
        ("GET" | "HEAD", "/api/users") => users::list(&asks),
        ("POST", "/api/users") => {
            asks.admin()?; // before anything is read of one who may not ask
            users::put(&asks, read(&head.headers, body).await?).await
        }
        ("GET" | "HEAD", "/api/why") => why::why(&asks),
        ("GET" | "HEAD", "/api/last") => last::last(&asks).await,
        ("GET" | "HEAD", "/api/history") => last::history(&asks).await,
        ("DELETE", path) => {
            if let Some(id) = path.strip_prefix("/api/sessions/") {
                sessions::end(&asks, id).await
            } else if let Some(name) = path.strip_prefix("/api/users/") {
                users::remove(&asks, &unescape(name)).await
            } else {
                Err(nothing_here(path))
            }
        }
        (_, path) => Err(nothing_here(path)),
    }
}

fn nothing_here(path: &str) -> Refusal {
    const KNOWN: [(&str, &str, &str); 9] = [
        ("/api/me", "GET, HEAD", ""),
        ("/api/login", "POST", ""),
        ("/api/logout", "POST", ""),
        ("/api/claim", "GET, HEAD, POST", ""),
        ("/api/sessions", "GET, HEAD", ", and DELETE with an id behind it"),
        ("/api/users", "GET, HEAD, POST", ", and DELETE with a name behind it"),
        ("/api/why", "GET, HEAD", ""),
        ("/api/last", "GET, HEAD", ""),
        ("/api/history", "GET, HEAD", ""),
    ];
    match KNOWN.iter().find(|(known, _, _)| *known == path) {
        Some((_, methods, more)) => {
            let words = format!("{path} is asked with {methods}{more}");
            Refusal { allow: Some(methods), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, words) }
        }
        None => Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this address"),
    }
}

/// A question and its surroundings.
struct Asks<'a> {
    site: &'a Rc<Site>,
    headers: &'a HeaderMap,
    query: &'a str,
    visit: Visit,
}

impl Asks<'_> {
    /// Who asks, by the cookie.
    fn holder(&self) -> Option<Arc<Identity>> {
        holder(self.site, self.headers, self.visit, &self.site.shards.access())
    }

    fn user(&self) -> Done<Arc<Identity>> {
        let words = "log in first";
        self.holder().ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, words))
    }

    fn is_admin(&self, user: &str) -> bool {
        let access = self.site.shards.access();
        access.users.get(user).is_some_and(|user| user.groups.iter().any(|group| &**group == ADMIN))
    }

    fn admin(&self) -> Done<Arc<Identity>> {
        let who = self.user()?;
        match self.is_admin(&who.user) {
            true => Ok(who),
            false => {
                let words = format!("this is for users of the group `{ADMIN}`");
                Err(Refusal::new(StatusCode::FORBIDDEN, words))
            }
        }
    }

    /// A value of the query.
    fn value(&self, key: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find(|(name, _)| *name == key)?.1;
        Some(unescape(&value.replace('+', " ")))
    }

    fn agent(&self) -> &str {
        self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Whether whoever comes from there needs no login.
fn may_come_as_nobody(access: &Access, visit: Visit) -> bool {
    access.anonymous == Anonymous::FromAnywhere || visit.is_here()
}

/// Exactly our own place, or one that the configuration names. What is no browser names none.
fn check_origin(site: &Site, headers: &HeaderMap, visit: Visit) -> Done<()> {
    let said = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let Some(origin) = said(header::ORIGIN) else { return Ok(()) };
    let host = said(header::HOST).unwrap_or_default();
    if upgrade::is_own(origin, host, &site.origins.borrow())
        && !(visit.is_secure && origin.starts_with("http:"))
    {
        return Ok(());
    }
    tracing::warn!(peer = %visit.peer, origin, "a page of another place was refused");
    let words = "pages of that origin may not ask for this; add it to `origins` under [listen]";
    Err(Refusal::new(StatusCode::FORBIDDEN, words))
}

async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Incoming) -> Done<T> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        let words = "send JSON, with Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the question did not arrive in time");
    let large =
        |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a question has at most {MAX_BODY} bytes"));
    let bytes = read.map_err(late)?.map_err(large)?.to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad(format!("the question is not understood: {error}")))
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).unwrap_or_default(); // of texts and numbers, which JSON can say
    let mut answer = text(status, Bytes::from(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Text of an address without its `%41`. What is none is left as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let hex = behind.get(..2).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_were_meant() {
        for (text, means) in [
            ("a%2Fb", "a/b"),
            ("%C3%BC", "ü"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("", ""),
            ("%+1", "%+1"),
        ] {
            assert_eq!(unescape(text), means, "{text}");
        }
    }

    #[test]
    fn only_our_own_pages_are_files() {
        assert_eq!(page("/login"), Some("login.html"));
        assert_eq!(page("/pages/style.css"), Some("pages/style.css"));
        assert_eq!(
            (page("/"), page("/login.html"), page("/loginx"), page("/pagesx")),
            (None, None, None, None)
        );
    }
}
