//! `cargo xtask guard`: counts the instructions of a fixed script through broker and codec and compares them with the numbers
//! that were accepted last. Counts, unlike times, are the same on a busy machine.
//!
//! Knows how the script is built and counted and where the numbers lie, not what is in it (bridge/examples/guard).

mod accepted;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use self::accepted::{Accepted, Counts};
use crate::{
    command::{self, cargo},
    system,
};

/// What a script may cost more than was accepted, in percent. Less is what another libc or machine may make of it.
const MORE_PERCENT: f64 = 10.0;

pub(crate) fn guard(words: &[&str]) -> Result<()> {
    match words {
        [] => check(),
        ["--accept"] => {
            let counts = count(None)?;
            println!("{}", table(&counts, &Accepted::read()?.counts));
            Accepted::write(&counts)
        }
        [name] if !name.starts_with('-') => {
            println!("{}", table(&count(Some(name))?, &Accepted::read()?.counts));
            println!("`callgrind_annotate {}` shows where they go", sums(1).display());
            Ok(())
        }
        _ => bail!("guard takes the name of a script, or `--accept`, or nothing"),
    }
}

/// Fails when a script has become more expensive.
pub(crate) fn check() -> Result<()> {
    let accepted = Accepted::read()?;
    accepted.fits_the_compiler()?;
    let counts = count(None)?;
    println!("{}", table(&counts, &accepted.counts));
    let complaints = complaints(&counts, &accepted.counts);
    ensure!(
        complaints.is_empty(),
        "{}\n`cargo xtask guard NAME` counts one script and says how to see where they go. What is worth its price is \
         accepted by `cargo xtask guard --accept`; say in the commit what it buys.",
        complaints.join("\n")
    );
    Ok(())
}

/// Builds the scripts and runs them, or one, below callgrind: instructions an operation, by their names.
fn count(only: Option<&str>) -> Result<Counts> {
    let valgrind = system::valgrind()?;
    let mut build =
        cargo(["build", "--locked", "--profile", "guard", "-p", "bridge", "--no-default-features"]);
    // Flags of someone's own would count something else.
    command::run(build.args(["--example", "guard"]).env_remove("RUSTFLAGS"))?;
    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(folder())?;
    let mut run = command::program(valgrind);
    run.args([
        "--quiet",
        "--tool=callgrind",
        "--compress-strings=no",
        "--collect-atstart=no",
        "--toggle-collect=guard::counted",
    ])
    .args(["--dump-before=guard::script_ends"])
    .arg(format!("--callgrind-out-file={}", folder().join("out").display()))
    .arg(command::target().join("guard/examples/guard"))
    .args(only);
    let done = command::output(&mut run)?;
    let mut counts = Counts::new();
    for (line, n) in done.lines().zip(1..) {
        let (name, operations) =
            line.split_once(' ').context("a line of the script is no name and number")?;
        let operations: f64 = operations.parse().with_context(|| format!("`{line}`"))?;
        counts.insert(name.to_owned(), (instructions(n)? as f64 / operations).round() as u64);
    }
    ensure!(!counts.is_empty(), "there is no such script");
    Ok(counts)
}

/// What callgrind has put down for script `n`.
fn instructions(n: usize) -> Result<u64> {
    let path = sums(n);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok()).filter(|&total| total > 0);
    total.with_context(|| format!("{} has no sum: has `counted` another name?", path.display()))
}

/// Where callgrind has put down the sums of the `n`th script of the last run.
fn sums(n: usize) -> PathBuf {
    folder().join(format!("out.{n}"))
}

fn folder() -> PathBuf {
    command::target().join("guard/counts")
}

fn complaints(counts: &Counts, accepted: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, &count) in counts {
        match accepted.get(name) {
            Some(&old) if percent(count, old) > MORE_PERCENT => complaints.push(format!(
                "{name} takes {count} instructions an operation, {:.0} % more than the accepted {old}",
                percent(count, old)
            )),
            Some(_) => {}
            None => complaints.push(format!("{name} has no accepted number")),
        }
    }
    let gone = accepted.keys().filter(|name| !counts.contains_key(*name));
    complaints.extend(gone.map(|name| format!("{name} has an accepted number and is counted no more")));
    complaints
}

fn table(counts: &Counts, accepted: &Counts) -> String {
    let width = counts.keys().map(String::len).max().unwrap_or(0);
    let mut lines =
        vec![format!("{:width$} {:>12} {:>9} {:>8}", "script", "instructions", "accepted", "change")];
    for (name, &count) in counts {
        lines.push(match accepted.get(name) {
            Some(&old) => format!("{name:width$} {count:>12} {old:>9} {:>+6.1} %", percent(count, old)),
            None => format!("{name:width$} {count:>12} {:>9}", "-"),
        });
    }
    lines.join("\n")
}

/// How much more `new` is than `old`.
fn percent(new: u64, old: u64) -> f64 {
    (new as f64 / old.max(1) as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn more_than_a_tenth_is_complained_of_and_less_is_not() {
        let accepted = counts(&[("a", 1000), ("b", 1000), ("c", 1000)]);
        let complaints = complaints(&counts(&[("a", 1099), ("b", 1111), ("c", 10)]), &accepted);
        assert_eq!(complaints, ["b takes 1111 instructions an operation, 11 % more than the accepted 1000"]);
    }

    #[test]
    fn what_is_only_on_one_side_is_complained_of() {
        let complaints = complaints(&counts(&[("new", 1)]), &counts(&[("old", 1)]));
        assert_eq!(
            complaints,
            ["new has no accepted number", "old has an accepted number and is counted no more"]
        );
    }

    #[test]
    fn the_accepted_numbers_are_of_the_pinned_compiler() {
        Accepted::read().unwrap().fits_the_compiler().unwrap();
    }
}
