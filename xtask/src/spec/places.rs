//! The marks of all sources, each with its place: in the code, or in a test. Knows no list.
//!
//! In test code a mark counts where it can fail: in a test function (its comment and name included), in a text such as an
//! assertion's message or a row of a table, and in a wire script's line `ids`. A comment in a helper is only a comment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{
    list::Id,
    marks::{Mark, marks},
};
use crate::command;

/// Where the program's code is, and unit tests in it.
const CODE: [&str; 3] = ["mqtt/src", "bridge/src", "client-wasm/src"];
const TESTS: [&str; 4] = ["mqtt/tests", "client-wasm/tests", "tests/src", "tests/tests"];
/// Scripts of bytes to and from the program.
const SCRIPTS: &str = "tests/wire";

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) is_test: bool,
    /// The test function it stands in.
    pub(crate) test: Option<String>,
}

impl Place {
    pub(crate) fn at(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// A mark and its place, and whether it counts there.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) id: Result<Id, String>,
    pub(crate) place: Place,
    pub(crate) counts: bool,
}

/// All marks of the repository.
pub(crate) fn all() -> Result<Vec<Placed>> {
    let mut found = Vec::new();
    for (path, text) in
        CODE.iter().chain(&TESTS).map(|folder| files(folder)).collect::<Result<Vec<_>>>()?.concat()
    {
        if path.ends_with(".rs") {
            of_source(&path, &text, &mut found);
        }
    }
    for (path, text) in files(SCRIPTS)? {
        of_script(&path, &text, &mut found);
    }
    Ok(found)
}

/// The texts of all files below a folder, which need not be there, by their paths in the repository.
fn files(folder: &str) -> Result<Vec<(String, String)>> {
    let mut paths = Vec::new();
    collect(&command::root().join(folder), &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(command::root()).unwrap_or(path).to_string_lossy().replace('\\', "/");
        Ok((name, fs::read_to_string(path).with_context(|| path.display().to_string())?))
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, found),
            false => found.push(path),
        }
    }
}

/// A script begins with its name, which alone is not indented, and says in a line `ids` what it holds. What it says elsewhere
/// is a comment.
fn of_script(path: &str, text: &str, found: &mut Vec<Placed>) {
    let mut name = None;
    for (n, line) in text.lines().enumerate() {
        if !line.starts_with(['#', ' ']) && !line.is_empty() {
            name = Some(line.trim_end().to_owned());
        }
        let counts = line.split_whitespace().next() == Some("ids");
        for mark in marks(line) {
            let place = Place { path: path.to_owned(), line: n + 1, is_test: true, test: name.clone() };
            found.push(Placed { id: mark.id, place, counts });
        }
    }
}

fn of_source(path: &str, text: &str, found: &mut Vec<Placed>) {
    let lines: Vec<&str> = text.lines().collect();
    let is_file_of_tests = TESTS.iter().any(|folder| path.starts_with(folder))
        || path.contains("/tests/")
        || path.ends_with("/tests.rs");
    let units = blocks(&lines, |line| line.trim() == "#[cfg(test)]");
    let functions =
        blocks(&lines, |line| ["#[test]", "#[wasm_bindgen_test]", "#[tokio::test]"].contains(&line.trim()));
    for (n, line) in lines.iter().enumerate() {
        let is_test = is_file_of_tests || units.iter().any(|unit| unit.contains(n));
        let function = functions.iter().find(|function| function.contains(n));
        for Mark { column, id } in marks(line) {
            let is_in_text = line[..column].matches('"').count() % 2 == 1;
            let counts = !is_test || function.is_some() || is_in_text;
            let test = function.and_then(|function| function.name(&lines));
            found.push(Placed {
                id,
                place: Place { path: path.to_owned(), line: n + 1, is_test, test },
                counts,
            });
        }
    }
}

/// An item with its comment and attributes: lines counted from 0, the last one included.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    head: usize,
    last: usize,
}

impl Block {
    fn contains(&self, line: usize) -> bool {
        (self.first..=self.last).contains(&line)
    }

    fn name(&self, lines: &[&str]) -> Option<String> {
        let after = lines.get(self.head)?.split_once("fn ")?.1;
        Some(after.split(['(', '<']).next()?.to_owned())
    }
}

/// The items that have an attribute. The code is formatted, so an item ends where a brace stands as far in as it begins.
fn blocks(lines: &[&str], is_attribute: impl Fn(&str) -> bool) -> Vec<Block> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_before = |line: &str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("#[")
    };
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| is_attribute(line)) {
        let above = lines[..n].iter().rev().take_while(|line| is_before(line)).count();
        // Attributes may go over several lines; the item is the first line as far in that begins neither of them.
        let is_head = |other: &&str| {
            indent(other) == indent(line) && !is_before(other) && !other.trim_start().starts_with(')')
        };
        let Some(head) = lines[n..].iter().position(is_head).map(|at| n + at) else { continue };
        let closing = format!("{}}}", " ".repeat(indent(line)));
        let code = lines[head].split("//").next().unwrap_or_default();
        let is_open = !code.trim_end().ends_with([';', '}']);
        let end = lines[head..].iter().position(|other| other.trim_end() == closing).filter(|_| is_open);
        found.push(Block { first: n - above, head, last: head + end.unwrap_or(0) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
//! [MQTT-1.5.4-1]
/// Obeys [MQTT-1.5.4-2].
fn a() {}
#[cfg(test)]
use x; // [MQTT-1.5.4-3]
fn b() {} // [MQTT-1.5.5-1]
#[cfg(test)]
mod tests {
    // Only a word [MQTT-1.5.7-1].
    const ROW: &str = "a row [MQTT-2.1.3-1]";
    /// Holds [MQTT-2.2.1-2].
    #[test]
    #[expect(
        lint,
        reason = ""
    )]
    fn holds_mqtt_2_2_1_3() {
        assert!(true); // [MQTT-2.2.1-4]
    }
}
"#;

    fn seen(path: &str) -> Vec<(String, bool, bool, Option<String>)> {
        let mut found = Vec::new();
        of_source(path, SOURCE, &mut found);
        found.into_iter().map(|p| (p.id.unwrap().short(), p.place.is_test, p.counts, p.place.test)).collect()
    }

    #[test]
    fn code_and_tests_are_told_apart() {
        let test = || Some("holds_mqtt_2_2_1_3".to_owned());
        let expected = [
            ("1.5.4-1", false, true, None),
            ("1.5.4-2", false, true, None),
            ("1.5.4-3", true, false, None),
            ("1.5.5-1", false, true, None),
            ("1.5.7-1", true, false, None),
            ("2.1.3-1", true, true, None),
            ("2.2.1-2", true, true, test()),
            ("2.2.1-3", true, true, test()),
            ("2.2.1-4", true, true, test()),
        ];
        let expected = expected.map(|(id, is_test, counts, test)| (id.to_owned(), is_test, counts, test));
        assert_eq!(seen("mqtt/src/a.rs"), expected);
        assert!(seen("tests/tests/e2e/a.rs").iter().all(|(_, is_test, ..)| *is_test));
        assert!(seen("bridge/src/broker/tests/a.rs").iter().all(|(_, is_test, ..)| *is_test));
    }

    #[test]
    fn of_a_script_only_the_ids_count() {
        let mut found = Vec::new();
        of_script(
            "tests/wire/a.txt",
            "# MQTT-1.5.4-2\n\na null ends it\n  ids MQTT-1.5.4-1\n  send 00\n",
            &mut found,
        );
        let counts: Vec<_> =
            found.iter().map(|placed| (placed.counts, placed.place.test.as_deref())).collect();
        assert_eq!(counts, [(false, None), (true, Some("a null ends it"))]);
    }
}
