//! A directory of ACME (RFC 8555) for tests: it looks for the answer to its challenge at one address, whatever the name, and signs
//! with a CA of the test. It checks nonces and what is answered, and no signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::deadline::{PATIENCE, until};
use crate::http::Request;
use crate::tls::Authority;

/// The directory. Its threads end with the process.
#[derive(Clone, Debug)]
pub struct AcmeDirectory {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    authority: Arc<Authority>,
}

#[derive(Debug, Default)]
struct State {
    /// Where names are looked for.
    target: Option<SocketAddr>,
    nonces: BTreeSet<String>,
    count: u64,
    thumbprint: String,
    orders: Vec<Order>,
}

#[derive(Debug, Default)]
struct Order {
    names: Vec<String>,
    is_valid: Vec<Option<bool>>,
    certificate: Option<String>,
}

/// A status, a place, and a body with its type.
type Answer = (u16, Option<String>, String, &'static str);

impl AcmeDirectory {
    /// Starts one with a certificate of this CA, by which it signs, too.
    ///
    /// # Panics
    /// There is no port for it.
    #[must_use]
    pub fn start(authority: Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a listener has an address");
        let files = authority.server("directory");
        let chain = vec![CertificateDer::from_pem_file(&files.certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions that there are")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate with its key");
        let (config, authority) = (Arc::new(config), Arc::new(authority));
        let directory = Self { address, state: Arc::default(), authority };
        let serving = directory.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (directory, config) = (serving.clone(), Arc::clone(&config));
                thread::spawn(move || directory.serve(stream, config));
            }
        });
        directory
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.at("directory")
    }

    /// The CA that it signs with, which is that of its own certificate.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where all names are looked for from now on. Until this is said, challenges wait.
    pub fn look_at(&self, target: SocketAddr) {
        self.state().target = Some(target);
    }

    /// How many certificates it was asked for.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.state().orders.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.address.port())
    }

    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let mut stream = StreamOwned::new(ServerConnection::new(config).expect("a connection"), stream);
        let mut bytes = Vec::new();
        let (head, mut body) = loop {
            let mut part = [0; 4096];
            match stream.read(&mut part) {
                Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
                _ => return, // a client that does not trust it
            }
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let body = bytes.split_off(at + 4);
                break (String::from_utf8(bytes).expect("a head is text").to_lowercase(), body);
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        while body.len() < length.unwrap_or(0) {
            let mut part = [0; 4096];
            let n = stream.read(&mut part).expect("a body as long as it says");
            body.extend_from_slice(&part[..n]);
        }
        let path = head.split(' ').nth(1).expect("a request has a path").trim_start_matches('/').to_owned();
        let (status, place, text, kind) = self.answer(&path, &body);
        let nonce = self.new_nonce();
        let place = place.map(|place| format!("location: {place}\r\n")).unwrap_or_default();
        let is_head = head.starts_with("head");
        let answer = format!(
            "HTTP/1.1 {status} x\r\nreplay-nonce: {nonce}\r\n{place}content-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
            text.len(),
            if is_head { "" } else { &text }
        );
        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }

    fn new_nonce(&self) -> String {
        let mut state = self.state();
        state.count += 1;
        let nonce = format!("nonce{}", state.count);
        state.nonces.insert(nonce.clone());
        nonce
    }

    fn answer(&self, path: &str, body: &[u8]) -> Answer {
        let ok = |value: Value| (200, None, value.to_string(), "application/json");
        match path {
            "directory" => {
                return ok(json!({
                    "newNonce": self.at("nonce"), "newAccount": self.at("account"), "newOrder": self.at("order"),
                    "revokeCert": self.at("revoke"), "keyChange": self.at("key"),
                }));
            }
            "nonce" => return ok(json!({})),
            _ => {}
        }
        let jws: Value = serde_json::from_slice(body).expect("a JWS");
        let part = |name: &str| {
            let bytes = Base64UrlUnpadded::decode_vec(jws[name].as_str().expect(name)).expect("base64");
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        };
        let (head, payload) = (part("protected"), part("payload"));
        assert_eq!(head["url"], self.at(path), "the JWS is for this address");
        if !self.state().nonces.remove(head["nonce"].as_str().unwrap_or_default()) {
            let problem = json!({ "type": "urn:ietf:params:acme:error:badNonce", "detail": "used" });
            return (400, None, problem.to_string(), "application/problem+json");
        }
        let (word, number) = path.split_once('/').unwrap_or((path, "0"));
        let (order, nth) = number.split_once('-').unwrap_or((number, "0"));
        let (order, nth): (usize, usize) = (order.parse().expect("a number"), nth.parse().expect("a number"));
        match word {
            "account" => self.open_account(&head["jwk"]),
            "order" if path == "order" => self.take_order(&payload),
            "order" => ok(self.order(order)),
            "authz" => ok(self.authorization(order, nth)),
            "challenge" => {
                let is_valid = self.looks(order, nth);
                self.state().orders[order].is_valid[nth] = Some(is_valid);
                ok(self.authorization(order, nth)["challenges"][0].clone())
            }
            "finalize" => {
                let request = Base64UrlUnpadded::decode_vec(payload["csr"].as_str().expect("a request"));
                let certificate = self.authority.sign_request(&request.expect("base64"));
                self.state().orders[order].certificate = Some(certificate);
                ok(self.order(order))
            }
            "certificate" => {
                let certificate = self.state().orders[order].certificate.clone().expect("it was made");
                (200, None, certificate, "application/pem-certificate-chain")
            }
            other => panic!("no such place: {other}"),
        }
    }

    fn open_account(&self, key: &Value) -> Answer {
        let jwk: BTreeMap<String, Value> = serde_json::from_value(key.clone()).expect("a key");
        // RFC 7638: the members that a key must have, in their order.
        let needed: BTreeMap<_, _> =
            jwk.iter().filter(|(key, _)| matches!(&***key, "crv" | "kty" | "x" | "y")).collect();
        let hash = Sha256::digest(serde_json::to_vec(&needed).expect("JSON"));
        self.state().thumbprint = Base64UrlUnpadded::encode_string(&hash);
        created(self.at("account/1"), &json!({ "status": "valid" }))
    }

    fn take_order(&self, payload: &Value) -> Answer {
        let identifiers = payload["identifiers"].as_array().expect("identifiers").iter();
        let name = |identifier: &Value| identifier["value"].as_str().expect("a name").to_owned();
        let names: Vec<String> = identifiers.map(name).collect();
        let is_valid = vec![None; names.len()];
        let mut state = self.state();
        state.orders.push(Order { names, is_valid, certificate: None });
        let order = state.orders.len() - 1;
        drop(state);
        created(self.at(&format!("order/{order}")), &self.order(order))
    }

    fn order(&self, at: usize) -> Value {
        let state = self.state();
        let order = &state.orders[at];
        let status = match (&order.certificate, &order.is_valid) {
            (Some(_), _) => "valid",
            (None, all) if all.contains(&Some(false)) => "invalid",
            (None, all) if all.contains(&None) => "pending",
            _ => "ready",
        };
        let authorizations: Vec<_> =
            (0..order.names.len()).map(|n| self.at(&format!("authz/{at}-{n}"))).collect();
        let mut value = json!({
            "status": status, "authorizations": authorizations, "finalize": self.at(&format!("finalize/{at}")),
            "identifiers": order.names.iter().map(|name| json!({ "type": "dns", "value": name })).collect::<Vec<_>>(),
        });
        if order.certificate.is_some() {
            value["certificate"] = self.at(&format!("certificate/{at}")).into();
        }
        value
    }

    fn authorization(&self, at: usize, nth: usize) -> Value {
        let state = self.state();
        let order = &state.orders[at];
        let (status, error) = match order.is_valid[nth] {
            None => ("pending", Value::Null),
            Some(true) => ("valid", Value::Null),
            Some(false) => (
                "invalid",
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": "not there" }),
            ),
        };
        let mut challenge = json!({
            "type": "http-01", "url": self.at(&format!("challenge/{at}-{nth}")), "token": token(at, nth), "status": status,
        });
        if !error.is_null() {
            challenge["error"] = error;
        }
        json!({
            "status": status, "identifier": { "type": "dns", "value": order.names[nth] }, "challenges": [challenge],
        })
    }

    /// Whether the answer is where it must be.
    fn looks(&self, at: usize, nth: usize) -> bool {
        let target = until("a place to look at", Duration::from_secs(20), || self.state().target);
        let token = token(at, nth);
        let expected = format!("{token}.{}", self.state().thumbprint);
        let answer = Request::get(&format!("/.well-known/acme-challenge/{token}")).send(target);
        answer.status == 200 && answer.text() == expected
    }
}

fn token(order: usize, nth: usize) -> String {
    format!("token-of-order-{order}-name-{nth}")
}

fn created(place: String, value: &Value) -> Answer {
    (201, Some(place), value.to_string(), "application/json")
}
