//! Enhanced authentication (4.12), branch by branch.

use mqtt::packet::{Auth, Connack, ConnectWill, Disconnect};
use mqtt::scram::{Client, Credentials, METHOD, Nonce, ServerProof};
use mqtt::{SessionExpiry, Will};

use super::*;
use crate::broker::{User, Users};

fn config() -> Config {
    let mut users = Users::default();
    for (name, password) in [("alice", "pencil"), ("bob", "eraser")] {
        let scram = Credentials::derive(password, b"0123456789abcdef", 4096).unwrap();
        assert!(users.insert(name, User { scram: Some(scram), ..User::default() }).is_none());
    }
    Config { users: users.into(), ..Config::default() }
}

fn world() -> World {
    World::new(config())
}

fn hello<'a>(client_id: &'a str, data: Option<&'a str>) -> Connect<'a> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.properties.authentication_method = Some(METHOD);
    connect.properties.authentication_data = data.map(str::as_bytes);
    connect
}

fn auth(reason: ReasonCode, data: &str) -> Packet<'_> {
    let data = (!data.is_empty()).then_some(data.as_bytes());
    Packet::Auth(Auth { method: Some(METHOD), data, ..Auth::new(reason) })
}

fn scram(user: &str, password: &str) -> Client {
    Client::new(user, password, Nonce::new("rOprNGfwEbeRWgbNEkqO").unwrap()).unwrap()
}

impl World {
    /// The one packet that a connection was sent since the last look.
    fn one(&mut self, id: usize) -> Packet<'static> {
        let bytes: &'static [u8] = Vec::leak(std::mem::take(&mut self.wire[id].bytes));
        let (packet, size) = Deframer::client(Version::V5, u32::MAX).next(bytes).unwrap().expect("a packet");
        assert_eq!(size, bytes.len(), "one packet, not also {:?}", &bytes[size..]);
        packet
    }

    fn challenge(&mut self, id: usize) -> &'static [u8] {
        match self.one(id) {
            Packet::Auth(Auth { reason, method, data: Some(data), .. }) => {
                assert_eq!((reason, method), (ReasonCode::ContinueAuthentication, Some(METHOD)));
                data
            }
            other => panic!("no challenge: {other:?}"),
        }
    }

    fn connack(&mut self, id: usize) -> Connack<'static> {
        match self.one(id) {
            Packet::Connack(connack) => *connack,
            other => panic!("no CONNACK: {other:?}"),
        }
    }

    fn refused(&mut self, id: usize) -> ReasonCode {
        let reason = self.connack(id).reason;
        assert!(self.wire[id].is_closed && reason.is_error(), "[MQTT-4.12.0-4]");
        reason
    }

    fn ended(&mut self, id: usize) -> ReasonCode {
        assert!(self.wire[id].is_closed);
        match self.one(id) {
            Packet::Disconnect(disconnect) => disconnect.reason,
            other => panic!("no DISCONNECT: {other:?}"),
        }
    }

    fn send_connect(&mut self, connect: &Connect<'_>) -> usize {
        let id = self.open(Version::V5);
        self.send(id, &Packet::Connect(Box::new(connect.clone())));
        id
    }

    /// Goes through a login up to the Client's proof.
    fn prove(&mut self, connect: &Connect<'_>, user: &str, password: &str) -> (usize, ServerProof) {
        let client = scram(user, password);
        let first = client.first();
        let mut connect = connect.clone();
        connect.properties.authentication_method = Some(METHOD);
        connect.properties.authentication_data = Some(first.as_bytes());
        let id = self.send_connect(&connect);
        let challenge = self.challenge(id);
        let (proof, answer) = client.answer(challenge).unwrap();
        self.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
        (id, proof)
    }

    fn log_in_with(&mut self, connect: &Connect<'_>, user: &str, password: &str) -> (usize, bool) {
        let (id, proof) = self.prove(connect, user, password);
        let connack = self.connack(id);
        assert_eq!(connack.reason, ReasonCode::Success);
        assert_eq!(connack.properties.authentication_method, Some(METHOD), "[MQTT-4.12.0-5]");
        proof.check(connack.properties.authentication_data.expect("the server proves itself")).unwrap();
        (id, connack.session_present)
    }

    fn log_in(&mut self, client_id: &str) -> usize {
        self.log_in_with(&Connect::new(Version::V5, client_id), "alice", "pencil").0
    }

    /// Proves again who it is, and gives what the Server answers.
    fn reauthenticate(&mut self, id: usize, user: &str, password: &str) -> (Packet<'static>, ServerProof) {
        let client = scram(user, password);
        self.send(id, &auth(ReasonCode::ReAuthenticate, &client.first()));
        let challenge = self.challenge(id);
        let (proof, answer) = client.answer(challenge).unwrap();
        self.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
        (self.one(id), proof)
    }
}

/// [MQTT-4.12.0-2], [MQTT-4.12.0-3], [MQTT-4.12.0-5]
#[test]
fn both_sides_prove_who_they_are() {
    let mut w = world();
    let id = w.log_in("c");
    w.subscribe(id, "a", Qos::AtMostOnce);
    assert_eq!(w.take(id), ["SUBACK"], "and then it is a client as any other");
}

#[test]
fn the_first_word_may_come_after_connect() {
    let mut w = world();
    let id = w.send_connect(&hello("c", None));
    let Packet::Auth(asked) = w.one(id) else { panic!("it is asked for") };
    assert_eq!((asked.reason, asked.data), (ReasonCode::ContinueAuthentication, None));
    let client = scram("alice", "pencil");
    w.send(id, &auth(ReasonCode::ContinueAuthentication, &client.first()));
    let challenge = w.challenge(id);
    let (_, answer) = client.answer(challenge).unwrap();
    w.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
    assert_eq!(w.connack(id).reason, ReasonCode::Success);
}

/// [MQTT-4.12.0-4]: whoever does not know a password does not learn either whether there is such a user.
#[test]
fn an_unknown_user_is_asked_and_refused_like_one_with_a_wrong_password() {
    let mut w = world();
    let mut salts = Vec::new();
    for user in ["alice", "nobody", "nobody", "somebody"] {
        let client = scram(user, "wrong");
        let id = w.send_connect(&hello("c", Some(&client.first())));
        let challenge = w.challenge(id);
        let text = std::str::from_utf8(challenge).unwrap();
        let (_, rest) = text.split_once(",s=").unwrap();
        assert!(rest.ends_with(",i=4096"), "{text}");
        salts.push(rest.to_owned());
        let (_, answer) = client.answer(challenge).unwrap();
        w.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
        let connack = w.connack(id);
        assert_eq!(connack.reason, ReasonCode::NotAuthorized);
        assert_eq!(connack.properties.reason_string, Some("the login failed: the proof is wrong"));
        assert!(w.wire[id].is_closed);
    }
    assert_eq!(salts[1], salts[2], "the same each time, as a real one");
    assert!(salts[0].len() == salts[1].len() && salts[1] != salts[3]);
    assert_eq!(w.broker.counters().authentications_failed, 4);
    assert_eq!(w.broker.counters().sessions, 0);
}

/// [MQTT-4.12.0-1]
#[test]
fn a_method_that_is_not_offered_is_refused() {
    for (config, method) in [(config(), "PLAIN"), (config(), "SCRAM-SHA-1"), (Config::default(), METHOD)] {
        let mut w = World::new(config);
        let mut connect = hello("c", None);
        connect.properties.authentication_method = Some(method);
        let id = w.send_connect(&connect);
        assert_eq!(w.refused(id), ReasonCode::BadAuthenticationMethod);
    }
}

/// [MQTT-3.1.2-30], [MQTT-4.12.0-3], [MQTT-4.12.0-5]
#[test]
fn nothing_else_is_taken_before_connack() {
    let first = scram("alice", "pencil").first();
    let other_method = Auth { method: Some("PLAIN"), ..Auth::new(ReasonCode::ContinueAuthentication) };
    let no_method = Auth { method: None, ..other_method.clone() };
    for (packet, reason) in [
        (Packet::Pingreq, ReasonCode::ProtocolError),
        (Packet::Connect(Box::new(hello("c", Some(&first)))), ReasonCode::ProtocolError),
        (auth(ReasonCode::ReAuthenticate, &first), ReasonCode::ProtocolError),
        (auth(ReasonCode::Success, &first), ReasonCode::ProtocolError),
        (Packet::Auth(no_method), ReasonCode::ProtocolError),
        (Packet::Auth(other_method), ReasonCode::BadAuthenticationMethod),
        (auth(ReasonCode::ContinueAuthentication, "rubbish"), ReasonCode::NotAuthorized),
        (auth(ReasonCode::ContinueAuthentication, ""), ReasonCode::NotAuthorized),
    ] {
        let mut w = world();
        let id = w.send_connect(&hello("c", Some(&first)));
        w.challenge(id);
        w.send(id, &packet);
        assert_eq!(w.refused(id), reason, "{packet:?}");
    }
    let mut w = world();
    let id = w.send_connect(&hello("c", Some("rubbish")));
    assert_eq!(w.refused(id), ReasonCode::NotAuthorized);
}

#[test]
fn bytes_that_are_no_packet_are_refused_in_a_login_too() {
    let mut w = world();
    let first = scram("alice", "pencil").first();
    let id = w.send_connect(&hello("c", Some(&first)));
    w.challenge(id);
    let error = mqtt::codec::DecodeError::Malformed("bad");
    let connection = ConnectionId(id as u32);
    w.handle(Input::Malformed { connection, version: Some(Version::V5), error });
    assert_eq!(w.refused(id), ReasonCode::MalformedPacket);
}

/// Its connection was never accepted, so its will is none (3.1.2.5), however the login ends.
#[test]
fn a_will_does_not_outlive_a_login_that_fails() {
    let mut w = world();
    let watcher = w.client("watcher");
    w.subscribe(watcher, "#", Qos::AtMostOnce);
    w.take(watcher);
    let will = Will { message: message("will", "gone", Qos::AtMostOnce), delay_s: 0 };
    let first = scram("alice", "pencil").first();
    let connect = Connect { will: Some(ConnectWill::of(&will)), ..hello("mortal", Some(&first)) };
    let ends: [fn(&mut World, usize); 4] = [
        |w, id| w.cut(id),
        |w, id| w.send(id, &Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill))),
        |w, id| w.send(id, &auth(ReasonCode::ContinueAuthentication, "c=biws,r=x,p=AAAA")),
        |w, _| w.pass(secs(11)),
    ];
    for end in ends {
        let id = w.send_connect(&connect);
        w.challenge(id);
        end(&mut w, id);
        assert_eq!(w.take(watcher), [] as [&str; 0]);
        assert_eq!(w.broker.counters().sessions, 1, "nor is there a session");
    }
    let (id, _) = w.log_in_with(&connect, "alice", "pencil");
    w.cut(id);
    assert_eq!(w.take(watcher), ["will=gone q0"], "but that of one who was let in counts");
}

#[test]
fn a_login_must_be_done_in_the_time_of_a_connect() {
    let mut w = world();
    let client = scram("alice", "pencil");
    let id = w.open(Version::V5);
    w.pass(secs(6));
    w.send(id, &Packet::Connect(Box::new(hello("c", Some(&client.first())))));
    w.challenge(id);
    w.pass(Duration::from_millis(3_900));
    assert!(!w.wire[id].is_closed);
    w.pass(Duration::from_millis(200));
    assert_eq!(
        w.refused(id),
        ReasonCode::NotAuthorized,
        "ten seconds from the opening, not from the last packet"
    );
    // One that is in keeps its own times.
    let id = w.log_in("c");
    w.pass(secs(1000));
    assert!(!w.wire[id].is_closed);
}

/// [MQTT-4.12.1-1]
#[test]
fn a_client_may_prove_again_who_it_is_while_all_else_goes_on() {
    let mut w = world();
    let id = w.log_in("c");
    let other = w.client("other");
    w.subscribe(id, "a", Qos::AtMostOnce);
    w.take(id);
    for _ in 0..2 {
        let client = scram("alice", "pencil");
        w.send(id, &auth(ReasonCode::ReAuthenticate, &client.first()));
        let challenge = w.challenge(id);
        w.publish(other, &message("a", "meanwhile", Qos::AtMostOnce));
        w.send(id, &Packet::Pingreq);
        assert_eq!(w.take(id), ["a=meanwhile q0", "PINGRESP"]);
        let (proof, answer) = client.answer(challenge).unwrap();
        w.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
        let Packet::Auth(done) = w.one(id) else { panic!("AUTH ends it") };
        assert_eq!((done.reason, done.method), (ReasonCode::Success, Some(METHOD)));
        proof.check(done.data.expect("the server proves itself again")).unwrap();
    }
}

/// [MQTT-4.12.1-2]
#[test]
fn a_failed_proof_ends_the_connection() {
    for (user, password) in [("alice", "wrong"), ("nobody", "pencil"), ("bob", "eraser")] {
        let mut w = world();
        let id = w.log_in("c");
        let (answer, _) = w.reauthenticate(id, user, password);
        let Packet::Disconnect(end) = answer else { panic!("{user}: {answer:?}") };
        assert_eq!(end.reason, ReasonCode::NotAuthorized, "{user}, who is not alice");
        assert!(w.wire[id].is_closed);
    }
}

/// [MQTT-4.12.0-7], [MQTT-4.12.1-1]
#[test]
fn auth_out_of_place_is_a_protocol_error() {
    let first = scram("alice", "pencil").first();
    let mut w = world();
    for reason in [ReasonCode::ReAuthenticate, ReasonCode::ContinueAuthentication, ReasonCode::Success] {
        let id = w.client("plain");
        w.send(id, &auth(reason, &first));
        assert_eq!(w.ended(id), ReasonCode::ProtocolError, "{reason}: CONNECT had no method");
    }
    for reason in [ReasonCode::ContinueAuthentication, ReasonCode::Success] {
        let id = w.log_in("c");
        w.send(id, &auth(reason, &first));
        assert_eq!(w.ended(id), ReasonCode::ProtocolError, "{reason} begins nothing");
    }
    let id = w.log_in("c");
    w.send(id, &auth(ReasonCode::ReAuthenticate, &first));
    w.challenge(id);
    w.send(id, &auth(ReasonCode::ReAuthenticate, &first));
    assert_eq!(w.ended(id), ReasonCode::ProtocolError, "one at a time");
    let id = w.log_in("c");
    let other = Auth { method: Some("PLAIN"), ..Auth::new(ReasonCode::ReAuthenticate) };
    w.send(id, &Packet::Auth(other));
    assert_eq!(w.ended(id), ReasonCode::BadAuthenticationMethod);
}

#[test]
fn a_user_may_come_from_anywhere_and_nobody_else() {
    let mut w = world();
    w.is_far = true;
    let id = w.send_connect(&Connect::new(Version::V5, "anonymous"));
    assert_eq!(w.refused(id), ReasonCode::NotAuthorized);
    w.log_in("c");
}

/// A session belongs to the user who made it.
#[test]
fn another_user_does_not_get_a_session() {
    let mut w = world();
    let mut connect = Connect::new(Version::V5, "phone");
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(1000);
    let (alice, _) = w.log_in_with(&connect, "alice", "pencil");
    for clean_start in [false, true] {
        let connect = Connect { clean_start, ..connect.clone() };
        let (bob, _) = w.prove(&connect, "bob", "eraser");
        assert_eq!(w.refused(bob), ReasonCode::ClientIdentifierNotValid);
        let nobody = w.send_connect(&connect);
        assert_eq!(w.refused(nobody), ReasonCode::ClientIdentifierNotValid);
    }
    assert!(!w.wire[alice].is_closed, "and whoever has it is not disturbed");
    w.cut(alice);
    let (_, is_present) = w.log_in_with(&connect, "alice", "pencil");
    assert!(is_present);
}

#[test]
fn a_user_begins_anew_where_somebody_without_a_user_was() {
    let mut w = world();
    let mut connect = Connect::new(Version::V5, "phone");
    connect.properties.session_expiry = SessionExpiry::After(1000);
    let squatter = w.connect(&connect);
    w.subscribe(squatter, "trap", Qos::AtLeastOnce);
    w.take(squatter);
    let again = Connect { clean_start: false, ..connect };
    let (alice, is_present) = w.log_in_with(&again, "alice", "pencil");
    assert!(!is_present, "[MQTT-3.2.2-3]");
    assert_eq!(w.take(squatter), ["Disconnect 8e"], "[MQTT-3.1.4-3]");
    assert_eq!(w.broker.counters().subscriptions, 0);
    w.cut(alice);
    assert!(w.log_in_with(&again, "alice", "pencil").1);
}

#[test]
fn room_is_asked_for_when_the_login_is_done() {
    let mut w = World::new(Config { max_connections: 1, ..config() });
    let client = scram("alice", "pencil");
    let id = w.send_connect(&hello("c", Some(&client.first())));
    let challenge = w.challenge(id);
    w.client("faster");
    let (_, answer) = client.answer(challenge).unwrap();
    w.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
    assert_eq!(w.refused(id), ReasonCode::QuotaExceeded);
}

#[test]
fn a_login_asks_for_no_more_than_the_client_takes() {
    let mut w = world();
    let first = scram("alice", "pencil").first();
    let mut connect = hello("c", Some(&first));
    connect.properties.maximum_packet_size = Some(80);
    let id = w.send_connect(&connect);
    assert!(w.wire[id].bytes.len() <= 80);
    assert_eq!(w.refused(id), ReasonCode::PacketTooLarge, "it could not be asked");
    let mut connect = hello("c", Some("rubbish"));
    connect.properties.maximum_packet_size = Some(80);
    let id = w.send_connect(&connect);
    assert!(w.wire[id].bytes.len() <= 80);
    assert_eq!(w.refused(id), ReasonCode::NotAuthorized);
}

#[test]
fn nonces_are_new_each_time_and_follow_from_the_secret() {
    let challenges = |secret: u8| {
        let mut w = world();
        w.broker = Broker::new(Config { sys_interval_s: 0, ..config() }, 1).with_secret([secret; 32]);
        let first = scram("alice", "pencil").first();
        let mut challenge = || {
            let id = w.send_connect(&hello("c", Some(&first)));
            w.challenge(id)
        };
        [challenge(), challenge()]
    };
    let [a, b] = challenges(1);
    assert_ne!(a, b);
    assert_eq!([a, b], challenges(1), "so a test can be repeated");
    assert_ne!(a, challenges(2)[0]);
}

/// [MQTT-3.1.2-24]: whatever it takes, it is told that it is in, or why not.
#[test]
fn nobody_is_let_in_by_a_login_without_being_told() {
    for limit in 80..100 {
        let mut w = world();
        // A short nonce makes our AUTH smaller than our CONNACK.
        let client = Client::new("alice", "pencil", Nonce::new("r").unwrap()).unwrap();
        let first = client.first();
        let mut connect = hello("", Some(&first));
        connect.properties.maximum_packet_size = Some(limit);
        let id = w.send_connect(&connect);
        if !w.wire[id].is_closed {
            let challenge = w.challenge(id);
            let (_, answer) = client.answer(challenge).unwrap();
            w.send(id, &auth(ReasonCode::ContinueAuthentication, &answer));
        }
        let size = w.wire[id].bytes.len();
        assert!((1..=limit as usize).contains(&size), "{size} bytes of {limit}");
    }
}

/// [MQTT-3.1.2-24]
#[test]
fn an_answer_to_a_new_login_that_the_client_cannot_take_ends_the_connection() {
    let mut w = world();
    let mut connect = hello("c", None);
    connect.properties.maximum_packet_size = Some(200);
    let (id, _) = w.prove(&connect, "alice", "pencil");
    w.take(id);
    let long = Nonce::new(&"n".repeat(300)).unwrap();
    let first = Client::new("alice", "pencil", long).unwrap().first();
    w.send(id, &auth(ReasonCode::ReAuthenticate, &first));
    assert_eq!(w.ended(id), ReasonCode::PacketTooLarge);
}
