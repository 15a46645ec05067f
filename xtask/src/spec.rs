//! `cargo xtask spec`: each normative statement of MQTT 5.0 and 3.1.1 with the place that obeys it and the tests that hold it.
//!
//! Reads the lists below `xtask/spec/` and the marks in the sources, `[MQTT-x.y.z-n]` for 5.0 and `[MQTT3-x.y.z-n]` for 3.1.1.
//! Knows nothing of what a statement means: that a mark tells the truth is for its reader to see.

mod list;
mod marks;
mod places;
mod table;

use std::{collections::BTreeMap, io::Write as _, process::ExitCode};

use anyhow::{Result, ensure};

use self::list::{Id, List};
use self::places::Place;

/// Where an id stands in the sources.
#[derive(Debug, Default)]
struct Found {
    code: BTreeMap<Id, Vec<Place>>,
    tests: BTreeMap<Id, Vec<Place>>,
    /// Marks that are no number of any list, with the reason.
    wrong: Vec<String>,
}

/// Prints the table, or only what is missing from it, and fails when something is.
pub(crate) fn spec(only_missing: bool) -> Result<ExitCode> {
    let (list, found) = look()?;
    let table = if only_missing { String::new() } else { table::all(&list, &found) + "\n" };
    let text = format!("{table}{}{}\n", table::gaps(&list, &found), table::summary(&list, &found));
    // Whoever reads only the beginning (`| head`) has seen what they wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(if table::is_whole(&list, &found) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same as a proof, which says no more than it must.
pub(crate) fn check() -> Result<()> {
    let (list, found) = look()?;
    println!("{}", table::summary(&list, &found));
    let gaps = table::gaps(&list, &found);
    ensure!(gaps.is_empty(), "these statements or marks are not as they should be:\n{}", gaps.trim_end());
    Ok(())
}

fn look() -> Result<(List, Found)> {
    let list = List::read()?;
    let mut found = Found::default();
    for mark in places::all()? {
        match mark.id {
            Ok(id) if list.knows(&id) => {
                let place = match mark.place.is_test {
                    true => found.tests.entry(id),
                    false => found.code.entry(id),
                };
                let places = place.or_default();
                if mark.counts && places.last() != Some(&mark.place) {
                    places.push(mark.place);
                }
            }
            Ok(id) => found.wrong.push(format!("{}: {id} is in no list", mark.place.at())),
            Err(text) => found.wrong.push(format!("{}: {text} is no number", mark.place.at())),
        }
    }
    Ok((list, found))
}
