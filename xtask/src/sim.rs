//! `cargo xtask sim`: the simulation, with as many seeds as one likes, and the proof that it notices. Knows only how it is
//! started.

mod bite;
mod mutants;
mod scratch;

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo};

/// The test that plays seeds.
const SIMULATION: [&str; 7] =
    ["-p", "tests", "--test", "sim", "--", "--nocapture", "the_broker_keeps_its_promises_whatever_the_seed"];

/// Seeds that are played against each rule that is switched off.
const SEEDS_OF_A_BITE: &str = "300";

/// What is asked of the simulation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish<'a> {
    /// Variables that it reads.
    variables: Vec<(&'static str, &'a str)>,
    /// Words of the rules that are to be switched off; none for all.
    bite: Option<Vec<&'a str>>,
}

pub(crate) fn sim(words: &[&str]) -> Result<()> {
    let wish = Wish::parse(words)?;
    if let Some(words) = &wish.bite {
        let seeds = wish.variables.iter().find(|(name, _)| *name == "SWITCHBOARD_SEEDS");
        return bite::bite(words, seeds.map_or(SEEDS_OF_A_BITE, |(_, seeds)| seeds));
    }
    let mut command = cargo(["test", "--locked", "--profile", "sim"]);
    command::run(command.args(SIMULATION).envs(wish.variables))
}

impl<'a> Wish<'a> {
    fn parse(words: &[&'a str]) -> Result<Self> {
        let mut wish = Self::default();
        let mut rest = words;
        while let [flag, tail @ ..] = rest {
            let variable = match *flag {
                "--seeds" => "SWITCHBOARD_SEEDS",
                "--from" => "SWITCHBOARD_FROM",
                "--seed" => "SWITCHBOARD_SEED",
                "--bite" => {
                    let (words, tail) =
                        tail.split_at(tail.iter().take_while(|w| !w.starts_with("--")).count());
                    wish.bite = Some(words.to_vec());
                    rest = tail;
                    continue;
                }
                _ => bail!(
                    "`{flag}` is not understood; sim takes --seeds N, --from SEED, --seed SEED, --bite [WORD]…"
                ),
            };
            let [value, tail @ ..] = tail else { bail!("`{flag}` needs a number") };
            value.parse::<u64>().with_context(|| format!("`{flag} {value}`"))?;
            wish.variables.push((variable, value));
            rest = tail;
        }
        Ok(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers() {
        let wish = Wish::parse(&["--seeds", "5000", "--from", "7"]).unwrap();
        assert_eq!(wish.variables, [("SWITCHBOARD_SEEDS", "5000"), ("SWITCHBOARD_FROM", "7")]);
        assert!(Wish::parse(&["--seed"]).is_err() && Wish::parse(&["--seed", "x"]).is_err());
        assert!(Wish::parse(&["--bytes", "1"]).is_err());
    }

    #[test]
    fn rules_to_switch_off_are_named_by_words() {
        let wish = Wish::parse(&["--bite", "DUP", "will", "--seeds", "9"]).unwrap();
        assert_eq!(wish.bite, Some(vec!["DUP", "will"]));
        assert_eq!(wish.variables, [("SWITCHBOARD_SEEDS", "9")]);
        assert_eq!(Wish::parse(&["--bite"]).unwrap().bite, Some(vec![]));
    }
}
