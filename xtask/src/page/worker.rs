//! The service worker's list: which files belong to this version of the page. Knows nothing of how the worker keeps them.

use super::assets;

/// Files that are kept beside the hashed ones, so that the page can be opened without its server.
const NAMED: [&str; 5] = ["de.json", "icon.svg", "manifest.webmanifest", "lines.css", "later.css"];

/// The worker's script with its version and list in front, for the finished page's files by name.
///
/// The version changes when anything does that the worker keeps, and when the worker itself does.
pub(crate) fn with_list<'a>(
    script: &str,
    index: &[u8],
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let mut all = script.as_bytes().to_vec();
    all.extend(index);
    let mut list = Vec::new();
    for (name, content) in files {
        let is_named = NAMED.contains(&name);
        if is_named {
            all.extend(content);
        }
        if is_named || name.starts_with(assets::HASHED) {
            all.extend(name.as_bytes());
            list.push(format!("  '/{name}',\n"));
        }
    }
    let (version, index) = (assets::hash(&all), assets::hash(index));
    format!(
        "const VERSION = '{version}';\nconst INDEX_HASH = '{index}';\nconst FILES = [\n{}];\n{script}",
        list.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_starts_offline_and_the_version_follows_all_of_it() {
        let files = [
            ("assets/panel-1.wasm", b"w".as_slice()),
            ("icon-512.png", b"png"),
            ("icon.svg", b"<svg/>"),
            ("index.html", b"<html>"),
        ];
        let made = |script: &str, index: &[u8], files: &[(&'static str, &'static [u8])]| {
            with_list(script, index, files.iter().copied())
        };
        let first = made("go();\n", b"<html>", &files);
        assert!(first.ends_with("const FILES = [\n  '/assets/panel-1.wasm',\n  '/icon.svg',\n];\ngo();\n"));
        let version = |script: &str| script.lines().next().unwrap().to_owned();
        let mut others = files;
        others[2].1 = b"<svg></svg>";
        for other in [
            made("stay();\n", b"<html>", &files),
            made("go();\n", b"<HTML>", &files),
            made("go();\n", b"<html>", &files[1..]),
            made("go();\n", b"<html>", &others),
        ] {
            assert_ne!(version(&first), version(&other));
        }
        assert_eq!(first, made("go();\n", b"<html>", &files), "the same page is the same version");
    }
}
