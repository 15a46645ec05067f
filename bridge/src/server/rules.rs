//! `[[auth.rule]]` and what it means. Each is checked before anything listens; what is wrong is said with its line.

use anyhow::{Context as _, Result, anyhow, ensure};
use mqtt::scram::prepare;
use mqtt::{Qos, TopicFilter};
use toml::Spanned;

use super::config::{Auth, Rule};
use crate::broker;

/// The broker's rules.
///
/// # Errors
/// One of them says nothing, or something that is none.
pub fn table(auth: &Auth) -> Result<broker::Rules> {
    let lines = auth.rule_lines.iter().copied().chain(std::iter::repeat(0));
    let rules = auth.rule.iter().map(Spanned::get_ref).zip(lines).enumerate();
    let rules = rules.map(|(at, (rule, line))| {
        self::rule(rule, line).with_context(|| format!("[[auth.rule]] {} (line {line})", at + 1))
    });
    Ok(broker::Rules::new(rules.collect::<Result<_>>()?))
}

fn rule(rule: &Rule, line: usize) -> Result<broker::Rule> {
    let (allows, about) = match (&rule.allow, &rule.deny) {
        (Some(about), None) => (true, about),
        (None, Some(about)) => (false, about),
        _ => return Err(anyhow!("use either `allow` or `deny`, with \"publish\", \"subscribe\" or \"all\"")),
    };
    let (publish, subscribe) = match about.as_str() {
        "publish" => (true, false),
        "subscribe" => (false, true),
        "all" => (true, true),
        _ => {
            return Err(anyhow!(
                "{about:?} is nothing to allow or deny; use \"publish\", \"subscribe\" or \"all\""
            ));
        }
    };
    ensure!(
        !rule.topics.is_empty(),
        "`topics` is empty, so it would fit nothing; use [\"#\"] for all topics"
    );
    ensure!(
        allows || (rule.max_qos.is_none() && rule.retain.is_none()),
        "`max_qos` and `retain` are limits of what is allowed; a rule that denies has none"
    );
    let max_qos = rule.max_qos.map_or(Some(Qos::ExactlyOnce), Qos::from_level);
    let user = rule.user.as_deref().map(|user| prepare(user).with_context(|| format!("user {user:?}")));
    Ok(broker::Rule {
        allows,
        publish,
        subscribe,
        user: user.transpose()?.map(Into::into),
        group: some_text("group", rule.group.as_deref())?.map(Into::into),
        client_id: some_text("client_id", rule.client_id.as_deref())?.map(Into::into),
        topics: rule.topics.iter().map(|text| filter(text)).collect::<Result<_>>()?,
        max_qos: max_qos.context("`max_qos` is 0, 1 or 2")?,
        retain: rule.retain.unwrap_or(true),
        line,
    })
}

/// A text that is empty was forgotten, and would make a rule for nobody.
fn some_text<'a>(key: &str, text: Option<&'a str>) -> Result<Option<&'a str>> {
    ensure!(text != Some(""), "`{key}` is empty; leave it out for everyone");
    Ok(text)
}

fn filter(text: &str) -> Result<TopicFilter> {
    let filter: TopicFilter = text.parse().map_err(|why| anyhow!("the topic filter {text:?}: {why}"))?;
    let is_share = text == "$share" || text.starts_with("$share/");
    ensure!(!is_share, "{text:?}: name the topics alone; a rule holds for shared subscriptions too");
    for (at, _) in text.match_indices('%') {
        let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
        ensure!(
            matches!(next, Some('u' | 'c')),
            "{text:?}: after % comes u for the user or c for the client id"
        );
    }
    Ok(filter)
}
