//! Enhanced authentication (4.12) with the built program: a user of the file logs in by SCRAM-SHA-256.

use mqtt::packet::{Auth, Connack, Connect};
use mqtt::scram::{self, METHOD, Nonce};
use mqtt::{Packet, Qos, ReasonCode, Version};
use tests::{Bridge, Client, PATIENCE, Process, Wire, program};

/// Runs `switchboard user scram NAME` with a password on its standard input; gives what it prints.
fn entry(name: &str, password: &str) -> String {
    let mut process = Process::start_with_input(&program(), &["user", "scram", name], password);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    process.stdout.expect(&["scram = \"SCRAM-SHA-256$4096:"]);
    process.stdout.all().join("\n")
}

fn bridge() -> Bridge {
    Bridge::configured(&entry("alice", "pencil\n"))
}

fn wires(bridge: &Bridge) -> [Wire; 2] {
    [Wire::tcp(bridge.tcp), Wire::websocket(bridge.http)]
}

fn auth(reason: ReasonCode, data: &str) -> Packet<'_> {
    Packet::Auth(Auth { method: Some(METHOD), data: Some(data.as_bytes()), ..Auth::new(reason) })
}

fn scram(password: &str) -> scram::Client {
    scram::Client::new("alice", password, Nonce::from_random(&[7; 18])).expect("a name and a password")
}

/// What the Server asks; it must be an AUTH that continues.
fn challenge(client: &mut Client) -> &'static [u8] {
    match client.next() {
        Packet::Auth(Auth { reason, method, data: Some(data), .. }) => {
            assert_eq!((reason, method), (ReasonCode::ContinueAuthentication, Some(METHOD)));
            data
        }
        other => panic!("AUTH should come, not {other:?}"),
    }
}

fn log_in(client: &mut Client, password: &str) -> (Connack<'static>, scram::ServerProof) {
    let scram = scram(password);
    let first = scram.first();
    let mut connect = Connect::new(Version::V5, "phone");
    connect.properties.authentication_method = Some(METHOD);
    connect.properties.authentication_data = Some(first.as_bytes());
    client.send(&Packet::Connect(Box::new(connect)));
    let (proof, answer) = scram.answer(challenge(client)).expect("a challenge");
    client.send(&auth(ReasonCode::ContinueAuthentication, &answer));
    (client.connack(), proof)
}

/// [MQTT-4.12.0-2], [MQTT-4.12.0-3], [MQTT-4.12.0-5]
#[test]
fn a_user_logs_in_and_knows_the_server() {
    let bridge = bridge();
    for wire in wires(&bridge) {
        let mut client = Client::new(wire, Version::V5);
        let (connack, proof) = log_in(&mut client, "pencil");
        assert_eq!(connack.reason, ReasonCode::Success);
        assert_eq!(connack.properties.authentication_method, Some(METHOD));
        proof.check(connack.properties.authentication_data.expect("a signature")).expect("the right server");
        client.subscribe("a", Qos::AtLeastOnce);
        client.publish("a", b"1", Qos::AtLeastOnce);
        assert_eq!(client.receive_payload(), b"1");
        client.disconnect();
    }
    bridge.process.stderr.expect(&["connected", "phone", "user=\"alice\""]);
}

/// [MQTT-4.12.0-4]
#[test]
fn a_wrong_password_is_refused() {
    let bridge = bridge();
    for wire in wires(&bridge) {
        let mut client = Client::new(wire, Version::V5);
        assert_eq!(log_in(&mut client, "stylus").0.reason, ReasonCode::NotAuthorized, "0x87");
        client.end();
    }
    bridge.process.stderr.expect(&["connection ended by us", "phone", "0x87", "login failed"]);
}

/// [MQTT-4.12.0-1]
#[test]
fn another_method_is_refused() {
    let bridge = bridge();
    for wire in wires(&bridge) {
        let mut client = Client::new(wire, Version::V5);
        let mut connect = Connect::new(Version::V5, "phone");
        connect.properties.authentication_method = Some("GS2-KRB5");
        assert_eq!(client.connect(&connect).reason, ReasonCode::BadAuthenticationMethod, "0x8C");
        client.end();
    }
}

/// [MQTT-4.12.1-1], [MQTT-4.12.1-2]
#[test]
fn a_client_proves_again_who_it_is() {
    let bridge = bridge();
    for wire in wires(&bridge) {
        let mut client = Client::new(wire, Version::V5);
        log_in(&mut client, "pencil");
        client.subscribe("a", Qos::AtMostOnce);
        let scram = scram("pencil");
        client.send(&auth(ReasonCode::ReAuthenticate, &scram.first()));
        let (proof, answer) = scram.answer(challenge(&mut client)).expect("a challenge");
        client.publish("a", b"meanwhile", Qos::AtMostOnce);
        assert_eq!(client.receive_payload(), b"meanwhile");
        client.send(&auth(ReasonCode::ContinueAuthentication, &answer));
        let Packet::Auth(done) = client.next() else { panic!("AUTH ends it") };
        assert_eq!((done.reason, done.method), (ReasonCode::Success, Some(METHOD)));
        proof.check(done.data.expect("a signature")).expect("the right server");

        let scram = self::scram("stylus");
        client.send(&auth(ReasonCode::ReAuthenticate, &scram.first()));
        let (_, answer) = scram.answer(challenge(&mut client)).expect("a challenge");
        client.send(&auth(ReasonCode::ContinueAuthentication, &answer));
        assert_eq!(client.end().reason, Some(ReasonCode::NotAuthorized), "0x87");
    }
}

/// [MQTT-3.1.2-30]
#[test]
fn nothing_but_auth_is_taken_before_connack() {
    let bridge = bridge();
    for wire in wires(&bridge) {
        let mut client = Client::new(wire, Version::V5);
        let mut connect = Connect::new(Version::V5, "phone");
        connect.properties.authentication_method = Some(METHOD);
        client.send_all(&[Packet::Connect(Box::new(connect)), Packet::Pingreq]);
        assert!(matches!(client.next(), Packet::Auth(_)));
        assert_eq!(client.end().reason, Some(ReasonCode::ProtocolError), "in a CONNACK");
    }
}

#[test]
fn a_login_does_not_stay_half_done() {
    let bridge =
        Bridge::configured(&format!("[limits]\nconnect_timeout_s = 1\n{}", entry("alice", "pencil")));
    let open: [fn(&Bridge) -> Wire; 2] = [|b| Wire::tcp(b.tcp), |b| Wire::websocket(b.http)];
    for open in open {
        let mut client = Client::new(open(&bridge), Version::V5);
        let mut connect = Connect::new(Version::V5, "phone");
        connect.properties.authentication_method = Some(METHOD);
        client.send(&Packet::Connect(Box::new(connect)));
        assert!(matches!(client.next(), Packet::Auth(_)));
        assert_eq!(client.end().reason, Some(ReasonCode::NotAuthorized), "0x87");
    }
    bridge.process.stderr.expect(&["no proof of who it is in time", "phone"]);
}

#[test]
fn no_password_makes_no_user() {
    let mut process = Process::start_with_input(&program(), &["user", "scram", "alice"], "\n");
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["no password"]);
}

/// Our client and our server prove to each other who they are.
#[test]
fn our_own_client_logs_in() {
    let bridge = bridge();
    let port = bridge.tcp.port().to_string();
    let publish = |password: &str| {
        let line =
            ["pub", "-p", &port, "-t", "a", "-m", "x", "-q", "1", "--scram", "-u", "alice", "-P", password];
        let mut process = Process::start(&program(), &line);
        (process.wait(PATIENCE).code(), process)
    };
    assert_eq!(publish("pencil").0, Some(0));
    bridge.process.stderr.expect(&["connected", "user=\"alice\""]);
    let (code, process) = publish("stylus");
    assert_eq!(code, Some(1));
    process.stderr.expect(&["not authorized"]);
}
