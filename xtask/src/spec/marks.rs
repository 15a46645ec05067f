//! The marks in a line of text: `[MQTT-3.1.2-24]`, `[MQTT3-3.1.2-24]`, and in names `mqtt_3_1_2_24`, `mqtt3_3_1_2_24`.
//! Knows no file.

use super::list::{Id, Standard};

/// A mark: where in the line it begins, and what it says, or its text when that is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) column: usize,
    pub(crate) id: Result<Id, String>,
}

/// The marks of a line, in their order.
pub(crate) fn marks(line: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    for (column, text, standard) in beginnings(line) {
        let rest = &line[column + text.len()..];
        let mark = if text.starts_with("MQTT") { bracketed(rest, standard) } else { named(rest, standard) };
        if let Some(id) = mark {
            found.push(Mark { column, id: id.map_err(|what| format!("{text}{what}")) });
        }
    }
    found.sort_by_key(|mark| mark.column);
    found
}

/// Where marks may begin, and with what.
fn beginnings(line: &str) -> impl Iterator<Item = (usize, &'static str, Standard)> {
    let words = [
        ("MQTT-", Standard::V5),
        ("MQTT3-", Standard::V3_1_1),
        ("mqtt_", Standard::V5),
        ("mqtt3_", Standard::V3_1_1),
    ];
    words.into_iter().flat_map(move |(word, standard)| {
        line.match_indices(word).map(move |(column, _)| (column, word, standard))
    })
}

/// `3.1.2-24` up to what is neither digit, dot nor minus. None when no digit follows: then it is a word like another.
fn bracketed(rest: &str, standard: Standard) -> Option<Result<Id, String>> {
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(rest.len());
    let text = rest[..end].trim_end_matches(['.', '-']);
    text.starts_with(|c: char| c.is_ascii_digit())
        .then(|| Id::parse(standard, text).ok_or_else(|| text.to_owned()))
}

/// `3_1_2_24`: three numbers of the section and one of the statement. Less is a word like another.
fn named(rest: &str, standard: Standard) -> Option<Result<Id, String>> {
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(rest.len());
    let numbers: Option<Vec<u16>> =
        rest[..end].split('_').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
    match numbers?.as_slice() {
        [a, b, c, number] => {
            let section = if (*a, *b) == (4, 2) { vec![*a, *b] } else { vec![*a, *b, *c] };
            Some(Ok(Id { standard, section, number: *number }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(line: &str) -> Vec<String> {
        marks(line)
            .into_iter()
            .map(|mark| mark.id.map_or_else(|text| format!("? {text}"), |id| id.to_string()))
            .collect()
    }

    #[test]
    fn both_standards_are_found_in_brackets_and_in_names() {
        assert_eq!(ids("a [MQTT-3.1.2-24], [MQTT3-2.2.2-1]."), ["[MQTT-3.1.2-24]", "[MQTT3-2.2.2-1]"]);
        assert_eq!(ids("fn ends_mqtt_3_1_2_22_mqtt3_3_1_2_24() {"), ["[MQTT-3.1.2-22]", "[MQTT3-3.1.2-24]"]);
        assert_eq!(ids("ids MQTT-4.2-1 MQTT3-1.5.3-1"), ["[MQTT-4.2-1]", "[MQTT3-1.5.3-1]"]);
    }

    #[test]
    fn a_wrong_number_is_seen_and_a_word_is_not() {
        assert_eq!(ids("[MQTT-4.7.1.2]"), ["? MQTT-4.7.1.2"]);
        assert_eq!(ids("mqtt_server MQTT-over-TCP mqtt_5 MQTT 3.1"), Vec::<String>::new());
    }
}
