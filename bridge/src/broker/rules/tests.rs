//! What rules decide, on all short filters where that can be said of all.

use super::*;
use crate::broker::User;

fn users() -> Users {
    let mut users = Users::default();
    for (name, groups) in [("alice", vec!["house".into()]), ("bob", vec![])] {
        users.insert(name, User { password: Some("x".into()), groups, ..User::default() });
    }
    users
}

fn rule(allows: bool, topics: &[&str]) -> Rule {
    Rule {
        allows,
        publish: true,
        subscribe: true,
        user: None,
        group: None,
        client_id: None,
        topics: topics.iter().map(|topic| topic.parse().unwrap()).collect(),
        max_qos: Qos::ExactlyOnce,
        retain: true,
        line: 1,
    }
}

fn who<'a>(user: &'a str, client_id: &'a str) -> Subject<'a> {
    Subject::new(Some(user).filter(|user| !user.is_empty()), client_id)
}

/// The rule that decides, and whether it allows.
fn decides(rules: &Rules, who: Subject<'_>, topic: &str) -> (Option<usize>, bool) {
    let verdict = rules.judge(&users(), who, Action::Publish, topic);
    (verdict.rule, verdict.allows())
}

fn allows(rules: &[Rule], who: Subject<'_>, topic: &str) -> bool {
    decides(&Rules::new(rules.to_vec()), who, topic).1
}

fn may_subscribe(rules: &[Rule], who: Subject<'_>, filter: &str) -> bool {
    Rules::new(rules.to_vec()).judge_filter(&users(), who, filter).allows()
}

#[test]
fn without_rules_all_is_allowed_and_with_one_what_it_does_not_name_is_not() {
    assert!(allows(&[], who("", "c"), "a"));
    let rules = [rule(true, &["a/#"])];
    assert!(allows(&rules, who("", "c"), "a/b"));
    assert!(!allows(&rules, who("", "c"), "b"));
    assert!(!allows(&rules, who("mallory", "c"), "a/b"), "a user who is none has no rights");
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rules = Rules::new(vec![
        Rule { user: Some("bob".into()), ..rule(false, &["a/secret"]) },
        rule(true, &["a/#"]),
        rule(false, &["#"]),
    ]);
    assert_eq!(decides(&rules, who("bob", "c"), "a/secret"), (Some(0), false));
    assert_eq!(decides(&rules, who("alice", "c"), "a/secret"), (Some(1), true));
    assert_eq!(decides(&rules, who("bob", "c"), "a/b"), (Some(1), true));
    assert_eq!(decides(&rules, who("bob", "c"), "b"), (Some(2), false));
}

#[test]
fn a_rule_is_for_a_user_a_group_and_client_ids() {
    let of_group = [Rule { group: Some("house".into()), ..rule(true, &["#"]) }];
    assert!(allows(&of_group, who("alice", "c"), "a") && !allows(&of_group, who("bob", "c"), "a"));
    assert!(!allows(&of_group, who("", "c"), "a"));
    let nobody = [Rule { user: Some(ANONYMOUS.into()), ..rule(true, &["#"]) }];
    assert!(allows(&nobody, who("", "c"), "a") && !allows(&nobody, who("alice", "c"), "a"));
    for (pattern, yes, no) in [
        ("sensor-*", "sensor-1", "a-sensor-1"),
        ("*-x", "1-x", "1-x-"),
        ("a*b*c", "a-b-b-c", "a-c"),
        ("a", "a", "ab"),
    ] {
        let rules = [Rule { client_id: Some(pattern.into()), ..rule(true, &["#"]) }];
        assert!(allows(&rules, who("", yes), "a") && !allows(&rules, who("", no), "a"), "{pattern}");
    }
    assert!(!is_like("ab*ba", "aba"), "the ends do not overlap");
}

#[test]
fn no_wildcard_leads_to_the_servers_own_topics() {
    for filter in ["#", "+/x", "+/#"] {
        assert!(!allows(&[rule(true, &[filter])], who("", "c"), "$SYS/x"), "{filter}");
        assert!(!may_subscribe(&[rule(true, &[filter])], who("", "c"), "$SYS/x"), "{filter}");
    }
    assert!(allows(&[rule(true, &["$SYS/#"])], who("", "c"), "$SYS/x"));
    assert!(!may_subscribe(&[rule(true, &["$SYS/#"])], who("", "c"), "#"));
}

/// CVE-2017-7650
#[test]
fn a_name_with_wildcards_or_separators_stands_for_nothing_in_a_rule() {
    let own = [rule(true, &["home/%u/%c/#", "%c/x"])];
    assert!(allows(&own, who("alice", "phone"), "home/alice/phone/a"));
    assert!(!allows(&own, who("alice", "phone"), "home/bob/phone/a"));
    for client_id in ["+", "#", "a/b", "", "$SYS", "x+"] {
        for topic in
            ["home/alice/phone/a", "home/alice/+/a", "home/alice/a/b/x", "$SYS/x", "+/x", "a/b/x", "/x"]
        {
            assert!(!allows(&own, who("alice", client_id), topic), "{client_id} {topic}");
        }
    }
    for filter in ["#", "home/#", "home/alice/+/#", "+/x"] {
        assert!(may_subscribe(&own, who("alice", "phone"), filter), "{filter}");
        assert!(!may_subscribe(&own, who("alice", "+"), filter), "{filter}");
    }
    assert!(!may_subscribe(&own, who("bob", "a/b"), "home/alice/#"));
    assert!(!allows(&own, who("", "phone"), "home/anonymous/phone/a"), "nor does the name of nobody");
    let within = [rule(true, &["dev-%c-x/#"])];
    assert!(allows(&within, who("", "7"), "dev-7-x/a") && !allows(&within, who("", "7"), "dev-8-x/a"));
    // A rule that denies is not got round by such a name.
    let closed = [rule(false, &["vault/%c"]), rule(true, &["#"])];
    assert!(!allows(&closed, who("", "a"), "vault/a") && allows(&closed, who("", "a"), "vault/b"));
    assert!(!allows(&closed, who("", "+"), "vault/b"));
}

#[test]
fn a_subscription_is_granted_when_some_of_it_may_be_read() {
    let rules = [rule(false, &["a/secret/#"]), rule(true, &["a/#", "b/+/c"])];
    for filter in ["#", "+/#", "a", "a/#", "a/b", "a/+", "a/+/x", "b/1/c", "b/#", "+/+/c"] {
        assert!(may_subscribe(&rules, who("", "c"), filter), "{filter}");
    }
    for filter in ["c", "c/#", "b/1", "b/+/d", "a/secret", "a/secret/#", "a/secret/+", "+"] {
        let is_top = filter == "+"; // of which `a` may be read
        assert_eq!(may_subscribe(&rules, who("", "c"), filter), is_top, "{filter}");
    }
    let denied = [rule(false, &["#"]), rule(true, &["a"])];
    assert!(!may_subscribe(&denied, who("", "c"), "a"));
    let some = [rule(false, &["+/x"]), rule(true, &["#"])];
    assert!(may_subscribe(&some, who("", "c"), "#") && !may_subscribe(&some, who("", "c"), "a/x"));
    assert!(may_subscribe(&some, who("", "c"), "a/+"));
}

/// What is covered is what overlaps and nothing else of it: on all short filters and topics.
#[test]
fn filters_are_compared_as_the_topics_they_stand_for() {
    let levels = ["a", "b", "+", "#"];
    let mut filters: Vec<String> = levels.iter().map(|&level| level.into()).collect();
    for _ in 0..2 {
        let more: Vec<_> = filters
            .iter()
            .filter(|filter| !filter.ends_with('#'))
            .flat_map(|filter| levels.map(|level| format!("{filter}/{level}")))
            .collect();
        filters.extend(more);
    }
    filters.sort();
    filters.dedup();
    let mut topics: Vec<String> = ["a", "b", "c"].iter().map(|&level| level.into()).collect();
    for _ in 0..3 {
        let more: Vec<_> =
            topics.iter().flat_map(|topic| ["a", "b", "c"].map(|level| format!("{topic}/{level}"))).collect();
        topics.extend(more);
    }
    let matches = |filter: &str| -> Vec<bool> {
        let filter: TopicFilter = filter.parse().unwrap();
        topics.iter().map(|topic| filter.matches(&mqtt::TopicName::new(topic.as_str()).unwrap())).collect()
    };
    let matched: Vec<_> = filters.iter().map(|filter| matches(filter)).collect();
    let same = |a: &str, b: &str| a == b;
    for (a, of_a) in filters.iter().zip(&matched) {
        for (b, of_b) in filters.iter().zip(&matched) {
            let overlap = of_a.iter().zip(of_b).any(|(a, b)| *a && *b);
            assert_eq!(overlaps(a, b, same), overlap, "{a} and {b}");
            let cover = of_a.iter().zip(of_b).all(|(a, b)| *a || !*b);
            assert!(!covers(a, b, same) || cover, "{a} does not cover {b}");
            // `a/#` for `+/#` and the like need three letters to tell apart, which the topics have.
            assert!(covers(a, b, same) || !cover || a.contains('#') || b.contains('#'), "{a} covers {b}");
        }
        let own = rule(true, &[a.as_str()]);
        for (topic, is_matched) in topics.iter().zip(of_a) {
            assert_eq!(own.fits(&own.topics[0], topic, who("", "c")), *is_matched, "{a} {topic}");
        }
    }
}

/// What tells filters apart at once never tells apart what fits.
#[test]
fn whatever_fits_begins_and_ends_as_its_filter_does() {
    let paths = |levels: &[&str]| {
        let one: Vec<String> = levels.iter().map(|&level| level.to_owned()).collect();
        let more = |shorter: &[String]| -> Vec<String> {
            shorter
                .iter()
                .flat_map(|path| levels.iter().map(move |level| format!("{path}/{level}")))
                .collect()
        };
        let two = more(&one);
        let three = more(&two);
        [one, two, three].concat()
    };
    let filters = paths(&["a", "ab", "", "+", "#", "%u", "a%cb", "$x"]);
    let topics = paths(&["a", "ab", "", "alice", "aphoneb", "$x", "b"]);
    let mut fitting = 0;
    for filter in filters.iter().filter(|filter| filter.parse::<TopicFilter>().is_ok()) {
        for allows in [true, false] {
            let rule = rule(allows, &[filter]);
            let ends = Ends::of(&rule.topics[0]);
            for topic in &topics {
                for who in [who("alice", "phone"), who("+", "#"), Subject::new(None, "")] {
                    if rule.fits(&rule.topics[0], topic, who) {
                        assert!(ends.are_of(&rule.topics[0], topic), "{filter} {topic} {ends:?}");
                        fitting += 1;
                    }
                }
            }
        }
    }
    assert!(fitting > 10_000, "{fitting}");
    assert_eq!(Ends::of(&"load/+/set/7".parse().unwrap()), Ends { before: 5, behind: 6 });
    assert_eq!(Ends::of(&"a/#".parse().unwrap()), Ends { before: 1, behind: 0 });
    assert_eq!(Ends::of(&"a/b".parse().unwrap()), Ends { before: 3, behind: 0 });
}
