//! What each kind of record says beyond its key.

use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use mqtt::packet::{RetainHandling, SubscriptionOptions};
use mqtt::{Message, MessageProperties, Qos, SessionExpiry, TopicFilter, TopicName, Will};

use super::Epoch;
use super::bytes::{Source, write_bytes, write_maybe, write_u32, write_u64};
use crate::broker::Stored;
use crate::broker::change::{Change, Key, Ower, Step};

pub(super) fn write(epoch: Epoch, change: &Change, out: &mut Vec<u8>) {
    match change {
        Change::Session { client_id, owner, expiry, ends, .. } => {
            write_identity(client_id, owner.as_deref(), out);
            write_u32(out, expiry.as_secs());
            write_maybe(out, *ends, |out, at| write_u64(out, epoch.write(at)));
        }
        Change::Subscribed { options, id, .. } => write_options(*options, *id, out),
        Change::Replay { options, id, from, .. } => {
            write_options(*options, *id, out);
            let (kind, topic) = match from {
                Bound::Unbounded => (0, ""),
                Bound::Included(topic) => (1, topic.as_str()),
                Bound::Excluded(topic) => (2, topic.as_str()),
            };
            out.push(kind);
            write_bytes(out, topic.as_bytes());
        }
        Change::InFlight { message, step, .. } => {
            write_u64(out, *message);
            out.push(match step {
                Step::Puback => 0,
                Step::Pubrec => 1,
                Step::Pubcomp => 2,
            });
        }
        Change::Position { next, .. } => write_u64(out, *next),
        Change::Will { due, will, .. } => {
            write_maybe(out, *due, |out, at| write_u64(out, epoch.write(at)));
            write_will(will, out);
        }
        Change::LoneWill { client_id, owner, will, .. } => {
            write_identity(client_id, owner.as_deref(), out);
            write_will(will, out);
        }
        Change::Retained { message } => write_stored(epoch, message, out),
        Change::Message { message, owers, .. } => {
            write_u32(out, u32::try_from(owers.len()).unwrap_or(u32::MAX));
            for ower in owers {
                write_u64(out, ower.session);
                out.push(ower.qos.level() | u8::from(ower.retain) << 2 | u8::from(ower.share.is_some()) << 3);
                write_u32(out, u32::try_from(ower.subscription_ids.len()).unwrap_or(u32::MAX));
                ower.subscription_ids.iter().for_each(|&id| write_u32(out, id));
                if let Some(share) = &ower.share {
                    write_bytes(out, share.as_bytes());
                }
            }
            write_stored(epoch, message, out);
        }
        // These leave nothing but a gap, or have nothing to say beyond their key.
        Change::Received { .. }
        | Change::SessionGone { .. }
        | Change::Unsubscribed { .. }
        | Change::Free { .. }
        | Change::Released { .. }
        | Change::ReplayGone { .. }
        | Change::WillGone { .. }
        | Change::LoneWillGone { .. }
        | Change::RetainedGone { .. }
        | Change::MessageGone { .. } => {}
    }
}

pub(super) fn read(epoch: Epoch, key: &Key, source: &mut Source<'_>) -> Option<Change> {
    Some(match key {
        &Key::Session(session) => {
            let (client_id, owner) = read_identity(source)?;
            let expiry = SessionExpiry::from_secs(source.u32()?);
            let ends = source.maybe(|source| source.u64().map(|at| epoch.read(at)))?;
            Change::Session { session, client_id, owner, expiry, ends }
        }
        Key::Subscription(session, filter) => {
            let filter = TopicFilter::new(Arc::clone(filter)).ok()?;
            let (options, id) = read_options(source)?;
            Change::Subscribed { session: *session, filter, options, id }
        }
        Key::Replay(session, filter) => {
            let filter = TopicFilter::new(Arc::clone(filter)).ok()?;
            let (options, id) = read_options(source)?;
            Change::Replay { session: *session, filter, options, id, from: read_bound(source)? }
        }
        &Key::InFlight(session, packet_id) => Change::InFlight {
            session,
            packet_id,
            message: source.u64()?,
            step: match source.u8()? {
                0 => Step::Puback,
                1 => Step::Pubrec,
                2 => Step::Pubcomp,
                _ => return None,
            },
        },
        &Key::Received(session, packet_id) => Change::Received { session, packet_id },
        &Key::Position(session) => Change::Position { session, next: source.u64()? },
        &Key::Will(session) => {
            let due = source.maybe(|source| source.u64().map(|at| epoch.read(at)))?;
            Change::Will { session, due, will: read_will(source)? }
        }
        &Key::LoneWill(number) => {
            let (client_id, owner) = read_identity(source)?;
            Change::LoneWill { number, client_id, owner, will: read_will(source)? }
        }
        Key::Retained(topic) => {
            let message = read_stored(epoch, source)?;
            if message.message.topic.as_str() != &**topic {
                return None;
            }
            Change::Retained { message }
        }
        &Key::Message(number) => {
            let count = source.u32()?;
            let owers = (0..count).map(|_| read_ower(source)).collect::<Option<_>>()?;
            Change::Message { number, owers, message: read_stored(epoch, source)? }
        }
    })
}

fn write_identity(client_id: &str, owner: Option<&str>, out: &mut Vec<u8>) {
    write_bytes(out, client_id.as_bytes());
    write_maybe(out, owner, |out, owner| write_bytes(out, owner.as_bytes()));
}

fn read_identity(source: &mut Source<'_>) -> Option<(Arc<str>, Option<Arc<str>>)> {
    Some((source.text()?.into(), source.maybe(|source| source.text().map(Arc::from))?))
}

fn write_will(will: &Will, out: &mut Vec<u8>) {
    write_u32(out, will.delay_s);
    write_message(&will.message, out);
}

fn read_will(source: &mut Source<'_>) -> Option<Arc<Will>> {
    let delay_s = source.u32()?;
    Some(Arc::new(Will { message: read_message(source)?, delay_s }))
}

fn read_ower(source: &mut Source<'_>) -> Option<Ower> {
    let session = source.u64()?;
    let flags = source.u8()?;
    let count = source.u32()?;
    Some(Ower {
        session,
        qos: Qos::from_level(flags & 3)?,
        retain: flags & 4 != 0,
        subscription_ids: (0..count).map(|_| source.u32()).collect::<Option<_>>()?,
        // The first version of the format knows no share, and leaves this bit empty.
        share: if flags & 8 == 0 { None } else { Some(source.text()?.into()) },
    })
}

fn write_stored(epoch: Epoch, stored: &Stored, out: &mut Vec<u8>) {
    write_maybe(out, stored.expires, |out, at| write_u64(out, epoch.write(at)));
    write_message(&stored.message, out);
}

fn read_stored(epoch: Epoch, source: &mut Source<'_>) -> Option<Arc<Stored>> {
    let expires = source.maybe(|source| source.u64().map(|at| epoch.read(at)))?;
    Some(Arc::new(Stored::new(read_message(source)?, expires)))
}

fn write_message<P: AsRef<[u8]>>(message: &Message<P>, out: &mut Vec<u8>) {
    out.push(message.qos.level() | u8::from(message.retain) << 2);
    write_bytes(out, message.topic.as_str().as_bytes());
    write_bytes(out, message.payload.as_ref());
    write_maybe(out, message.properties.as_deref(), |out, p| {
        write_maybe(out, p.payload_is_utf8, |out, is| out.push(u8::from(is)));
        write_maybe(out, p.message_expiry_s, write_u32);
        write_maybe(out, p.response_topic.as_deref(), |out, s| write_bytes(out, s.as_bytes()));
        write_maybe(out, p.correlation_data.as_deref(), write_bytes);
        write_maybe(out, p.content_type.as_deref(), |out, s| write_bytes(out, s.as_bytes()));
        write_u32(out, u32::try_from(p.user_properties.len()).unwrap_or(u32::MAX));
        for (name, value) in &p.user_properties {
            write_bytes(out, name.as_bytes());
            write_bytes(out, value.as_bytes());
        }
    });
}

fn read_message(source: &mut Source<'_>) -> Option<Message> {
    let flags = source.u8()?;
    Some(Message {
        qos: Qos::from_level(flags & 3)?,
        retain: flags & 4 != 0,
        topic: TopicName::new(Arc::from(source.text()?)).ok()?,
        payload: Bytes::copy_from_slice(source.bytes()?),
        properties: source.maybe(read_properties)?.map(Box::new),
    })
}

fn read_properties(source: &mut Source<'_>) -> Option<MessageProperties> {
    let mut p = MessageProperties {
        payload_is_utf8: source.maybe(|source| source.u8().map(|is| is != 0))?,
        message_expiry_s: source.maybe(Source::u32)?,
        response_topic: source.maybe(|source| source.text().map(Into::into))?,
        correlation_data: source.maybe(|source| source.bytes().map(Into::into))?,
        content_type: source.maybe(|source| source.text().map(Into::into))?,
        user_properties: Vec::new(),
    };
    for _ in 0..source.u32()? {
        p.user_properties.push((source.text()?.into(), source.text()?.into()));
    }
    Some(p)
}

fn write_options(options: SubscriptionOptions, id: Option<NonZeroU32>, out: &mut Vec<u8>) {
    out.push(options_byte(options));
    write_u32(out, id.map_or(0, NonZeroU32::get));
}

fn read_options(source: &mut Source<'_>) -> Option<(SubscriptionOptions, Option<NonZeroU32>)> {
    Some((options(source.u8()?)?, NonZeroU32::new(source.u32()?)))
}

fn read_bound(source: &mut Source<'_>) -> Option<Bound<TopicName>> {
    let (kind, text) = (source.u8()?, source.text()?);
    let topic = || TopicName::new(Arc::from(text)).ok();
    Some(match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(topic()?),
        2 => Bound::Excluded(topic()?),
        _ => return None,
    })
}

/// As SUBSCRIBE has them (3.8.3.1).
fn options_byte(options: SubscriptionOptions) -> u8 {
    let handling = match options.retain_handling {
        RetainHandling::Send => 0,
        RetainHandling::SendIfNew => 1,
        RetainHandling::DoNotSend => 2,
    };
    options.qos.level()
        | u8::from(options.no_local) << 2
        | u8::from(options.retain_as_published) << 3
        | handling << 4
}

fn options(byte: u8) -> Option<SubscriptionOptions> {
    Some(SubscriptionOptions {
        qos: Qos::from_level(byte & 3)?,
        no_local: byte & 4 != 0,
        retain_as_published: byte & 8 != 0,
        retain_handling: match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return None,
        },
    })
}
