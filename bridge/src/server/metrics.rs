//! The counters in Prometheus' text form.

use std::fmt::Write as _;

use crate::broker::Counters;

pub(super) fn render(c: &Counters) -> String {
    let mut out = String::new();
    let gauges = [
        ("connections", "Clients connected now", c.connections),
        ("sessions", "Sessions now, connected or not", c.sessions),
        ("subscriptions", "Subscriptions now", c.subscriptions),
        ("retained_messages", "Retained messages now", c.retained),
    ];
    for (name, help, value) in gauges {
        write_one(&mut out, name, help, "gauge", value);
    }
    let counts = [
        ("packets_received_total", "Packets taken from clients", c.packets_received),
        ("messages_received_total", "Messages taken from clients", c.messages_received),
        ("messages_sent_total", "Messages handed to connections", c.messages_sent),
        ("publications_refused_total", "Publications refused", c.publications_refused),
        ("connections_faulty_total", "Connections refused or ended for a fault", c.connections_faulty),
    ];
    for (name, help, value) in counts {
        write_one(&mut out, name, help, "counter", value);
    }
    let dropped = [
        ("slow_reader", c.dropped_slow_reader),
        ("queue_full", c.dropped_queue_full),
        ("too_large", c.dropped_too_large),
        ("expired", c.dropped_expired),
    ];
    out.push_str("# HELP switchboard_messages_dropped_total Messages dropped, by cause\n");
    out.push_str("# TYPE switchboard_messages_dropped_total counter\n");
    for (cause, value) in dropped {
        let _ = writeln!(out, "switchboard_messages_dropped_total{{cause=\"{cause}\"}} {value}");
    }
    out
}

fn write_one(out: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    let _ = writeln!(
        out,
        "# HELP switchboard_{name} {help}\n# TYPE switchboard_{name} {kind}\nswitchboard_{name} {value}"
    );
}
