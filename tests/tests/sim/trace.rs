//! The last things that happened, told when the run fails.

use std::collections::VecDeque;
use std::fmt::Display;

use mqtt::Packet;
use mqtt::packet::PublishProperties;

const LINES: usize = 200;

#[derive(Debug)]
pub(crate) struct Trace {
    is_on: bool,
    lines: VecDeque<String>,
}

impl Trace {
    pub(crate) const fn new(is_on: bool) -> Self {
        Self { is_on, lines: VecDeque::new() }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.is_on {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line());
        }
    }

    pub(crate) fn packet(&mut self, ms: u64, way: impl Display, packet: &Packet<'_>) {
        self.note(|| format!("{ms:>8} {way} {}", short(packet)));
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.lines {
                eprintln!("{line}");
            }
        }
    }
}

fn short(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(p) => format!(
            "CONNECT {} {} clean {} keep alive {} expiry {:?} window {:?} will {:?}",
            p.version.name(),
            p.client_id,
            p.clean_start,
            p.keep_alive_s,
            p.properties.session_expiry,
            p.properties.receive_maximum,
            p.will.as_ref().map(|will| (will.qos, will.retain, will.delay_s)),
        ),
        Packet::Connack(p) => format!("CONNACK {:?} present {}", p.reason, p.session_present),
        Packet::Publish(p) => {
            format!(
                "PUBLISH {} {:.24} {} {}{}{}",
                p.topic.map_or("-", |topic| topic.text()),
                String::from_utf8_lossy(p.payload).trim_end(),
                p.delivery.packet_id().map_or(0, |id| id.get()),
                ["at QoS 0", "at QoS 1", "at QoS 2"][usize::from(p.delivery.qos().level())],
                if p.delivery.dup() { " again" } else { "" },
                if p.retain { " retain" } else { "" },
            ) + &travelling(&p.properties)
        }
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            format!("{} {} {:?}", packet.name(), p.packet_id.get(), p.reason)
        }
        Packet::Subscribe(p) => format!("SUBSCRIBE {:?} id {:?}", p.filters, p.subscription_id),
        Packet::Unsubscribe(p) => format!("UNSUBSCRIBE {:?}", p.filters),
        Packet::Suback(p) | Packet::Unsuback(p) => format!("{} {:?}", packet.name(), p.reasons),
        Packet::Disconnect(p) => format!("DISCONNECT {:?} {:?}", p.reason, p.reason_string),
        Packet::Pingreq | Packet::Pingresp | Packet::Auth(_) => packet.name().to_owned(),
    }
}

/// What is set of what decides where and how long a message goes.
fn travelling(p: &PublishProperties<'_>) -> String {
    let expiry = p.message_expiry_s.map(|secs| format!(" for {secs} s"));
    let alias = p.topic_alias.map(|alias| format!(" alias {alias}"));
    let ids = (!p.subscription_ids.is_empty()).then(|| format!(" ids {:?}", p.subscription_ids));
    [expiry, alias, ids].into_iter().flatten().collect()
}
