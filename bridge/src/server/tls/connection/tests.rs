//! TLS against rustls' own client, in memory: wherever the bytes are cut, and whatever is done to them.

use std::io::{Read as _, Write as _};

use mqtt::Rng;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// A client and what serves it.
struct Pair {
    client: ClientConnection,
    server: Tls,
    /// What the server was told so far.
    heard: Vec<u8>,
    /// What the client was told since it was last asked.
    answered: Vec<u8>,
    is_over: bool,
}

/// Both configurations, which are dear to make.
fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate: CertificateDer<'static> = own.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    server.ticketer = Ticketer::new().unwrap();
    (Arc::new(client), Arc::new(server))
}

impl Pair {
    fn new((client, server): &(Arc<ClientConfig>, Arc<ServerConfig>)) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            client: ClientConnection::new(Arc::clone(client), name).unwrap(),
            server: Tls::new(Arc::clone(server), NameFrom::Nothing).unwrap(),
            heard: Vec::new(),
            answered: Vec::new(),
            is_over: false,
        }
    }

    /// What the client has to say on the wire.
    fn said(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Brings bytes to the server as a shard does.
    fn bring(&mut self, bytes: &[u8]) -> Result<Received, Failure> {
        let mut bytes = [self.server.before(), bytes].concat();
        self.server.receive(&mut bytes, |piece| self.heard.extend_from_slice(piece))
    }

    /// Brings to the client what the server says, and what is to be said with it.
    fn answer(&mut self, plain: &[u8]) {
        let mut wire = Vec::new();
        self.server.seal(plain, &mut wire).unwrap();
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            self.client.read_tls(&mut wire).unwrap();
            self.client.process_new_packets().unwrap();
            self.is_over |= self.client.reader().read_to_end(&mut self.answered).is_ok();
        }
    }

    fn shake_hands(&mut self, size: usize) {
        while self.client.is_handshaking() || !self.server.is_open() {
            let said = self.said();
            for piece in said.chunks(size) {
                self.bring(piece).unwrap();
            }
            self.answer(&[]);
        }
    }
}

#[test]
fn what_is_said_arrives_wherever_it_is_cut() {
    let configs = configs();
    let text: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    for size in [1, 7, 1000, 16_384, usize::MAX] {
        let mut pair = Pair::new(&configs);
        pair.shake_hands(size);
        let mut left = text.as_slice();
        while !left.is_empty() {
            let taken = pair.client.writer().write(left).unwrap();
            left = &left[taken..];
            let said = pair.said();
            for piece in said.chunks(size) {
                pair.bring(piece).unwrap();
            }
        }
        assert!(pair.heard == text, "pieces of {size}");
        assert!(
            pair.server.before().is_empty() && pair.server.pending() == 0,
            "a quiet connection holds nothing"
        );
        pair.answer(&text);
        assert!(pair.answered == text);
    }
}

#[test]
fn keys_are_made_anew_when_the_peer_asks_for_it() {
    let mut pair = Pair::new(&configs());
    pair.shake_hands(usize::MAX);
    for round in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client.writer().write_all(b"question").unwrap();
        let said = pair.said();
        // Also when the message that asks for it comes in two parts, and something is said in between.
        let (first, second) = said.split_at(3);
        pair.bring(first).unwrap();
        pair.answer(b"be");
        pair.bring(second).unwrap();
        pair.answer(b"tween");
        assert_eq!(std::mem::take(&mut pair.answered), b"between", "round {round}");
        assert_eq!(pair.heard, b"question".repeat(round + 1));
    }
}

#[test]
fn a_goodbye_is_heard_and_answered() {
    let mut pair = Pair::new(&configs());
    pair.shake_hands(usize::MAX);
    pair.client.writer().write_all(b"last words").unwrap();
    pair.client.send_close_notify();
    let said = pair.said();
    assert!(pair.bring(&said).unwrap().is_over);
    assert_eq!(pair.heard, b"last words");
    pair.server.close();
    assert!(pair.server.pending() > 0);
    pair.answer(&[]);
    assert!(pair.is_over, "it is the end, and no accident");
}

#[test]
fn what_was_changed_on_its_way_is_refused_once_and_heard_no_more() {
    let configs = configs();
    let mut failures = 0;
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let mut below = |n: usize| usize::try_from(rng.next_u64() % n as u64).unwrap();
        let mut pair = Pair::new(&configs);
        let late = below(2) == 1;
        if late {
            pair.shake_hands(usize::MAX);
            pair.client.writer().write_all(&[7; 40_000]).unwrap();
        }
        let mut said = pair.said();
        for _ in 0..=below(3) {
            let at = below(said.len());
            match below(3) {
                0 => said[at] ^= 1 << below(8),
                1 => said.truncate(at.max(1)),
                _ => said.insert(at, u8::try_from(below(256)).unwrap()),
            }
        }
        let size = 1 + below(said.len());
        for piece in said.chunks(size) {
            if pair.bring(piece).is_err() {
                failures += 1;
                let heard = pair.heard.len();
                assert!(pair.bring(&[0x16; 100]).is_ok_and(|received| !received.is_over));
                assert!(pair.heard.len() == heard && pair.server.before().is_empty());
                let (mut told, mut wire) = (Vec::new(), Vec::new());
                pair.server.seal(&[], &mut told).unwrap();
                pair.server.seal(b"nothing more", &mut wire).unwrap();
                assert!(wire.is_empty(), "the alert was the last word");
                break;
            }
        }
        assert!(pair.heard.iter().all(|&byte| byte == 7), "nothing is heard that was not said");
    }
    assert!(failures > 300, "{failures} of 600");
}
