//! The page's program in parts: what the first paint does without becomes modules of their own, which share its memory.
//!
//! The parts name each other, so one hash of all of them stands in every name. Knows nothing of what is in a part, but
//! which of them `--demo` needs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::{File, Files, assets, link, pack::pack, read, shape};
use crate::report::Visit;

/// The part that tiles wait for, of devices that describe themselves.
const TILES: &str = "conventions";
/// The part that adds to them when the page is at rest.
const REST: &str = "extras";

/// The script that loads the parts, as the program names it.
const LINK: &str = "__wasm_split.js";

/// What was taken apart, in a folder.
pub(super) struct Split {
    /// What wasm-bindgen is to make a module of.
    pub(super) main: PathBuf,
    /// The other modules.
    pub(super) files: Vec<PathBuf>,
    link: PathBuf,
    /// The modules of each part.
    parts: BTreeMap<String, Vec<String>>,
}

/// The finished parts but the first.
#[derive(Debug)]
pub(super) struct Parts {
    /// The script that loads them.
    link: Vec<u8>,
    modules: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    /// Its file as the script names it.
    name: String,
    content: Vec<u8>,
    visit: Visit,
}

/// Takes a program apart that was linked with its relocations.
pub(super) fn split(program: &[u8], bin: &str, out: &Path) -> Result<Split> {
    let (main, glue) = (out.join(format!("{bin}.main.wasm")), format!("./{bin}.js"));
    let mut options = wasm_split_cli_support::Options::new(program);
    options.output_dir = out;
    options.main_out_path = &main;
    options.main_module = &glue;
    let done = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow!("the page cannot be taken apart: {error:#}"))?;
    let parts: BTreeMap<_, _> = done.prefetch_map.into_iter().collect();
    for part in [TILES, REST] {
        ensure!(parts.contains_key(part), "the page has no part {part}");
    }
    let mut files = done.split_modules;
    files.sort();
    let link = out.join(LINK);
    Ok(Split { main, files, link, parts })
}

impl Split {
    /// The script that loads the parts.
    pub(super) fn script(&self) -> Result<String> {
        Ok(String::from_utf8(read(&self.link)?)?)
    }

    /// Writes that script in fewer bytes.
    pub(super) fn shorten(&self) -> Result<()> {
        Ok(fs::write(&self.link, link::short(&self.script()?, &self.parts)?)?)
    }

    /// The parts as they are now in the folder.
    pub(super) fn read(&self) -> Result<Parts> {
        let part = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let stem = name.trim_end_matches(".wasm");
            let is_of = |part| self.parts.get(part).is_some_and(|all| all.iter().any(|other| other == stem));
            let visit = match (is_of(TILES), is_of(REST)) {
                (true, _) => Visit::Tiles,
                (_, true) => Visit::Rest,
                _ => Visit::Later,
            };
            let content = shape::without_custom_sections(&fs::read(path)?)
                .and_then(|module| pack(&module))
                .with_context(|| path.display().to_string())?;
            Ok(Part { name, content, visit })
        };
        Ok(Parts { link: read(&self.link)?, modules: self.files.iter().map(part).collect::<Result<_>>()? })
    }
}

/// Adds the parts and the glue that knows them; gives the addresses of the glue and of the script that loads them.
pub(super) fn add(files: &mut Files, bin: &str, glue: Vec<u8>, parts: Parts) -> (String, String) {
    let mut all = [glue.as_slice(), parts.link.as_slice()].concat();
    parts.modules.iter().for_each(|part| all.extend(&part.content));
    let name = |stem: &str, ending: &str| assets::hashed_name(&format!("{stem}.{ending}"), &all);
    let (glue_name, link_name) = (name(bin, "js"), name("parts", "js"));
    let mut names = vec![(format!("{bin}.js"), glue_name.clone()), (LINK.to_owned(), link_name.clone())];
    for part in &parts.modules {
        let stem = part.name.trim_end_matches(".wasm").trim_start_matches("split_");
        names.push((part.name.clone(), name(stem, "wasm")));
    }
    // They lie side by side, and name each other so. The module knows the link by its first name.
    let renamed = |text: Vec<u8>| {
        let text = String::from_utf8_lossy(&text).into_owned();
        let rename = |text: String, (old, new): &(String, String)| {
            let new = new.trim_start_matches(assets::HASHED);
            ["from ", "URL(", "part("].iter().fold(text, |text, before| {
                text.replace(&format!("{before}\"./{old}\""), &format!("{before}\"./{new}\""))
            })
        };
        names.iter().fold(text, rename).into_bytes()
    };
    let mut put = |name: &str, content, visit| drop(files.insert(name.to_owned(), File { content, visit }));
    put(&glue_name, renamed(glue), Visit::Paint);
    put(&link_name, renamed(parts.link), Visit::Paint);
    for (part, (_, name)) in parts.modules.into_iter().zip(&names[2..]) {
        put(name, part.content, part.visit);
    }
    (format!("/{glue_name}"), format!("/{link_name}"))
}

#[cfg(test)]
impl Parts {
    pub(super) fn example() -> Self {
        let part = |name: &str, visit| Part { name: name.into(), content: b"\0asm".to_vec(), visit };
        let link = "import { initSync } from \"./panel.js\"; fetch(new URL(\"./split_conventions.wasm\", import.meta.url)); \
                    fetch(new URL(\"./split_screens.wasm\", import.meta.url));";
        let modules =
            vec![part("split_conventions.wasm", Visit::Tiles), part("split_screens.wasm", Visit::Later)];
        Self { link: link.into(), modules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_name_each_other_are_renamed_together() {
        let add_with = |glue: &str| {
            let mut files = Files::new();
            let (glue, link) = add(&mut files, "panel", glue.into(), Parts::example());
            (files, glue, link)
        };
        let (files, glue, link) = add_with(
            "import * as import1 from \"./__wasm_split.js\"; imports = { \"./__wasm_split.js\": import1 }",
        );
        let text = |address: &str| {
            String::from_utf8(files[address.trim_start_matches('/')].content.clone()).unwrap()
        };
        let base = |address: &str| address.trim_start_matches("/assets/").to_owned();
        assert!(text(&glue).contains(&format!("from \"./{}\"", base(&link))), "{}", text(&glue));
        assert!(text(&glue).contains("\"./__wasm_split.js\": import1"), "the module's own name for it stays");
        assert!(text(&link).contains(&format!("\"./{}\"", base(&glue))), "{}", text(&link));
        for (name, file) in files.iter().filter(|(name, _)| name.ends_with(".wasm")) {
            assert!(text(&link).contains(&format!("\"./{}\"", base(&format!("/{name}")))), "{name}");
            let tiles = name.starts_with("assets/conventions-");
            assert_eq!(file.visit, if tiles { Visit::Tiles } else { Visit::Later }, "{name}");
        }
        let (_, other_glue, other_link) = add_with("something else");
        assert!(other_glue != glue && other_link != link, "what names another changes with it");
    }
}
