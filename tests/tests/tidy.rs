//! What the house keeps in order beyond what rustc and clippy see. Each rule says what it wants and which file breaks it.

use std::fs;
use std::path::{Path, PathBuf};

use tests::workspace;

/// Lines a file may have before it should be two.
const MAX_LINES: usize = 700;

/// The drivers: what may read a clock. Everything else is told what time it is.
const CLOCKS: [&str; 7] = [
    "bridge/src/server/clock.rs",
    "bridge/src/server/mod.rs",
    "bridge/src/cli/link.rs",
    "client-wasm/src/connection/",
    "tests/load/src/clock.rs",
    "tests/src/deadline.rs",
    "xtask/src/test.rs",
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines of code before the unit tests, numbered, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        let before_tests = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        before_tests.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// A module of unit tests in a file of its own.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// All files of the repository with these endings.
fn sources(endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    collect(workspace(), &mut found);
    let root = workspace();
    let is_wanted = |path: &&PathBuf| {
        path.extension().is_some_and(|ending| endings.iter().any(|wanted| *wanted == ending))
    };
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        Some(Source { path: name, text: fs::read_to_string(path).ok()? })
    };
    let sources: Vec<_> = found.iter().filter(is_wanted).filter_map(read).collect();
    assert!(sources.len() > 3, "the repository is found below {}", root.display());
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = !matches!(name.to_str(), Some("target" | "dist" | "node_modules" | ".git") | None);
        match path.is_dir() {
            true if is_ours => collect(&path, found),
            true => {}
            false => found.push(path),
        }
    }
}

/// Fails with all that was found, one to a line.
fn nothing_of(rule: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Places in the code of some files where one of these words stands.
fn words_in<'a>(sources: impl IntoIterator<Item = &'a Source>, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let hits = source.code().filter(|(_, line)| words.iter().any(|word| line.contains(word.as_str())));
        found.extend(hits.map(|(n, line)| format!("{}:{n}: {}", source.path, line.trim())));
    }
    found
}

/// Words that this file must not contain itself.
fn split(words: &[(&str, &str)]) -> Vec<String> {
    words.iter().map(|(a, b)| format!("{a}{b}")).collect()
}

#[test]
fn no_file_is_longer_than_can_be_kept_in_mind() {
    let long = sources(&["rs", "css"]).into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", source.path))
    });
    nothing_of("files have at most 700 lines", long);
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let words = split(&[("todo", "!("), ("unimplemented", "!("), ("dbg", "!("), ("FIX", "ME"), ("X", "XX")]);
    nothing_of("no stubs and no left-overs of debugging", words_in(&sources(&["rs"]), &words));
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let words = split(&[("/wo", "rk/"), ("/ro", "ot/"), ("/Use", "rs/")]);
    let all = sources(&["rs", "toml", "md", "html", "css", "json", "yml", "py", "cjs"]);
    let mut found = Vec::new();
    for source in &all {
        // The lines of a Markdown file are all its code; comments count here too.
        let lines = source.text.lines().enumerate();
        let hits = lines.filter(|(_, line)| words.iter().any(|word| line.contains(word.as_str())));
        found.extend(hits.map(|(n, line)| format!("{}:{}: {}", source.path, n + 1, line.trim())));
    }
    nothing_of("no path of one machine", found);
}

#[test]
fn only_drivers_read_a_clock() {
    let words =
        split(&[("Instant::", "now"), ("SystemTime::", "now"), ("Date::", "now"), ("performance.", "now")]);
    let sources = sources(&["rs"]);
    let in_crates = sources.iter().filter(|source| source.path.contains("/src/"));
    let others = in_crates.filter(|source| !CLOCKS.iter().any(|clock| source.is_below(clock)));
    nothing_of("time comes in as an argument; only the drivers read a clock", words_in(others, &words));
    for clock in CLOCKS {
        assert!(sources.iter().any(|source| source.is_below(clock)), "{clock} is gone: take it off the list");
    }
}

#[test]
fn the_protocol_never_unwraps() {
    let words = split(&[(".unw", "rap()"), (".exp", "ect("), ("pan", "ic!(")]);
    let sources = sources(&["rs"]);
    let protocol = sources.iter().filter(|source| source.is_below("mqtt/src/") && !source.is_test());
    nothing_of("bytes from the network never panic", words_in(protocol, &words));
}

#[test]
fn every_module_says_what_it_is() {
    let sources = sources(&["rs"]);
    let silent = sources.iter().filter(|source| !source.text.starts_with("//!"));
    nothing_of("a file begins with `//!`", silent.map(|source| source.path.clone()));
}

#[test]
fn imports_point_one_way() {
    let sources = sources(&["rs"]);
    let below = |folder| sources.iter().filter(move |source| source.is_below(folder));
    let crates = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .flat_map(|name| [format!("use {name}::"), format!(" {name}::"), format!("({name}::")])
            .collect()
    };
    nothing_of(
        "mqtt knows no one",
        words_in(below("mqtt/src/"), &crates(&["bridge", "client_wasm", "tokio", "web_sys"])),
    );
    nothing_of(
        "the page knows no bridge",
        words_in(below("client-wasm/src/"), &crates(&["bridge", "tokio"])),
    );
    let server =
        ["crate::server", "crate::demo", "crate::cli", "tokio::", "std::net::", "std::fs::", "std::thread::"];
    let server: Vec<_> = server.iter().map(|&word| word.to_owned()).collect();
    nothing_of("the broker knows no server", words_in(below("bridge/src/broker/"), &server));
    let scenarios = below("tests/tests/").filter(|source| !source.is_below("tests/tests/sim/"));
    nothing_of(
        "of the tests, only the simulation knows the broker",
        words_in(scenarios, &crates(&["bridge"])),
    );
    let manifests = self::sources(&["toml"]);
    let depends = |manifest: &str, on: &str| {
        let found = manifests.iter().find(|source| source.path == manifest);
        let text = found.map(|source| source.text.as_str()).unwrap_or_default();
        text.lines().any(|line| line.starts_with(&format!("{on}.")) || line.starts_with(&format!("{on} =")))
    };
    assert!(depends("bridge/Cargo.toml", "mqtt"), "the manifests are found");
    for (manifest, on) in [("client-wasm/Cargo.toml", "bridge"), ("mqtt/Cargo.toml", "bridge")] {
        assert!(!depends(manifest, on), "{manifest} depends on {on}");
    }
}

#[test]
fn versions_are_written_in_one_place() {
    let manifests = sources(&["toml"]);
    // The fuzz targets are a workspace of their own.
    let is_member = |path: &str| {
        path.matches('/').count() == 1 && path.ends_with("Cargo.toml") && !path.starts_with("fuzz/")
    };
    let members = manifests.iter().filter(|source| is_member(&source.path));
    let written = members.flat_map(|source| {
        let in_dependencies = source.text.lines().scan(false, |inside, line| {
            if line.starts_with('[') {
                *inside = line.contains("dependencies");
            }
            Some((*inside, line))
        });
        let lines = in_dependencies.filter(|(inside, line)| {
            *inside
                && line.contains(char::is_numeric)
                && (line.contains("version =") || line.contains("= \""))
        });
        lines.map(|(_, line)| format!("{}: {line}", source.path)).collect::<Vec<_>>()
    });
    nothing_of("versions stand in the root's Cargo.toml alone", written);
}
