//! Logging in and out, and who one is.

use std::cell::Cell;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use mqtt::scram::prepare;
use serde::Deserialize;
use serde_json::json;

use super::{Asks, Done, Refusal, Visit, may_come_as_nobody};
use crate::broker::{User, Users};
use crate::server::http::{Answer, text};
use crate::server::{logins, passwords};

/// What a browser shows who it is by. With TLS it takes the name that no other host and no page without TLS can set.
const COOKIE: &str = "switchboard";
const SECURE_COOKIE: &str = "__Host-switchboard";
const WRONG: &str = "the user name or the password is wrong";
/// Logins that may wait for their turn: each takes some 20 ms.
const WAITING: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    name: String,
    password: String,
}

pub(super) const fn cookie_name(visit: Visit) -> &'static str {
    if visit.is_secure { SECURE_COOKIE } else { COOKIE }
}

/// Who asks, and what is open to them.
pub(super) fn me(asks: &Asks<'_>) -> Answer {
    let access = asks.site.shards.access();
    let who = asks.holder();
    let user = who.as_ref().and_then(|who| access.users.get(&who.user));
    let body = json!({
        "user": who.as_ref().map(|who| &*who.user),
        "session": who.as_ref().map(|who| logins::id(who.login)),
        "groups": user.map(|user| user.groups.iter().map(|group| &**group).collect::<Vec<_>>()),
        "is_admin": who.as_ref().is_some_and(|who| asks.is_admin(&who.user)),
        "has_users": !access.users.is_empty(),
        "needs_login": !may_come_as_nobody(&access, asks.visit),
        "is_unclaimed": asks.site.admission.is_unclaimed(),
        // Whoever is here may know where here is.
        "network": asks.site.network.as_ref().filter(|_| asks.visit.is_here()),
    });
    super::json(StatusCode::OK, &body)
}

/// Begins a login for whoever knows a user's password.
pub(super) async fn log_in(asks: &Asks<'_>, form: Form) -> Done {
    let door = &asks.site.shards.door;
    let peer = asks.visit.peer.identity();
    let may_try = || door.may_log_in(&peer).map_err(|why| Refusal::new(StatusCode::TOO_MANY_REQUESTS, why));
    may_try()?;
    let access = asks.site.shards.access();
    if access.users.is_empty() {
        let words = "there are no users; add one with `switchboard user add NAME`";
        return Err(Refusal::new(StatusCode::FORBIDDEN, words));
    }
    // A name that cannot be one is nobody's, and is checked like any other.
    let name = prepare(&form.name).unwrap_or_default();
    let is_right = knows_password(asks, &access.users, &name, form.password).await?;
    may_try()?; // others may have failed meanwhile
    let Some(user) = access.users.get(&name).filter(|_| is_right) else {
        door.login_failed(peer);
        tracing::warn!(peer = %asks.visit.peer, name, "login in a browser refused: {WRONG}");
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, WRONG));
    };
    end_own(asks);
    begin(asks, &name, user).await
}

/// Gives the browser a login of its own.
pub(super) async fn begin(asks: &Asks<'_>, name: &str, user: &User) -> Done {
    let (site, visit) = (asks.site, asks.visit);
    let begun = site.admission.logins.begin(
        (name, user),
        (visit.peer.address(), asks.agent()),
        site.shards.door.now(),
    );
    let (token, ended) = begun.map_err(|error| Refusal::failed(&error))?;
    ended.into_iter().for_each(|number| site.shards.door.revoke(number));
    site.admission.logins.keep().await.map_err(|error| Refusal::failed(&error))?;
    tracing::info!(user = name, peer = %visit.peer, "logged in by a browser");
    let is_admin = user.groups.iter().any(|group| &**group == super::ADMIN);
    let answer = super::json(StatusCode::OK, &json!({ "user": name, "is_admin": is_admin }));
    Ok(with_cookie(answer, visit, &token, site.admission.lifetime.most.as_secs()))
}

/// Ends the login, and at once the connections that came by it.
pub(super) async fn log_out(asks: &Asks<'_>) -> Done {
    let user = end_own(asks);
    if let Some(user) = user {
        asks.site.admission.logins.keep().await.map_err(|error| Refusal::failed(&error))?;
        tracing::info!(user, peer = %asks.visit.peer, "logged out");
    }
    Ok(with_cookie(text(StatusCode::NO_CONTENT, ""), asks.visit, "", 0))
}

fn end_own(asks: &Asks<'_>) -> Option<String> {
    let number = asks.holder()?.login;
    let user = asks.site.admission.logins.end(number);
    asks.site.shards.door.revoke(number);
    user
}

/// Whether a password is this user's. One who does not exist, or has none, takes as long.
async fn knows_password(asks: &Asks<'_>, users: &Users, name: &str, password: String) -> Done<bool> {
    let random = || getrandom::u64().ok().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let own = users.hash_of(name).map(Arc::clone);
    let has_own = own.is_some();
    let Some(hash) = own.or_else(|| users.some_hash(random()).map(Arc::clone)) else { return Ok(false) };
    let is_right = in_turn(asks, move || passwords::is_right(&hash, password.as_bytes())).await?;
    Ok(has_own && is_right)
}

/// Does what takes some 20 ms and 19 MiB on another thread, one after the other.
pub(super) async fn in_turn<T: Send + 'static>(
    asks: &Asks<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Done<T> {
    let turns = &asks.site.admission.turns;
    let busy =
        || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many log in at once; try again in a moment");
    let _place = Place::take(&asks.site.admission.waiting).ok_or_else(busy)?;
    let _turn = turns.acquire().await.map_err(|_| busy())?;
    tokio::task::spawn_blocking(work).await.map_err(|_| busy())
}

/// One of those that may wait, also if its browser goes away meanwhile.
struct Place<'a>(&'a Cell<usize>);

impl<'a> Place<'a> {
    fn take(waiting: &'a Cell<usize>) -> Option<Self> {
        let count = waiting.get();
        waiting.set(count + usize::from(count < WAITING));
        (count < WAITING).then_some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

fn with_cookie(mut answer: Answer, visit: Visit, token: &str, max_age_s: u64) -> Answer {
    let secure = if visit.is_secure { "; Secure" } else { "" };
    let name = cookie_name(visit);
    let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, value);
    }
    answer
}
