//! Packets nobody thought of: what is written is read as it was, and what is read is written so that it reads the same.
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use mqtt::codec::Deframer;
use mqtt::packet::{
    Ack, Auth, Connack, ConnackProperties, Connect, ConnectProperties, ConnectWill, Disconnect, Packet,
    Publish, PublishProperties, RetainHandling, Subscribe, SubscriptionAck, SubscriptionOptions, Unsubscribe,
    UserProperties,
};
use mqtt::{Delivery, PacketId, Qos, ReasonCode, SessionExpiry, TopicFilter, TopicName, Version};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a packet is made from: it owns what the packet borrows, and shrinks with it.
#[derive(Clone, Debug)]
struct Source {
    numbers: Vec<u32>,
    texts: Vec<String>,
    blobs: Vec<Vec<u8>>,
}

fn source() -> impl Strategy<Value = Source> {
    let text = prop_oneof!["[a-z0-9/ ]{0,12}", "[^\u{0}]{0,40}", Just("x".repeat(300))];
    let blob = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 100..400)];
    let parts = (vec(any::<u32>(), 1..80), vec(text, 1..8), vec(blob, 1..4));
    parts.prop_map(|(numbers, texts, blobs)| Source { numbers, texts, blobs })
}

/// Draws from a [`Source`], round and round.
struct Pick<'a> {
    source: &'a Source,
    at: usize,
}

impl<'a> Pick<'a> {
    fn number(&mut self) -> u32 {
        self.at += 1;
        self.source.numbers[self.at % self.source.numbers.len()]
            .rotate_left(u32::try_from(self.at % 7).unwrap())
    }

    fn below(&mut self, n: usize) -> usize {
        self.number() as usize % n
    }

    fn flag(&mut self) -> bool {
        self.number() & 4 != 0
    }

    fn u16(&mut self) -> u16 {
        u16::try_from(self.number() >> 16).unwrap()
    }

    fn text(&mut self) -> &'a str {
        let at = self.below(self.source.texts.len());
        &self.source.texts[at]
    }

    fn blob(&mut self) -> &'a [u8] {
        let at = self.below(self.source.blobs.len());
        &self.source.blobs[at]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flag() { Some(make(self)) } else { None }
    }

    fn users(&mut self) -> UserProperties<'a> {
        (0..self.below(3)).map(|_| (self.text(), self.text())).collect()
    }

    fn id(&mut self) -> PacketId {
        PacketId::new(self.u16().max(1)).unwrap()
    }

    fn qos(&mut self) -> Qos {
        [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][self.below(3)]
    }

    fn topic(&mut self) -> TopicName<&'a str> {
        TopicName::new(self.text()).unwrap_or_else(|_| TopicName::new("t/u").unwrap())
    }

    fn filter(&mut self) -> TopicFilter<&'a str> {
        match self.below(4) {
            0 => TopicFilter::new("$share/g/a/+/#").unwrap(),
            1 => TopicFilter::new("+/b").unwrap(),
            _ => TopicFilter::new(self.text()).unwrap_or_else(|_| TopicFilter::new("#").unwrap()),
        }
    }

    fn reason(&mut self, allowed: &[ReasonCode]) -> ReasonCode {
        allowed[self.below(allowed.len())]
    }

    fn message_properties(&mut self) -> PublishProperties<'a> {
        PublishProperties {
            payload_is_utf8: self.maybe(Self::flag),
            message_expiry_s: self.maybe(Self::number),
            response_topic: self.maybe(|p| p.topic().text()),
            correlation_data: self.maybe(Self::blob),
            user_properties: self.users(),
            content_type: self.maybe(Self::text),
            topic_alias: None,
            subscription_ids: Vec::new(),
        }
    }

    fn connect(&mut self, version: Version) -> Packet<'a> {
        let v5 = version.is_5();
        let clean_start = self.flag();
        let user_name = self.maybe(Self::text);
        let mut properties = ConnectProperties::default();
        if v5 {
            let method = self.maybe(Self::text);
            properties = ConnectProperties {
                session_expiry: SessionExpiry::from_secs(self.number()),
                receive_maximum: self.maybe(|p| p.u16().max(1)),
                maximum_packet_size: self.maybe(|p| p.number().max(1)),
                topic_alias_maximum: self.u16(),
                request_response_information: self.flag(),
                request_problem_information: self.flag(),
                user_properties: self.users(),
                authentication_method: method,
                authentication_data: method.and_then(|_| self.maybe(Self::blob)),
            };
        } else if !clean_start {
            properties.session_expiry = SessionExpiry::Never;
        }
        Packet::Connect(Box::new(Connect {
            version,
            clean_start,
            keep_alive_s: self.u16(),
            client_id: self.text(),
            will: self.maybe(|p| ConnectWill {
                topic: p.topic(),
                payload: p.blob(),
                qos: p.qos(),
                retain: p.flag(),
                delay_s: if v5 { p.number() } else { 0 },
                properties: if v5 { p.message_properties() } else { PublishProperties::default() },
            }),
            user_name,
            password: if v5 || user_name.is_some() { self.maybe(Self::blob) } else { None },
            properties,
        }))
    }

    fn connack(&mut self, version: Version) -> Packet<'a> {
        use ReasonCode as R;
        let reason = self.reason(&[R::Success, R::Success, R::NotAuthorized, R::ServerUnavailable]);
        let mut connack = Connack::new(reason);
        connack.session_present = reason == R::Success && version != Version::V3_1 && self.flag();
        if version.is_5() {
            connack.properties = ConnackProperties {
                session_expiry: self.maybe(|p| SessionExpiry::from_secs(p.number())),
                receive_maximum: self.maybe(|p| p.u16().max(1)),
                maximum_qos: self.qos(),
                retain_available: self.flag(),
                maximum_packet_size: self.maybe(|p| p.number().max(1)),
                assigned_client_id: self.maybe(Self::text),
                topic_alias_maximum: self.u16(),
                reason_string: self.maybe(Self::text),
                user_properties: self.users(),
                wildcard_subscription_available: self.flag(),
                subscription_id_available: self.flag(),
                shared_subscription_available: self.flag(),
                server_keep_alive_s: self.maybe(Self::u16),
                response_information: self.maybe(Self::text),
                server_reference: self.maybe(Self::text),
                authentication_method: self.maybe(Self::text),
                authentication_data: self.maybe(Self::blob),
            };
        }
        Packet::Connack(Box::new(connack))
    }

    fn publish(&mut self, version: Version) -> Packet<'a> {
        let (packet_id, dup) = (self.id(), self.flag());
        let delivery = match self.qos() {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        };
        let mut properties = PublishProperties::default();
        if version.is_5() {
            properties = self.message_properties();
            properties.topic_alias = self.maybe(Self::u16);
            properties.subscription_ids =
                (0..self.below(3)).map(|_| self.number() % 268_435_455 + 1).collect();
        }
        let topic = if properties.topic_alias.is_some() && self.flag() { None } else { Some(self.topic()) };
        Packet::Publish(Publish {
            delivery,
            retain: self.flag(),
            topic,
            payload: self.blob(),
            properties: properties.into(),
        })
    }

    fn ack(&mut self, version: Version, allowed: &[ReasonCode]) -> Ack<'a> {
        let mut ack = Ack::new(self.id(), ReasonCode::Success);
        if version.is_5() {
            ack.reason = self.reason(allowed);
            ack.reason_string = self.maybe(Self::text);
            ack.user_properties = self.users();
        }
        ack
    }

    fn subscribe(&mut self, version: Version) -> Packet<'a> {
        let filters = (0..=self.below(4))
            .map(|_| {
                let (filter, mut options) = (self.filter(), SubscriptionOptions::at(self.qos()));
                if version.is_5() {
                    options.no_local = self.flag() && filter.shared().is_none();
                    options.retain_as_published = self.flag();
                    options.retain_handling =
                        [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]
                            [self.below(3)];
                }
                (filter, options)
            })
            .collect();
        let v5 = version.is_5();
        Packet::Subscribe(Subscribe {
            packet_id: self.id(),
            filters,
            subscription_id: if v5 { self.maybe(|p| p.number() % 268_435_455 + 1) } else { None },
            user_properties: if v5 { self.users() } else { Vec::new() },
        })
    }

    fn subscription_ack(&mut self, version: Version, allowed: &[ReasonCode]) -> SubscriptionAck<'a> {
        let reasons = (0..=self.below(5)).map(|_| self.reason(allowed)).collect();
        let mut ack = SubscriptionAck::new(self.id(), reasons);
        if version.is_5() {
            ack.reason_string = self.maybe(Self::text);
            ack.user_properties = self.users();
        }
        ack
    }

    fn packet(&mut self, version: Version) -> Packet<'a> {
        use ReasonCode as R;
        const REFUSALS: &[ReasonCode] =
            &[R::Success, R::NoMatchingSubscribers, R::NotAuthorized, R::QuotaExceeded];
        const RELEASES: &[ReasonCode] = &[R::Success, R::PacketIdentifierNotFound];
        const GRANTS: &[ReasonCode] = &[R::Success, R::GrantedQos1, R::GrantedQos2, R::UnspecifiedError];
        let v5 = version.is_5();
        match self.below(if v5 { 15 } else { 14 }) {
            0 => self.connect(version),
            1 => self.connack(version),
            2 => self.publish(version),
            3 => Packet::Puback(self.ack(version, REFUSALS)),
            4 => Packet::Pubrec(self.ack(version, REFUSALS)),
            5 => Packet::Pubrel(self.ack(version, RELEASES)),
            6 => Packet::Pubcomp(self.ack(version, RELEASES)),
            7 => self.subscribe(version),
            8 => Packet::Suback(self.subscription_ack(version, GRANTS)),
            9 => Packet::Unsubscribe(Unsubscribe {
                packet_id: self.id(),
                filters: (0..=self.below(4)).map(|_| self.filter()).collect(),
                user_properties: if v5 { self.users() } else { Vec::new() },
            }),
            10 if v5 => {
                Packet::Unsuback(self.subscription_ack(version, &[R::Success, R::NoSubscriptionExisted]))
            }
            10 => Packet::Unsuback(SubscriptionAck::new(self.id(), Vec::new())),
            11 => Packet::Pingreq,
            12 => Packet::Pingresp,
            13 if v5 => Packet::Disconnect(Disconnect {
                reason: self.reason(&[
                    R::Success,
                    R::DisconnectWithWill,
                    R::SessionTakenOver,
                    R::ServerMoved,
                ]),
                session_expiry: self.maybe(|p| SessionExpiry::from_secs(p.number())),
                reason_string: self.maybe(Self::text),
                server_reference: self.maybe(Self::text),
                user_properties: self.users(),
            }),
            13 => Packet::Disconnect(Disconnect::new(R::Success)),
            _ => Packet::Auth(Auth {
                reason: self.reason(&[R::Success, R::ContinueAuthentication, R::ReAuthenticate]),
                method: self.maybe(Self::text),
                data: self.maybe(Self::blob),
                reason_string: self.maybe(Self::text),
                user_properties: self.users(),
            }),
        }
    }
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3_1), Just(Version::V3_1_1), Just(Version::V5)]
}

fn deframer(bytes: &[u8], version: Version) -> Deframer {
    if bytes.first().is_some_and(|first| first >> 4 == 1) {
        Deframer::server(u32::MAX)
    } else {
        Deframer::client(version, u32::MAX)
    }
}

/// What is read is written so that it reads the same.
fn reads_the_same_again(bytes: &[u8], version: Version) {
    let mut first = deframer(bytes, version);
    let Ok(Some((packet, length))) = first.next(bytes) else { return };
    assert!(length <= bytes.len());
    let mut again = Vec::new();
    packet.encode(first.version().unwrap(), &mut again).unwrap();
    assert_eq!(deframer(&again, version).next(&again), Ok(Some((packet, again.len()))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_it_was(source in source(), version in version()) {
        let packet = Pick { source: &source, at: 0 }.packet(version);
        let mut bytes = vec![0xee];
        packet.encode(version, &mut bytes).unwrap();
        let bytes = &bytes[1..];
        prop_assert_eq!(deframer(bytes, version).next(bytes), Ok(Some((packet, bytes.len()))));
    }

    #[test]
    fn what_is_read_from_bent_bytes_is_written_so_that_it_reads_the_same(
        source in source(),
        version in version(),
        bends in vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        Pick { source: &source, at: 0 }.packet(version).encode(version, &mut bytes).unwrap();
        for (at, byte) in bends {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        reads_the_same_again(&bytes, version);
    }

    #[test]
    fn any_bytes_are_a_packet_an_error_or_a_beginning(bytes in vec(any::<u8>(), 0..60), version in version()) {
        reads_the_same_again(&bytes, version);
    }

    #[test]
    fn an_identifier_stands_where_the_encoder_says(source in source(), version in version()) {
        let Packet::Publish(mut publish) = (Pick { source: &source, at: 0 }).publish(version) else { unreachable!() };
        publish.delivery = Delivery::AtLeastOnce { packet_id: PacketId::new(0xabcd).unwrap(), dup: false };
        let mut bytes = vec![1, 2, 3];
        let at = publish.encode(version, &mut bytes).unwrap();
        prop_assert_eq!(&bytes[at..at + 2], &[0xab, 0xcd]);
    }
}
