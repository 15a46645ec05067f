//! Who somebody is by a login in the browser or by a token (a password, or by AUTH): what it lets in, for how long, and what for.

use std::sync::Arc;

use mqtt::SessionExpiry;
use mqtt::packet::Auth;

use super::*;
use crate::broker::{Access, Anonymous, Checked, Grant, Identity, Rule, Rules, User, Users};

/// The key whose tokens count.
const KEY: u64 = 7;
const TOKEN: &[u8] = b"eyJhbGciOiJub25lIn0.e30.";

fn users(vouchers: &[u64]) -> Arc<Users> {
    let mut users = Users::default();
    users.vouchers = vouchers.to_vec();
    users.insert("alice", User { password: Some("A".into()), ..User::default() });
    users.into()
}

fn world() -> World {
    let mut w = World::new(Config { users: users(&[KEY]), ..Config::default() });
    w.is_far = true;
    w
}

fn of_login(user: &str, login: u64, until: Option<Instant>) -> Arc<Identity> {
    Identity { login, until, ..Identity::of_user(user.into()) }.into()
}

/// A token's word: no bound where there are no filters.
fn grant(groups: &[&str], publish: Option<&[&str]>, subscribe: Option<&[&str]>) -> Arc<Grant> {
    let filters = |list: &[&str]| list.iter().map(|filter| filter.parse().unwrap()).collect();
    let groups = groups.iter().map(|&group| group.into()).collect();
    Grant::new(KEY, groups, publish.map(filters), subscribe.map(filters)).into()
}

fn of_token(user: &str, grant: Arc<Grant>, until: Option<Instant>) -> Checked {
    Checked::Token(Identity { until, grant: Some(grant), ..Identity::of_user(user.into()) }.into())
}

fn free() -> Arc<Grant> {
    grant(&[], None, None)
}

fn with_token(version: Version, client_id: &str) -> Connect<'_> {
    Connect { user_name: Some("any"), password: Some(TOKEN), ..Connect::new(version, client_id) }
}

fn lasting<'a>(connect: &Connect<'a>) -> Connect<'a> {
    let mut connect = Connect { clean_start: false, ..connect.clone() };
    connect.properties.session_expiry = SessionExpiry::from_secs(1000);
    connect
}

fn auth(reason: ReasonCode, data: Option<&'static [u8]>) -> Packet<'static> {
    Packet::Auth(Auth { method: Some("JWT"), data, ..Auth::new(reason) })
}

impl World {
    fn check(&mut self, checked: Checked) {
        let check = self.checks.pop().expect("something is to be checked");
        assert_eq!(check.hash, None, "a token has no hash");
        assert_eq!(&*check.password, TOKEN);
        self.handle(Input::Checked { connection: check.connection, number: check.number, checked });
    }

    /// Connects by a token that says this.
    fn token(&mut self, connect: &Connect<'_>, said: Checked) -> usize {
        let id = self.connect_only(connect);
        assert_eq!(self.take(id), [] as [&str; 0], "nothing is said before it is checked");
        self.check(said);
        id
    }

    fn identified(&mut self, identity: Arc<Identity>, connect: &Connect<'_>) -> usize {
        self.identity = Some(identity);
        let id = self.connect_only(connect);
        self.identity = None;
        id
    }

    fn set_users(&mut self, users: Arc<Users>) {
        let anonymous = Anonymous::FromLoopback;
        self.handle(Input::Access(Access { anonymous, users, rules: Arc::default() }));
    }
}

#[test]
fn a_login_before_connect_lets_in_who_names_no_user() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut w = world();
        let id = w.identified(of_login("alice", 1, None), &Connect::new(version, "c"));
        assert_eq!(w.take(id), ["Connack 00"]);
        // Who names a user has to be it.
        let named = Connect { user_name: Some("alice"), password: Some(b"x"), ..Connect::new(version, "d") };
        let id = w.identified(of_login("alice", 1, None), &named);
        assert_eq!(w.checks.pop().and_then(|check| check.hash).as_deref(), Some("A"));
        assert_eq!(w.take(id), [] as [&str; 0]);
        // And one who is no user any more, or whose time is over, is nobody.
        let over = of_login("alice", 1, Some(w.now));
        for identity in [of_login("bob", 1, None), over] {
            let id = w.identified(identity, &Connect::new(version, "e"));
            assert_eq!(w.take(id), ["Connack 87"]);
        }
    }
}

#[test]
fn a_session_belongs_to_the_user_of_a_login_or_token() {
    let mut w = world();
    let connect = lasting(&Connect::new(Version::V5, "c"));
    let id = w.identified(of_login("alice", 1, None), &connect);
    assert_eq!(w.take(id), ["Connack 00"]);
    w.cut(id);
    let token = lasting(&with_token(Version::V5, "c"));
    let id = w.token(&token, of_token("bob", free(), None));
    assert_eq!(w.take(id), ["Connack 85"], "it is alice's");
    // The same user, whatever it is known by.
    let id = w.token(&token, of_token("alice", free(), None));
    assert_eq!(w.take(id), ["Connack 00 present"]);
    w.cut(id);
    let id = w.token(&lasting(&with_token(Version::V5, "d")), of_token("carol", free(), None));
    assert_eq!(w.take(id), ["Connack 00"]);
    w.cut(id);
    let id = w.identified(of_login("alice", 1, None), &lasting(&Connect::new(Version::V5, "d")));
    assert_eq!(w.take(id), ["Connack 85"], "also where its owner is in no table");
    w.is_far = false;
    let id = w.connect_only(&lasting(&Connect::new(Version::V5, "d")));
    assert_eq!(w.take(id), ["Connack 85"], "and for whoever is nobody");
}

#[test]
fn the_end_of_a_login_or_token_ends_the_connection() {
    let mut w = world();
    let until = Some(w.now + secs(60));
    let five = w.identified(of_login("alice", 1, until), &Connect::new(Version::V5, "a"));
    let three = w.token(&with_token(Version::V3_1_1, "b"), of_token("bob", free(), until));
    let forever = w.identified(of_login("alice", 2, None), &Connect::new(Version::V5, "c"));
    for id in [five, three, forever] {
        assert_eq!(w.take(id), ["Connack 00"]);
    }
    w.pass(Duration::from_millis(59_999));
    assert!(!w.wire[five].is_closed && !w.wire[three].is_closed);
    w.pass(Duration::from_millis(1));
    assert_eq!(w.take(five), ["Disconnect a0"], "maximum connect time");
    assert!(w.wire[five].is_closed && w.wire[three].is_closed && !w.wire[forever].is_closed);
    assert_eq!(w.take(three), [] as [&str; 0], "3.1.1 has no word for it");
}

#[test]
fn a_keep_alive_beside_the_end_still_counts() {
    let mut w = world();
    let connect = Connect { keep_alive_s: 10, ..Connect::new(Version::V5, "a") };
    let until = Some(w.now + secs(60));
    let silent = w.identified(of_login("alice", 1, until), &connect);
    w.take(silent);
    w.pass(secs(15));
    assert_eq!(w.take(silent), ["Disconnect 8d"], "it fell silent before");
    let connect = Connect { client_id: "b", ..connect };
    let until = Some(w.now + secs(60));
    let busy = w.identified(of_login("alice", 1, until), &connect);
    w.take(busy);
    for _ in 0..5 {
        w.pass(secs(11));
        w.send(busy, &Packet::Pingreq);
    }
    w.take(busy);
    w.pass(secs(5));
    assert_eq!(w.take(busy), ["Disconnect a0"]);
}

#[test]
fn a_revoked_login_ends_its_connections_and_no_others() {
    let mut w = world();
    let connect = |client_id| Connect::new(Version::V5, client_id);
    let one = w.identified(of_login("alice", 1, None), &connect("a"));
    let two = w.identified(of_login("alice", 2, None), &connect("b"));
    let named = Connect { user_name: Some("alice"), password: Some(b"x"), ..connect("c") };
    let by_password = w.identified(of_login("alice", 1, None), &named);
    let check = w.checks.pop().expect("a password is to be checked");
    w.handle(Input::Checked { connection: check.connection, number: check.number, checked: Checked::Right });
    let waiting = {
        w.identity = Some(of_login("alice", 1, None));
        let id = w.open(Version::V5);
        w.identity = None;
        id
    };
    for id in [one, two, by_password] {
        assert_eq!(w.take(id), ["Connack 00"]);
    }
    w.handle(Input::Revoked { login: 1 });
    assert_eq!(w.take(one), ["Disconnect 98"], "administrative action");
    assert!(w.wire[one].is_closed && w.wire[waiting].is_closed, "also before CONNECT");
    assert!(!w.wire[two].is_closed && !w.wire[by_password].is_closed, "which has proved itself");
}

#[test]
fn a_token_that_does_not_count_is_refused_with_the_reason_and_counted() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut w = world();
        for n in 1..=10 {
            let id = w.token(&with_token(version, "c"), Checked::BadToken("it has expired".into()));
            assert_eq!(w.take(id), ["Connack 86"]);
            assert_eq!(w.broker.counters().authentications_failed, n);
        }
        let id = w.connect_only(&with_token(version, "c"));
        let told = if version.is_5() { "Connack 9f" } else { "Connack 88" };
        assert_eq!((w.take(id), w.checks.len()), (vec![told.to_owned()], 0), "too many");
    }
}

#[test]
fn without_a_key_a_token_is_a_password_like_any_other() {
    let mut w = World::new(Config { users: users(&[]), ..Config::default() });
    let _id = w.connect_only(&with_token(Version::V5, "c"));
    assert_eq!(w.checks.pop().and_then(|check| check.hash).as_deref(), Some("A"));
    // A key that is gone meanwhile lets nobody in either.
    let mut w = world();
    let id = w.connect_only(&with_token(Version::V5, "c"));
    w.set_users(users(&[KEY + 1]));
    w.check(of_token("bob", free(), None));
    assert_eq!(w.take(id), ["Connack 86"]);
}

#[test]
fn who_came_by_a_key_that_is_gone_has_to_go() {
    let mut w = world();
    let bob = w.token(&with_token(Version::V5, "c"), of_token("bob", free(), None));
    let alice = w.identified(of_login("alice", 1, None), &Connect::new(Version::V5, "d"));
    for id in [alice, bob] {
        assert_eq!(w.take(id), ["Connack 00"]);
    }
    w.set_users(users(&[1, KEY]));
    assert!(!w.wire[bob].is_closed);
    w.set_users(users(&[1]));
    assert_eq!(w.take(bob), ["Disconnect 87"]);
    assert!(!w.wire[alice].is_closed);
}

#[test]
fn a_change_of_users_between_the_login_and_connect_counts() {
    let other = |hash: &str| {
        let mut users = Users::default();
        users.insert("alice", User { password: Some(hash.into()), ..User::default() });
        users.insert("bob", User { password: Some("B".into()), ..User::default() });
        Arc::new(users)
    };
    for (hash, told) in [("A", "Connack 00"), ("another", "Connack 87")] {
        let mut w = world();
        w.identity = Some(of_login("alice", 1, None));
        let id = w.open(Version::V5);
        w.set_users(other(hash));
        w.send(id, &Packet::Connect(Box::new(Connect::new(Version::V5, "c"))));
        assert_eq!(w.take(id), [told], "its password is {hash}");
    }
}

#[test]
fn a_token_narrows_what_the_rules_allow() {
    let house = Rule {
        allows: true,
        publish: true,
        subscribe: true,
        user: None,
        group: Some("house".into()),
        client_id: None,
        topics: vec!["a/#".parse().unwrap()],
        max_qos: Qos::ExactlyOnce,
        retain: true,
        line: 1,
    };
    let rules = Rules::new(vec![house]).into();
    let mut w = World::new(Config { users: users(&[KEY]), rules, ..Config::default() });
    let said = |groups: &[&str]| grant(groups, Some(&["a/1", "b"]), Some(&["a/%u/#"]));
    let id = w.token(&with_token(Version::V5, "c"), of_token("bob", said(&["house"]), None));
    w.take(id);
    w.subscribe(id, "a/bob/#", Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["SUBACK"]);
    w.subscribe(id, "a/1", Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["SUBACK [87]"], "its token does not leave room for that");
    for (topic, answer) in [("a/1", "Puback 10"), ("a/2", "Puback 87"), ("b", "Puback 87")] {
        w.publish(id, &message(topic, "x", Qos::AtLeastOnce));
        assert_eq!(w.take(id), [answer], "{topic}");
    }
    let other = w.token(&with_token(Version::V5, "d"), of_token("bob", said(&["garden"]), None));
    w.take(other);
    w.publish(other, &message("a/1", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(other), ["Puback 87"], "the rules are for another group");
}

#[test]
fn without_rules_a_token_may_still_have_bounds() {
    let mut w = world();
    let said = grant(&[], Some(&["a"]), Some(&["b"]));
    let id = w.token(&with_token(Version::V5, "c"), of_token("bob", said, None));
    w.subscribe(id, "#", Qos::AtLeastOnce);
    w.publish(id, &message("b", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["Connack 00", "SUBACK", "Puback 87"]);
    w.is_far = false;
    let anybody = w.client("any");
    w.publish(anybody, &message("a", "1", Qos::AtMostOnce));
    w.publish(anybody, &message("b", "2", Qos::AtMostOnce));
    assert_eq!(w.take(id), ["b=2 q0"], "of `#` it gets what it may read");
}

/// What waits in a session is judged by the token that its client comes with (law 9).
#[test]
fn another_token_gives_other_rights_to_the_same_session() {
    let mut w = world();
    let connect = lasting(&with_token(Version::V5, "c"));
    let id = w.token(&connect, of_token("bob", grant(&[], None, Some(&["a", "b"])), None));
    w.subscribe(id, "#", Qos::AtLeastOnce);
    assert_eq!(w.take(id), ["Connack 00", "SUBACK"]);
    w.is_far = false;
    let anybody = w.client("any");
    w.publish(anybody, &message("a", "1", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["a=1 q1"]);
    w.puback(id, 1);
    w.cut(id);
    for topic in ["a", "b", "c"] {
        w.publish(anybody, &message(topic, "2", Qos::AtLeastOnce));
    }
    let id = w.token(&connect, of_token("bob", grant(&[], None, Some(&["b"])), None));
    assert_eq!(w.take(id), ["Connack 00 present", "b=2 q1"]);
    w.publish(anybody, &message("a", "3", Qos::AtLeastOnce));
    assert_eq!(w.take(id), [] as [&str; 0], "what was remembered of its rights is forgotten");
}

/// 4.12, with a token instead of a password. [MQTT-4.12.0-2] to [MQTT-4.12.0-6]
#[test]
fn a_token_can_come_by_auth() {
    let mut w = world();
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.authentication_method = Some("JWT");
    let id = w.connect_only(&connect);
    assert_eq!(w.take(id), ["AUTH"], "it is asked for");
    w.send(id, &auth(ReasonCode::ContinueAuthentication, Some(TOKEN)));
    w.check(of_token("bob", free(), None));
    assert_eq!(w.take(id), ["Connack 00"]);
    connect.properties.authentication_data = Some(TOKEN);
    connect.client_id = "d";
    let id = w.connect_only(&connect);
    w.check(of_token("bob", free(), None));
    assert_eq!(w.take(id), ["Connack 00"], "or comes with CONNECT");
    connect.client_id = "e";
    let id = w.connect_only(&connect);
    w.check(Checked::BadToken("it has expired".into()));
    assert_eq!(w.take(id), ["Connack 87"]);
    connect.properties.authentication_method = Some("PLAIN");
    let id = w.connect_only(&connect);
    assert_eq!(w.take(id), ["Connack 8c"]);
}

/// [MQTT-4.12.1-1], [MQTT-4.12.1-2]
#[test]
fn a_new_token_by_auth_prolongs_the_connection() {
    let mut w = world();
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.authentication_method = Some("JWT");
    connect.properties.authentication_data = Some(TOKEN);
    let start = w.now;
    let said = |bound: &'static [&'static str], seconds| {
        of_token("bob", grant(&[], Some(bound), None), Some(start + secs(seconds)))
    };
    let id = w.token(&connect, said(&["a"], 60));
    w.take(id);
    w.pass(secs(50));
    w.send(id, &auth(ReasonCode::ReAuthenticate, Some(TOKEN)));
    assert_eq!(w.take(id), [] as [&str; 0]);
    w.check(said(&["b"], 120));
    assert_eq!(w.take(id), ["AUTH"], "success");
    w.pass(secs(69));
    w.publish(id, &message("a", "x", Qos::AtLeastOnce));
    w.publish(id, &message("b", "x", Qos::AtLeastOnce));
    assert_eq!(w.take(id), ["Puback 87", "Puback 10"], "and what it says now counts");
    w.pass(secs(1));
    assert_eq!(w.take(id), ["Disconnect a0"]);
    for bad in [Checked::BadToken("it has expired".into()), said(&["a"], 240)] {
        let other = matches!(bad, Checked::Token(_));
        let id = w.token(&connect, of_token("carol", free(), None));
        w.take(id);
        w.send(id, &auth(ReasonCode::ReAuthenticate, Some(TOKEN)));
        w.check(bad);
        assert_eq!(w.take(id), ["Disconnect 87"], "another user: {other}");
    }
    // Who came with the token as a password cannot [MQTT-4.12.0-7].
    let id = w.token(&with_token(Version::V5, "p"), of_token("bob", free(), Some(w.now + secs(500))));
    w.take(id);
    w.send(id, &auth(ReasonCode::ReAuthenticate, Some(TOKEN)));
    assert_eq!(w.take(id), ["Disconnect 82"]);
}
