//! A Client whose Server, network, clock and application do anything: it never panics, never spins and keeps its word.

use std::collections::BTreeSet;

use mqtt::client::{Client, Config, Event, Input, Offline, Output};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, Qos, ReasonCode, SessionExpiry, TopicFilter, TopicName, Version};

pub fn play(script: &[u8]) {
    let Some((&first, script)) = script.split_first() else { return };
    let version = [Version::V3_1, Version::V3_1_1, Version::V5][usize::from(first % 3)];
    let session_expiry = if first & 0x80 == 0 { SessionExpiry::AtDisconnect } else { SessionExpiry::Never };
    let mut client =
        Client::new(Config { version, session_expiry, clean_start: first & 0x40 == 0, ..Config::default() });
    let (Ok(topic), Ok(filter)) = (TopicName::new("t".into()), TopicFilter::new("#".into())) else {
        unreachable!()
    };
    let mut now = Instant::from_millis(1_000);
    let mut waiting = BTreeSet::new();
    let mut rest = script;
    while let Some((&step, after)) = rest.split_first() {
        rest = after;
        match step % 11 {
            0 => client.start(now),
            1 => client.stop(now, ReasonCode::Success),
            2 => client.handle(now, Input::Opened),
            3 => {
                let length = usize::from(step / 11).min(rest.len());
                let (bytes, after) = rest.split_at(length);
                rest = after;
                client.handle(now, Input::Received(bytes));
            }
            4 => client.handle(now, Input::Received(&[0x20, 3, step & 1, 0, 0])),
            5 => client.handle(now, Input::Closed { why: String::new() }),
            6 => client.handle(now, Input::Wake),
            7 => {
                now = now + std::time::Duration::from_millis(u64::from(step) * 100);
                client.handle(now, Input::Tick);
            }
            8 | 9 => {
                let Some(qos) = Qos::from_level(step / 11 % 3) else { unreachable!() };
                let offline = if step & 0x80 == 0 { Offline::Wait } else { Offline::FailNow };
                let message = Message::new(topic.clone(), vec![step]).with_qos(qos);
                if let Ok(id) = client.publish_with(now, message, offline) {
                    assert!(waiting.insert(id));
                }
            }
            _ => {
                client.subscribe(now, &[(filter.clone(), SubscriptionOptions::at(Qos::ExactlyOnce))], None);
            }
        }
        let mut polls = 0;
        loop {
            match client.poll() {
                Output::Wait(_) => break,
                Output::Event(Event::Published { id, .. }) => {
                    assert!(waiting.remove(&id), "{id:?} has two ends")
                }
                Output::Event(_) | Output::Open | Output::Close | Output::Send(_) | Output::Store(_) => {}
            }
            polls += 1;
            assert!(polls < 10_000, "it never waits");
        }
    }
}
