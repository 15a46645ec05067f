//! What the page says, in the language of whoever reads it. English stands in the code; each other language is a table in
//! `www/words`, from English to it, that comes when it is wanted. Knows no browser.
//!
//! A sentence with places for values is one entry: `{} moved to {}.` Where the table has nothing, English is said.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    /// What is spoken is the same on the whole page, for as long as it lives.
    static TABLE: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// Speaks by this table from now on; an empty one is English.
pub fn learn(table: BTreeMap<String, String>) {
    TABLE.set(table);
}

/// Says it.
#[must_use]
pub fn say(english: &str) -> String {
    TABLE.with_borrow(|table| table.get(english).map_or(english, String::as_str).to_owned())
}

/// Says it, with these values in the places of `{}`, in their order.
#[must_use]
pub fn fill(english: &str, values: &[&str]) -> String {
    let sentence = say(english);
    let mut pieces = sentence.split("{}");
    let mut said = pieces.next().unwrap_or_default().to_owned();
    for (piece, value) in pieces.zip(values) {
        said.push_str(value);
        said.push_str(piece);
    }
    said
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::devices::json::Json;

    fn german() -> BTreeMap<String, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/words/de.json");
        let json = Json::read(&fs::read(path).unwrap()).expect("a table is JSON");
        json.members().iter().map(|(key, _)| (key.clone(), json.text(key).to_owned())).collect()
    }

    /// The texts between `say("` or `fill("` and the next quote.
    fn said(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                said(&path, found);
            } else if !path.ends_with("tongue.rs") {
                let text = fs::read_to_string(&path).unwrap();
                for word in ["say(", "fill("] {
                    let pieces = text.split(word).skip(1);
                    let texts =
                        pieces.filter_map(|piece| piece.trim_start().strip_prefix('"')?.split('"').next());
                    found.extend(texts.map(str::to_owned));
                }
            }
        }
    }

    #[test]
    fn values_stand_in_their_places() {
        assert_eq!(fill("{} moved to place {}.", &["Lamp", "3"]), "Lamp moved to place 3.");
        learn(BTreeMap::from([("{} of {}".to_owned(), "von {} sind es {}".to_owned())]));
        assert_eq!(fill("{} of {}", &["1", "2"]), "von 1 sind es 2");
        assert_eq!(say("unknown"), "unknown");
        learn(BTreeMap::new());
    }

    #[test]
    fn every_sentence_has_its_german_and_no_other() {
        let table = german();
        let mut found = Vec::new();
        said(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.len() > 20, "{found:?}");
        for english in &found {
            let german = table.get(english).unwrap_or_else(|| panic!("de.json lacks {english:?}"));
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{english}");
        }
    }
}
