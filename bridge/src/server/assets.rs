//! The files of the page: built in, or from a folder. All are in memory, so no request ever names a path of this machine.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;

mod built_in {
    include!(concat!(env!("OUT_DIR"), "/app.rs"));
}

/// Pages that need no program in the browser, by the bridge itself.
const PAGES: [(&str, &str); 8] = [
    ("login.html", include_str!("pages/login.html")),
    ("claim.html", include_str!("pages/claim.html")),
    ("account.html", include_str!("pages/account.html")),
    ("users.html", include_str!("pages/users.html")),
    ("permissions.html", include_str!("pages/permissions.html")),
    ("pages/style.css", concat!(include_str!("../../../www/tokens.css"), include_str!("pages/style.css"))),
    ("pages/script.js", include_str!("pages/script.js")),
    ("pages/icon.svg", include_str!("../../../www/icon.svg")),
];

/// Files whose name has a hash of their content stand below this: they never change.
const HASHED: &str = "assets/";

/// All files of the page by path, without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Assets(BTreeMap<String, Asset>);

/// One file, in the forms it can be sent in.
#[derive(Debug, Default)]
pub(crate) struct Asset {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    /// The MIME type.
    pub(crate) kind: &'static str,
    /// What caches are told.
    pub(crate) cache: &'static str,
    /// Changes when the content does. A weak one, since all codings share it (RFC 9110, 8.8.3.3).
    pub(crate) etag: String,
}

/// A content coding of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Assets {
    /// The page that was built into the program; nothing when it was built without.
    pub(crate) fn built_in() -> Self {
        Self::of(built_in::FILES.iter().map(|&(path, bytes)| (path.to_owned(), Bytes::from_static(bytes))))
    }

    /// The pages that are always inside.
    pub(crate) fn pages() -> Self {
        Self::of(PAGES.iter().map(|&(path, text)| (path.to_owned(), Bytes::from_static(text.as_bytes()))))
    }

    /// The files of a folder and those below it.
    pub(crate) fn from_folder(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(folder, folder, &mut files)
            .with_context(|| format!("the app folder {} cannot be read", folder.display()))?;
        let assets = Self::of(files.into_iter());
        let has_index = assets.find("index.html").is_some();
        anyhow::ensure!(
            has_index,
            "the app folder {} has no index.html; name a built page",
            folder.display()
        );
        Ok(assets)
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Asset> {
        self.0.get(path)
    }

    fn of(files: impl Iterator<Item = (String, Bytes)>) -> Self {
        let mut assets: BTreeMap<String, Asset> = BTreeMap::new();
        let mut packed = Vec::new();
        for (path, bytes) in files {
            match path.rsplit_once('.') {
                Some((of, "br")) => packed.push((of.to_owned(), Coding::Brotli, bytes)),
                Some((of, "gz")) => packed.push((of.to_owned(), Coding::Gzip, bytes)),
                _ => {
                    assets.insert(path.clone(), Asset::new(&path, bytes));
                }
            }
        }
        for (of, coding, bytes) in packed {
            let Some(asset) = assets.get_mut(&of) else { continue };
            match coding {
                Coding::Brotli => asset.brotli = Some(bytes),
                Coding::Gzip | Coding::Identity => asset.gzip = Some(bytes),
            }
        }
        Self(assets)
    }
}

impl Asset {
    fn new(path: &str, plain: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        Self { plain, brotli: None, gzip: None, kind: mime_type(path), cache, etag }
    }

    /// Whether a browser has this content, by its If-None-Match (RFC 9110, 13.1.2).
    pub(crate) fn is_known(&self, if_none_match: &str) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let own = opaque(&self.etag);
        if_none_match.trim() == "*" || if_none_match.split(',').any(|tag| opaque(tag) == own)
    }

    /// The best form for what a browser says it takes.
    pub(crate) fn negotiate(&self, accept_encoding: &str) -> (Coding, Bytes) {
        let accepts = |name: &str| {
            accept_encoding.split(',').any(|item| {
                let mut parts = item.split(';').map(str::trim);
                parts.next() == Some(name)
                    && !parts.any(|q| matches!(q, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        };
        match (&self.brotli, &self.gzip) {
            (Some(bytes), _) if accepts("br") => (Coding::Brotli, bytes.clone()),
            (_, Some(bytes)) if accepts("gzip") => (Coding::Gzip, bytes.clone()),
            _ => (Coding::Identity, self.plain.clone()),
        }
    }
}

fn mime_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Bytes)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            let name = name.to_string_lossy().replace('\\', "/");
            files.push((name, std::fs::read(&path)?.into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between these two, each time.
    fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(from).skip(1).filter_map(move |rest| Some(rest.split_once(to)?.0.trim()))
    }

    #[test]
    fn the_plain_pages_are_german_too() {
        let script = PAGES.iter().find(|(name, _)| *name == "pages/script.js").unwrap().1;
        let mut words: Vec<_> = between(script, " t('", "'").chain(between(script, "(t('", "'")).collect();
        for (_, page) in PAGES.iter().filter(|(name, _)| name.ends_with(".html")) {
            words.extend(between(page, ">", "<").filter(|text| text.contains(char::is_alphabetic)));
            words.extend(between(page, "aria-label=\"", "\""));
        }
        // Names that are the same in every language.
        words.retain(|text| !["admin", "anonymous"].contains(text));
        assert!(words.len() > 60, "{words:?}");
        let missing: Vec<_> = words
            .iter()
            .filter(|text| {
                !script.contains(&format!("'{text}': '")) && !script.contains(&format!("'{text}':\n"))
            })
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_best_form_that_is_taken_is_sent() {
        let file = |name: &str, text: &'static str| (name.to_owned(), Bytes::from_static(text.as_bytes()));
        let assets =
            Assets::of([file("a.js", "plain"), file("a.js.br", "br"), file("a.js.gz", "gz")].into_iter());
        let asset = assets.find("a.js").unwrap();
        assert_eq!(asset.negotiate("gzip, deflate, br").0, Coding::Brotli);
        assert_eq!(asset.negotiate("gzip;q=0.5, br;q=0").0, Coding::Gzip);
        assert_eq!(asset.negotiate("").0, Coding::Identity);
        assert_eq!(asset.kind, "text/javascript; charset=utf-8");
        for known in [asset.etag.as_str(), asset.etag.trim_start_matches("W/"), "*"] {
            assert!(asset.is_known(known) && asset.is_known(&format!("\"x\", {known}")) == (known != "*"));
        }
        assert!(asset.etag.starts_with("W/"), "one tag for several codings is a weak one");
        assert!(!asset.is_known("") && !asset.is_known("\"x\""));
        assert!(assets.find("a.js.br").is_none(), "a packed form has no address of its own");
    }
}
