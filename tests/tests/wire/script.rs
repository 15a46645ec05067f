//! Script files, read and checked before anything is sent. The format is told in `main`.

use std::fs;
use std::path::Path;

use tests::{Transport, workspace};

use crate::pattern;

/// One script of one line of its table.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Below the root of the workspace, for people.
    pub(crate) file: String,
    pub(crate) line: usize,
    /// `3.1`, `3.1.1` or `5.0`: the folder.
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) ids: Vec<String>,
    pub(crate) profile: String,
    pub(crate) only: Option<Transport>,
    pub(crate) steps: Vec<Step>,
}

/// One line of a script.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// Which connection.
    pub(crate) connection: char,
    pub(crate) verb: Verb,
    /// What stands behind the verb.
    pub(crate) text: String,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Connect,
    Send,
    Expect,
    Exactly,
    Accepted,
    Resumed,
    Close,
    Code,
    Silence,
    Cut,
    Raw,
    Frame,
}

const VERBS: [(&str, Verb); 12] = [
    ("connect", Verb::Connect),
    ("send", Verb::Send),
    ("expect", Verb::Expect),
    ("exactly", Verb::Exactly),
    ("accepted", Verb::Accepted),
    ("resumed", Verb::Resumed),
    ("close", Verb::Close),
    ("code", Verb::Code),
    ("silence", Verb::Silence),
    ("cut", Verb::Cut),
    ("raw", Verb::Raw),
    ("frame", Verb::Frame),
];

/// The folder of a version, in the order they came.
pub(crate) const VERSIONS: [&str; 3] = ["3.1", "3.1.1", "5.0"];

/// All scripts, in the order of their files.
pub(crate) fn all() -> Result<Vec<Script>, String> {
    let mut scripts = Vec::new();
    for version in VERSIONS {
        let folder = workspace().join("tests/wire").join(version);
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            read(&file, version, &mut scripts)?;
        }
    }
    Ok(scripts)
}

fn read(file: &Path, version: &str, scripts: &mut Vec<Script>) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let shown = file.strip_prefix(workspace()).unwrap_or(file).to_string_lossy().into_owned();
    parse(&text, &shown, version, scripts)
}

/// Adds the scripts of one file, which is called `shown`.
pub(crate) fn parse(text: &str, shown: &str, version: &str, scripts: &mut Vec<Script>) -> Result<(), String> {
    let mut draft: Option<Draft> = None;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        let at = |e: String| format!("{shown}:{n}: {e}");
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            draft.take().map_or(Ok(()), |done: Draft| done.finish(scripts))?;
            draft = Some(Draft::new(shown, n, version, line));
            continue;
        }
        let draft = draft.as_mut().ok_or_else(|| at("a step before the first name".to_owned()))?;
        draft.take(n, line.trim()).map_err(at)?;
    }
    draft.map_or(Ok(()), |done| done.finish(scripts))
}

/// A script with its table, before it is one script for each row.
struct Draft {
    script: Script,
    columns: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

impl Draft {
    fn new(file: &str, line: usize, version: &str, name: &str) -> Self {
        let script = Script {
            file: file.to_owned(),
            line,
            version: version.to_owned(),
            name: name.trim().to_owned(),
            ids: Vec::new(),
            profile: "default".to_owned(),
            only: None,
            steps: Vec::new(),
        };
        Self { script, columns: Vec::new(), rows: Vec::new() }
    }

    fn take(&mut self, line: usize, text: &str) -> Result<(), String> {
        if let Some(row) = text.strip_prefix('|') {
            let cells: Vec<_> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
            if cells.len() != self.columns.len() {
                return Err(format!("{} cells for {} columns", cells.len(), self.columns.len()));
            }
            self.rows.push((line, cells));
            return Ok(());
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "ids" => self.script.ids.extend(rest.split_whitespace().map(str::to_owned)),
            "profile" => rest.trim().clone_into(&mut self.script.profile),
            "only" => {
                self.script.only = Some(match rest.trim() {
                    "tcp" => Transport::Tcp,
                    "websocket" => Transport::WebSocket,
                    other => return Err(format!("{other} is no transport")),
                });
            }
            "with" => match rest.split_once(" in ") {
                Some((name, values)) => {
                    self.columns = vec![name.trim().to_owned()];
                    self.rows =
                        values.split_whitespace().map(|value| (line, vec![value.to_owned()])).collect();
                }
                None => self.columns = rest.split('|').map(|name| name.trim().to_owned()).collect(),
            },
            _ => self.script.steps.push(step(line, text)?),
        }
        Ok(())
    }

    /// One script for each row of the table, or the script as it is.
    fn finish(self, scripts: &mut Vec<Script>) -> Result<(), String> {
        if self.columns.is_empty() {
            return check(self.script, scripts);
        }
        for (line, cells) in self.rows {
            let filled = |text: &str| {
                let cells = self.columns.iter().zip(&cells);
                cells.fold(text.to_owned(), |text, (name, cell)| text.replace(&format!("{{{name}}}"), cell))
            };
            let mut script = self.script.clone();
            script.line = line;
            script.name = filled(&script.name);
            for step in &mut script.steps {
                step.text = filled(&step.text);
            }
            check(script, scripts)?;
        }
        Ok(())
    }
}

fn step(line: usize, text: &str) -> Result<Step, String> {
    let (first, behind) = text.split_once(' ').unwrap_or((text, ""));
    let (connection, text) = match first.as_bytes() {
        [c @ b'a'..=b'z'] => (char::from(*c), behind.trim()),
        _ => ('a', text),
    };
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let found = VERBS.iter().find(|(name, _)| *name == word);
    let &(_, verb) = found.ok_or_else(|| format!("{word:?} is no verb"))?;
    Ok(Step { line, connection, verb, text: rest.trim().to_owned() })
}

/// What can be wrong with a script without a broker to play it to.
fn check(script: Script, scripts: &mut Vec<Script>) -> Result<(), String> {
    let at = |line: usize, e: &str| Err(format!("{}:{line}: {e}", script.file));
    if script.steps.is_empty() {
        return at(script.line, "a script without steps");
    }
    let numbering = if script.version == "5.0" { "MQTT-" } else { "MQTT3-" };
    if let Some(id) = script.ids.iter().find(|id| !id.starts_with(numbering)) {
        return at(script.line, &format!("{id} is not of the numbering {numbering}"));
    }
    if let Some(twin) = scripts.iter().find(|s| s.name == script.name && s.version == script.version) {
        return at(
            script.line,
            &format!("the name stands at {}:{} too: {}", twin.file, twin.line, twin.name),
        );
    }
    if script.name.replace("{n}", "").contains('{') {
        return at(script.line, &format!("a column is missing: {}", script.name));
    }
    for step in &script.steps {
        let nodes = match pattern::parse(&step.text.replace("{n}", "0000")) {
            Ok(nodes) => nodes,
            Err(e) => return at(step.line, &e),
        };
        if matches!(step.verb, Verb::Send | Verb::Raw | Verb::Frame)
            && let Err(e) = pattern::encode(&nodes)
        {
            return at(step.line, &e);
        }
    }
    scripts.push(script);
    Ok(())
}
