//! `cargo xtask sim --bite`: does the simulation notice when the broker breaks a rule? One rule after the other is switched
//! off in a copy, and each time the simulation has to fail.

use std::{fs::File, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    SIMULATION,
    mutants::{self, Mutant},
    scratch::Scratch,
};
use crate::{command, report, test};

/// A run that takes longer hangs, which is a way to be caught.
const PATIENCE: Duration = Duration::from_secs(180);

/// How it went with one rule.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// By this seed.
    Caught(u64),
    /// The simulation went on for ever, or died of something else than a seed that fails.
    Broke,
    Survived,
}

/// Switches off each rule that has one of `words` in it, or all of them.
pub(crate) fn bite(words: &[&str], seeds: &str) -> Result<()> {
    let started = test::now();
    let mutants = mutants::listed(&command::root(), words)?;
    let scratch = Scratch::fresh()?;
    ensure!(
        simulate(&scratch, seeds)? == Verdict::Survived,
        "the simulation fails with all rules in place: `cargo xtask sim --seeds {seeds}`"
    );
    let width = mutants.iter().map(|mutant| mutant.rule.chars().count()).max().unwrap_or(0);
    let (mut caught, mut survived) = (0, 0);
    for mutant in &mutants {
        let (is_caught, words) = try_one(&scratch, mutant, seeds)?;
        *(if is_caught { &mut caught } else { &mut survived }) += 1;
        println!("{:width$}  {words}", mutant.rule);
    }
    println!("\n{caught} caught, {survived} survived, in {}", report::seconds(started.elapsed()));
    if survived > 0 {
        bail!("the simulation does not notice that a rule is switched off");
    }
    Ok(())
}

/// Whether it was caught, and how, in words.
fn try_one(scratch: &Scratch, mutant: &Mutant, seeds: &str) -> Result<(bool, String)> {
    let source = scratch.read(&mutant.file)?;
    scratch.write(&mutant.file, &mutant.applied(&source)?)?;
    let verdict =
        judge(scratch, mutant, seeds).with_context(|| format!("with `{}` switched off", mutant.rule));
    scratch.write(&mutant.file, &source)?;
    verdict
}

fn judge(scratch: &Scratch, mutant: &Mutant, seeds: &str) -> Result<(bool, String)> {
    if let Some(elsewhere) = &mutant.elsewhere {
        let words: Vec<_> = elsewhere.test.split(' ').collect();
        command::output(scratch.test(&words).arg("--no-run"))?;
        return Ok(match command::output(&mut scratch.test(&words)) {
            Ok(_) => (false, format!("survived, also {}", elsewhere.test)),
            Err(_) => (true, format!("caught by {}: {}", elsewhere.test, elsewhere.why)),
        });
    }
    Ok(match simulate(scratch, seeds)? {
        Verdict::Caught(seed) => (true, format!("caught by seed {seed}, after {} seeds", seed + 1)),
        Verdict::Broke => (true, "caught: the simulation does not come to its end".to_owned()),
        Verdict::Survived => (false, format!("SURVIVED {seeds} seeds")),
    })
}

fn simulate(scratch: &Scratch, seeds: &str) -> Result<Verdict> {
    command::output(scratch.test(&["-p", "tests", "--test", "sim"]).arg("--no-run"))?;
    let log = File::create(scratch.log())?;
    let mut run = scratch.test(&SIMULATION);
    run.env("SWITCHBOARD_SEEDS", seeds).env("SWITCHBOARD_FROM", "0").env_remove("SWITCHBOARD_SEED");
    let mut child = run.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let end = test::wait_for("the simulation", PATIENCE, || child.try_wait().ok().flatten());
    let Ok(status) = end else {
        child.kill()?;
        child.wait()?;
        return Ok(Verdict::Broke);
    };
    if status.success() {
        return Ok(Verdict::Survived);
    }
    let said = std::fs::read(scratch.log())?;
    Ok(failed_seed(&String::from_utf8_lossy(&said)).map_or(Verdict::Broke, Verdict::Caught))
}

/// The number in the sentence with which a simulation fails.
fn failed_seed(said: &str) -> Option<u64> {
    let (before, _) = said.rsplit_once(" fails; repeat it with")?;
    before.rsplit_once("seed ")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::failed_seed;

    #[test]
    fn the_seed_that_fails_is_read_from_what_is_said() {
        let said = "seed 3 once more\nseed 17 fails; repeat it with cargo xtask sim --seed 17\n";
        assert_eq!(failed_seed(said), Some(17));
        assert_eq!(failed_seed("error: no memory"), None);
    }
}
