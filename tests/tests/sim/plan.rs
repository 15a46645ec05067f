//! What people and devices do, by chance.

use mqtt::client::{Client, Input};
use mqtt::packet::{Connect, Disconnect};
use mqtt::{Message, Packet, ReasonCode, SessionExpiry, Version};

use crate::machine::Machine;
use crate::raw::{Raw, Todo};
use crate::world::World;

const MACHINES: usize = 5;
const RAWS: usize = 3;

impl World {
    pub(crate) fn populate(&mut self) {
        for n in 0..MACHINES {
            let config = self.some_client(n);
            self.machines.push(Machine::new(config));
            self.with(n, Client::start);
        }
        for n in 0..RAWS {
            let version = self.dice.pick(&[Version::V3_1_1, Version::V5, Version::V5]);
            self.raws.push(Raw::new(format!("raw{n}"), version));
        }
    }

    /// The next thing that somebody does.
    pub(crate) fn act(&mut self) {
        if self.dice.chance(65) {
            let at = self.dice.below(MACHINES);
            self.act_machine(at);
        } else {
            let at = self.dice.below(RAWS);
            match self.raws[at].link {
                Some(_) => self.act_raw(at),
                None => self.raw_comes(at),
            }
        }
    }

    fn act_machine(&mut self, at: usize) {
        let link = self.machines[at].link;
        match self.dice.below(100) {
            0..44 => {
                let message = self.some_message(self.machines[at].config.version);
                self.machine_publishes(at, message);
            }
            44..50 => self.burst(at),
            50..66 => {
                let mut filters = vec![self.some_subscription()];
                if self.dice.chance(30) {
                    filters.push(self.some_subscription());
                }
                let id = self.some_subscription_id();
                self.machine_subscribes(at, &filters, id);
            }
            66..72 => {
                let (filter, _) = self.some_subscription();
                self.machine_unsubscribes(at, &filter);
            }
            72..76 => {
                let reason = self.dice.pick(&[ReasonCode::Success, ReasonCode::DisconnectWithWill]);
                self.with(at, |client, now| client.stop(now, reason));
            }
            76..83 => self.with(at, Client::start),
            83..85 => self.with(at, |client, now| client.handle(now, Input::Wake)),
            85..92 => {
                if let Some(link) = link {
                    self.tally.cuts += 1;
                    self.cut(link);
                }
            }
            92..98 => {
                if let Some(link) = link {
                    self.stall(link);
                }
            }
            _ => self.replace(at),
        }
    }

    /// Many messages to one topic at once, for windows, queues and slow readers.
    fn burst(&mut self, at: usize) {
        let first = self.some_message(self.machines[at].config.version);
        for _ in 0..5 + self.dice.below(15) {
            let message = self.some_message(self.machines[at].config.version);
            self.machine_publishes(at, Message { topic: first.topic.clone(), qos: first.qos, ..message });
        }
    }

    fn act_raw(&mut self, at: usize) {
        let version = self.raws[at].version;
        let link = self.raws[at].link.expect("it is connected");
        match self.dice.below(100) {
            0..25 => {
                let message = self.some_message(version);
                let alias = self.dice.chance(50).then(|| self.dice.pick(&[1, 1, 1, 2, 2, 2, 32, 33]));
                self.raw_publishes(at, &message, alias);
            }
            25..40 => {
                let ((filter, options), id) = (self.some_subscription(), self.some_subscription_id());
                self.raw_subscribes(at, &filter, options, id.filter(|_| version.is_5()));
            }
            40..72 => {
                for _ in 0..=self.dice.below(4) {
                    self.acknowledge_one(at);
                }
            }
            72..82 if !self.raws[at].unreleased.is_empty() => {
                let which = self.dice.below(self.raws[at].unreleased.len());
                if self.dice.chance(50) {
                    let dup = self.dice.chance(50);
                    self.raw_repeats(at, which, dup);
                } else {
                    self.raw_releases(at, which);
                }
            }
            72..84 => self.stall(link),
            84..88 => self.raw_sends(at, &Packet::Pingreq),
            88..93 => self.say_goodbye(at),
            93..96 => self.raw_leaves(at),
            96..98 => self.cut(link),
            _ => {
                let nonsense: [&[u8]; 3] = [&[0xf0, 0], &[0x30, 1, 7], b"GET / HTTP/1.1\r\n\r\n"];
                let bytes = self.dice.pick(&nonsense).to_vec();
                self.raw_writes(at, bytes);
            }
        }
    }

    fn acknowledge_one(&mut self, at: usize) {
        let many = self.raws[at].acks.len();
        if many == 0 {
            return;
        }
        let which = if self.dice.chance(70) { 0 } else { self.dice.below(many) };
        let todo = self.raws[at].acks.remove(which);
        if let Todo::Pubrec(id) = todo
            && self.dice.chance(5)
        {
            // It takes QoS 2 for QoS 1 first, which must change nothing.
            self.raw_acknowledges(at, Todo::Puback(id), ReasonCode::Success);
        }
        let is_refused = self.raws[at].version.is_5() && self.dice.chance(10);
        let reason = if is_refused { ReasonCode::UnspecifiedError } else { ReasonCode::Success };
        self.raw_acknowledges(at, todo, reason);
    }

    fn say_goodbye(&mut self, at: usize) {
        let mut disconnect = Disconnect::new(ReasonCode::Success);
        if self.raws[at].version.is_5() {
            disconnect.reason = self.dice.pick(&[ReasonCode::Success, ReasonCode::DisconnectWithWill]);
            let expiries = [None, None, Some(SessionExpiry::AtDisconnect), Some(SessionExpiry::After(10))];
            disconnect.session_expiry = self.dice.pick(&expiries);
        }
        self.raw_sends(at, &Packet::Disconnect(disconnect));
        self.raw_leaves(at);
    }

    /// Connects; sometimes as another, whose Session then ends with it.
    fn raw_comes(&mut self, at: usize) {
        let version = self.raws[at].version;
        let is_thief = self.dice.chance(8);
        let victim = self.dice.below(MACHINES);
        let is_nameless = !is_thief && self.dice.chance(10);
        let name = if is_thief {
            format!("m{victim}")
        } else if is_nameless {
            String::new()
        } else {
            self.raws[at].name.clone()
        };
        let will = if is_thief || is_nameless { None } else { self.some_will(&name, version) };
        let mut connect = Connect::new(version, &name);
        connect.will = will.as_ref().map(mqtt::packet::ConnectWill::of);
        connect.keep_alive_s = self.dice.pick(&[0, 10]);
        connect.clean_start =
            if (is_thief || is_nameless) && !version.is_5() { true } else { self.dice.chance(20) };
        connect.properties.receive_maximum = self.dice.pick(&[None, Some(1), Some(2), Some(5)]);
        connect.properties.topic_alias_maximum = self.dice.pick(&[0, 0, 1, 5]);
        let some = [SessionExpiry::AtDisconnect, SessionExpiry::After(20), SessionExpiry::Never];
        if !is_thief {
            connect.properties.session_expiry = self.dice.pick(&some);
        }
        self.raw_connects(at, &connect);
    }
}
