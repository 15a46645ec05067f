//! The table of a comparison, in Markdown. Knows figures by their names, not how they came about.

use super::figures::Figures;
use super::loads::{Kind, Load};

/// One load, with what each broker did.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) load: &'a Load,
    pub(super) figures: Vec<Figures>,
}

/// A line for each load and a column for each broker, the first of which is ours; then how often its price fits into that of
/// the second.
pub(super) fn render(names: &[&str], rows: &[Row<'_>]) -> String {
    let mut table = format!("| load | {} | {}\n", names.join(" | "), ratio_head(names));
    table += &format!("|---|{}\n", "---|".repeat(names.len() + usize::from(names.len() > 1)));
    for row in rows {
        let cells: Vec<String> = row.figures.iter().map(|figures| cell(row.load.kind, figures)).collect();
        table += &format!("| {} | {} |", row.load.what, cells.join(" | "));
        if names.len() > 1 {
            table += &format!(" {} |", ratio(row));
        }
        table.push('\n');
    }
    table
}

fn ratio_head(names: &[&str]) -> String {
    names.get(1).map_or_else(String::new, |other| format!("{other} ÷ {} |", names[0]))
}

/// Price and speed.
fn cell(kind: Kind, figures: &Figures) -> String {
    let [price, speed] = keys(kind).map(|key| figures.get(key));
    let (Some(price), Some(speed)) = (price, speed) else { return "–".into() };
    match kind {
        Kind::Throughput | Kind::Acknowledged => {
            format!("{} µs, {}/s{}", digits(price), large(speed), balance(figures))
        }
        Kind::Latency => {
            let p99 = figures.get("p99_us").unwrap_or_default();
            format!(
                "{:.1} / {:.1} ms, {} µs{}",
                speed / 1000.0,
                p99 / 1000.0,
                digits(price),
                balance(figures)
            )
        }
        Kind::Idle => format!("{speed:.0} B, connect {} µs", digits(price)),
    }
}

/// What part of the work the busiest of several shards has done.
fn balance(figures: &Figures) -> String {
    let part = figures.get("busiest_shard");
    part.map_or_else(String::new, |part| format!(", {:.0} % on one", part * 100.0))
}

/// What a broker pays in processor time, and what for.
const fn keys(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Throughput => ["broker_cpu_us_per_delivery", "deliveries_per_s"],
        Kind::Latency => ["broker_cpu_us_per_delivery", "p50_us"],
        Kind::Acknowledged => ["broker_cpu_us_per_ack", "acked_per_s"],
        Kind::Idle => ["broker_cpu_us_per_connect", "rss_bytes_per_conn"],
    }
}

fn ratio(row: &Row<'_>) -> String {
    let price = |at: usize| row.figures.get(at)?.get(keys(row.load.kind)[0]).filter(|&price| price > 0.0);
    match (price(0), price(1)) {
        (Some(ours), Some(theirs)) => format!("{}×", digits(theirs / ours)),
        _ => "–".into(),
    }
}

/// As many digits as say something.
fn digits(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{v:.2}"),
        v if v < 10.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn large(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 1e3 => format!("{:.0} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::loads::LOADS;
    use super::*;

    fn row(name: &str, said: [&str; 2]) -> Row<'static> {
        let load = LOADS.iter().find(|load| load.name == name).unwrap();
        Row { load, figures: said.map(|said| Figures::read(said).unwrap_or_default()).into() }
    }

    #[test]
    fn price_speed_and_ratio_stand_in_a_line() {
        let rows = [
            row(
                "pairs-q0",
                [
                    "broker_cpu_us_per_delivery=0.125 deliveries_per_s=5300000",
                    "broker_cpu_us_per_delivery=2.5 deliveries_per_s=370000",
                ],
            ),
            row("paced-q1", ["broker_cpu_us_per_delivery=12 p50_us=2400 p99_us=3100", ""]),
            row("idle-tcp", ["broker_cpu_us_per_connect=30 rss_bytes_per_conn=2100", ""]),
        ];
        assert_eq!(
            render(&["ours", "other"], &rows),
            "| load | ours | other | other ÷ ours |\n|---|---|---|---|\n\
             | 10 pairs, QoS 0 | 0.12 µs, 5.3 M/s | 2.5 µs, 370 k/s | 20× |\n\
             | 100 pairs at 5 000/s in all, QoS 1 | 2.4 / 3.1 ms, 12 µs | – | – |\n\
             | idle connection with one subscription | 2100 B, connect 30 µs | – | – |\n"
        );
    }

    #[test]
    fn of_several_shards_the_busiest_has_a_word() {
        let said = "broker_cpu_us_per_delivery=0.2 deliveries_per_s=4000000";
        let mut figures = Figures::read(said).unwrap();
        figures.add("busiest_shard", Some(0.523));
        assert_eq!(cell(Kind::Throughput, &figures), "0.20 µs, 4.0 M/s, 52 % on one");
    }

    #[test]
    fn alone_there_is_no_ratio() {
        let load = &LOADS[0];
        let table = render(&["ours"], &[Row { load, figures: vec![Figures::default()] }]);
        assert_eq!(table, "| load | ours | \n|---|---|\n| 10 pairs, QoS 0 | – |\n");
    }
}
