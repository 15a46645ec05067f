//! How costs grow: processor time for a delivery and memory, against what there is more and more of. Knows the loads of these
//! curves, not how they are drawn.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::brokers::{Broker, Recipe};
use super::chart::{self, Axis, Panel};
use super::figures::Figures;
use crate::command;

/// One thing that grows.
struct Curve {
    name: &'static str,
    /// What stands below the axis.
    label: &'static str,
    steps: &'static [u32],
    /// Words for the load generator.
    load: fn(u32) -> String,
}

/// Deliveries of each step: enough to be told from noise, and no more.
const DELIVERIES: u32 = 400_000;
/// Bytes that a step of the payload may move.
const MOVED: u32 = 2_000_000_000;
/// Files that broker and load generator need besides those connections.
const SPARE_FILES: u64 = 100;
/// A packet has at most 1 MiB, its header included.
const LARGEST: u32 = (1 << 20) - 64;

const CURVES: [Curve; 5] = [
    Curve {
        name: "connections",
        label: "idle connections beside the load",
        steps: &[1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 50_000],
        load: |n| format!("pairs --publishers 10 --messages {DELIVERIES} --connections {n}"),
    },
    Curve {
        name: "subscriptions",
        label: "other subscriptions",
        steps: &[1_000, 10_000, 100_000, 300_000, 1_000_000],
        load: |n| format!("match --publishers 10 --messages {DELIVERIES} --count {n}"),
    },
    Curve {
        name: "retained",
        label: "retained messages",
        steps: &[1_000, 10_000, 100_000, 300_000, 1_000_000],
        load: |n| format!("pairs --publishers 10 --messages {DELIVERIES} --retained {n}"),
    },
    Curve {
        name: "payload",
        label: "bytes of a payload",
        steps: &[16, 64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, LARGEST],
        load: |n| {
            let messages = (MOVED / n).min(DELIVERIES) / 4 * 4;
            format!("pairs --publishers 4 --window 20 --messages {messages} --size {n}")
        },
    },
    Curve {
        name: "subscribers",
        label: "subscribers of a topic",
        steps: &[1, 10, 100, 1_000, 10_000],
        load: |n| {
            let messages = (DELIVERIES / n).max(100);
            format!(
                "fanout --publishers 1 --subscribers {n} --window {} --messages {messages}",
                (10_000 / n).clamp(5, 100)
            )
        },
    },
];

/// Measures all curves and draws one picture for each.
pub(super) fn plot(generator: &PathBuf, ours: &Recipe, quick: bool) -> Result<()> {
    for curve in &CURVES {
        let steps = if quick { &curve.steps[..2] } else { curve.steps };
        let mut points = Vec::new();
        for &step in steps {
            if curve.name == "connections" && u64::from(step) + SPARE_FILES > most_files() {
                println!("connections {step}: left out, as this system allows {} open files", most_files());
                continue;
            }
            let broker = Broker::start(ours, false)?;
            let mut run = command::program(generator);
            run.args((curve.load)(step).split(' ')).args(["--timeout", "120"]).args(broker.arguments(false));
            let said = command::output(&mut run).with_context(|| format!("{} of {step}", curve.name))?;
            let figures = Figures::read(said.lines().last().unwrap_or_default())?;
            println!("{} {step}: {}", curve.name, figures.words());
            points.push((f64::from(step), figures));
        }
        ensure!(!points.is_empty(), "nothing was measured of {}", curve.name);
        let path = command::target().join(format!("bench/{}.svg", curve.name));
        fs::write(&path, draw(curve, &points)).with_context(|| format!("{}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Files that a program may have open here, if its limit cannot be raised.
fn most_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let hard = limits.lines().find(|line| line.starts_with("Max open files"));
    let hard = hard.and_then(|line| line.split_whitespace().nth(4)?.parse().ok());
    hard.unwrap_or(u64::MAX)
}

fn draw(curve: &Curve, points: &[(f64, Figures)]) -> String {
    let of = |name: &str, scale: f64| -> Vec<(f64, f64)> {
        let scaled = |(at, figures): &(f64, Figures)| Some((*at, figures.get(name)? * scale));
        points.iter().filter_map(scaled).filter(|(_, value)| *value > 0.0).collect()
    };
    let panels = [
        Panel {
            title: "processor time for a delivery, µs".into(),
            points: of("broker_cpu_us_per_delivery", 1.0),
        },
        Panel { title: "memory of the broker, MB".into(), points: of("rss_bytes", 1e-6) },
    ];
    chart::render(&Axis { label: curve.label.into() }, &panels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_every_curve_is_a_load() {
        for curve in &CURVES {
            for &step in curve.steps {
                let load = (curve.load)(step);
                assert!(load.split(' ').all(|word| !word.is_empty() && word != "0"), "{load}");
            }
            assert!(curve.steps.is_sorted());
        }
    }

    #[test]
    fn a_picture_has_both_curves() {
        let figures = Figures::read("broker_cpu_us_per_delivery=0.2 rss_bytes=5000000").unwrap();
        let picture = draw(&CURVES[0], &[(1_000.0, figures.clone()), (50_000.0, figures)]);
        assert_eq!(picture.matches("<polyline").count(), 2);
    }
}
