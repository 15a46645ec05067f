//! What machine a comparison was made on, and when. Knows nothing of what was measured.

use std::fs;
use std::process::{Command, Stdio};

/// Some sentences for below the table.
pub(super) fn describe(versions: &[String], rounds: usize) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Processor time of the broker for each delivery (or acknowledgement, or connection) and how many of them a second; at a \
         steady pace the time a message took, half of them and 99 of 100. Payloads have 64 bytes where nothing else is said. \
         Measured on {}: {}, {cores} cores with the load generator beside the broker, Linux {}; {}; medians of {rounds}.",
        date(),
        processor().unwrap_or_else(|| "an unknown processor".into()),
        kernel().unwrap_or_else(|| "of an unknown version".into()),
        versions.join(", "),
    )
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

fn date() -> String {
    let output = Command::new("date").arg("+%Y-%m-%d").stdin(Stdio::null()).output();
    output.map_or_else(
        |_| "an unknown day".into(),
        |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    )
}
