//! Enhanced authentication: the Client, its authenticator, and a Server that does it well or badly.

use std::task::Poll;
use std::time::Duration;

use mqtt::client::{
    AuthenticationError, Authenticator, Ended, Event, Input, Misbehaviour, ReauthenticateError, ScramLogin,
    Step, Subject,
};
use mqtt::packet::{Auth, Connack, ConnackProperties, Disconnect, Packet};
use mqtt::scram::{ClientFirst, Credentials, METHOD, Nonce};
use mqtt::{Delivery, Qos, ReasonCode, Version};

use crate::pair::{Pair, VERSIONS, config, message, publish};

/// Says what it heard, and accepts all but `bad`.
#[derive(Debug, Default)]
struct Echo {
    begun: u8,
}

impl Authenticator for Echo {
    fn method(&self) -> &str {
        "ECHO"
    }

    fn begin(&mut self) -> Poll<Step> {
        self.begun += 1;
        Poll::Ready(Ok(vec![b'0' + self.begun]))
    }

    fn answer(&mut self, data: &[u8]) -> Poll<Step> {
        Poll::Ready(if data == b"bad" { bad() } else { Ok(data.to_vec()) })
    }

    fn finish(&mut self, data: &[u8]) -> Poll<Step> {
        self.answer(data)
    }
}

fn bad() -> Step {
    Err(AuthenticationError("it is bad".to_owned()))
}

/// Comes to nothing by itself: the test proves each step.
#[derive(Debug)]
struct Later;

impl Authenticator for Later {
    fn method(&self) -> &str {
        "ECHO"
    }

    fn begin(&mut self) -> Poll<Step> {
        Poll::Pending
    }

    fn answer(&mut self, _data: &[u8]) -> Poll<Step> {
        Poll::Pending
    }

    fn finish(&mut self, _data: &[u8]) -> Poll<Step> {
        Poll::Pending
    }
}

/// The transport is open, and no step has come to anything.
fn opened_for_later() -> Pair {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.set_authenticator(Some(Box::new(Later)));
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    pair
}

fn prove(pair: &mut Pair, step: Step) {
    pair.client.prove(pair.now, step);
    pair.drain();
}

/// CONNECT was sent with ECHO.
fn begun() -> Pair {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.set_authenticator(Some(Box::new(Echo::default())));
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    pair
}

/// The Server has accepted it.
fn connected() -> Pair {
    let mut pair = begun();
    pair.packets();
    pair.server(&connack(Some("ECHO"), Some(b"fine")));
    assert!(pair.client.is_connected());
    pair.events();
    pair
}

fn connack(method: Option<&'static str>, data: Option<&'static [u8]>) -> Packet<'static> {
    let properties = ConnackProperties {
        authentication_method: method,
        authentication_data: data,
        ..ConnackProperties::default()
    };
    Packet::Connack(Box::new(Connack { properties, ..Connack::new(ReasonCode::Success) }))
}

fn auth(reason: ReasonCode, data: &'static str) -> Packet<'static> {
    Packet::Auth(Auth { method: Some("ECHO"), data: Some(data.as_bytes()), ..Auth::new(reason) })
}

/// [MQTT-4.12.0-3], [MQTT-4.12.0-5], [MQTT-3.15.2-2], [MQTT-3.15.2-3], [MQTT-3.1.2-30]: AUTH has no words, and nothing else is sent before CONNACK.
#[test]
fn the_client_answers_every_challenge_and_then_goes_on() {
    let mut pair = begun();
    pair.publish(message("waits", Qos::AtMostOnce));
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    assert_eq!(connect.properties.authentication_method, Some("ECHO"));
    assert_eq!(connect.properties.authentication_data, Some(&b"1"[..]));
    for data in ["one", "two"] {
        pair.server(&auth(ReasonCode::ContinueAuthentication, data));
        assert_eq!(pair.packet(), auth(ReasonCode::ContinueAuthentication, data));
    }
    pair.server(&connack(Some("ECHO"), None));
    assert!(matches!(pair.events()[..], [Event::Connected(_), Event::Published { .. }]));
    assert!(matches!(pair.packet(), Packet::Publish(_)));
}

/// [MQTT-4.12.1-1], [MQTT-4.12.0-5]
#[test]
fn a_connection_is_authenticated_again_while_messages_flow() {
    let mut pair = connected();
    pair.client.reauthenticate(pair.now).unwrap();
    assert_eq!(pair.client.reauthenticate(pair.now), Err(ReauthenticateError::UnderWay));
    pair.drain();
    assert_eq!(pair.packet(), auth(ReasonCode::ReAuthenticate, "2"));
    pair.publish(message("meanwhile", Qos::AtMostOnce));
    assert!(matches!(pair.packet(), Packet::Publish(_)));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    assert_eq!(pair.packet(), auth(ReasonCode::ContinueAuthentication, "more"));
    pair.events();
    pair.server(&Packet::Auth(Auth {
        method: Some("ECHO"),
        reason_string: Some("welcome"),
        ..Auth::new(ReasonCode::Success)
    }));
    let remark = Event::Remark {
        about: Subject::Authentication,
        reason_string: Some("welcome".to_owned()),
        user_properties: Vec::new(),
    };
    assert_eq!(pair.events(), [remark, Event::Reauthenticated]);
    assert_eq!(pair.client.reauthenticate(pair.now), Ok(()), "as often as one likes");
}

/// [MQTT-4.12.0-7], [MQTT-4.12.0-6], [MQTT-4.12.1-1]
#[test]
fn without_a_method_at_connect_there_is_no_auth() {
    for version in VERSIONS {
        let mut pair = Pair::new(config(version));
        assert_eq!(pair.client.reauthenticate(pair.now), Err(ReauthenticateError::NotConnected));
        pair = Pair::connected(config(version));
        pair.packets();
        pair.client.set_authenticator(Some(Box::new(Echo::default())));
        assert_eq!(pair.client.reauthenticate(pair.now), Err(ReauthenticateError::OtherMethod));
        pair.drain();
        assert_eq!(pair.packets(), []);
    }
    let mut pair = Pair::connected(config(Version::V5));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "x"));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::Unexpected("AUTH")));
}

#[test]
fn versions_before_5_know_nothing_of_it() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut pair = Pair::new(config(version));
        pair.client.set_authenticator(Some(Box::new(Echo::default())));
        pair.client.start(pair.now);
        pair.drain();
        pair.accept(false);
        assert!(pair.client.is_connected());
    }
}

#[test]
fn a_client_with_a_method_does_not_fall_back_to_a_version_without() {
    let mut pair = begun();
    pair.packets();
    pair.input(Input::Received(&[0x20, 2, 0, 1]));
    let (why, _) = pair.ended();
    assert!(matches!(why, Ended::Malformed(_)), "{why:?}");
    assert_eq!(pair.opens, 1);
}

/// [MQTT-4.12.1-2]
#[test]
fn what_the_authenticator_does_not_accept_ends_the_connection() {
    for packet in [auth(ReasonCode::ContinueAuthentication, "bad"), connack(Some("ECHO"), Some(b"bad"))] {
        let mut pair = begun();
        pair.packets();
        pair.server(&packet);
        let (why, retry_at) = pair.ended();
        assert_eq!(why, Ended::Unauthentic(AuthenticationError("it is bad".to_owned())));
        assert_eq!((retry_at, pair.closes), (None, 1));
    }
    for reason in [ReasonCode::ContinueAuthentication, ReasonCode::Success] {
        let mut pair = connected();
        pair.client.reauthenticate(pair.now).unwrap();
        pair.drain();
        pair.packets();
        pair.server(&auth(reason, "bad"));
        assert!(matches!(pair.ended().0, Ended::Unauthentic(_)));
        assert_eq!(pair.packet(), Packet::Disconnect(Disconnect::new(ReasonCode::UnspecifiedError)));
        assert_eq!(pair.closes, 1);
    }
}

/// [MQTT-4.12.0-5], [MQTT-4.12.0-6]
#[test]
fn a_server_that_names_another_method_or_none_is_left() {
    let other = Packet::Auth(Auth { method: Some("OTHER"), ..Auth::new(ReasonCode::ContinueAuthentication) });
    let none = Packet::Auth(Auth::new(ReasonCode::ContinueAuthentication));
    for packet in [other, none, connack(None, None), connack(Some("OTHER"), None)] {
        let mut pair = begun();
        pair.packets();
        pair.server(&packet);
        assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::AuthenticationMethod));
    }
    let mut pair = Pair::new(config(Version::V5));
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    pair.packets();
    pair.server(&connack(Some("ECHO"), None));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::AuthenticationMethod));
}

/// [MQTT-4.12.0-5], [MQTT-4.12.1-1]: an authenticator that is set meanwhile is for the next connection.
#[test]
fn a_method_that_was_not_that_of_connect_answers_nothing() {
    let mut pair = begun();
    pair.packets();
    pair.client.set_authenticator(Some(Box::new(ScramLogin::new("user", "pencil", [9; 32]))));
    let other = Auth { method: Some(METHOD), ..Auth::new(ReasonCode::ContinueAuthentication) };
    pair.server(&Packet::Auth(other));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::AuthenticationMethod));
}

#[test]
fn an_auth_that_nobody_waits_for_ends_the_connection() {
    for reason in [ReasonCode::Success, ReasonCode::ReAuthenticate] {
        let mut pair = begun();
        pair.packets();
        pair.server(&auth(reason, "x"));
        assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::Unexpected("AUTH")));
    }
    let mut pair = connected();
    pair.server(&auth(ReasonCode::ContinueAuthentication, "x"));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::Unexpected("AUTH")));
    assert_eq!(pair.packet(), Packet::Disconnect(Disconnect::new(ReasonCode::ProtocolError)));
}

/// [MQTT-4.12.0-3], [MQTT-4.12.1-1]
#[test]
fn steps_that_take_their_time_come_to_the_same() {
    let mut pair = opened_for_later();
    assert_eq!(pair.packets(), []);
    prove(&mut pair, Ok(b"first".to_vec()));
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    assert_eq!(connect.properties.authentication_method, Some("ECHO"));
    assert_eq!(connect.properties.authentication_data, Some(&b"first"[..]));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    assert_eq!(pair.packets(), []);
    prove(&mut pair, Ok(b"second".to_vec()));
    assert_eq!(pair.packet(), auth(ReasonCode::ContinueAuthentication, "second"));
    pair.server(&connack(Some("ECHO"), Some(b"fine")));
    assert!(!pair.client.is_connected() && pair.client.holds_back());
    prove(&mut pair, Ok(Vec::new()));
    assert!(pair.client.is_connected() && !pair.client.holds_back());
    assert!(matches!(pair.events()[..], [Event::Connected(_)]));

    pair.client.reauthenticate(pair.now).unwrap();
    assert_eq!(pair.client.reauthenticate(pair.now), Err(ReauthenticateError::UnderWay));
    pair.publish(message("meanwhile", Qos::AtMostOnce));
    assert!(matches!(pair.packet(), Packet::Publish(_)));
    prove(&mut pair, Ok(b"again".to_vec()));
    assert_eq!(pair.packet(), auth(ReasonCode::ReAuthenticate, "again"));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    prove(&mut pair, Ok(b"third".to_vec()));
    assert_eq!(pair.packet(), auth(ReasonCode::ContinueAuthentication, "third"));
    pair.events();
    pair.server(&auth(ReasonCode::Success, "fine"));
    assert_eq!(pair.events(), []);
    prove(&mut pair, Ok(Vec::new()));
    assert_eq!(pair.events(), [Event::Reauthenticated]);
}

/// What comes with CONNACK is nothing before the Server has proved itself, in whatever pieces it comes.
#[test]
fn nothing_is_believed_of_a_server_that_has_not_proved_itself() {
    let mut bytes = Vec::new();
    connack(Some("ECHO"), Some(b"fine")).encode(Version::V5, &mut bytes).unwrap();
    publish("kept", Delivery::AtMostOnce).encode(Version::V5, &mut bytes).unwrap();
    for cut in 1..=bytes.len() {
        for step in [Ok(Vec::new()), bad()] {
            let mut pair = opened_for_later();
            prove(&mut pair, Ok(Vec::new()));
            pair.packets();
            let (first, second) = bytes.split_at(cut);
            pair.input(Input::Received(first));
            pair.input(Input::Received(second));
            assert_eq!(pair.events(), []);
            let is_good = step.is_ok();
            prove(&mut pair, step);
            match &pair.events()[..] {
                [Event::Connected(_), Event::Message(received)] if is_good => {
                    assert_eq!(&received.message.payload[..], b"kept");
                }
                [Event::Ended { why: Ended::Unauthentic(_), .. }] if !is_good => {}
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_step_that_comes_to_nothing_gives_the_connection_up() {
    let mut pair = opened_for_later();
    prove(&mut pair, bad());
    assert!(matches!(pair.ended(), (Ended::Unauthentic(_), None)));
    let mut pair = opened_for_later();
    prove(&mut pair, Ok(Vec::new()));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    prove(&mut pair, bad());
    assert!(matches!(pair.ended(), (Ended::Unauthentic(_), None)));
    let mut pair = opened_for_later();
    pair.input(Input::Wake);
    pair.pass(Duration::from_secs(5));
    pair.input(Input::Wake);
    assert_eq!(pair.opens, 1, "that the page was left for a moment is no reason to begin anew");
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.ended().0, Ended::ConnectTimeout);
}

#[test]
fn a_step_of_a_connection_that_is_over_is_nothing_to_the_next() {
    let mut pair = opened_for_later();
    prove(&mut pair, Ok(Vec::new()));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    pair.cut_and_reopen();
    prove(&mut pair, Ok(b"late".to_vec()));
    pair.events();
    pair.open();
    assert_eq!(pair.packets(), []);
    prove(&mut pair, Ok(b"first".to_vec()));
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    assert_eq!(connect.properties.authentication_data, Some(&b"first"[..]));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "more"));
    pair.server(&auth(ReasonCode::ContinueAuthentication, "and more"));
    assert_eq!(pair.ended().0, Ended::Misbehaved(Misbehaviour::Unexpected("AUTH")), "one at a time");
}

#[test]
fn a_server_that_asks_on_and_on_has_the_connect_timeout() {
    let mut pair = begun();
    for _ in 0..20 {
        pair.pass(Duration::from_secs(1));
        pair.server(&auth(ReasonCode::ContinueAuthentication, "again"));
    }
    assert!(pair.closes >= 1);
}

/// A Server's half of SCRAM-SHA-256 for one user.
fn challenge(first: &[u8]) -> (mqtt::scram::Challenge, String) {
    let credentials = Credentials::derive("pencil", b"salt", 4_096).unwrap();
    let first = ClientFirst::parse(first).unwrap();
    assert_eq!(first.user(), "user");
    first.challenge(credentials, &Nonce::from_random(&[3; 18]))
}

fn scram_auth(reason: ReasonCode, data: &str) -> Packet<'_> {
    Packet::Auth(Auth { method: Some(METHOD), data: Some(data.as_bytes()), ..Auth::new(reason) })
}

#[test]
fn scram_logs_in_and_logs_in_again() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.set_authenticator(Some(Box::new(ScramLogin::new("user", "pencil", [9; 32]))));
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    let Packet::Connect(connect) = pair.packet() else { panic!("CONNECT") };
    let first = connect.properties.authentication_data.unwrap();
    let (asked, server_first) = challenge(first);
    pair.server(&scram_auth(ReasonCode::ContinueAuthentication, &server_first));
    let Packet::Auth(answer) = pair.packet() else { panic!("AUTH") };
    let server_final = asked.check(answer.data.unwrap()).unwrap();
    let properties = ConnackProperties {
        authentication_method: Some(METHOD),
        authentication_data: Some(server_final.as_bytes()),
        ..ConnackProperties::default()
    };
    pair.server(&Packet::Connack(Box::new(Connack { properties, ..Connack::new(ReasonCode::Success) })));
    assert!(pair.client.is_connected());

    pair.client.reauthenticate(pair.now).unwrap();
    pair.drain();
    let Packet::Auth(again) = pair.packet() else { panic!("AUTH") };
    assert_ne!(again.data, Some(first), "a new nonce each time");
    let (asked, server_first) = challenge(again.data.unwrap());
    pair.server(&scram_auth(ReasonCode::ContinueAuthentication, &server_first));
    let Packet::Auth(answer) = pair.packet() else { panic!("AUTH") };
    let server_final = asked.check(answer.data.unwrap()).unwrap();
    pair.events();
    pair.server(&scram_auth(ReasonCode::Success, &server_final));
    assert_eq!(pair.events(), [Event::Reauthenticated]);
}

#[test]
fn scram_finds_out_a_server_that_lets_anyone_in() {
    let mut pair = Pair::new(config(Version::V5));
    pair.client.set_authenticator(Some(Box::new(ScramLogin::new("user", "pencil", [9; 32]))));
    pair.client.start(pair.now);
    pair.drain();
    pair.open();
    pair.packets();
    pair.server(&connack(Some(METHOD), None));
    assert!(matches!(pair.ended().0, Ended::Unauthentic(_)));
}
