//! A client that does as it likes: acknowledges late, in any order, or never; sends things twice; talks nonsense.

use std::collections::BTreeSet;

use mqtt::codec::Deframer;
use mqtt::packet::{Ack, Connect, Publish, Subscribe, SubscriptionOptions};
use mqtt::{Delivery, Message, Packet, PacketId, Qos, ReasonCode, TopicFilter, Version};

use crate::link::{LinkKey, Owner};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) link: Option<LinkKey>,
    deframer: Deframer,
    partial: Vec<u8>,
    /// Acknowledgements it could send.
    pub(crate) acks: Vec<Todo>,
    /// Sends them at once.
    pub(crate) is_eager: bool,
    next_id: u16,
    /// Topic aliases that it has set on this connection.
    aliases: BTreeSet<u16>,
    /// QoS 2 messages without PUBREL.
    pub(crate) unreleased: Vec<(PacketId, Message)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Todo {
    Puback(PacketId),
    Pubrec(PacketId),
    Pubcomp(PacketId),
}

impl Raw {
    pub(crate) fn new(name: String, version: Version) -> Self {
        Self {
            name,
            version,
            link: None,
            deframer: Deframer::client(version, u32::MAX),
            partial: Vec::new(),
            acks: Vec::new(),
            is_eager: false,
            next_id: 0,
            aliases: BTreeSet::new(),
            unreleased: Vec::new(),
        }
    }

    fn id(&mut self) -> PacketId {
        self.next_id += 1;
        PacketId::new(self.next_id).expect("it does not send that many")
    }
}

impl World {
    pub(crate) fn raw_sends(&mut self, at: usize, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.raws[at].version, &mut bytes).expect("a packet that fits");
        self.raw_writes(at, bytes);
    }

    pub(crate) fn raw_writes(&mut self, at: usize, bytes: Vec<u8>) {
        if let Some(link) = self.raws[at].link {
            self.send_up(link, bytes);
        }
    }

    pub(crate) fn raw_connects(&mut self, at: usize, connect: &Connect<'_>) {
        let link = self.open(Owner::Raw(at));
        let raw = &mut self.raws[at];
        raw.link = Some(link);
        raw.deframer = Deframer::client(raw.version, u32::MAX);
        raw.partial.clear();
        raw.acks.clear();
        raw.aliases.clear();
        self.raw_sends(at, &Packet::Connect(Box::new(connect.clone())));
    }

    /// Closes its transport without a word.
    pub(crate) fn raw_leaves(&mut self, at: usize) {
        if let Some(link) = self.raws[at].link.take() {
            self.close(link);
        }
    }

    pub(crate) fn raw_received(&mut self, at: usize, bytes: &[u8]) {
        let raw = &mut self.raws[at];
        raw.partial.extend_from_slice(bytes);
        let all = std::mem::take(&mut raw.partial);
        let mut used = 0;
        let link = raw.link;
        while let Some((packet, size)) =
            raw.deframer.next(&all[used..]).expect("the server's packets are in order")
        {
            used += size;
            match packet {
                Packet::Publish(publish) => match publish.delivery {
                    Delivery::AtMostOnce => {}
                    Delivery::AtLeastOnce { packet_id, .. } => raw.acks.push(Todo::Puback(packet_id)),
                    Delivery::ExactlyOnce { packet_id, .. } => raw.acks.push(Todo::Pubrec(packet_id)),
                },
                Packet::Connack(connack) if !connack.session_present => {}
                Packet::Connack(_) | Packet::Suback(_) => {
                    self.model.ledger.relies(link.expect("it has a connection"));
                }
                Packet::Pubrel(ack) => raw.acks.push(Todo::Pubcomp(ack.packet_id)),
                _ => {}
            }
        }
        raw.partial = all[used..].to_vec();
        while self.raws[at].is_eager && !self.raws[at].acks.is_empty() {
            let todo = self.raws[at].acks.remove(0);
            self.raw_acknowledges(at, todo, ReasonCode::Success);
        }
    }

    pub(crate) fn raw_acknowledges(&mut self, at: usize, todo: Todo, reason: ReasonCode) {
        self.raw_sends(
            at,
            &match todo {
                Todo::Puback(id) => Packet::Puback(Ack::new(id, ReasonCode::Success)),
                Todo::Pubrec(id) => Packet::Pubrec(Ack::new(id, reason)),
                Todo::Pubcomp(id) => Packet::Pubcomp(Ack::new(id, ReasonCode::Success)),
            },
        );
    }

    pub(crate) fn raw_publishes(&mut self, at: usize, message: &Message, alias: Option<u16>) {
        let packet_id = self.raws[at].id();
        let delivery = match message.qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup: false },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
        };
        let mut publish = Publish::of(message, delivery);
        publish.properties.topic_alias = alias.filter(|_| self.raws[at].version.is_5());
        if let Some(alias) = publish.properties.topic_alias {
            // Now and then one that was never set, or that cannot be.
            let may_stand_alone = self.raws[at].aliases.contains(&alias) || self.dice.chance(2);
            if may_stand_alone && self.dice.chance(50) {
                publish.topic = None;
            } else {
                self.raws[at].aliases.insert(alias);
            }
        }
        self.raw_sends(at, &Packet::Publish(publish));
        if message.qos == Qos::ExactlyOnce {
            self.raws[at].unreleased.push((packet_id, message.clone()));
        }
    }

    /// The same QoS 2 message once more, with or without its DUP flag.
    pub(crate) fn raw_repeats(&mut self, at: usize, which: usize, dup: bool) {
        let (packet_id, message) = self.raws[at].unreleased[which].clone();
        self.raw_sends(at, &Packet::Publish(Publish::of(&message, Delivery::ExactlyOnce { packet_id, dup })));
    }

    pub(crate) fn raw_releases(&mut self, at: usize, which: usize) {
        let (packet_id, _) = self.raws[at].unreleased.remove(which);
        self.raw_sends(at, &Packet::Pubrel(Ack::new(packet_id, ReasonCode::Success)));
    }

    pub(crate) fn raw_subscribes(
        &mut self,
        at: usize,
        filter: &TopicFilter,
        options: SubscriptionOptions,
        subscription_id: Option<u32>,
    ) {
        let packet_id = self.raws[at].id();
        let filters = vec![(filter.borrowed(), options)];
        let user_properties = Vec::new();
        self.raw_sends(
            at,
            &Packet::Subscribe(Subscribe { packet_id, filters, subscription_id, user_properties }),
        );
    }
}
