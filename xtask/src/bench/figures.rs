//! What the load generator says: `name=value` words. Knows no load.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// Figures by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(super) fn read(line: &str) -> Result<Self> {
        let words = line.split(' ').filter_map(|word| word.split_once('='));
        let found: BTreeMap<_, _> =
            words.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect();
        ensure!(!found.is_empty(), "the load generator said `{line}`, which has no figures");
        Ok(Self(found))
    }

    /// The middle one of each figure.
    pub(super) fn median(rounds: &[Self]) -> Self {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, &value) in rounds.iter().flat_map(|figures| &figures.0) {
            all.entry(name).or_default().push(value);
        }
        Self(all.into_iter().filter_map(|(name, values)| Some((name.to_owned(), middle(values)?))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied().filter(|value| value.is_finite())
    }

    /// One that something else has said, if it has.
    pub(super) fn add(&mut self, name: &str, value: Option<f64>) {
        self.0.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// As it was said.
    pub(super) fn words(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (at, is_odd) = (values.len() / 2, !values.len().is_multiple_of(2));
    let upper = *values.get(at)?;
    Some(if is_odd { upper } else { f64::midpoint(upper, values[at - 1]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_figures_and_what_is_none_is_left_out() {
        let figures = Figures::read("delivered=10 secs=0.5 name=x broker=NaN").unwrap();
        assert_eq!((figures.get("delivered"), figures.get("secs")), (Some(10.0), Some(0.5)));
        assert_eq!((figures.get("name"), figures.get("broker")), (None, None));
        assert!(Figures::read("nothing was found").is_err());
    }

    #[test]
    fn the_median_is_taken_of_each_figure() {
        let rounds = ["a=1 b=10", "a=3 b=30", "a=2"].map(|line| Figures::read(line).unwrap());
        let median = Figures::median(&rounds);
        assert_eq!((median.get("a"), median.get("b")), (Some(2.0), Some(20.0)));
        assert_eq!(Figures::median(&[]), Figures::default());
    }
}
