//! A user name and a password in CONNECT (3.1.3.5, 3.1.3.6), branch by branch.

use std::sync::Arc;

use super::*;
use crate::broker::{Access, Anonymous, Check, Checked, User, Users};

fn users(list: &[(&str, &str)]) -> Arc<Users> {
    let mut users = Users::default();
    for &(name, hash) in list {
        users.insert(name, User { password: Some(hash.into()), ..User::default() });
    }
    users.into()
}

fn world() -> World {
    World::new(Config { users: users(&[("alice", "A"), ("bob", "B")]), ..Config::default() })
}

fn hello<'a>(version: Version, client_id: &'a str, user: &'a str) -> Connect<'a> {
    Connect { user_name: Some(user), password: Some(b"pencil"), ..Connect::new(version, client_id) }
}

impl World {
    fn asks(&mut self, connect: &Connect<'_>) -> (usize, Check) {
        let id = self.connect_only(connect);
        assert_eq!(self.take(id), [] as [&str; 0], "nothing is said before it is checked");
        (id, self.checks.pop().expect("a check"))
    }

    fn checked(&mut self, check: &Check, checked: Checked) {
        self.handle(Input::Checked { connection: check.connection, number: check.number, checked });
    }
}

#[test]
fn a_right_password_lets_in_and_a_wrong_one_does_not() {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        let mut w = world();
        let (id, check) = w.asks(&hello(version, "phone", "alice"));
        assert_eq!((check.hash.as_deref(), &*check.password), (Some("A"), &b"pencil"[..]));
        w.checked(&check, Checked::Right);
        assert_eq!(w.take(id), ["Connack 00"]);
        let (id, check) = w.asks(&hello(version, "phone 2", "alice"));
        w.checked(&check, Checked::Wrong);
        assert_eq!(w.take(id), ["Connack 86"]);
        assert!(w.wire[id].is_closed);
        assert_eq!(w.broker.counters().authentications_failed, 1);
    }
}

#[test]
fn who_does_not_exist_is_checked_too_and_gets_in_by_no_answer() {
    let mut w = world();
    for name in ["nobody", "alice\u{0}"] {
        let Ok(_) = mqtt::scram::prepare(name) else { continue };
        let (id, check) = w.asks(&hello(Version::V5, "phone", name));
        assert!(matches!(check.hash.as_deref(), Some("A" | "B")), "against the hash of one who does");
        w.checked(&check, Checked::Right);
        assert_eq!(w.take(id), ["Connack 86"]);
    }
}

/// A connection that is gone leaves a check behind; its number may be another's when that is answered.
#[test]
fn an_answer_for_one_connection_lets_no_other_in() {
    let mut w = world();
    let (id, old) = w.asks(&hello(Version::V5, "phone", "alice"));
    w.cut(id);
    let peer =
        Peer { name: "mallory".into(), address: None, is_loopback: false, is_proxy: false, identity: None };
    w.wire[id].is_closed = false;
    w.handle(Input::Opened { connection: ConnectionId(id as u32), peer });
    w.send(id, &Packet::Connect(Box::new(hello(Version::V5, "phone", "bob"))));
    let new = w.checks.pop().expect("a check");
    w.checked(&old, Checked::Right);
    assert_eq!(w.take(id), [] as [&str; 0]);
    w.checked(&new, Checked::Wrong);
    assert_eq!(w.take(id), ["Connack 86"]);
    w.checked(&new, Checked::Right);
    assert_eq!(w.take(id), [] as [&str; 0], "once");
}

#[test]
fn half_of_a_login_is_none_and_costs_no_check() {
    let mut w = world();
    for (user_name, password) in [(Some("alice"), None), (None, Some(&b"pencil"[..]))] {
        let connect = Connect { user_name, password, ..Connect::new(Version::V5, "phone") };
        let id = w.connect_only(&connect);
        assert_eq!(w.take(id), ["Connack 86"]);
    }
    assert!(w.checks.is_empty());
}

#[test]
fn without_users_a_name_means_nothing() {
    let mut w = World::new(Config::default());
    let id = w.connect_only(&hello(Version::V3_1_1, "phone", "alice"));
    assert_eq!(w.take(id), ["Connack 00"]);
}

#[test]
fn too_many_at_once_are_told_to_come_again() {
    let mut w = world();
    let (id, check) = w.asks(&hello(Version::V5, "phone", "alice"));
    w.checked(&check, Checked::Busy);
    assert_eq!(w.take(id), ["Connack 89"]);
    assert_eq!(w.broker.counters().authentications_failed, 0);
}

/// Those on their way when the last allowed one fails do not count either.
#[test]
fn who_guesses_gets_few_tries() {
    let mut w = world();
    w.is_far = true;
    let on_its_way = w.asks(&hello(Version::V5, "late", "alice"));
    for n in 0..10 {
        let (id, check) = w.asks(&hello(Version::V5, "phone", if n % 2 == 0 { "alice" } else { "nobody" }));
        w.checked(&check, Checked::Wrong);
        assert_eq!(w.take(id), ["Connack 86"]);
    }
    let id = w.connect_only(&hello(Version::V5, "phone", "alice"));
    assert_eq!(w.take(id), ["Connack 9f"]);
    assert!(w.checks.is_empty());
    w.checked(&on_its_way.1, Checked::Right);
    assert_eq!(w.take(on_its_way.0), ["Connack 9f"]);
    w.is_far = false;
    let (id, check) = w.asks(&hello(Version::V5, "phone", "alice"));
    w.checked(&check, Checked::Right);
    assert_eq!(w.take(id), ["Connack 00"], "from elsewhere");
    w.is_far = true;
    w.pass(secs(60));
    let (id, check) = w.asks(&hello(Version::V5, "other", "alice"));
    w.checked(&check, Checked::Right);
    assert_eq!(w.take(id), ["Connack 00"], "a minute later");
}

#[test]
fn who_is_no_user_any_more_has_to_go_at_once() {
    let mut w = world();
    let come = |w: &mut World, client_id, user| {
        let (id, check) = w.asks(&hello(Version::V5, client_id, user));
        w.checked(&check, Checked::Right);
        assert_eq!(w.take(id), ["Connack 00"]);
        id
    };
    let (alice, bob) = (come(&mut w, "a", "alice"), come(&mut w, "b", "bob"));
    let nobody = w.client("n");
    w.is_far = true;
    let (_, on_its_way) = w.asks(&hello(Version::V5, "c", "bob"));
    let access = |users| Access { anonymous: Anonymous::FromLoopback, users, rules: Arc::default() };
    w.handle(Input::Access(access(users(&[("alice", "A")]))));
    assert_eq!((w.take(alice), w.take(bob), w.take(nobody)), (vec![], vec!["Disconnect 87".into()], vec![]));
    w.checked(&on_its_way, Checked::Right);
    assert_eq!(w.take(on_its_way.connection.0 as usize), ["Connack 86"]);
    w.handle(Input::Access(access(users(&[("alice", "another password")]))));
    assert_eq!(w.take(alice), ["Disconnect 87"]);
    assert_eq!(w.take(nobody), [] as [&str; 0]);
}

/// 4.12: AUTH is for those who named a method.
#[test]
fn who_came_by_password_does_not_log_in_again() {
    let mut w = world();
    let (id, check) = w.asks(&hello(Version::V5, "phone", "alice"));
    w.checked(&check, Checked::Right);
    w.take(id);
    let auth = mqtt::packet::Auth {
        method: Some(mqtt::scram::METHOD),
        ..mqtt::packet::Auth::new(ReasonCode::ReAuthenticate)
    };
    w.send(id, &Packet::Auth(auth));
    assert_eq!(w.take(id), ["Disconnect 82"], "[MQTT-4.12.0-7]");
}
