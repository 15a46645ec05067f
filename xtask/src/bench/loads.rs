//! The loads that brokers are compared by. Knows the words of the load generator (tests/load), and no broker.

/// One load.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    /// What it is, for the table.
    pub(super) what: &'static str,
    arguments: &'static str,
    /// Which figure is the broker's speed, and which its price.
    pub(super) kind: Kind,
    /// State is kept on the disk, where the broker can.
    pub(super) keeps: bool,
}

/// What there is to say of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As many messages as go through.
    Throughput,
    /// Messages at a steady pace: how long one takes.
    Latency,
    /// Acknowledgements of what an absent Client gets.
    Acknowledged,
    /// Connections that do nothing.
    Idle,
}

/// All of them, in the order of the table.
pub(super) const LOADS: [Load; 21] = [
    throughput("pairs-q0", "10 pairs, QoS 0", "pairs --publishers 10 --messages 600000"),
    throughput("pairs-q0-v5", "10 pairs, QoS 0, MQTT 5.0", "pairs --publishers 10 --messages 600000 --v5"),
    throughput("pairs-q1", "10 pairs, QoS 1", "pairs --publishers 10 --messages 400000 --qos 1"),
    throughput("pairs-q2", "10 pairs, QoS 2", "pairs --publishers 10 --messages 150000 --qos 2"),
    throughput(
        "near-q0",
        "10 pairs that meet on one shard, QoS 0",
        "pairs --publishers 10 --messages 600000 --unnamed",
    ),
    throughput(
        "near-q1",
        "10 pairs that meet on one shard, QoS 1",
        "pairs --publishers 10 --messages 400000 --qos 1 --unnamed",
    ),
    throughput(
        "fan200-q0",
        "1 → 200, QoS 0",
        "fanout --publishers 1 --subscribers 200 --messages 8000 --window 50",
    ),
    throughput(
        "fan200-q1",
        "1 → 200, QoS 1",
        "fanout --publishers 1 --subscribers 200 --messages 4000 --window 15 --qos 1",
    ),
    throughput(
        "counted-q0",
        "1 → 100, QoS 0, counted by its bytes, for some seconds",
        "counted --subscribers 100 --messages 1200000 --window 6400",
    ),
    throughput("fanin50-q0", "50 → 1, QoS 0", "fanin --publishers 50 --messages 600000"),
    throughput("ws-pairs-q0", "WebSocket pairs, QoS 0", "pairs --ws --publishers 10 --messages 600000"),
    throughput(
        "ws-pairs-q1",
        "WebSocket pairs, QoS 1",
        "pairs --ws --publishers 10 --messages 400000 --qos 1",
    ),
    throughput(
        "ws-fan200-q0",
        "WebSocket 1 → 200, QoS 0",
        "fanout --ws --publishers 1 --subscribers 200 --messages 8000 --window 50",
    ),
    throughput(
        "big-16k-q0",
        "pairs of 16 KiB, QoS 0",
        "pairs --publishers 4 --messages 40000 --size 16384 --window 20",
    ),
    throughput(
        "match-100k",
        "pairs beside 100 000 other subscriptions",
        "match --publishers 10 --messages 600000 --count 100000",
    ),
    latency(
        "paced-q1",
        "100 pairs at 5 000/s in all, QoS 1",
        "pairs --publishers 100 --messages 20000 --qos 1 --rate 5000",
    ),
    latency(
        "ws-paced-q1",
        "the same over WebSocket",
        "pairs --ws --publishers 100 --messages 20000 --qos 1 --rate 5000",
    ),
    acknowledged(
        "acked-1",
        "PUBACK of what an absent session gets, one at a time",
        "acked --publishers 1 --window 1 --messages 500",
    ),
    acknowledged(
        "acked-many",
        "the same, 50 × 20 under way",
        "acked --publishers 50 --window 20 --messages 100000",
    ),
    idle("idle-tcp", "idle connection with one subscription", "idle --count 10000"),
    idle("idle-ws", "the same over WebSocket", "idle --ws --count 10000"),
];

impl Load {
    pub(super) fn is_websocket(&self) -> bool {
        self.arguments.contains("--ws")
    }

    /// Words for the generator; with a hundredth of the messages when it has to be `quick`.
    pub(super) fn arguments(&self, quick: bool) -> Vec<String> {
        let mut words: Vec<String> = self.arguments.split(' ').map(str::to_owned).collect();
        let counts: Vec<usize> = words
            .iter()
            .enumerate()
            .filter(|(_, word)| matches!(word.as_str(), "--messages" | "--count"))
            .map(|(at, _)| at + 1)
            .collect();
        for at in counts.into_iter().filter(|_| quick) {
            if let Some(count) = words.get(at).and_then(|word| word.parse::<u32>().ok()) {
                words[at] = (count / 100).max(100).to_string();
            }
        }
        words
    }
}

const fn throughput(name: &'static str, what: &'static str, arguments: &'static str) -> Load {
    Load { name, what, arguments, kind: Kind::Throughput, keeps: false }
}

const fn latency(name: &'static str, what: &'static str, arguments: &'static str) -> Load {
    Load { name, what, arguments, kind: Kind::Latency, keeps: false }
}

const fn acknowledged(name: &'static str, what: &'static str, arguments: &'static str) -> Load {
    Load { name, what, arguments, kind: Kind::Acknowledged, keeps: true }
}

const fn idle(name: &'static str, what: &'static str, arguments: &'static str) -> Load {
    Load { name, what, arguments, kind: Kind::Idle, keeps: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<_> = LOADS.iter().map(|load| load.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LOADS.len());
    }

    #[test]
    fn a_quick_load_has_fewer_messages_and_nothing_else() {
        let load = &LOADS[0];
        let quick = load.arguments(true);
        assert_eq!(quick.join(" "), "pairs --publishers 10 --messages 6000");
        assert_eq!(load.arguments(false).join(" "), load.arguments);
    }
}
