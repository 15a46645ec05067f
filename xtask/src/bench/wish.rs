//! What the command line of `bench` asks for. Knows no load but by its name.

use anyhow::{Context as _, Result, bail, ensure};

use super::loads::LOADS;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish<'a> {
    pub(super) rounds: usize,
    only: Vec<&'a str>,
    /// `NAME=TCPPORT:WSPORT:COMMAND`
    pub(super) peers: Vec<&'a str>,
    /// Ours is measured with each of these, such as `2` or `2/always`.
    pub(super) shards: Vec<&'a str>,
    /// Few messages: to see that all of it works.
    pub(super) quick: bool,
    pub(super) plot: bool,
    pub(super) micro: bool,
}

impl<'a> Wish<'a> {
    pub(super) fn read(words: &[&'a str]) -> Result<Self> {
        let (only, peers) = (Vec::new(), Vec::new());
        let shards = vec!["1"];
        let mut wish = Self { rounds: 3, only, peers, shards, quick: false, plot: false, micro: false };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} takes a value"));
            match word {
                "--rounds" => wish.rounds = value()?.parse().context("--rounds takes a number")?,
                "--only" => wish.only.extend(value()?.split(',')),
                "--peer" => wish.peers.push(value()?),
                "--shards" => wish.shards = value()?.split(',').collect(),
                "--quick" => wish.quick = true,
                "--plot" => wish.plot = true,
                "--micro" => wish.micro = true,
                _ => bail!(
                    "bench does not take `{word}`, but --rounds N, --only LOAD,…, --peer NAME=TCP:WS:COMMAND, --shards N,…, \
                     --quick, --plot, --micro"
                ),
            }
        }
        ensure!(wish.rounds > 0, "--rounds takes a number from 1 on");
        for name in &wish.only {
            let names = || LOADS.iter().map(|load| load.name).collect::<Vec<_>>().join(", ");
            ensure!(
                LOADS.iter().any(|load| load.name == *name),
                "there is no load `{name}` among {}",
                names()
            );
        }
        Ok(wish)
    }

    pub(super) fn wants(&self, load: &str) -> bool {
        self.only.is_empty() || self.only.contains(&load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_words_all_loads_are_measured_three_times() {
        let wish = Wish::read(&[]).unwrap();
        assert_eq!(wish.rounds, 3);
        assert!(LOADS.iter().all(|load| wish.wants(load.name)));
    }

    #[test]
    fn loads_are_named_and_what_is_no_load_is_refused() {
        let wish = Wish::read(&["--only", "pairs-q0,idle-ws", "--rounds", "1", "--shards", "1,2"]).unwrap();
        assert!(wish.wants("idle-ws") && !wish.wants("pairs-q1"));
        assert_eq!((wish.rounds, wish.shards), (1, vec!["1", "2"]));
        assert!(Wish::read(&["--only", "pairs"]).unwrap_err().to_string().contains("pairs-q0"));
        assert!(Wish::read(&["--rounds"]).is_err() && Wish::read(&["--rounds", "0"]).is_err());
        assert!(Wish::read(&["--faster"]).is_err());
    }
}
