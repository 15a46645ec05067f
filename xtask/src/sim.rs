//! `cargo xtask sim`: the simulation, with as many seeds as one likes. Knows only how it is started.

use anyhow::{Context as _, Result, bail};

use crate::command::{self, cargo};

/// What is asked of the simulation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish<'a> {
    /// Variables that it reads.
    variables: Vec<(&'static str, &'a str)>,
}

pub(crate) fn sim(words: &[&str]) -> Result<()> {
    let wish = Wish::parse(words)?;
    let mut command = cargo(["test", "--locked", "--profile", "sim", "-p", "tests", "--test", "sim", "--"]);
    command.args(["--nocapture", "the_broker_keeps_its_promises_whatever_the_seed"]);
    command::run(command.envs(wish.variables))
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
                _ => bail!(
                    "`{flag}` is not understood; sim takes `--seeds N`, `--from SEED` and `--seed SEED`"
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
}
