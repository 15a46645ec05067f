//! Tokens with the built program: as a password, at the WebSocket, and by AUTH (4.12). What counts in one is tested beside the code.

use std::fs;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use mqtt::packet::{Auth, Connect};
use mqtt::{Packet, Qos, ReasonCode, SessionExpiry, Version};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, rsa};
use serde_json::{Value, json};
use tests::{
    Bridge, Client, PATIENCE, Process, Request, TempFile, TempFolder, Wire, message, program, unix_s,
};

const SECRET: &[u8] = b"a secret of these tests alone, 32 bytes or more";
/// A key of these tests alone.
const RSA: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDGHUPunk9NhkncQ4pyqYMZxk2DLJZWY54xJntwVyPLyKBc9pu5dT00xbYyCs\
     RdY5lYqHTweLs11LW6WmLBRUPg765T5xRn92vM4fCNKP72qeJ+ZhHYhi2sssfCrOevO3ZoSD6MsQ0r+uR5BiilPLXpO0LtX6xmb19WjCb6ixwi\
     oA/BNtRkF1YGjmXL0MLe8FtVPGBK6RUQEzm0P3ppPtQHP35ea8cJNCGQn6i8IBciIoWrgFZ9yTsmv7TNiJMmrxYnk2vcLCST1Ah90YP9CO5dOF\
     b+PuKFjUmJbPOLI2QRg+57LlX63Ei/rv2RM3VCeIM6WyMHR4cy+9/fl1D7RJHDAgMBAAECggEAKwSWyB0C/kPvDM9zpBMvvuyCzz1ixY5q/qQr\
     AIlDYhAF1jnMNZiB+lAGEFarLdYfKZOmlMK6b+VosnbG482dAB47Pce69BpTA5F58MTanAfmgOi77kawa0QEwT5XLoMcYmdxgY4+XHLlomvWbo\
     7At0yhazavkiyTyJC1NAj5yoCSAugJxVTqhcAbMBL1Vy4R9eR4CaLJbGuYSpI049CzZYyIYNqC/zhMF0KLBkOr3buJBk8PnqKMN+3at2AtyCh7\
     dn/xSOmxd757YJ7pgc9ZrJPmDAZv3a7rrBOj2Cf3wq4G9dmXlTHsznrp15JsuYSedUfZdHHVy7UW8Tc8693H6QKBgQDuyi9I34SyIgphfezuqb\
     IKr3STcaZ3w20t6iYdUnRyvczi8OYW19u74yZ3QuJgdK2FNVHI/iaKEDPwwtNjEtrRbN4lRUz0e3VXKgz4KLpc3RrMPrgc7HAE+QIMQ9BPfyPT\
     YvAwE3ODkmBZDHOZA2iQSBxxiUckd2yctStL+/NB6QKBgQDUZJgEBee5bFD7TBjtM7KrNSGdOn8s1Yoj9uJQ/ZzRVtVKPj0cuCvpmAS7oK35ks\
     fEWjl93LXYIDIvLu57S2vKx1RX0SGdyZg64d7vPpUmi4T6wuZX3Bx1/YujBWDYBn4ebMroiVeEqxFrIdjjLq05D/Co1X0FlQTkqUWZtLYeywKB\
     gFupZu89Rc2vPXbhBMM0hrCNW12B4dnVPaLDX/Afh63H588xk9Eu+R0te8WJ+iX2g+k/Z26VCKw0vgtsbgJ46WA8vyVlbb3nakqUTLgxwiAFi9\
     TdOoV3ySRPhZa5rUvmzRTGxNZfkRbvaGamXfVdlpTT6X83qAR6h0m8Tat0QpOJAoGADfVKdEE7GFmA/PLkVHpoTI4iVmXow7aI7JImD3KLYsqV\
     G9r5QzDrWd+ut/H4XQWDcWkIjDf8D2cWRTmNXLb5L4toBJlu3yLHiV8cupZfUPgsVhqG7tE9YZe3HJCW67uJgFBgCWY1RTfE3kiMK2n+4lgk1c\
     OqArrnZmulclOJAH8CgYEA6EmPLw9Ifz9Peprua82MgpbduAr4ZGW1HUcvbpZxVMQdSlolXWluxBPiPVAdKqf250vXCm5b6QiTkJhIj3xV5Z2D\
     mbQcszmpt921XhD1t4dz1Nsk00aY1mZOknAWWtQqLgLKM2efVCk0y4zJxHc1gAR1PSl5g6OLGcoWiPx4hQ0=";

/// Who signs.
enum Signer {
    Hs256(Vec<u8>),
    Rs256(Box<RsaKeyPair>),
    Es256(Box<EcdsaKeyPair>),
}

impl Signer {
    fn secret() -> Self {
        Self::Hs256(SECRET.to_vec())
    }

    fn rsa() -> Self {
        let key = Base64::decode_vec(RSA).expect("base64");
        Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(&key).expect("a key")))
    }

    fn p256() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random numbers");
        Self::Es256(Box::new(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("a key")))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
        }
    }

    /// What a key set says of it.
    fn public(&self, name: &str) -> Value {
        match self {
            Self::Hs256(_) => Value::Null,
            Self::Rs256(key) => {
                let rsa::PublicKeyComponents { n, e } =
                    rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "kid": name, "use": "sig", "n": base64(&n), "e": base64(&e) })
            }
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": name, "x": base64(x), "y": base64(y) })
            }
        }
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = [header, claims].map(|part| base64(part.to_string().as_bytes())).join(".");
        let random = SystemRandom::new();
        let signature = match self {
            Self::Hs256(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).expect("a signature");
                signature
            }
            Self::Es256(key) => key.sign(&random, text.as_bytes()).expect("a signature").as_ref().to_vec(),
        };
        format!("{text}.{}", base64(&signature))
    }
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A server that takes tokens of our secret and of these keys, on all addresses.
struct House {
    bridge: Bridge,
    set: TempFile,
    secret: TempFile,
}

fn set_of(keys: &[(&str, &Signer)]) -> String {
    let keys: Vec<_> = keys.iter().map(|(name, key)| key.public(name)).collect();
    json!({ "keys": keys }).to_string()
}

fn house(keys: &[(&str, &Signer)], more: &str) -> House {
    let secret = TempFile::new("secret", &format!("{}\n", String::from_utf8_lossy(SECRET)));
    let set = TempFile::new("keys.json", &set_of(keys));
    let text = format!(
        "[auth.jwt]\nsecret_file = {:?}\njwks_file = {:?}\naudience = [\"house\"]\n{more}",
        secret.0, set.0
    );
    House { bridge: Bridge::open_in(TempFolder::new("jwt"), &text), set, secret }
}

fn claims(user: &str, more: &Value) -> Value {
    let mut claims = json!({ "sub": user, "aud": "house", "exp": unix_s() + 600 });
    let (all, more) = (claims.as_object_mut().expect("claims"), more.as_object().cloned());
    all.extend(more.unwrap_or_default());
    claims
}

fn of(user: &str) -> String {
    Signer::secret().sign(&claims(user, &json!({})))
}

fn hello<'a>(version: Version, client_id: &'a str, token: &'a str) -> Connect<'a> {
    let (user_name, password) = (Some("whoever"), Some(token.as_bytes()));
    Connect { user_name, password, ..Connect::new(version, client_id) }
}

/// A 5.0 client from another machine that comes by this token.
fn client(bridge: &Bridge, client_id: &str, token: &str) -> (Client, ReasonCode, String) {
    let mut client = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
    let connack = client.connect(&hello(Version::V5, client_id, token));
    let words = connack.properties.reason_string.unwrap_or_default().to_owned();
    (client, connack.reason, words)
}

fn let_in(bridge: &Bridge, client_id: &str, token: &str) -> Client {
    let (client, reason, words) = client(bridge, client_id, token);
    assert_eq!(reason, ReasonCode::Success, "{words}");
    client
}

#[test]
fn a_token_of_each_algorithm_is_a_password_in_each_version() {
    let (rsa, p256) = (Signer::rsa(), Signer::p256());
    let house = house(&[("r", &rsa), ("e", &p256)], "");
    let bridge = &house.bridge;
    for signer in [Signer::secret(), rsa, p256] {
        for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
            let user = format!("user-{}", signer.algorithm());
            let token = signer.sign(&claims(&user, &json!({})));
            for wire in
                [Wire::tcp(Bridge::from_afar(bridge.tcp)), Wire::websocket(Bridge::from_afar(bridge.http))]
            {
                let mut client = Client::new(wire, version);
                let reason = client.connect(&hello(version, "c", &token)).reason;
                assert_eq!(reason, ReasonCode::Success, "{user}");
                client.subscribe("a", Qos::AtLeastOnce);
                client.publish("a", b"1", Qos::AtLeastOnce);
                assert_eq!(client.receive_payload(), b"1");
                client.disconnect();
                bridge.process.stderr.expect(&["connected", &format!("user={user:?}")]);
            }
        }
    }
    // 5.0 knows a password without a user name (3.1.2.9).
    let mut nameless = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
    let (user_name, token) = (None, of("x"));
    let connect = Connect { user_name, ..hello(Version::V5, "c", &token) };
    assert_eq!(nameless.connect(&connect).reason, ReasonCode::Success);
    let log = bridge.process.stderr.all().concat();
    assert!(!log.contains(token.rsplit('.').next().expect("a signature")), "no token is logged");
}

#[test]
fn a_token_that_does_not_count_is_refused_and_the_reason_told() {
    let (rsa, other) = (Signer::rsa(), Signer::p256());
    let house = house(&[("r", &rsa)], "issuer = \"id\"\n[limits]\nmax_login_failures_per_minute = 1000\n");
    let bridge = &house.bridge;
    let good = json!({ "iss": "id" });
    let signed = |more: Value| Signer::secret().sign(&claims("x", &more));
    // The public key as if it were a secret (RFC 8725, 2.1).
    let modulus = rsa.public("r")["n"].as_str().map(str::to_owned).unwrap_or_default();
    let confused = Signer::Hs256(Base64UrlUnpadded::decode_vec(&modulus).expect("base64"));
    let none =
        format!("{}.{}.", base64(b"{\"alg\":\"none\"}"), base64(claims("x", &good).to_string().as_bytes()));
    for (token, why) in [
        (signed(json!({ "iss": "id", "exp": unix_s() - 1 })), "has expired"),
        (signed(json!({ "iss": "id", "nbf": unix_s() + 100 })), "does not count yet"),
        (signed(json!({ "iss": "id", "aud": "garden" })), "another audience"),
        (signed(json!({ "iss": "di" })), "another issuer"),
        (signed(json!({ "iss": "id", "exp": null })), "exp is no number"),
        (signed(json!({ "iss": "id", "sub": "anonymous" })), "without a user"),
        (confused.sign(&claims("x", &good)), "signature is wrong"),
        (confused.sign_as(&json!({ "alg": "RS256" }), &claims("x", &good)), "signature is wrong"),
        (other.sign(&claims("x", &good)), "no key for ES256"),
        (rsa.sign_as(&json!({ "alg": "RS256", "kid": "q" }), &claims("x", &good)), "not known"),
        (none, "algorithm"),
    ] {
        let (_, reason, words) = client(bridge, "c", &token);
        assert_eq!(reason, ReasonCode::BadUserNameOrPassword, "{why}");
        assert!(words.contains(why), "{why}: {words}");
        bridge.process.stderr.expect(&["connection ended by us", why]);
    }
    let_in(bridge, "c", &signed(good));
}

#[test]
fn a_websocket_opened_with_a_token_is_its_user() {
    let house = house(&[("r", &Signer::rsa())], "");
    let bridge = &house.bridge;
    let http = Bridge::from_afar(bridge.http);
    let bearer = |token: &str| format!("Bearer {token}");
    let wire = Wire::websocket_with("mqtt", &[("Authorization", &bearer(&of("alice")))], http);
    let mut client = Client::new(wire, Version::V3_1_1);
    assert_eq!(client.connect(&Connect::new(Version::V3_1_1, "c")).reason, ReasonCode::Success);
    bridge.process.stderr.expect(&["connected", "user=\"alice\""]);
    let expired = Signer::secret().sign(&claims("alice", &json!({ "exp": unix_s() - 1 })));
    for (token, words) in [(&*expired, "has expired"), ("", "three parts"), ("x", "three parts")] {
        let refused = Request::upgrade("/mqtt", "mqtt").with("Authorization", &bearer(token)).send(http);
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.text().contains(words), "{refused:?}");
        assert!(refused.header("www-authenticate").is_some_and(|asks| asks.starts_with("Bearer")));
    }
    // Other schemes are for others, such as a proxy.
    let basic = Request::upgrade("/mqtt", "mqtt").with("Authorization", "Basic YTpi").send(http);
    assert_eq!(basic.status, 101);
}

#[test]
fn the_end_of_a_token_ends_its_connection() {
    let house = house(&[("r", &Signer::rsa())], "");
    let bridge = &house.bridge;
    let short = || Signer::secret().sign(&claims("alice", &json!({ "exp": unix_s() + 2 })));
    let mut by_password = let_in(bridge, "a", &short());
    let bearer = format!("Bearer {}", short());
    let wire = Wire::websocket_with("mqtt", &[("Authorization", &bearer)], Bridge::from_afar(bridge.http));
    let mut by_header = Client::new(wire, Version::V5);
    assert_eq!(by_header.connect(&Connect::new(Version::V5, "b")).reason, ReasonCode::Success);
    let mut old = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V3_1_1);
    assert_eq!(old.connect(&hello(Version::V3_1_1, "d", &short())).reason, ReasonCode::Success);
    assert_eq!(by_password.end().reason, Some(ReasonCode::MaximumConnectTime));
    assert_eq!(by_header.end().reason, Some(ReasonCode::MaximumConnectTime));
    assert_eq!(old.end().reason, None, "3.1.1 has no word for it");
}

/// [MQTT-4.12.1-1]
#[test]
fn a_client_of_5_0_brings_a_new_token_by_auth() {
    let house = house(&[("r", &Signer::rsa())], "");
    let bridge = &house.bridge;
    let lasts = |seconds: u64| Signer::secret().sign(&claims("alice", &json!({ "exp": unix_s() + seconds })));
    let mut client = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
    let (first, second) = (lasts(3), lasts(600));
    let mut connect = Connect::new(Version::V5, "a");
    connect.properties.authentication_method = Some("JWT");
    connect.properties.authentication_data = Some(first.as_bytes());
    let connack = client.connect(&connect);
    assert_eq!(connack.reason, ReasonCode::Success);
    assert_eq!(connack.properties.authentication_method, Some("JWT"), "[MQTT-4.12.0-5]");
    let auth = |reason, data| Packet::Auth(Auth { method: Some("JWT"), data, ..Auth::new(reason) });
    client.send(&auth(ReasonCode::ReAuthenticate, Some(second.as_bytes())));
    // What comes behind it waits for the answer, and is not lost.
    client.send(&Packet::Publish(message("b", b"1")));
    let Packet::Auth(answer) = client.next() else { panic!("no AUTH") };
    assert_eq!((answer.reason, answer.method), (ReasonCode::Success, Some("JWT")));
    // The first one ends meanwhile.
    let mut short = let_in(bridge, "b", &lasts(3));
    assert_eq!(short.end().reason, Some(ReasonCode::MaximumConnectTime));
    client.sync();
    let other = of("bob");
    client.send(&auth(ReasonCode::ReAuthenticate, Some(other.as_bytes())));
    assert_eq!(client.end().reason, Some(ReasonCode::NotAuthorized), "not as somebody else");
}

#[test]
fn groups_and_bounds_of_a_token_count() {
    let rule = "[[auth.rule]]\nallow = \"all\"\ngroup = \"house\"\ntopics = [\"a/#\"]\n";
    let house = house(&[("r", &Signer::rsa())], rule);
    let bridge = &house.bridge;
    let token = |more: Value| Signer::secret().sign(&claims("alice", &more));
    let mut free = let_in(bridge, "a", &token(json!({ "groups": ["x", "house"] })));
    assert_eq!(free.subscribe("a/#", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    let bounds = json!({ "groups": "house", "publish": ["a/1", "b"], "subscribe": ["a/%u"] });
    let mut bound = let_in(bridge, "b", &token(bounds));
    assert_eq!(bound.subscribe("a/alice", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    assert_eq!(bound.subscribe("a/bob", Qos::AtLeastOnce), ReasonCode::NotAuthorized);
    assert_eq!(bound.publish("a/1", b"1", Qos::AtLeastOnce), ReasonCode::Success);
    assert_eq!(free.receive_payload(), b"1");
    for topic in ["a/2", "b"] {
        assert_eq!(bound.publish(topic, b"2", Qos::AtLeastOnce), ReasonCode::NotAuthorized, "{topic}");
    }
    bridge.process.stderr.expect(&["refused", "publish to a/2, which its token does not allow"]);
    let mut nobody = let_in(bridge, "c", &token(json!({})));
    assert_eq!(nobody.publish("a/1", b"3", Qos::AtLeastOnce), ReasonCode::NotAuthorized);
}

#[test]
fn keys_come_and_go_while_it_runs() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let house = house(&[("old", &old)], "");
    let bridge = &house.bridge;
    let set = &house.set;
    let token = |signer: &Signer| signer.sign(&claims("alice", &json!({})));
    let mut first = let_in(bridge, "a", &token(&old));
    let mut kept = let_in(bridge, "b", &of("bob"));
    assert_eq!(client(bridge, "c", &token(&new)).1, ReasonCode::BadUserNameOrPassword);
    fs::write(&set.0, "no keys").expect("it can be written");
    bridge.process.stderr.expect(&["users and rules stay as they were", "keys.json", "no JSON Web Key Set"]);
    first.sync();
    fs::write(&set.0, set_of(&[("new", &new)])).expect("it can be written");
    assert_eq!(first.end().reason, Some(ReasonCode::NotAuthorized), "its key is gone");
    let_in(bridge, "c", &token(&new));
    assert_eq!(client(bridge, "d", &token(&old)).1, ReasonCode::BadUserNameOrPassword);
    kept.sync();
}

#[test]
fn a_session_of_a_token_is_its_users_alone_also_after_a_restart() {
    let House { mut bridge, set, secret } = house(&[("r", &Signer::rsa())], "");
    let connect = |bridge: &Bridge, user: &str| {
        let mut client = Client::new(Wire::tcp(Bridge::from_afar(bridge.tcp)), Version::V5);
        let token = of(user);
        let mut connect = Connect { clean_start: false, ..hello(Version::V5, "phone", &token) };
        connect.properties.session_expiry = SessionExpiry::from_secs(1000);
        let connack = client.connect(&connect);
        (client, connack.reason, connack.session_present)
    };
    let (mut alice, reason, _) = connect(&bridge, "alice");
    assert_eq!(reason, ReasonCode::Success);
    alice.subscribe("a", Qos::AtLeastOnce);
    alice.disconnect();
    for _ in 0..2 {
        assert_eq!(connect(&bridge, "bob").1, ReasonCode::ClientIdentifierNotValid);
        let mut nobody = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let refused = nobody.connect(&Connect::new(Version::V5, "phone"));
        assert_eq!(refused.reason, ReasonCode::ClientIdentifierNotValid);
        bridge.restart();
    }
    let mut publisher = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    publisher.connect(&Connect::new(Version::V5, "publisher"));
    publisher.publish("a", b"1", Qos::AtLeastOnce);
    let (mut alice, reason, is_present) = connect(&bridge, "alice");
    assert_eq!((reason, is_present), (ReasonCode::Success, true));
    assert_eq!(alice.receive_payload(), b"1");
    drop((set, secret));
}

#[test]
fn guesses_count_as_failed_logins() {
    let house = house(&[("r", &Signer::rsa())], "");
    let bridge = &house.bridge;
    let http = Bridge::from_afar(bridge.http);
    for n in 0..10 {
        if n % 2 == 0 {
            assert_eq!(client(bridge, "c", "eyJ.a.b").1, ReasonCode::BadUserNameOrPassword);
        } else {
            let request = Request::upgrade("/mqtt", "mqtt").with("Authorization", "Bearer eyJ.a.b");
            assert_eq!(request.send(http).status, 401);
        }
    }
    assert_eq!(client(bridge, "c", &of("alice")).1, ReasonCode::ConnectionRateExceeded);
    let bearer = format!("Bearer {}", of("alice"));
    assert_eq!(Request::upgrade("/mqtt", "mqtt").with("Authorization", &bearer).send(http).status, 429);
}

#[test]
fn settings_that_are_wrong_are_said_before_anything_listens() {
    let short = TempFile::new("short", "too short");
    for (text, words) in [
        ("[auth.jwt]".to_owned(), "needs secret_file"),
        ("[auth.jwt]\njwks_file = \"keys.json\"".into(), "needs audience"),
        ("[auth.jwt]\nsecret_fil = \"x\"".into(), "did you mean `secret_file`?"),
        ("[auth.jwt]\nsecret_file = \"/no/such/file\"".into(), "cannot read /no/such/file"),
        (format!("[auth.jwt]\nsecret_file = {:?}", short.0), "32 bytes"),
    ] {
        let config = TempFile::new("jwt.toml", &text);
        let words_of_start =
            ["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--data", ":memory:", "--config"];
        let path = config.0.to_string_lossy();
        let mut process = Process::start(&program(), &[&words_of_start[..], &[&*path]].concat());
        assert_eq!(process.wait(PATIENCE).code(), Some(2), "{text}");
        process.stderr.expect(&[words]);
    }
}
