//! The rules that are switched off to see whether the simulation notices: what to replace where. Runs nothing.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Where they are listed.
const LIST: &str = "tests/tests/sim/mutants.toml";

/// One rule, and how it is switched off.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// The rule, in words.
    pub(crate) rule: String,
    pub(crate) file: String,
    /// What stands there, exactly once.
    pub(crate) text: String,
    /// What stands there instead.
    pub(crate) with: String,
    /// Why the simulation cannot notice, and which test does instead.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// A test that notices what the simulation cannot.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elsewhere {
    pub(crate) why: String,
    /// Words behind `cargo test`, such as `-p bridge --lib name_of_the_test`.
    pub(crate) test: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// Those whose rule has one of these words in it, or all; each fits the source as it is.
pub(crate) fn listed(root: &Path, words: &[&str]) -> Result<Vec<Mutant>> {
    let text = fs::read_to_string(root.join(LIST)).with_context(|| format!("{LIST} cannot be read"))?;
    let list: List = toml::from_str(&text).with_context(|| format!("{LIST} is not understood"))?;
    let is_wanted = |mutant: &Mutant| words.is_empty() || words.iter().any(|word| mutant.rule.contains(word));
    let wanted: Vec<_> = list.mutant.into_iter().filter(is_wanted).collect();
    ensure!(!wanted.is_empty(), "no rule in {LIST} has these words in it: {}", words.join(", "));
    for mutant in &wanted {
        let source = fs::read_to_string(root.join(&mutant.file))
            .with_context(|| format!("{} of `{}` cannot be read", mutant.file, mutant.rule))?;
        mutant.applied(&source)?;
    }
    Ok(wanted)
}

impl Mutant {
    /// The source with the rule switched off.
    pub(crate) fn applied(&self, source: &str) -> Result<String> {
        let times = source.matches(&self.text).count();
        ensure!(
            times == 1,
            "`{}` does not fit any more: its text stands {times} times in {}, not once; mend {LIST}:\n{}",
            self.rule,
            self.file,
            self.text
        );
        Ok(source.replacen(&self.text, &self.with, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn every_listed_rule_stands_where_the_list_says() {
        listed(&command::root(), &[]).unwrap();
    }

    #[test]
    fn a_rule_is_switched_off_where_it_stands_once_and_nowhere_else() {
        let mutant = Mutant {
            rule: "rule".into(),
            file: "a.rs".into(),
            text: "a < b".into(),
            with: "true".into(),
            elsewhere: None,
        };
        assert_eq!(mutant.applied("if a < b {}").unwrap(), "if true {}");
        assert!(mutant.applied("if a > b {}").is_err());
        assert!(mutant.applied("a < b; a < b").is_err());
    }
}
