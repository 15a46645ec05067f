//! The table of the statements, and what is missing from it, as text. Knows no file.

use super::{
    Found,
    list::{Binds, Id, List, Standard, Statement},
    places::Place,
};

/// What a line of the table says of a statement.
struct Row<'a> {
    id: &'a Id,
    statement: &'a Statement,
    code: Vec<String>,
    tests: Vec<String>,
}

impl Row<'_> {
    fn is_whole(&self) -> bool {
        let is_bound = !matches!(self.statement.binds, Binds::Neither(_));
        !is_bound || (!self.code.is_empty() && !self.tests.is_empty())
    }

    fn lines(&self) -> String {
        let words = wrapped(&self.statement.words, 56);
        let mut text = String::new();
        for n in 0..words.len().max(self.code.len()).max(self.tests.len()) {
            let cell = |cells: &[String]| cells.get(n).cloned().unwrap_or_default();
            let (id, binds) = match n {
                0 => (self.id.short(), self.statement.binds.word()),
                _ => (String::new(), ""),
            };
            let (words, code, tests) = (cell(&words), cell(&self.code), cell(&self.tests));
            let line = format!("{id:<9} {binds:<7} {words:<56} {code:<40} {tests}");
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

fn rows<'a>(list: &'a List, found: &'a Found, standard: Standard) -> impl Iterator<Item = Row<'a>> {
    let places = |of: &'a [Place]| of.iter();
    list.of(standard).map(move |(id, statement)| {
        let mut code: Vec<_> = places(found.code.get(id).map_or(&[], Vec::as_slice)).map(Place::at).collect();
        if code.is_empty() {
            let same =
                statement.same.iter().filter(|same| found.code.get(same).is_some_and(|of| !of.is_empty()));
            code.extend(same.map(|same| format!("as 5.0's {}", same.short())));
        }
        let tests = named(found.tests.get(id).map_or(&[], Vec::as_slice));
        Row { id, statement, code, tests }
    })
}

/// Each test once: by its name, or by its file and the lines of that.
fn named(places: &[Place]) -> Vec<String> {
    let mut tests: Vec<(&Place, Vec<String>)> = Vec::new();
    for place in places {
        match tests.iter_mut().find(|(first, _)| first.path == place.path && first.test == place.test) {
            Some((_, lines)) => lines.push(place.line.to_string()),
            None => tests.push((place, vec![place.line.to_string()])),
        }
    }
    tests
        .into_iter()
        .map(|(place, lines)| match &place.test {
            Some(name) => format!("{} {name}", place.at()),
            None => format!("{}:{}", place.path, lines.join(",")),
        })
        .collect()
}

/// The whole table, by chapters, and after it what binds neither side.
pub(crate) fn all(list: &List, found: &Found) -> String {
    let mut text = String::new();
    for standard in Standard::ALL {
        let mut chapter = String::new();
        for row in rows(list, found, standard).filter(|row| !matches!(row.statement.binds, Binds::Neither(_)))
        {
            if row.id.chapter() != chapter {
                chapter = row.id.chapter();
                text += &format!("\n── MQTT {} · {chapter} ──\n", standard.name());
            }
            text += &row.lines();
        }
    }
    text + "\n" + &neither(list)
}

/// What binds neither of our sides, with the reason.
fn neither(list: &List) -> String {
    let mut text = "── bind neither side ──\n".to_owned();
    for (id, statement) in &list.0 {
        if let Binds::Neither(why) = &statement.binds {
            text += &format!("{id} {}: {why}\n", statement.words);
        }
    }
    text
}

/// What is missing, and marks that are wrong; empty when all is there.
pub(crate) fn gaps(list: &List, found: &Found) -> String {
    let mut text = String::new();
    for standard in Standard::ALL {
        for row in rows(list, found, standard).filter(|row| !row.is_whole()) {
            let what = match (row.code.is_empty(), row.tests.is_empty()) {
                (true, true) => "no code, no test",
                (true, false) => "no code",
                _ => "no test",
            };
            let Statement { binds, words, .. } = row.statement;
            text += &format!("{:<18} {:<7} {what:<17} {words}\n", row.id.to_string(), binds.word());
        }
    }
    for wrong in &found.wrong {
        text += &format!("wrong mark: {wrong}\n");
    }
    text
}

pub(crate) fn is_whole(list: &List, found: &Found) -> bool {
    found.wrong.is_empty() && Standard::ALL.iter().all(|of| rows(list, found, *of).all(|row| row.is_whole()))
}

/// One line of counts for each standard.
pub(crate) fn summary(list: &List, found: &Found) -> String {
    let line = |standard| {
        let rows: Vec<Row<'_>> = rows(list, found, standard).collect();
        let bound: Vec<_> =
            rows.iter().filter(|row| !matches!(row.statement.binds, Binds::Neither(_))).collect();
        let count = |is: fn(&Row<'_>) -> bool| bound.iter().filter(|row| is(row)).count();
        format!(
            "MQTT {:5} {} statements, {} bind a side of ours: {} with code, {} with tests, {} with both",
            standard.name(),
            rows.len(),
            bound.len(),
            count(|row| !row.code.is_empty()),
            count(|row| !row.tests.is_empty()),
            count(|row| row.is_whole()),
        )
    };
    Standard::ALL.map(line).join("\n")
}

/// Text in lines of at most `width` letters, as far as its words allow.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            *line += word;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 4), ["incomprehensible"]);
    }
}
