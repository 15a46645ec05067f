//! Disks that are full or gone, folders that are in use or cannot be used, and copies.

use std::fs;
use std::io::Write as _;

use mqtt::packet::{Connect, Publish};
use mqtt::{Delivery, Packet, PacketId, Qos, ReasonCode, Version};
use tests::{Bridge, PATIENCE, Process, Request, TempFolder, message, program, until};

use crate::clients::{client, lasting, leave_keeper, plain};
use crate::ledger::LIMITS;

fn health(bridge: &Bridge) -> String {
    String::from_utf8_lossy(&Request::get("/health").send(bridge.http).body).into_owned()
}

/// What a program says that does not start, with its exit code.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::start(&program(), arguments);
    let code = process.wait(PATIENCE).code();
    let said = until("its last words", PATIENCE, || {
        let said = process.stderr.all().join("\n");
        said.contains("switchboard:").then_some(said)
    });
    (code, said)
}

#[test]
fn health_says_what_an_acknowledgement_promises() {
    assert!(health(&Bridge::keeping("")).contains(r#""durability":"group""#));
    assert!(health(&Bridge::keeping("[data]\ndurability = \"os\"\n")).contains(r#""durability":"os""#));
    assert!(health(&Bridge::start()).contains(r#""durability":"none""#));
}

#[test]
fn a_folder_that_is_in_use_is_refused_with_the_number_of_its_process() {
    let bridge = Bridge::keeping("");
    let folder = bridge.data();
    let (code, said) =
        refusal(&["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--data", &folder.to_string_lossy()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("another switchboard runs with the folder"), "{said}");
    assert!(said.contains(&format!("pid {}", bridge.process.id())), "{said}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_with_what_to_do() {
    let (code, said) =
        refusal(&["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--data", "/proc/switchboard"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("name another with --data"), "{said}");
}

#[test]
fn state_survives_a_stop_and_a_kill() {
    let mut bridge = Bridge::keeping("");
    leave_keeper(&bridge);
    for kills in [false, true] {
        let mut publisher = plain(&bridge, "publisher");
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            assert_eq!(publisher.publish("kept", b"x", qos), ReasonCode::Success);
        }
        assert!(!publisher.retain("value", &[u8::from(kills)], Qos::AtLeastOnce).is_error());
        if kills {
            bridge.kill();
        } else {
            assert_eq!(bridge.process.terminate().code(), Some(0));
        }
        bridge.restart();
        let mut reader = plain(&bridge, "reader");
        let _ = reader.subscribe("value", Qos::AtMostOnce);
        assert_eq!(reader.receive_payload(), [u8::from(kills)]);
    }
    let mut keeper = client(&bridge, &lasting("keeper"));
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        assert_eq!(keeper.receive().delivery.qos(), qos);
    }
    keeper.expect_nothing();
}

#[test]
fn a_deleted_folder_ends_the_process_and_nothing_more_is_acknowledged() {
    let mut bridge = Bridge::keeping("");
    leave_keeper(&bridge);
    let mut publisher = plain(&bridge, "publisher");
    fs::remove_dir_all(bridge.data()).expect("a folder that is there");
    let mut publish: Publish<'_> = message("kept", b"x");
    publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
    publisher.send(&Packet::Publish(publish));
    assert_eq!(bridge.process.wait(PATIENCE).code(), Some(1));
    bridge.process.stderr.expect(&["state can no longer be kept", "deleted"]);
    let end = publisher.end(); // a PUBACK would not be an end
    assert_eq!(end.reason, None);
}

#[test]
fn a_copy_of_a_running_broker_is_put_back() {
    let bridge = Bridge::keeping("");
    leave_keeper(&bridge);
    let mut publisher = plain(&bridge, "publisher");
    assert_eq!(publisher.publish("kept", b"before", Qos::AtLeastOnce), ReasonCode::Success);
    let (copy, place) = (TempFolder::new("copy"), TempFolder::new("restored"));
    fs::create_dir_all(&copy.0).expect("a folder for the copy");
    let file = copy.0.join("state").to_string_lossy().into_owned();
    let run = |words: &[&str]| {
        let mut process = Process::start(&program(), words);
        assert_eq!(process.wait(PATIENCE).code(), Some(0), "{words:?}: {:?}", process.stderr.all());
    };
    run(&["backup", &file, "--data", &bridge.data().to_string_lossy()]);
    assert_eq!(publisher.publish("kept", b"after", Qos::AtLeastOnce), ReasonCode::Success);
    run(&["restore", &file, "--data", &place.0.to_string_lossy()]);
    let restored = Bridge::keeping_in(place);
    let mut keeper = client(&restored, &lasting("keeper"));
    assert_eq!(keeper.receive_payload(), b"before");
    keeper.expect_nothing();
}

#[test]
fn a_full_disk_refuses_what_must_be_kept_until_there_is_room() {
    let bridge = Bridge::keeping_within(24, LIMITS);
    leave_keeper(&bridge);
    let mut publisher = plain(&bridge, "publisher");
    let payload = vec![b'x'; 100_000];
    let mut taken = 0;
    let refused = until("a full disk", PATIENCE * 3, || {
        let reason = publisher.publish("kept", &payload, Qos::AtLeastOnce);
        taken += usize::from(reason == ReasonCode::Success);
        reason.is_error().then_some(reason)
    });
    assert_eq!(refused, ReasonCode::QuotaExceeded);
    assert!(taken > 50, "there was room for {taken}");
    bridge.process.stderr.expect(&["the disk is full"]);
    let mut other = plain(&bridge, "other");
    assert_eq!(other.subscribe("other", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
    assert_eq!(publisher.publish("other", b"goes on", Qos::AtLeastOnce), ReasonCode::Success);
    assert_eq!(other.receive_payload(), b"goes on");
    let mut old = client(&bridge, &Connect::new(Version::V3_1_1, "old"));
    let mut publish: Publish<'_> = message("kept", &payload);
    publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
    old.send(&Packet::Publish(publish));
    old.end();
    let mut keeper = client(&bridge, &lasting("keeper"));
    for _ in 0..taken {
        assert_eq!(keeper.receive_payload().len(), payload.len());
    }
    keeper.expect_nothing();
    until("room for one more", PATIENCE, || {
        (publisher.publish("kept", b"again", Qos::AtLeastOnce) == ReasonCode::Success).then_some(())
    });
}

#[test]
fn a_disk_that_somebody_else_fills_costs_no_more_than_what_must_be_kept() {
    let mut bridge = Bridge::keeping_within(32, LIMITS);
    leave_keeper(&bridge);
    let mut publisher = plain(&bridge, "publisher");
    for _ in 0..20 {
        assert_eq!(publisher.publish("kept", b"kept", Qos::AtLeastOnce), ReasonCode::Success);
    }
    // The disk is mounted for that process alone.
    let filler = format!("/proc/{}/root{}/filler", bridge.process.id(), bridge.data().display());
    let mut file = fs::File::create(&filler).expect("another file on that disk");
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    let payload = vec![b'x'; 500_000];
    let mut publish: Publish<'_> = message("kept", &payload);
    publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::MIN, dup: false };
    publisher.send(&Packet::Publish(publish));
    assert_eq!(publisher.end().reason, Some(ReasonCode::QuotaExceeded), "it was not known before");
    let mut publisher = plain(&bridge, "publisher");
    assert_eq!(publisher.publish("kept", &payload, Qos::AtLeastOnce), ReasonCode::QuotaExceeded);
    assert_eq!(publisher.publish("free", b"x", Qos::AtLeastOnce), ReasonCode::NoMatchingSubscribers);
    fs::remove_file(&filler).expect("the file is there");
    drop(file);
    until("room for one more", PATIENCE, || {
        (publisher.publish("kept", b"last", Qos::AtLeastOnce) == ReasonCode::Success).then_some(())
    });
    assert!(bridge.process.is_alive());
    let mut keeper = client(&bridge, &lasting("keeper"));
    for _ in 0..20 {
        assert_eq!(keeper.receive_payload(), b"kept");
    }
    while keeper.receive_payload() != b"last" {} // what was refused may come or not
    let log = bridge.process.stderr.all();
    assert!(!log.iter().any(|line| line.contains("cannot be read")), "nothing acknowledged is lost: {log:?}");
}
