//! Rules, made up with those they are about: what is granted to a filter and to its topics agrees, and a name that is a wildcard
//! opens nothing.

use bridge::broker::{Action, Rule, Rules, Subject, User, Users};
use mqtt::{Qos, TopicFilter};

/// Few letters, so that things meet.
const LEVELS: [&str; 14] =
    ["a", "b", "", "+", "#", "%u", "%c", "$SYS", "x%u", "%c%u", "%", "$x", "ab", "own"];
const NAMES: [&str; 10] = ["alice", "bob", "anonymous", "+", "#", "a/b", "$SYS", "", "a", "b"];

/// Bytes as choices.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn one_of(&mut self, count: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % count
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.one_of(NAMES.len())]
    }

    fn path(&mut self) -> String {
        let count = 1 + self.one_of(4);
        (0..count).map(|_| LEVELS[self.one_of(LEVELS.len())]).collect::<Vec<_>>().join("/")
    }

    fn filter(&mut self) -> Option<TopicFilter> {
        self.path().parse().ok()
    }

    fn rule(&mut self) -> Option<Rule> {
        let flags = self.one_of(256);
        let has = |bit: usize| flags & bit != 0;
        Some(Rule {
            allows: has(1),
            publish: has(2),
            subscribe: has(4),
            user: has(8).then(|| self.name().into()),
            group: has(16).then(|| self.name().into()),
            client_id: has(32).then(|| self.name().into()),
            topics: vec![self.filter()?],
            max_qos: Qos::AtLeastOnce,
            retain: has(64),
            line: 1,
        })
    }
}

/// Makes rules, users, and one who asks for a filter and for topics.
pub fn judge(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut users = Users::default();
    for _ in 0..choices.one_of(3) {
        let user = User { groups: vec![choices.name().into()], ..User::default() };
        users.insert(choices.name(), user);
    }
    let count = 1 + choices.one_of(4);
    let made: Option<Vec<_>> = (0..count).map(|_| choices.rule()).collect();
    let Some(made) = made else { return };
    let rules = Rules::new(made);
    let user = (choices.one_of(2) == 1).then(|| choices.name());
    let who = Subject::new(user, choices.name());
    let Some(filter) = choices.filter() else { return };
    let may_subscribe = rules.judge_filter(&users, who, filter.as_str());
    for _ in 0..4 {
        let topic = choices.path();
        if topic.is_empty() || topic.contains(['+', '#']) {
            continue;
        }
        let may_read = rules.judge(&users, who, Action::Read, &topic);
        if may_read.allows() && matches(filter.as_str(), &topic) {
            assert!(may_subscribe.allows(), "{who:?} may read {topic} but not subscribe to {filter}");
        }
        for action in [Action::Read, Action::Publish] {
            let verdict = rules.judge(&users, who, action, &topic);
            let Some(rule) = verdict.rule.and_then(|at| rules.get(at)) else {
                assert!(!verdict.allows(), "what no rule fits is denied");
                continue;
            };
            assert_eq!(rule.allows, verdict.allows());
            assert!(verdict.qos.is_none_or(|qos| qos == rule.max_qos));
            if verdict.allows() {
                assert!(opens(rule, who, &topic), "{rule:?} opens {topic} to {who:?}");
            }
        }
    }
}

/// The same as a rule says it, in another way: each level of an allowing rule is a wildcard, a text, or a text with a plain name in it.
fn opens(rule: &Rule, who: Subject<'_>, topic: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && !name.starts_with('$') && !name.contains(['+', '#', '/']);
    let is_open = |filter: &TopicFilter| {
        let mut text = filter.as_str().to_owned();
        for (word, name) in [("%u", who.user.unwrap_or("")), ("%c", who.client_id)] {
            if text.contains(word) {
                if !plain(name) {
                    return false;
                }
                text = text.replace(word, name);
            }
        }
        matches(&text, topic)
    };
    rule.topics.iter().any(is_open)
}

/// 4.7, written once more.
fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    let is_open_ended = filter.last() == Some(&"#");
    let fixed = if is_open_ended { &filter[..filter.len() - 1] } else { &filter[..] };
    let has_length = if is_open_ended { topic.len() >= fixed.len() } else { topic.len() == fixed.len() };
    has_length && fixed.iter().zip(&topic).all(|(level, part)| *level == "+" || level == part)
}
