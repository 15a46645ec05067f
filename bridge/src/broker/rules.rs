//! Rules: who may publish and who may read what. A rule names those it is for, what they do, and topics; **the first one that fits
//! decides, and what none fits is denied**. Without any rule everything is allowed.
//!
//! It knows no Session and no file. What is asked for each message is remembered elsewhere.

use std::sync::Arc;

use mqtt::{Qos, TopicFilter};

use super::access::{ANONYMOUS, Users};
use super::identity::Grant;

/// All rules, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    rules: Vec<Rule>,
    /// What every topic that a filter fits begins and ends with, filter after filter of rule after rule: most are told apart by that.
    ends: Vec<Ends>,
}

/// The text of a filter before and behind all that may stand for something: so many bytes of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    before: u16,
    behind: u16,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Whether it allows or denies.
    pub allows: bool,
    /// It is about publishing.
    pub publish: bool,
    /// It is about reading.
    pub subscribe: bool,
    /// The only user it is for; [`ANONYMOUS`] is whoever came without one.
    pub user: Option<Arc<str>>,
    /// The only group it is for.
    pub group: Option<Arc<str>>,
    /// The Client Identifiers it is for; `*` in it stands for any text.
    pub client_id: Option<Arc<str>>,
    /// What it is about. In a level `%u` stands for the user and `%c` for the Client Identifier.
    pub topics: Vec<TopicFilter>,
    /// Of what it allows, the highest QoS.
    pub max_qos: Qos,
    /// Whether what it allows may be retained, or is sent that was.
    pub retain: bool,
    /// Where it stands, for people.
    pub line: usize,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its user; none for whoever came without.
    pub user: Option<&'a str>,
    /// Its Client Identifier.
    pub client_id: &'a str,
    /// What its token says, if it came by one.
    pub grant: Option<&'a Grant>,
}

/// What it wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Publish to a topic.
    Publish,
    /// Get what is published to a topic.
    Read,
}

/// Whether it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The highest QoS, if it may at all.
    pub qos: Option<Qos>,
    /// Whether the message may be retained.
    pub retain: bool,
    /// The rule that has decided, counted from 0; none when no rule fits.
    pub rule: Option<usize>,
    /// The rules would allow it, but the token of the user does not.
    pub is_beyond_token: bool,
}

impl Verdict {
    pub(super) const DENIED: Self = Self { qos: None, retain: false, rule: None, is_beyond_token: false };
    pub(super) const ALLOWED: Self = Self { qos: Some(Qos::ExactlyOnce), retain: true, ..Self::DENIED };
    const BEYOND_TOKEN: Self = Self { is_beyond_token: true, ..Self::DENIED };

    fn of(at: usize, rule: &Rule) -> Self {
        let (qos, retain) = (rule.allows.then_some(rule.max_qos), rule.allows && rule.retain);
        Self { qos, retain, rule: Some(at), ..Self::DENIED }
    }

    /// Whether it may at all.
    #[must_use]
    pub const fn allows(self) -> bool {
        self.qos.is_some()
    }
}

impl Rules {
    /// Rules in their order.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let ends = rules.iter().flat_map(|rule| &rule.topics).map(Ends::of).collect();
        Self { rules, ends }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// How a rule is called: by its place, and where it stands.
    #[must_use]
    pub fn name(&self, at: usize) -> String {
        let line = self.rules.get(at).map_or(0, |rule| rule.line);
        format!("rule {} (line {line})", at + 1)
    }

    /// One of them, counted from 0.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Rule> {
        self.rules.get(at)
    }

    /// Whether something holds of the first one.
    pub(super) fn first_fits(&self, fits: impl Fn(&Rule, &[Ends]) -> bool) -> bool {
        self.rules.first().is_some_and(|rule| fits(rule, &self.ends))
    }

    /// Whether somebody may do something with a topic.
    #[must_use]
    pub fn judge(&self, users: &Users, who: Subject<'_>, action: Action, topic: &str) -> Verdict {
        let may_fit = |rule: &Rule, ends: &[Ends]| {
            rule.topics.iter().zip(ends).any(|(filter, ends)| ends.are_of(filter, topic))
        };
        self.first(users, who, action, may_fit, |rule, ends| {
            let fits =
                |(filter, ends): (_, &Ends)| ends.are_of(filter, topic) && rule.fits(filter, topic, who);
            rule.topics.iter().zip(ends).any(fits)
        })
    }

    /// Whether somebody may subscribe to a filter: when a rule allows some of what it stands for, and none before that denies all of
    /// it. Each message is judged again.
    #[must_use]
    pub fn judge_filter(&self, users: &Users, who: Subject<'_>, filter: &str) -> Verdict {
        self.first(
            users,
            who,
            Action::Read,
            |_, _| true,
            |rule, _| {
                let is_same = |pattern: &str, level: &str| rule.level_fits(pattern, level, who);
                rule.topics.iter().any(|topics| match rule.allows {
                    true => rule.can_fit(topics, who) && overlaps(topics.as_str(), filter, is_same),
                    false => covers(topics.as_str(), filter, is_same),
                })
            },
        )
    }

    fn first(
        &self,
        users: &Users,
        who: Subject<'_>,
        action: Action,
        may_fit: impl Fn(&Rule, &[Ends]) -> bool,
        fits: impl Fn(&Rule, &[Ends]) -> bool,
    ) -> Verdict {
        if let Some(grant) = who.grant
            && !grant.leaves(action, &fits)
        {
            return Verdict::BEYOND_TOKEN;
        }
        if self.rules.is_empty() {
            return Verdict::ALLOWED;
        }
        // One who is no user any more has no rights that anonymous clients have.
        let groups = match (who.user, who.grant) {
            (Some(user), Some(grant)) if users.vouch_for(grant) => match grant.is_of_certificate() {
                true => users.groups(user).unwrap_or_default(),
                false => &*grant.groups,
            },
            (Some(user), None) => match users.groups(user) {
                Some(groups) => groups,
                None => return Verdict::DENIED,
            },
            (_, Some(_)) => return Verdict::DENIED,
            (None, None) => &[],
        };
        let mut ends = self.ends.as_slice();
        let found = self.rules.iter().enumerate().find(|(_, rule)| {
            let (own, rest) = ends.split_at_checked(rule.topics.len()).unwrap_or_default();
            ends = rest;
            let is_about = match action {
                Action::Publish => rule.publish,
                Action::Read => rule.subscribe,
            };
            // What costs least, and tells most apart, comes first.
            is_about && may_fit(rule, own) && rule.is_for(who, groups) && fits(rule, own)
        });
        found.map_or(Verdict::DENIED, |(at, rule)| Verdict::of(at, rule))
    }
}

impl Ends {
    fn of(filter: &TopicFilter) -> Self {
        let text = filter.as_str();
        let is_open = |level: &str| matches!(level, "+" | "#") || level.contains('%');
        let mut before = text.len();
        let mut at = 0;
        let mut last_open = None;
        for level in text.split('/') {
            if is_open(level) {
                // The level above `#` is one of its topics too (4.7.1.2), without the separator behind it.
                let separator = if level == "#" && at > 0 { at - 1 } else { at };
                before = before.min(separator);
                last_open = Some((at + level.len(), level == "#"));
            }
            at += level.len() + 1;
        }
        let behind = match last_open {
            Some((end, false)) => text.len() - end,
            Some((_, true)) | None => 0,
        };
        let short = |n: usize| u16::try_from(n).unwrap_or_default(); // a filter is never longer
        Self { before: short(before), behind: short(behind) }
    }

    /// Whether a topic has them. Most have not, and most of those have another first byte: so that is looked at here, and all else
    /// elsewhere.
    #[inline]
    fn are_of(self, filter: &TopicFilter, topic: &str) -> bool {
        let is_same = self.before == 0 || filter.as_str().as_bytes().first() == topic.as_bytes().first();
        is_same && self.are_all_of(filter.as_str().as_bytes(), topic.as_bytes())
    }

    fn are_all_of(self, filter: &[u8], topic: &[u8]) -> bool {
        let (before, behind) = (usize::from(self.before), usize::from(self.behind));
        let begins = filter.get(..before).is_none_or(|text| topic.starts_with(text));
        let behind = filter.get(filter.len().saturating_sub(behind)..).filter(|_| behind > 0);
        begins && behind.is_none_or(|text| topic.ends_with(text))
    }
}

impl Rule {
    fn is_for(&self, who: Subject<'_>, groups: &[Arc<str>]) -> bool {
        self.user.as_deref().is_none_or(|user| user == who.user.unwrap_or(ANONYMOUS))
            && self.group.as_ref().is_none_or(|group| groups.contains(group))
            && self.client_id.as_deref().is_none_or(|pattern| is_like(pattern, who.client_id))
    }

    fn fits(&self, filter: &TopicFilter, topic: &str, who: Subject<'_>) -> bool {
        let mut levels = topic.split('/');
        let mut is_first = true;
        for pattern in filter.as_str().split('/') {
            let hides = std::mem::take(&mut is_first) && topic.starts_with('$'); // [MQTT-4.7.2-1]
            match (pattern, levels.next()) {
                ("#", _) => return !hides,
                (_, None) => return false,
                ("+", Some(_)) if hides => return false,
                ("+", Some(_)) => {}
                (pattern, Some(level)) if self.level_fits(pattern, level, who) => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// Whether there is a topic that fits: not where a name is missing, or no text for a level.
    fn can_fit(&self, filter: &TopicFilter, who: Subject<'_>) -> bool {
        filter.as_str().split('/').all(|level| !level.contains('%') || expand(level, who).is_some())
    }

    /// Whether a level of a topic is what one of a rule stands for.
    fn level_fits(&self, pattern: &str, level: &str, who: Subject<'_>) -> bool {
        if !pattern.contains('%') {
            return pattern == level;
        }
        match expand(pattern, who) {
            Some(text) => text == level,
            // A name that would be a wildcard or several levels allows nothing, and hides from no rule that denies.
            None => !self.allows,
        }
    }
}

/// A level with the names in place of `%u` and `%c`. None when one of them is missing, or is no text for a level: it has a wildcard
/// or a separator (CVE-2017-7650), or begins as the Server's own topics do.
fn expand(pattern: &str, who: Subject<'_>) -> Option<String> {
    let is_usable =
        |name: &&str| !name.is_empty() && !name.contains(['+', '#', '/']) && !name.starts_with('$');
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let (name, len) = match from.as_bytes().get(1) {
            Some(b'u') => (who.user.filter(is_usable)?, 2),
            Some(b'c') => (Some(who.client_id).filter(is_usable)?, 2),
            _ => ("%", 1),
        };
        text.push_str(name);
        rest = from.split_at(len).1;
    }
    text.push_str(rest);
    Some(text)
}

/// Whether every topic of `filter` is one of `rule`.
fn covers(rule: &str, filter: &str, is_same: impl Fn(&str, &str) -> bool) -> bool {
    let (mut rule, mut filter) = (rule.split('/').peekable(), filter.split('/').peekable());
    let hides = filter.peek().is_some_and(|level| level.starts_with('$'));
    if hides && rule.peek().is_some_and(|level| matches!(*level, "+" | "#")) {
        return false;
    }
    loop {
        match (rule.next(), filter.next()) {
            (Some("#"), _) | (None, None) => return true,
            (None, Some("#")) | (None, Some(_)) | (Some(_), None | Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(_), Some("+")) => return false,
            (Some(a), Some(b)) if is_same(a, b) => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

/// Whether some topic of `filter` is one of `rule`.
fn overlaps(rule: &str, filter: &str, is_same: impl Fn(&str, &str) -> bool) -> bool {
    let (mut rule, mut filter) = (rule.split('/').peekable(), filter.split('/').peekable());
    let is_wild = |level: Option<&&str>| level.is_some_and(|level| matches!(*level, "+" | "#"));
    let hides = |level: Option<&&str>| level.is_some_and(|level| level.starts_with('$'));
    if (hides(rule.peek()) && is_wild(filter.peek())) || (hides(filter.peek()) && is_wild(rule.peek())) {
        return false;
    }
    loop {
        match (rule.next(), filter.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(a), Some(b)) if is_same(a, b) => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

/// Whether a text is as a pattern says, in which `*` stands for any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests;
