//! The lists of the statements, one file for each version. Knows no source.

use std::{collections::BTreeMap, fmt, fs};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command;

/// Which of the two standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standard {
    /// MQTT 5.0, marked `MQTT-`.
    V5,
    /// MQTT 3.1.1, marked `MQTT3-`.
    V3_1_1,
}

impl Standard {
    pub(crate) const ALL: [Self; 2] = [Self::V5, Self::V3_1_1];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V5 => "5.0",
            Self::V3_1_1 => "3.1.1",
        }
    }
}

/// A statement's number: that of its section, and its own in there. They sort as in the standard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) standard: Standard,
    pub(crate) section: Vec<u16>,
    pub(crate) number: u16,
}

impl Id {
    /// Reads `3.1.2-24`.
    pub(crate) fn parse(standard: Standard, text: &str) -> Option<Self> {
        let (section, number) = text.split_once('-')?;
        let section = section.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u16>>>()?;
        Some(Self { standard, section, number: number.parse().ok()? })
    }

    /// `3.1.2-24`.
    pub(crate) fn short(&self) -> String {
        let section: Vec<_> = self.section.iter().map(u16::to_string).collect();
        format!("{}-{}", section.join("."), self.number)
    }

    /// `3.1`, by which the table is parted.
    pub(crate) fn chapter(&self) -> String {
        let first: Vec<_> = self.section.iter().take(2).map(u16::to_string).collect();
        first.join(".")
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.standard == Standard::V5 { "MQTT" } else { "MQTT3" };
        write!(f, "[{prefix}-{}]", self.short())
    }
}

/// Whom a statement binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binds {
    Server,
    Client,
    Both,
    /// Neither of ours, and why.
    Neither(String),
}

impl Binds {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "server" => Self::Server,
            "client" => Self::Client,
            "both" => Self::Both,
            other => match other.split_once(':') {
                Some(("neither", why)) if !why.trim().is_empty() => Self::Neither(why.trim().to_owned()),
                _ => bail!("`{other}` is none of server, client, both, `neither: REASON`"),
            },
        })
    }

    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Both => "both",
            Self::Neither(_) => "neither",
        }
    }
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) binds: Binds,
    /// The statements of 5.0 that ask the same.
    pub(crate) same: Vec<Id>,
    pub(crate) words: String,
}

/// All statements of both standards, in their order.
#[derive(Debug, Default)]
pub(crate) struct List(pub(crate) BTreeMap<Id, Statement>);

impl List {
    /// Reads both files, and checks that what they refer to is there.
    pub(crate) fn read() -> Result<Self> {
        let mut list = Self::default();
        for standard in Standard::ALL {
            let path = command::root().join("xtask/spec").join(format!("{}.txt", standard.name()));
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            for (n, line) in text.lines().enumerate() {
                list.add(standard, line).with_context(|| format!("{}:{}", path.display(), n + 1))?;
            }
        }
        for (id, statement) in &list.0 {
            let missing = statement.same.iter().find(|same| !list.knows(same));
            ensure!(missing.is_none(), "{id} is said to be the same as {missing:?}, which is in no list");
        }
        Ok(list)
    }

    pub(crate) fn knows(&self, id: &Id) -> bool {
        self.0.contains_key(id)
    }

    /// The statements of one standard.
    pub(crate) fn of(&self, standard: Standard) -> impl Iterator<Item = (&Id, &Statement)> {
        self.0.iter().filter(move |(id, _)| id.standard == standard)
    }

    fn add(&mut self, standard: Standard, line: &str) -> Result<()> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let (number, binds, same, words) = match columns.as_slice() {
            [number, binds, words] if standard == Standard::V5 => (number, binds, "", words),
            [number, binds, same, words] if standard == Standard::V3_1_1 => (number, binds, *same, words),
            _ => bail!("a line has {} columns", columns.len()),
        };
        let id = Id::parse(standard, number).with_context(|| format!("`{number}` is no number"))?;
        let same = same.trim_start_matches('=').split_whitespace();
        let same = same.map(|number| Id::parse(Standard::V5, number)).collect::<Option<Vec<_>>>();
        let same = same.context("what stands after = is no number")?;
        ensure!(!words.is_empty(), "{id} says nothing");
        let statement = Statement { binds: Binds::parse(binds)?, same, words: (*words).to_owned() };
        ensure!(self.0.insert(id, statement).is_none(), "{number} stands there twice");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::parse(Standard::V5, text).unwrap()
    }

    #[test]
    fn numbers_sort_as_in_the_standard() {
        assert!(id("3.1.2-9") < id("3.1.2-10"));
        assert!(id("3.2.0-1") < id("3.10.1-1"));
        assert_eq!(id("4.12.0-5").chapter(), "4.12");
        assert_eq!(Id::parse(Standard::V5, "4.7.1.2"), None);
    }

    #[test]
    fn the_lists_are_sound_and_whole() {
        let list = List::read().unwrap();
        let count = |standard| list.of(standard).count();
        assert_eq!((count(Standard::V5), count(Standard::V3_1_1)), (251, 141));
    }

    #[test]
    fn the_lists_leave_out_only_what_the_standards_leave_out() {
        let list = List::read().unwrap();
        let missing: Vec<_> = list
            .0
            .keys()
            .filter(|id| id.number > 1)
            .map(|id| Id { number: id.number - 1, ..id.clone() })
            .filter(|before| !list.knows(before))
            .collect();
        assert_eq!(missing, [id("2.2.1-1")]);
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error() {
        let mut list = List::default();
        for bad in ["1-1 | both", "1-1 | all | words", "x | both | words", "1-1 | neither: | words"] {
            assert!(list.add(Standard::V5, bad).is_err(), "{bad}");
        }
        assert!(list.add(Standard::V5, "1-1 | neither: nobody does it | words").is_ok());
        assert!(list.add(Standard::V5, "1-1 | both | twice").is_err());
    }
}
