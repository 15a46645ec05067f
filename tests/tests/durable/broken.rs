//! A disk that takes what is written and then fails to keep it (the kernel says so once, at the fsync, and forgets the pages),
//! and one that takes nothing any more. Nothing that waited for it may be acknowledged, and nothing after it.

use std::path::Path;

use mqtt::packet::Publish;
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode};
use tests::{Bridge, PATIENCE, Process, TempFolder, message};

use crate::clients::{client, lasting, leave_keeper, plain};
use crate::ledger::{LIMITS, Play};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/failing_disk.rs");

/// How a disk breaks.
#[derive(Clone, Copy, Debug)]
enum Break {
    Sync,
    ReadOnly,
}

/// A program whose disk can be broken; started again, it is one like any other.
struct Breakable {
    folder: TempFolder,
    how: Break,
}

impl Breakable {
    fn new(how: Break) -> Self {
        let folder = TempFolder::new("failing-disk");
        std::fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
        let library = folder.0.join("library").to_string_lossy().into_owned();
        let words = ["--edition", "2024", "--crate-type", "cdylib", "-o", &library, LIBRARY];
        let mut rustc = Process::start(Path::new("rustc"), &words);
        assert!(rustc.wait(PATIENCE * 3).success(), "{:?}", rustc.stderr.all());
        Self { folder, how }
    }

    fn start(&self) -> Bridge {
        let [library, trigger] = ["library", "trigger"].map(|name| self.folder.0.join(name));
        Bridge::keeping_with(LIMITS, &[("LD_PRELOAD", &library), ("SWITCHBOARD_DISK_FAILS", &trigger)])
    }

    /// Written beside and moved, so that it is there at once and whole.
    fn break_it(&self) {
        let [draft, trigger] = ["draft", "trigger"].map(|name| self.folder.0.join(name));
        let text = match self.how {
            Break::Sync => "sync",
            Break::ReadOnly => "read-only",
        };
        std::fs::write(&draft, text).expect("a file beside the library");
        std::fs::rename(draft, trigger).expect("the same file with another name");
    }

    fn expect_its_end(&self, bridge: &mut Bridge) {
        assert_eq!(bridge.process.wait(PATIENCE).code(), Some(1));
        let reason: &[&str] = match self.how {
            Break::Sync => &["cannot be made durable (fsync)", "Input/output error"],
            Break::ReadOnly => &["cannot", "Read-only file system"],
        };
        let all = [&["state can no longer be kept, so nothing more is acknowledged"], reason].concat();
        bridge.process.stderr.expect(&all);
    }
}

/// One message waits for the disk when it breaks.
fn breaks_below_one_message(how: Break) {
    let breakable = Breakable::new(how);
    let mut bridge = breakable.start();
    leave_keeper(&bridge);
    let mut publisher = plain(&bridge, "publisher");
    assert_eq!(publisher.publish("kept", b"before", Qos::AtLeastOnce), ReasonCode::Success);
    assert!(!publisher.retain("value", b"before", Qos::AtLeastOnce).is_error());

    breakable.break_it();
    let mut publish: Publish<'_> = message("kept", b"after");
    publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
    publisher.send(&Packet::Publish(publish));
    assert_eq!(publisher.end().reason, None, "a PUBACK would not be an end");
    breakable.expect_its_end(&mut bridge);

    bridge.restart();
    let mut again = client(&bridge, &lasting("keeper"));
    assert_eq!(again.receive_payload(), b"before");
    let mut reader = plain(&bridge, "reader");
    let _ = reader.subscribe("value", Qos::AtMostOnce);
    assert_eq!(reader.receive_payload(), b"before");
}

/// The ledger holds when the disk breaks below many.
fn breaks_under_load(how: Break) {
    let breakable = Breakable::new(how);
    let mut play = Play::new(breakable.start(), 1);
    play.prepare();
    play.round(1, |bridge| {
        breakable.break_it();
        breakable.expect_its_end(bridge);
    });
    play.settle();
}

#[test]
fn an_fsync_that_fails_ends_the_process_and_nothing_more_is_acknowledged() {
    breaks_below_one_message(Break::Sync);
}

#[test]
fn nothing_acknowledged_is_lost_when_fsync_fails_under_load() {
    breaks_under_load(Break::Sync);
}

#[test]
fn a_disk_that_becomes_read_only_ends_the_process_and_nothing_more_is_acknowledged() {
    breaks_below_one_message(Break::ReadOnly);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_disk_becomes_read_only_under_load() {
    breaks_under_load(Break::ReadOnly);
}

#[test]
fn a_folder_that_is_read_only_is_refused_with_what_to_do() {
    let folder = TempFolder::new("read-only");
    std::fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
    // Permissions do not stop one who may do everything; a mount does.
    let script = "mount --bind \"$2\" \"$2\" && mount -o remount,bind,ro \"$2\" && \
        exec \"$1\" --http 127.0.0.1:0 --tcp 127.0.0.1:0 --data \"$2$3\"";
    let words = [&tests::program(), &folder.0].map(|path| path.to_string_lossy().into_owned());
    let to_do = "make it writable or name another with --data";
    for (below, said) in [("", to_do), ("/new", "cannot be made; name another with --data")] {
        let all = ["--map-root-user", "--mount", "sh", "-c", script, "sh", &words[0], &words[1], below];
        let mut process = Process::start(Path::new("unshare"), &all);
        assert_eq!(process.wait(PATIENCE).code(), Some(1));
        let place = format!("the folder for state, {}{below},", words[1]);
        process.stderr.expect(&["switchboard:", &place, said, "Read-only file system"]);
    }
}
