//! What the page says, in the language of whoever reads it. English stands in the code; each other language is a table in
//! `www/words`, from English to it, that comes when it is wanted. Knows no browser.
//!
//! A sentence with places for values is one entry: `{} moved to {}.` Where the table has nothing, English is said.

use std::cell::RefCell;

use crate::text;

thread_local! {
    /// What is spoken is the same on the whole page, for as long as it lives.
    static TABLE: RefCell<Table> = const { RefCell::new(Table(Vec::new())) };
}

/// From English to another language; an empty one is English.
///
/// In the order of the English: the standard library's ordered map weighs more in the page than a table of words does.
#[derive(Debug, Default)]
pub struct Table(Vec<(String, String)>);

impl Table {
    fn get(&self, english: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(english)).ok()?;
        self.0.get(at).map(|(_, said)| said.as_str())
    }
}

impl FromIterator<(String, String)> for Table {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut table = Vec::new();
        for pair in pairs {
            let place = table.partition_point(|(known, _)| *known < pair.0);
            table.insert(place, pair);
        }
        Self(table)
    }
}

/// Speaks by this table from now on.
pub fn learn(table: Table) {
    TABLE.set(table);
}

/// Says it.
#[must_use]
pub fn say(english: &str) -> String {
    TABLE.with_borrow(|table| table.get(english).unwrap_or(english).to_owned())
}

/// Says it, with these values in the places of `{}`, in their order.
#[must_use]
pub fn fill(english: &str, values: &[&str]) -> String {
    let sentence = say(english);
    let mut pieces = text::pieces(&sentence, "{}");
    let mut said = pieces.next().unwrap_or_default().to_owned();
    for (piece, value) in pieces.zip(values) {
        said.push_str(value);
        said.push_str(piece);
    }
    said
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::devices::json::Json;

    fn german() -> BTreeMap<String, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/words/de.json");
        let json = Json::read(&fs::read(path).unwrap()).expect("a table is JSON");
        json.members().iter().map(|(key, _)| (key.clone(), json.text(key).to_owned())).collect()
    }

    /// What comes before a text that a person reads, besides `say(` and `fill(`: helpers that say it, and what they name.
    const BEFORE: [&str; 7] =
        ["say(", "fill(", "tool(link, ", "step(link, ", "select(ctx, ", "{ number(", "facts.push(("];

    /// All of the page's code without its tests: path and text.
    fn code(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() && !name.ends_with("/tests") {
                code(&path, found);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && !name.ends_with("tongue.rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((name, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()));
            }
        }
    }

    fn all() -> Vec<(String, String)> {
        let mut found = Vec::new();
        code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        found
    }

    /// The text in quotes at the beginning.
    fn quoted(text: &str) -> Option<String> {
        text.trim_start().strip_prefix('"')?.split('"').next().map(joined)
    }

    /// With the lines that it goes over put together.
    fn joined(text: &str) -> String {
        let mut lines = text.split("\\\n");
        let first = lines.next().unwrap_or_default().to_owned();
        first + &lines.map(str::trim_start).collect::<String>()
    }

    /// All texts in quotes, without what is only a comment.
    fn texts(code: &str) -> Vec<String> {
        let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = lines.join("\n");
        code.split('"').skip(1).step_by(2).map(joined).collect()
    }

    /// Whether it is a sentence or a label, not a word for machines.
    fn is_for_people(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_uppercase() || c == '@')
    }

    /// What the page says, as far as it stands in the code.
    fn said() -> Vec<String> {
        let mut found = Vec::new();
        for (path, text) in all() {
            for before in BEFORE {
                let is_sure = matches!(before, "say(" | "fill(");
                let texts = text.split(before).skip(1).filter_map(quoted);
                found.extend(texts.filter(|text| is_sure || is_for_people(text)));
            }
            // Tables of words, which are said where they are used.
            if ["trouble.rs", "durability.rs", "route.rs", "theme.rs", "explorer/view.rs", "app/model.rs"]
                .iter()
                .any(|of| path.ends_with(of))
            {
                found.extend(texts(&text).into_iter().filter(|text| is_for_people(text)));
            }
        }
        found
    }

    #[test]
    fn values_stand_in_their_places() {
        assert_eq!(fill("{} moved to place {}.", &["Lamp", "3"]), "Lamp moved to place 3.");
        let pair = |english: &str, said: &str| (english.to_owned(), said.to_owned());
        let german = [("{} of {}", "von {} sind es {}"), ("Off", "Aus"), ("A", "Ä")];
        learn(german.map(|(english, said)| pair(english, said)).into_iter().collect());
        assert_eq!((&*say("A"), &*say("Off")), ("Ä", "Aus"));
        assert_eq!(fill("{} of {}", &["1", "2"]), "von 1 sind es 2");
        assert_eq!(say("unknown"), "unknown");
        learn(Table::default());
    }

    #[test]
    fn every_sentence_has_its_german_and_no_other() {
        let (table, found) = (german(), said());
        assert!(found.len() > 250, "{found:?}");
        let missing: Vec<_> = found.iter().filter(|english| !table.contains_key(*english)).collect();
        assert!(missing.is_empty(), "de.json lacks {missing:#?}");
        for english in &found {
            assert_eq!(english.matches("{}").count(), table[english].matches("{}").count(), "{english}");
            assert_eq!(
                english.matches(['@', '$']).count(),
                table[english].matches(['@', '$']).count(),
                "{english}"
            );
        }
    }

    /// What stands in the page's own text or in what is read aloud, as far as one line shows it.
    fn drawn(line: &str) -> Vec<&str> {
        let starts = ["{ \"", "aria-label=\"", "title=\"", ">{ format!(\"", "aria-label={format!(\""];
        let mut found = Vec::new();
        for start in starts {
            for (at, _) in line.match_indices(start) {
                let before = line[..at].trim();
                // Other braces are Rust's.
                let is_text = before.is_empty() || before.ends_with('>') && !before.ends_with("=>");
                if start != "{ \"" || is_text {
                    found.extend(line[at + start.len()..].split('"').next());
                }
            }
        }
        found
    }

    /// Whether there is a word in it, besides values and what is called the same in every language.
    fn has_words(text: &str) -> bool {
        let mut is_value = false;
        let plain = text.chars().filter(|c| {
            is_value = *c == '{' || is_value && *c != '}';
            !is_value && c.is_alphabetic()
        });
        plain.count() > 1 && text != "Switchboard"
    }

    #[test]
    fn no_word_of_the_page_stands_beside_the_table() {
        assert_eq!(drawn("<p title=\"a\">{ \"b\" }</p> if x { \"c\" }"), ["b", "a"]);
        for (path, text) in all() {
            for words in text.lines().flat_map(drawn) {
                assert!(!has_words(words), "{path}: {words:?} is in English only");
            }
        }
    }
}
