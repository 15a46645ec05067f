//! Every kind of record there and back, and every bit of it flipped.

use std::num::NonZeroU32;
use std::ops::Bound;

use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, MessageProperties, Qos, SessionExpiry, Will};

use super::*;
use crate::broker::Stored;
use crate::broker::change::{Ower, Row, Rows, Step};

const EPOCH: Epoch = Epoch(1_700_000_000_000);

fn message() -> Message {
    let properties = MessageProperties {
        payload_is_utf8: Some(true),
        message_expiry_s: Some(60),
        response_topic: Some("answers".into()),
        correlation_data: Some([0, 1, 2].into()),
        user_properties: vec![("a".into(), "b".into()), (String::new().into(), "ü".into())],
        content_type: Some("text/plain".into()),
    };
    let mut message = Message::new("a/b".parse().unwrap(), "ON").with_qos(Qos::ExactlyOnce).with_retain(true);
    message.properties = Some(Box::new(properties));
    message
}

/// One change of each kind that puts something.
fn changes() -> Vec<Change> {
    let stored = Arc::new(Stored::new(message(), Some(Instant::from_millis(61_000))));
    let plain = Arc::new(Stored::new(Message::new("x".parse().unwrap(), ""), None));
    let id = PacketId::new(65_535).unwrap();
    let options = SubscriptionOptions {
        qos: Qos::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let ower = |session, ids: &[u32]| Ower {
        session,
        qos: Qos::AtLeastOnce,
        retain: true,
        subscription_ids: ids.into(),
        share: (!ids.is_empty()).then(|| "$share/g/a/+".into()),
    };
    vec![
        Change::Session {
            session: 7,
            client_id: "pump".into(),
            owner: Some("ann".into()),
            expiry: SessionExpiry::After(60),
            ends: Some(Instant::from_millis(5)),
        },
        Change::Session {
            session: 8,
            client_id: "".into(),
            owner: None,
            expiry: SessionExpiry::Never,
            ends: None,
        },
        Change::Subscribed {
            session: 7,
            filter: "a/+/#".parse().unwrap(),
            options,
            id: NonZeroU32::new(268_435_455),
        },
        Change::InFlight { session: 7, packet_id: id, message: u64::MAX, step: Step::Pubcomp },
        Change::Received { session: 7, packet_id: id },
        Change::Position { session: 7, next: 300 },
        Change::Will { session: 7, due: None, will: Arc::new(Will { message: message(), delay_s: 9 }) },
        Change::LoneWill {
            number: 9,
            client_id: "valve".into(),
            owner: Some("bob".into()),
            will: Arc::new(Will { message: message(), delay_s: 0 }),
        },
        Change::Retained { message: Arc::clone(&stored) },
        Change::Message { number: 299, message: stored, owers: [ower(7, &[1, 2]), ower(8, &[])].into() },
        Change::Message { number: 300, message: plain, owers: [].into() },
    ]
    .into_iter()
    .chain(replays(options))
    .collect()
}

fn replays(options: SubscriptionOptions) -> [Change; 3] {
    let replay = |session, filter: &str, from| {
        let (filter, id) = (filter.parse().unwrap(), NonZeroU32::new(u32::from(filter == "#")));
        Change::Replay { session, filter, options, id, from }
    };
    [
        replay(7, "#", Bound::Unbounded),
        replay(7, "a/+/#", Bound::Included("a/b".parse().unwrap())),
        replay(8, "a/+/#", Bound::Excluded("a/b".parse().unwrap())),
    ]
}

/// The rows of these changes, as bytes.
fn rows() -> Vec<(Vec<u8>, Vec<u8>, String)> {
    let mut rows = Rows::default();
    changes().into_iter().for_each(|change| rows.apply(change));
    let written = rows.iter().map(|(key, row)| {
        let (mut place, mut record) = (Vec::new(), Vec::new());
        write_key(key, &mut place);
        let Row::Put(change) = row else { panic!("all of them put something") };
        write(EPOCH, 42, &place, change, &mut record);
        (place, record, format!("{change:?}"))
    });
    written.collect()
}

#[test]
fn every_record_comes_back_as_it_was() {
    let rows = rows();
    assert_eq!(rows.len(), changes().len());
    assert!(rows.is_sorted(), "the order of keys is the order of their bytes");
    for (key, record, change) in rows {
        let read = read_row(EPOCH, &key, &record).unwrap();
        assert_eq!(format!("{:?}", read.change), change);
        assert_eq!((read.sequence, read.key, read.size), (42, key, record.len()));
    }
}

#[test]
fn moments_are_kept_across_a_restart() {
    let (key, record, _) = rows().into_iter().find(|(key, ..)| key.first() == Some(&RETAINED)).unwrap();
    let expires = |epoch| match read_row(epoch, &key, &record).unwrap().change {
        Change::Retained { message } => message.expires,
        other => panic!("{other:?}"),
    };
    assert_eq!(expires(Epoch(EPOCH.0 + 60_000)), Some(Instant::from_millis(1000)));
    assert_eq!(expires(Epoch(EPOCH.0 + 90_000)), Some(Instant::START), "it is over");
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    for (key, record, _) in rows() {
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_row(EPOCH, &key, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..record.len() {
            assert!(read_row(EPOCH, &key, &record[..length]).is_err(), "{length} bytes");
        }
        let mut longer = record.clone();
        longer.push(0);
        assert_eq!(read_row(EPOCH, &key, &longer).unwrap_err(), Damage::Content);
        assert_eq!(read_row(EPOCH, b"elsewhere", &record).unwrap_err(), Damage::Misplaced);
    }
}

#[test]
fn a_newer_format_is_named() {
    let (key, record, _) = rows().into_iter().next().unwrap();
    let mut newer = record;
    newer[4] = VERSION + 1;
    assert_eq!(read_row(EPOCH, &key, &newer).unwrap_err(), Damage::Version(VERSION + 1));
}

/// A message that was written before owers could say by which share they got it.
#[test]
fn the_first_format_is_read() {
    let rest = [
        &42_u64.to_le_bytes()[..],
        &9_u32.to_le_bytes(),
        &[MESSAGE, 0, 0, 0, 0, 0, 0, 0, 5],
        &1_u32.to_le_bytes(), // one ower
        &7_u64.to_le_bytes(),
        &[1],                 // QoS 1
        &1_u32.to_le_bytes(), // one subscription identifier
        &3_u32.to_le_bytes(),
        &[0, 1], // never expires; QoS 1
        &1_u32.to_le_bytes(),
        b"a",
        &2_u32.to_le_bytes(),
        b"ON",
        &[0], // no properties
    ]
    .concat();
    let checked = [&(rest.len() as u32).to_le_bytes()[..], &rest].concat();
    let record = [&MAGIC[..], &[1], &crc32fast::hash(&checked).to_le_bytes(), &checked].concat();
    let read = read_row(EPOCH, &[MESSAGE, 0, 0, 0, 0, 0, 0, 0, 5], &record).unwrap();
    let Change::Message { number: 5, message, owers } = read.change else { panic!("{:?}", read.change) };
    assert_eq!((message.message.topic.as_str(), &message.message.payload[..]), ("a", &b"ON"[..]));
    let ower =
        Ower { session: 7, qos: Qos::AtLeastOnce, retain: false, subscription_ids: [3].into(), share: None };
    assert_eq!(*owers, [ower]);
}
