//! Tables for the terminal: what the page weighs, what the steps took. Knows no step and no file.

use std::time::Duration;

/// One file of the page, sizes in bytes. A packed size equal to the raw one means that packing did not pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSize {
    pub(crate) name: String,
    pub(crate) raw: usize,
    pub(crate) gzip: usize,
    pub(crate) brotli: usize,
    /// When a browser loads it.
    pub(crate) visit: Visit,
}

/// When a browser loads a file on its first visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Before anything is seen.
    Paint,
    /// Before the tiles of devices of every convention are seen.
    Tiles,
    /// Once the page is at rest: what only adds to its tiles.
    Rest,
    /// When something else is wanted.
    Later,
}

/// What a browser loads by itself on its first visit to `--demo`.
const FIRST_VISIT: [Visit; 3] = [Visit::Paint, Visit::Tiles, Visit::Rest];

/// The weight of that, in brotli.
pub(crate) fn first_visit(files: &[FileSize]) -> usize {
    files.iter().filter(|file| FIRST_VISIT.contains(&file.visit)).map(|file| file.brotli).sum()
}

/// The table that `build` prints; its last line is the brotli weight of the first visit.
pub(crate) fn sizes(files: &[FileSize]) -> String {
    let width = files.iter().map(|file| file.name.len()).max().unwrap_or(0).max("first visit".len());
    let mut table = format!("{:width$} {:>11} {:>11} {:>11}\n", "file", "raw", "gzip", "brotli");
    for file in files {
        let (raw, gzip, brotli) = (thousands(file.raw), thousands(file.gzip), thousands(file.brotli));
        table += &format!("{:width$} {raw:>11} {gzip:>11} {brotli:>11}\n", file.name);
    }
    let mut total = |title: &str, visits: &[Visit]| {
        let some: Vec<&FileSize> = files.iter().filter(|file| visits.contains(&file.visit)).collect();
        if some.is_empty() {
            return;
        }
        let sum = |pick: fn(&FileSize) -> usize| thousands(some.iter().copied().map(pick).sum());
        let (raw, gzip, brotli) = (sum(|file| file.raw), sum(|file| file.gzip), sum(|file| file.brotli));
        table += &format!("{title:width$} {raw:>11} {gzip:>11} {brotli:>11}\n");
    };
    total("first paint", &[Visit::Paint]);
    total("other tiles", &[Visit::Tiles]);
    total("at rest", &[Visit::Rest]);
    total("first visit", &FIRST_VISIT);
    table.truncate(table.trim_end().len());
    table
}

/// How a step of `test` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

/// The table at the end of `test`, and the plain `N passed, N failed` under it.
pub(crate) fn steps(steps: &[(&str, Outcome, Duration)]) -> String {
    let width = steps.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let mut table = String::new();
    for (name, outcome, took) in steps {
        let word = match outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
        };
        table += &format!("{name:width$} {:>9} {word}\n", seconds(*took));
    }
    let total = steps.iter().map(|(_, _, took)| *took).sum();
    let failed = steps.iter().filter(|(_, outcome, _)| *outcome == Outcome::Failed).count();
    table +=
        &format!("{:width$} {:>9}\n{} passed, {failed} failed", "", seconds(total), steps.len() - failed);
    table
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// `1234567` as `1 234 567`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut spaced = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_spaced() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn the_first_visit_counts_only_its_own_files() {
        let file =
            |name: &str, brotli, visit| FileSize { name: name.into(), raw: 4000, gzip: 2000, brotli, visit };
        let table = sizes(&[
            file("index.html", 1000, Visit::Paint),
            file("icon-512.png", 9000, Visit::Later),
            file("tiles.wasm", 500, Visit::Tiles),
            file("lines.wasm", 50, Visit::Rest),
        ]);
        let ends: Vec<_> = table.lines().rev().take(4).collect();
        let wanted =
            [("first visit", "1 550"), ("at rest", "50"), ("other tiles", "500"), ("first paint", "1 000")];
        for (line, (start, end)) in ends.iter().zip(wanted) {
            assert!(line.starts_with(start) && line.ends_with(end), "{table}");
        }
        assert!(
            !sizes(&[file("index.html", 1000, Visit::Paint)]).contains("other tiles"),
            "nor what there is none of"
        );
    }

    #[test]
    fn the_last_line_counts_steps() {
        let second = Duration::from_secs(1);
        let table = steps(&[("fmt", Outcome::Passed, second), ("unit", Outcome::Failed, second)]);
        assert_eq!(table.lines().last().unwrap(), "1 passed, 1 failed");
        assert!(table.contains("unit     1.0 s FAILED"), "{table}");
    }
}
