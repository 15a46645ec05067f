//! `switchboard why`: which rule decides. It asks the rules that a broker asks, and knows none of its own.

use anyhow::{Context as _, Result, ensure};
use mqtt::scram::prepare;
use mqtt::{Qos, TopicFilter, TopicName};

use crate::broker::{ANONYMOUS, Access, Action, Grant, Subject, Verdict};
use crate::server::config::File;
use crate::server::users;

/// Says whether a user may publish to a topic or subscribe to a filter, and why.
///
/// # Errors
/// The configuration or the users are wrong, there is no such user, or the topic is none.
pub fn why(file: &File, user: &str, client_id: &str, action: Action, topic: &str) -> Result<String> {
    why_of(&users::access(file)?.0, user, client_id, action, topic).map(|(_, words)| words)
}

/// The same for what counts now: whether it may, and the words.
///
/// # Errors
/// There is no such user, or the topic is none.
pub fn why_of(
    access: &Access,
    user: &str,
    client_id: &str,
    action: Action,
    topic: &str,
) -> Result<(bool, String)> {
    let name = prepare(user).with_context(|| format!("the name {user:?} cannot be a user's"))?;
    let certified = Grant::of_certificate();
    let is_certified = access.users.take_certificates() && !access.users.contains(&name);
    let is_known = name == ANONYMOUS || access.users.contains(&name) || is_certified;
    ensure!(is_known, "there is no user {name:?}; `switchboard user list` names them");
    let who = Subject::new(Some(&*name).filter(|name| *name != ANONYMOUS), client_id);
    let grant = who.user.and(Some(&certified)).filter(|_| is_certified);
    let who = Subject { grant, ..who };
    let (verb, verdict) = match action {
        Action::Publish => {
            TopicName::new(topic).with_context(|| format!("{topic:?} cannot be published to"))?;
            ("publish to", access.rules.judge(&access.users, who, action, topic))
        }
        Action::Read => {
            let filter = TopicFilter::new(topic).with_context(|| format!("the topic filter {topic:?}"))?;
            let inner = filter.shared().map_or(topic, |(_, filter)| filter);
            ("subscribe to", access.rules.judge_filter(&access.users, who, inner))
        }
    };
    let is_servers = action == Action::Publish && matches!(topic.split('/').next(), Some("$SYS" | "$share"));
    let may = verdict.allows() && !is_servers;
    let because =
        if is_servers { "the topic belongs to the server".into() } else { because(access, verdict) };
    let word = if may { "may" } else { "may not" };
    Ok((may, format!("{name} {word} {verb} {topic}: {because}")))
}

fn because(access: &Access, verdict: Verdict) -> String {
    let Some(at) = verdict.rule else {
        return match access.rules.is_empty() {
            true => "there are no rules, so everything is allowed".into(),
            false => "no rule fits, and what none fits is denied".into(),
        };
    };
    let rule = access.rules.name(at);
    match verdict.qos {
        None => format!("{rule} denies it"),
        Some(Qos::ExactlyOnce) if verdict.retain => format!("{rule} allows it"),
        Some(qos) => {
            let retain = if verdict.retain { "" } else { ", not retained" };
            format!("{rule} allows it up to QoS {}{retain}", qos.level())
        }
    }
}
