//! A disk that takes what is written and then fails to keep it: the kernel says so once, at the fsync, and forgets the pages.
//! Nothing that waited for it may be acknowledged, and nothing after it.

use std::path::Path;

use mqtt::packet::{Connect, Publish};
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode, SessionExpiry, Version};
use tests::{Bridge, Client, PATIENCE, Process, TempFolder, Wire, message};

use crate::ledger::{LIMITS, Play};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/failing_sync.rs");

/// A program whose fsync can be made to fail; started again, it is one like any other.
struct Breakable {
    folder: TempFolder,
}

impl Breakable {
    fn new() -> Self {
        let folder = TempFolder::new("failing-sync");
        std::fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
        let library = folder.0.join("library").to_string_lossy().into_owned();
        let words = ["--edition", "2024", "--crate-type", "cdylib", "-o", &library, LIBRARY];
        let mut rustc = Process::start(Path::new("rustc"), &words);
        assert!(rustc.wait(PATIENCE * 3).success(), "{:?}", rustc.stderr.all());
        Self { folder }
    }

    fn start(&self) -> Bridge {
        let [library, trigger] = ["library", "trigger"].map(|name| self.folder.0.join(name));
        Bridge::keeping_with(LIMITS, &[("LD_PRELOAD", &library), ("SWITCHBOARD_SYNC_FAILS", &trigger)])
    }

    fn break_it(&self) {
        std::fs::write(self.folder.0.join("trigger"), "").expect("a file beside the library");
    }
}

fn expect_its_end(bridge: &mut Bridge) {
    assert_eq!(bridge.process.wait(PATIENCE).code(), Some(1));
    bridge.process.stderr.expect(&["state can no longer be kept", "nothing more is acknowledged", "fsync"]);
}

#[test]
fn an_fsync_that_fails_ends_the_process_and_nothing_more_is_acknowledged() {
    let breakable = Breakable::new();
    let mut bridge = breakable.start();
    let mut keeper = Connect::new(Version::V5, "keeper");
    keeper.clean_start = false;
    keeper.properties.session_expiry = SessionExpiry::After(1000);
    let come = |bridge: &Bridge, connect: &Connect<'_>| {
        let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        assert_eq!(client.connect(connect).reason, ReasonCode::Success);
        client
    };
    let mut first = come(&bridge, &keeper);
    assert_eq!(first.subscribe("kept", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    first.disconnect();
    let mut publisher = come(&bridge, &Connect::new(Version::V5, "publisher"));
    assert_eq!(publisher.publish("kept", b"before", Qos::AtLeastOnce), ReasonCode::Success);
    assert!(!publisher.retain("value", b"before", Qos::AtLeastOnce).is_error());

    breakable.break_it();
    let mut publish: Publish<'_> = message("kept", b"after");
    publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
    publisher.send(&Packet::Publish(publish));
    assert_eq!(publisher.end().reason, None, "a PUBACK would not be an end");
    expect_its_end(&mut bridge);

    bridge.restart();
    let mut again = come(&bridge, &keeper);
    assert_eq!(again.receive_payload(), b"before");
    let mut reader = come(&bridge, &Connect::new(Version::V5, "reader"));
    let _ = reader.subscribe("value", Qos::AtMostOnce);
    assert_eq!(reader.receive_payload(), b"before");
}

#[test]
fn nothing_acknowledged_is_lost_when_fsync_fails_under_load() {
    let breakable = Breakable::new();
    let mut play = Play::new(breakable.start(), 1);
    play.prepare();
    play.round(1, |bridge| {
        breakable.break_it();
        expect_its_end(bridge);
    });
    play.settle();
}
