//! Bounds of what is kept, in count and in bytes: what exceeds them is refused with 0x97, before a restart and after it.

use mqtt::{Qos, ReasonCode};
use tests::{Bridge, Client};

use crate::clients::{client, lasting, leave_keeper, plain};

/// Publishes payloads of 100 bytes one after the other, and says how many were taken before one was refused.
fn until_refused(mut publish: impl FnMut(u8) -> ReasonCode) -> usize {
    let refused = (0..100).map(|n| (n, publish(n))).find(|(_, reason)| reason.is_error());
    let (taken, reason) = refused.expect("a bound");
    assert_eq!(reason, ReasonCode::QuotaExceeded, "0x97");
    usize::from(taken)
}

fn retain(publisher: &mut Client, n: u8) -> ReasonCode {
    publisher.retain(&format!("value/{n:02}"), &[n; 100], Qos::AtLeastOnce)
}

#[test]
fn what_is_retained_keeps_to_its_bounds_over_a_restart() {
    for (limit, fit) in [("max_retained_messages = 3", 3), ("max_retained_bytes = 500", 4)] {
        let mut bridge = Bridge::keeping(&format!("[limits]\n{limit}\n"));
        let mut publisher = plain(&bridge, "publisher");
        assert_eq!(until_refused(|n| retain(&mut publisher, n)), fit, "{limit}");
        bridge.kill();
        bridge.restart();
        let mut publisher = plain(&bridge, "publisher");
        assert_eq!(retain(&mut publisher, 99), ReasonCode::QuotaExceeded, "{limit}, after a restart");
        assert!(!retain(&mut publisher, 0).is_error(), "{limit}: one in place of another");
        assert!(!publisher.retain("value/01", b"", Qos::AtLeastOnce).is_error(), "{limit}: less");
        assert!(!retain(&mut publisher, 99).is_error(), "{limit}: there is room again");
    }
}

#[test]
fn what_waits_for_a_session_keeps_to_its_bounds_over_a_restart() {
    for (limit, fit) in [("max_queued_messages = 3", 3), ("max_queued_bytes = 500", 4)] {
        let mut bridge = Bridge::keeping(&format!("[limits]\n{limit}\n"));
        leave_keeper(&bridge);
        let mut publisher = plain(&bridge, "publisher");
        let taken = until_refused(|n| publisher.publish("kept", &[n; 100], Qos::AtLeastOnce));
        assert_eq!(taken, fit, "{limit}");
        bridge.kill();
        bridge.restart();
        let mut publisher = plain(&bridge, "publisher");
        let reason = publisher.publish("kept", &[99; 100], Qos::ExactlyOnce);
        assert_eq!(reason, ReasonCode::QuotaExceeded, "{limit}, after a restart");
        let mut keeper = client(&bridge, &lasting("keeper"));
        for n in 0..fit {
            assert_eq!(keeper.receive_payload(), [n as u8; 100], "{limit}: the oldest stay");
        }
        keeper.expect_nothing();
    }
}
