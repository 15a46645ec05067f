//! The counters in Prometheus' text form: the same that `$SYS` tells, with the drops by cause.

use std::fmt::Write as _;

use super::inbox::Report;
use crate::broker::{Counters, Limit, Reached, ShardId};

/// The form's own type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of a server that has run for `uptime_s` seconds, and could not write some lines of its log. What was reached before
/// anybody spoke MQTT is counted elsewhere.
pub(super) fn render(
    reports: &[(ShardId, Report)],
    at_the_door: &Reached,
    uptime_s: u64,
    lost_lines: u64,
) -> String {
    let mut out = String::new();
    let mut all = Counters::of_all(reports.iter().map(|(_, report)| &report.counters));
    all.reached = all.reached.and(at_the_door);
    let c = &all;
    build_info(&mut out);
    for (name, help, value) in gauges(c, uptime_s) {
        write_one(&mut out, name, help, "gauge", value);
    }
    for (name, help, value) in counts(c) {
        write_one(&mut out, name, help, "counter", value);
    }
    write_one(
        &mut out,
        "log_lines_lost_total",
        "Lines of the log that could not be written",
        "counter",
        lost_lines,
    );
    write_dropped(&mut out, c);
    write_reached(&mut out, c);
    write_balance(&mut out, reports);
    out
}

/// How the work divides: the same for each shard.
fn write_balance(out: &mut String, reports: &[(ShardId, Report)]) {
    type Value = fn(&Report) -> f64;
    let rows: [(&str, &str, &str, Value); 4] = [
        ("connections", "gauge", "Clients connected now to each shard", |report| {
            report.counters.connections as f64
        }),
        ("messages_received_total", "counter", "Messages taken from clients by each shard", |report| {
            report.counters.messages_received as f64
        }),
        ("messages_sent_total", "counter", "Messages handed to connections by each shard", |report| {
            report.counters.messages_sent as f64
        }),
        (
            "cpu_seconds_total",
            "counter",
            "Time that the thread of each shard has used a processor",
            |report| report.cpu.as_secs_f64(),
        ),
    ];
    for (name, kind, help, value) in rows {
        let _ =
            writeln!(out, "# HELP switchboard_shard_{name} {help}\n# TYPE switchboard_shard_{name} {kind}");
        for (shard, report) in reports {
            let _ = writeln!(out, "switchboard_shard_{name}{{shard=\"{}\"}} {}", shard.0, value(report));
        }
    }
}

fn gauges(c: &Counters, uptime_s: u64) -> [(&'static str, &'static str, u64); 8] {
    [
        ("uptime_seconds", "Seconds since the start", uptime_s),
        ("connections", "Clients connected now", c.connections),
        ("connections_maximum", "The most clients that were connected at once", c.connections_maximum),
        ("sessions", "Sessions now, connected or not", c.sessions),
        ("subscriptions", "Subscriptions now", c.subscriptions),
        ("shared_subscriptions", "Members of shared subscriptions now", c.shared_subscriptions),
        ("retained_messages", "Retained messages now", c.retained),
        ("retained_bytes", "Bytes of the retained messages now", c.retained_bytes),
    ]
}

fn counts(c: &Counters) -> [(&'static str, &'static str, u64); 17] {
    [
        ("connections_opened_total", "Network connections that were opened", c.connections_opened),
        ("clients_connected_total", "Clients that were let in", c.clients_connected),
        ("connections_faulty_total", "Connections refused or ended for a fault", c.connections_faulty),
        ("sessions_expired_total", "Sessions that ended because their time was over", c.sessions_expired),
        ("tls_handshakes_total", "TLS handshakes that were completed", c.tls_handshakes),
        ("tls_resumptions_total", "TLS handshakes that went on from an earlier one", c.tls_resumptions),
        ("tls_failures_total", "TLS handshakes that failed", c.tls_failures),
        ("packets_received_total", "Packets taken from clients", c.packets_received),
        ("packets_sent_total", "Packets handed to connections", c.packets_sent),
        ("received_bytes_total", "Bytes of packets taken from clients", c.bytes_received),
        ("sent_bytes_total", "Bytes of packets handed to connections", c.bytes_sent),
        ("messages_received_total", "Messages taken from clients", c.messages_received),
        ("messages_sent_total", "Messages handed to connections", c.messages_sent),
        (
            "payload_received_bytes_total",
            "Bytes of the payloads taken from clients",
            c.payload_bytes_received,
        ),
        ("payload_sent_bytes_total", "Bytes of the payloads handed to connections", c.payload_bytes_sent),
        ("publications_refused_total", "Publications refused", c.publications_refused),
        ("authentications_failed_total", "Logins that failed", c.authentications_failed),
    ]
}

fn build_info(out: &mut String) {
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        out,
        "# HELP switchboard_build_info What runs here\n# TYPE switchboard_build_info gauge\n\
         switchboard_build_info{{version=\"{version}\"}} 1"
    );
}

fn write_dropped(out: &mut String, c: &Counters) {
    let dropped = [
        ("slow_reader", c.dropped_slow_reader),
        ("queue_full", c.dropped_queue_full),
        ("too_large", c.dropped_too_large),
        ("expired", c.dropped_expired),
        ("unreadable", c.dropped_unreadable),
        ("disk_full", c.dropped_unstored),
        ("denied", c.dropped_denied),
    ];
    out.push_str("# HELP switchboard_messages_dropped_total Messages dropped, by cause\n");
    out.push_str("# TYPE switchboard_messages_dropped_total counter\n");
    for (cause, value) in dropped {
        let _ = writeln!(out, "switchboard_messages_dropped_total{{cause=\"{cause}\"}} {value}");
    }
}

fn write_reached(out: &mut String, c: &Counters) {
    out.push_str("# HELP switchboard_limit_reached_total How often each limit was reached, by its key under [limits]\n");
    out.push_str("# TYPE switchboard_limit_reached_total counter\n");
    for (limit, key) in Limit::ALL {
        let _ = writeln!(out, "switchboard_limit_reached_total{{limit=\"{key}\"}} {}", c.reached.of(limit));
    }
}

fn write_one(out: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    let _ = writeln!(
        out,
        "# HELP switchboard_{name} {help}\n# TYPE switchboard_{name} {kind}\nswitchboard_{name} {value}"
    );
}
