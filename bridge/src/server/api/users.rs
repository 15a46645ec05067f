//! Users, for admins: those of the data folder may be added, changed and removed, those of the configuration are shown.

use hyper::StatusCode;
use mqtt::scram::{Credentials, MIN_ITERATIONS, prepare};
use serde::Deserialize;
use serde_json::json;

use super::{ADMIN, Asks, Done, Refusal, login};
use crate::broker::ANONYMOUS;
use crate::server::config::User;
use crate::server::http::text;
use crate::server::{passwords, reload, users};

/// Characters that a password chosen in a browser has at least.
const SHORTEST: usize = 8;
/// Bytes of a salt.
const SALT: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    name: String,
    /// None leaves the password of one who is there as it is.
    password: Option<String>,
    /// None leaves the groups as they are.
    groups: Option<Vec<String>>,
}

pub(super) fn list(asks: &Asks<'_>) -> Done {
    asks.admin()?;
    let access = asks.site.shards.access();
    let configured = asks.site.admission.configured_users();
    let shown = access.users.iter().map(|(name, user)| {
        json!({
            "name": &**name,
            "groups": user.groups.iter().map(|group| &**group).collect::<Vec<_>>(),
            "has_password": user.password.is_some(),
            "has_scram": user.scram.is_some(),
            "is_configured": users::is_in(&configured, name),
        })
    });
    Ok(super::json(StatusCode::OK, &json!({ "users": shown.collect::<Vec<_>>() })))
}

/// Adds a user, or changes one.
pub(super) async fn put(asks: &Asks<'_>, form: Form) -> Done {
    let by = asks.admin()?.user.clone();
    let name = check_name(&form.name)?;
    let access = asks.site.shards.access();
    let is_new = !access.users.contains(&name);
    match &form.password {
        Some(password) => check_password(password)?,
        None if is_new => return Err(Refusal::bad("a new user needs a password")),
        None => {}
    }
    let is_step_down = form.groups.as_ref().is_some_and(|groups| !groups.iter().any(|group| group == ADMIN));
    if is_step_down {
        keep_an_admin(asks, &name)?;
    }
    store(asks, &name, form.password, form.groups).await?;
    tracing::info!(user = name, by = &*by, peer = %asks.visit.peer, is_new, "a user was added or changed");
    Ok(super::json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &json!({ "user": name })))
}

pub(super) async fn remove(asks: &Asks<'_>, name: &str) -> Done {
    let by = asks.admin()?.user.clone();
    let name = check_name(name)?;
    check_place(asks, &name)?;
    if !asks.site.shards.access().users.contains(&name) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("there is no user {name:?}")));
    }
    keep_an_admin(asks, &name)?;
    let gone = name.clone();
    change(asks, move |all| all.retain(|user| !users::is(user, &gone))).await?;
    tracing::info!(user = name, by = &*by, peer = %asks.visit.peer, "a user was removed");
    Ok(text(StatusCode::NO_CONTENT, ""))
}

/// The name as it is compared.
pub(super) fn check_name(name: &str) -> Done<String> {
    let prepared =
        prepare(name).map_err(|why| Refusal::bad(format!("the name {name:?} cannot be a user's: {why}")))?;
    match prepared == ANONYMOUS {
        true => {
            Err(Refusal::bad(format!("{ANONYMOUS:?} is whoever comes without a user; choose another name")))
        }
        false => Ok(prepared),
    }
}

pub(super) fn check_password(password: &str) -> Done<()> {
    match password.chars().count() {
        0..SHORTEST => Err(Refusal::bad(format!("use a password of {SHORTEST} characters or more"))),
        _ => Ok(()),
    }
}

/// Writes a user down, who counts at once.
pub(super) async fn store(
    asks: &Asks<'_>,
    name: &str,
    password: Option<String>,
    groups: Option<Vec<String>>,
) -> Done<()> {
    check_place(asks, name)?;
    let groups =
        groups.map(|groups| groups.into_iter().filter(|group| !group.is_empty()).collect::<Vec<_>>());
    let has_scram = asks.site.shards.access().users.get(name).is_some_and(|user| user.scram.is_some());
    let secrets = match password {
        Some(password) => {
            let made = login::in_turn(asks, move || secrets_of(&password, has_scram)).await?;
            Some(made.map_err(|error| Refusal::failed(&error))?)
        }
        None => None,
    };
    let name = name.to_owned();
    change(asks, move |all| {
        let at = all.iter().position(|user| users::is(user, &name));
        let mut user = match at {
            Some(at) => all.remove(at),
            None => User { name, password: None, scram: None, groups: Vec::new() },
        };
        if let Some((password, scram)) = secrets {
            (user.password, user.scram) = (Some(password), scram);
        }
        user.groups = groups.unwrap_or(user.groups);
        all.insert(at.unwrap_or(all.len()), user);
    })
    .await
}

/// What is kept of a password. One who could log in by SCRAM can by the new one too: the old must not go on to count there.
fn secrets_of(password: &str, has_scram: bool) -> anyhow::Result<(String, Option<String>)> {
    let scram = match has_scram {
        true => {
            let mut salt = [0; SALT];
            getrandom::fill(&mut salt)?;
            Some(Credentials::derive(password, &salt, MIN_ITERATIONS)?.to_string())
        }
        false => None,
    };
    Ok((passwords::hash(password.as_bytes())?, scram))
}

async fn change(asks: &Asks<'_>, change: impl FnOnce(&mut Vec<User>) + Send + 'static) -> Done<()> {
    let file =
        asks.site.admission.users_file().map_err(|error| Refusal::failed(&error))?.ok_or_else(|| {
            let words = "`:memory:` keeps no users; start Switchboard with a folder, by --data";
            Refusal::new(StatusCode::CONFLICT, words)
        })?;
    let work = move || {
        file.change(|all| {
            change(all);
            Ok(())
        })
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(anyhow::Error::from);
    done.and_then(|done| done).map_err(|error| Refusal::failed(&error))?;
    reload::take_over(&asks.site.admission.options, asks.site).await.map_err(|error| Refusal::failed(&error))
}

fn check_place(asks: &Asks<'_>, name: &str) -> Done<()> {
    match users::is_in(&asks.site.admission.configured_users(), name) {
        true => {
            let words = format!("{name:?} stands in the configuration as [[auth.user]]: change it there");
            Err(Refusal::new(StatusCode::CONFLICT, words))
        }
        false => Ok(()),
    }
}

/// Without an admin nobody could change users in a browser any more.
fn keep_an_admin(asks: &Asks<'_>, name: &str) -> Done<()> {
    let access = asks.site.shards.access();
    let is_only = asks.is_admin(name)
        && !access.users.iter().any(|(other, _)| **other != *name && asks.is_admin(other));
    match is_only {
        true => {
            let words = format!("{name:?} is the only user of the group `{ADMIN}`; put another there first");
            Err(Refusal::new(StatusCode::CONFLICT, words))
        }
        false => Ok(()),
    }
}
