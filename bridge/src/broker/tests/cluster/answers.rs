//! What publishers are told of those who are subscribed on other shards.

use super::runs::config;
use super::*;

impl Cluster {
    /// Adds a client that is at home on this shard, and lets it in.
    fn add_at(&mut self, shard: usize) -> usize {
        let is_there = |n: &u32| usize::from(self.shards[0].broker.home(&format!("client {n}")).0) == shard;
        let first = 1000 * self.clients.len() as u32;
        let name = (first..).find(is_there).map(|n| format!("client {n}")).unwrap();
        let n = self.add(name);
        self.connect(n);
        self.settle_shards();
        self.answers(n);
        n
    }

    fn publish_as(&mut self, n: usize, (topic, packet_id): (&str, u16), qos: Qos) {
        let packet_id = PacketId::new(packet_id).unwrap();
        let delivery = match qos {
            Qos::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup: false },
            _ => Delivery::AtLeastOnce { packet_id, dup: false },
        };
        self.packet(n, Packet::Publish(Publish::of(&message(topic, "x", qos), delivery)));
    }

    /// What has come to a client since it was last asked for.
    fn answers(&mut self, n: usize) -> Vec<String> {
        let sent = std::mem::take(&mut self.clients[n].link.as_mut().unwrap().sent);
        let text = |(_, bytes): &(_, Vec<u8>)| {
            let (packet, _) = Deframer::client(Version::V5, u32::MAX).next(bytes).unwrap().unwrap();
            match packet {
                Packet::Puback(ack) => format!("PUBACK {} {:#04x}", ack.packet_id.get(), ack.reason as u8),
                Packet::Pubrec(ack) => format!("PUBREC {} {:#04x}", ack.packet_id.get(), ack.reason as u8),
                Packet::Suback(_) => "SUBACK".into(),
                other => format!("{other:?}"),
            }
        };
        sent.iter().map(text).collect()
    }
}

/// A publisher, and a subscriber of `q` on the last shard who is away and has room for two messages.
fn pair(shards: u16, keeps_state: bool) -> (Cluster, usize) {
    let mut cluster = Cluster::new(7, shards, Config { max_queued_messages: 2, ..config(keeps_state) });
    let subscriber = cluster.add_at(usize::from(shards) - 1);
    cluster.subscribe_to(subscriber, "q", Qos::ExactlyOnce);
    cluster.settle_shards();
    assert_eq!(cluster.answers(subscriber), ["SUBACK"]);
    cluster.cut_client(subscriber);
    let publisher = cluster.add_at(0);
    (cluster, publisher)
}

#[test]
fn a_publisher_hears_of_queues_that_are_full_and_of_nobody_on_any_shard() {
    for (shards, keeps_state) in [(1, true), (2, true), (4, true), (2, false)] {
        let (mut cluster, publisher) = pair(shards, keeps_state);
        let publications = [
            ("q", Qos::AtLeastOnce, "PUBACK 1 0x00"),
            ("q", Qos::ExactlyOnce, "PUBREC 2 0x00"),
            ("q", Qos::AtLeastOnce, "PUBACK 3 0x97"),
            ("q", Qos::ExactlyOnce, "PUBREC 4 0x97"),
            ("nobody", Qos::AtLeastOnce, "PUBACK 5 0x10"),
        ];
        for (id, (topic, qos, answer)) in (1..).zip(publications) {
            cluster.publish_as(publisher, (topic, id), qos);
            cluster.settle_shards();
            assert_eq!(cluster.answers(publisher), [answer], "{shards} shards");
        }
    }
}

/// [MQTT-4.6.0-2], [MQTT-4.6.0-3]
#[test]
fn answers_leave_in_the_order_of_their_publications_whichever_shard_they_wait_for() {
    for keeps_state in [true, false] {
        let (mut cluster, publisher) = pair(2, keeps_state);
        for (id, topic) in (1..).zip(["q", "nobody", "q"]) {
            cluster.publish_as(publisher, (topic, id), Qos::AtLeastOnce);
        }
        cluster.settle_shards();
        assert_eq!(cluster.answers(publisher), ["PUBACK 1 0x00", "PUBACK 2 0x10", "PUBACK 3 0x00"]);
    }
}

#[test]
fn who_comes_back_is_answered_for_what_it_sends_again_and_for_nothing_else() {
    let (mut cluster, publisher) = pair(2, true);
    cluster.publish_as(publisher, ("q", 1), Qos::AtLeastOnce);
    cluster.publish_as(publisher, ("q", 2), Qos::ExactlyOnce);
    cluster.cut_client(publisher);
    cluster.connect(publisher);
    cluster.publish_as(publisher, ("q", 2), Qos::ExactlyOnce);
    cluster.publish_as(publisher, ("q", 2), Qos::ExactlyOnce);
    cluster.settle_shards();
    let answers = cluster.answers(publisher);
    assert_eq!(answers.get(1..), Some(&["PUBREC 2 0x00".into(), "PUBREC 2 0x00".into()][..]), "{answers:?}");
}

/// The row of a message is written by the other shard, and what was done here before that is not kept for ever.
#[test]
fn a_message_that_is_done_before_the_other_shard_has_written_it_leaves_nothing_behind() {
    let (mut cluster, publisher) = pair(2, true);
    let subscriber = cluster.add_at(0);
    cluster.subscribe_to(subscriber, "q", Qos::AtLeastOnce);
    cluster.settle_shards();
    cluster.answers(subscriber);
    cluster.publish_as(publisher, ("q", 1), Qos::ExactlyOnce);
    assert_eq!(cluster.answers(subscriber).len(), 1, "QoS 1 need not wait");
    let taken = Ack::new(PacketId::new(1).unwrap(), ReasonCode::Success);
    cluster.packet(subscriber, Packet::Puback(taken.clone()));
    cluster.settle_shards();
    assert_eq!(cluster.answers(publisher), ["PUBREC 1 0x00"]);
    cluster.packet(publisher, Packet::Pubrel(taken));
    cluster.settle_shards();
    cluster.answers(publisher);
    cluster.settle(); // who was away comes and takes it
    cluster.check_nothing_is_left();
}
