//! The tree of filters against the plain rule of chapter 4.7, and its upkeep.

use mqtt::Qos;

use super::*;

fn empty() -> Subscriptions {
    Subscriptions::new(Overlapping::One, Keys::new(1))
}

fn filter(text: &str) -> TopicFilter<&str> {
    TopicFilter::new(text).unwrap()
}

fn subscription(session: u32, qos: Qos) -> Subscription {
    Subscription { session: SessionId(session), options: SubscriptionOptions::at(qos), id: None }
}

fn sessions(s: &mut Subscriptions, topic: &str) -> Vec<u32> {
    s.audience(TopicName::new(topic).unwrap(), |_| true).members.iter().map(|m| m.session.0).collect()
}

/// A small deterministic stream of numbers.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut rng = mqtt::Rng::new(seed);
    move |below| rng.up_to(below - 1)
}

#[test]
fn the_tree_agrees_with_matching_filter_by_filter() {
    let mut n = numbers(1);
    let words = ["a", "b", "c", "", "$x"];
    let mut tree = empty();
    let mut plain: Vec<(String, u32)> = Vec::new();
    for round in 0..3000 {
        let depth = 1 + n(6);
        let mut levels: Vec<&str> =
            (0..depth).map(|_| if n(4) == 0 { "+" } else { words[n(5) as usize] }).collect();
        if n(5) == 0 {
            levels.push("#");
        }
        let text = levels.join("/");
        let session = n(20) as u32;
        if text.is_empty() {
            continue;
        }
        if n(3) == 0 {
            let removed = tree.remove(filter(&text), SessionId(session)).is_some();
            let before = plain.len();
            plain.retain(|(t, s)| (t, *s) != (&text, session));
            assert_eq!(removed, before != plain.len());
        } else if tree.insert(filter(&text), subscription(session, Qos::AtMostOnce)).1 {
            plain.push((text, session));
        }
        let depth = 1 + n(6);
        let topic = (0..depth).map(|_| words[n(5) as usize]).collect::<Vec<_>>().join("/");
        let Ok(name) = TopicName::new(topic.as_str()) else { continue };
        let mut expected: Vec<u32> =
            plain.iter().filter(|(t, _)| filter(t).matches(&name)).map(|&(_, s)| s).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(sessions(&mut tree, &topic), expected, "{topic}");
        assert_eq!(tree.len(), plain.len());
        if round % 100 == 0 {
            let (nodes, edges) = tree.tree.size();
            assert_eq!(nodes, edges);
            let filters: BTreeSet<&String> = plain.iter().map(|(text, _)| text).collect();
            assert!(nodes <= 2 * filters.len(), "{nodes} nodes for {} filters", filters.len());
        }
    }
    for (text, session) in plain {
        assert!(tree.remove(filter(&text), SessionId(session)).is_some(), "{text}");
    }
    assert_eq!((tree.tree.size(), tree.len()), ((0, 0), 0));
}

/// Nodes that are looked at for one topic.
fn visited(tree: &Subscriptions, topic: &str) -> usize {
    tree.tree.find(TopicName::new(topic).unwrap()).visited
}

#[test]
fn a_publication_costs_what_matches_not_what_exists() {
    let mut tree = empty();
    for session in 0..3 {
        tree.insert(
            filter(["site/7/dev/7/state", "site/+/dev/7/#", "#"][session]),
            subscription(session as u32, Qos::AtMostOnce),
        );
    }
    let alone = visited(&tree, "site/7/dev/7/state");
    for n in 0..20_000 {
        let session = subscription(n, Qos::AtMostOnce);
        tree.insert(filter(&format!("site/{}/dev/{}/state", n % 100, n / 100)), session);
        tree.insert(filter(&format!("other/{n}/+/#")), session);
        tree.insert(filter(&format!("+/{n}/elsewhere")), session);
    }
    let crowded = visited(&tree, "site/7/dev/7/state");
    assert!(alone <= 6, "{alone} nodes with 3 filters");
    assert!(crowded <= 12, "{crowded} nodes with 60 003 filters");
    assert!(visited(&tree, "nobody/wants/this") <= 4);
}

#[test]
fn a_deep_filter_takes_two_nodes() {
    let mut tree = empty();
    let deep = vec!["a"; 127].join("/");
    for n in 0..1000 {
        tree.insert(filter(&format!("{deep}/{n}")), subscription(1, Qos::AtMostOnce));
        tree.insert(filter(&format!("{n}/{deep}")), subscription(1, Qos::AtMostOnce));
    }
    assert_eq!(tree.tree.size().0, 2001);
    assert_eq!(sessions(&mut tree, &format!("{deep}/999")), [1]);
    assert_eq!(sessions(&mut tree, &format!("999/{deep}")), [1]);
}

#[test]
fn twenty_thousand_subscribers_of_one_filter_come_and_go_singly() {
    let mut tree = empty();
    for round in 0..3 {
        for n in 0..20_000 {
            assert!(tree.insert(filter("a/b"), subscription(n, Qos::AtMostOnce)).1, "round {round}");
            assert!(!tree.insert(filter("a/b"), subscription(n, Qos::AtLeastOnce)).1);
        }
        assert_eq!(sessions(&mut tree, "a/b").len(), 20_000);
        for n in 0..20_000 {
            assert!(tree.remove(filter("a/b"), SessionId((n * 7919) % 20_000)).is_some());
        }
    }
    assert_eq!(tree.len(), 0);
}

#[test]
fn an_empty_tree_holds_nothing() {
    let mut tree = empty();
    let (a, _) = tree.insert(filter("a/+/c"), subscription(1, Qos::AtMostOnce));
    let (b, _) = tree.insert(filter("a/b/#"), subscription(1, Qos::AtMostOnce));
    tree.remove_all(SessionId(1), &[a, b].into());
    assert_eq!((tree.tree.size(), tree.len()), ((0, 0), 0));
    assert!(tree.tree.levels.find("a").is_none());
}

#[test]
fn mqtt_3_3_4_2_overlapping_subscriptions_are_one_member_at_the_highest_qos() {
    let mut tree = empty();
    let id = NonZeroU32::new;
    tree.insert(filter("a/#"), Subscription { id: id(7), ..subscription(1, Qos::AtLeastOnce) });
    tree.insert(filter("a/+"), Subscription { id: id(9), ..subscription(1, Qos::ExactlyOnce) });
    tree.insert(filter("+/b"), subscription(2, Qos::AtMostOnce));
    let audience = tree.audience(TopicName::new("a/b").unwrap(), |_| true);
    assert_eq!(audience.members.len(), 2);
    assert_eq!(audience.members[0].wants(None).unwrap().qos, Qos::ExactlyOnce);
    let mut ids = audience.members[0].wants(None).unwrap().ids.to_vec();
    ids.sort_unstable();
    assert_eq!(ids, [7, 9]);
}

#[test]
fn a_remembered_answer_does_not_survive_a_change() {
    let mut tree = empty();
    assert_eq!(sessions(&mut tree, "a"), [] as [u32; 0]);
    tree.insert(filter("a"), subscription(3, Qos::AtMostOnce));
    assert_eq!(sessions(&mut tree, "a"), [3]);
    tree.remove(filter("a"), SessionId(3));
    assert_eq!(sessions(&mut tree, "a"), [] as [u32; 0]);
}

#[test]
fn long_topics_do_not_fill_the_memory() {
    let mut tree = empty();
    for n in 0..2000 {
        let topic = format!("{n}/{}", "x".repeat(60_000));
        assert_eq!(sessions(&mut tree, &topic), [] as [u32; 0]);
        let held = tree.cache.topic_bytes();
        assert!(held <= cache::CACHED_BYTES, "{held} bytes after {n} topics");
    }
}

#[test]
fn a_shared_subscription_matches_as_its_filter_does() {
    let mut tree = empty();
    let member = subscription(1, Qos::AtLeastOnce);
    let all = tree.insert_shared(("g", filter("#")), member, true);
    let one = tree.insert_shared(("g", filter("a/+")), member, true);
    assert_eq!(tree.insert_shared(("g", filter("a/+")), subscription(2, Qos::AtMostOnce), true), one);
    let other = tree.insert_shared(("h", filter("a/+")), member, true);
    let mut shares = |topic| tree.audience(TopicName::new(topic).unwrap(), |_| true).shares.to_vec();
    assert_eq!(shares("b"), [all]);
    assert_eq!(shares("a/b"), [all, one, other]);
    assert_eq!(shares("$SYS/b"), [], "[MQTT-4.7.2-1] holds for the filter behind the share name");
    assert_eq!(shares("$share/g/a/b"), []);
    assert_eq!(tree.len(), 4);
}

#[test]
fn a_share_without_members_leaves_nothing_behind() {
    let mut tree = empty();
    let topic = TopicName::new("a/b").unwrap();
    let shares: Vec<_> = [1, 2]
        .map(|n| tree.insert_shared(("g", filter("a/+")), subscription(n, Qos::AtLeastOnce), n == 1))
        .into();
    assert_eq!(tree.audience(topic, |_| true).shares.len(), 1);
    for n in [1, 1, 2] {
        tree.leave_share(shares[0], SessionId(n));
    }
    assert_eq!(tree.audience(topic, |_| true).shares.len(), 0);
    assert_eq!((tree.tree.size(), tree.len(), tree.shares.len()), ((0, 0), 0, 0));
    assert!(tree.tree.levels.find("g").is_none() && tree.tree.levels.find("a").is_none());
}
