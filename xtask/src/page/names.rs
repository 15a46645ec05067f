//! The names by which a module and its glue know each other, made short: nobody else calls them, and most carry a hash, which no
//! compression can shorten. Knows where names stand, nothing of what they name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use wasm_encoder::{
    ExportSection, ImportSection, Section,
    reencode::{Reencode as _, RoundtripReencoder},
};
use wasmparser::{Parser, Payload};

use super::shape::section_start;

/// How a name stands in the glue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// `name: function`, which the module imports.
    Given,
    /// `wasm.name`, which the module exports.
    Taken,
    /// In some other way: then it is left alone.
    Otherwise,
}

/// The glue and the module with shorter names. `others` is a script that takes exports of the module too, by their names.
pub(super) fn shorten(glue: &str, wasm: &[u8], others: &str) -> Result<(String, Vec<u8>)> {
    let words = words(glue);
    let kept: BTreeSet<_> = self::words(others).into_iter().map(|word| word.text).collect();
    let mut stands = BTreeMap::<&str, Stands>::new();
    for word in &words {
        let stand = stands.entry(word.text).or_insert(word.stands);
        if *stand != word.stands || kept.contains(word.text) || word.text == MEMORY {
            *stand = Stands::Otherwise;
        }
    }
    let has_name = |name: &str| kept.contains(name) || stands.contains_key(name);

    let (mut imports, mut exports) = (ImportSection::new(), ExportSection::new());
    let mut names = BTreeMap::<&str, String>::new();
    let mut places = Vec::new();
    let mut glue_module = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(reader) => {
                places.push((reader.range(), true));
                for import in reader.into_imports() {
                    let import = import?;
                    let is_given = stands.get(import.name) == Some(&Stands::Given);
                    let ty = RoundtripReencoder.entity_type(import.ty)?;
                    if is_given && import.module.ends_with(GLUE) {
                        glue_module = Some(import.module);
                        let number = names.len();
                        let name = names.entry(import.name).or_insert_with(|| short(number));
                        imports.import(MODULE, name, ty);
                    } else {
                        imports.import(import.module, import.name, ty);
                    }
                }
            }
            Payload::ExportSection(reader) => {
                places.push((reader.range(), false));
                for export in reader {
                    let export = export?;
                    let kind = RoundtripReencoder.export_kind(export.kind)?;
                    if stands.get(export.name) == Some(&Stands::Taken) {
                        let number = names.len();
                        let name = names.entry(export.name).or_insert_with(|| short(number));
                        exports.export(name, kind, export.index);
                    } else if has_name(export.name) {
                        exports.export(export.name, kind, export.index);
                    }
                }
            }
            _ => {}
        }
    }

    let mut out = Vec::with_capacity(wasm.len());
    let mut copied = 0;
    for (range, is_import) in places {
        out.extend_from_slice(&wasm[copied..section_start(wasm, usize::try_from(range.start)?)?]);
        if is_import {
            imports.append_to(&mut out);
        } else {
            exports.append_to(&mut out);
        }
        copied = usize::try_from(range.end)?;
    }
    out.extend_from_slice(&wasm[copied..]);

    let mut text = renamed(glue, &words, &names);
    if let Some(module) = glue_module {
        let key = format!("\"{module}\": ");
        text.find(&key).context("the glue does not say what it gives")?;
        text = text.replace(&key, &format!("{MODULE}: "));
    }
    Ok((text, out))
}

fn renamed(script: &str, words: &[Word<'_>], names: &BTreeMap<&str, String>) -> String {
    let mut text = String::with_capacity(script.len());
    let mut copied = 0;
    for word in words {
        if let Some(name) = names.get(word.text) {
            text += &script[copied..word.start];
            text += name;
            copied = word.start + word.text.len();
        }
    }
    text + &script[copied..]
}

/// What tools look for.
const MEMORY: &str = "memory";
/// How the name of the glue ends, as the module names it.
const GLUE: &str = "_bg.js";
/// How it is named instead.
const MODULE: &str = "a";

struct Word<'a> {
    text: &'a str,
    start: usize,
    stands: Stands,
}

fn words(script: &str) -> Vec<Word<'_>> {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut at = 0;
    let mut words = Vec::new();
    for text in script.split(|c: char| !is_in_word(c)) {
        let (start, end) = (at, at + text.len());
        at = end + script[end..].chars().next().map_or(0, char::len_utf8);
        if text.is_empty() {
            continue;
        }
        let stands = if script[..start].ends_with("wasm.") && !script[..start].ends_with("_wasm.") {
            Stands::Taken
        } else if script[end..].starts_with(": function") {
            Stands::Given
        } else {
            Stands::Otherwise
        };
        words.push(Word { text, start, stands });
    }
    words
}

/// `a`, `b`, … `z`, `a0`, `a1`, …
fn short(number: usize) -> String {
    const LETTERS: usize = 26;
    const SIGNS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let letter = char::from(SIGNS[10 + number % LETTERS]);
    let mut name = letter.to_string();
    let mut rest = number / LETTERS;
    while rest > 0 {
        rest -= 1;
        name.push(char::from(SIGNS[rest % SIGNS.len()]));
        rest /= SIGNS.len();
    }
    name
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{EntityType, ExportKind, Module, TypeSection};

    use super::*;

    const HASHED: &str = "__wbg_close_0123456789abcdef";

    /// A module that imports and exports functions.
    fn module(imports: &[(&str, &str)], exports: &[(&str, u32)]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut given, mut taken) = (ImportSection::new(), ExportSection::new());
        for (module, name) in imports {
            given.import(module, name, EntityType::Function(0));
        }
        for (name, number) in exports {
            taken.export(name, ExportKind::Func, *number);
        }
        let mut module = Module::new();
        module.section(&types).section(&given).section(&taken);
        module.finish()
    }

    #[test]
    fn what_only_the_two_call_is_short_on_both_sides() {
        let glue = format!(
            "return {{ \"./x_bg.js\": import0 }}; import0 = {{ {HASHED}: function(a) {{ wasm.run_h1(a); }} }}; \
             class C {{ text() {{ wasm.text(); }} }} wasm.memory.buffer; my_wasm.run_h1"
        );
        let imports = [("./x_bg.js", HASHED), ("./parts.js", "load")];
        let exports = [("run_h2", 0), ("text", 1), ("shared", 2), ("__heap_base", 3), ("memory", 4)];
        let wasm = module(&imports, &exports);
        let (text, short) = shorten(&glue, &wasm, "const { shared } = start();").unwrap();
        let expected = glue.replace(HASHED, "a").replace("\"./x_bg.js\"", "a");
        assert_eq!(text, expected, "what stands in several ways is left alone");
        let imports = [("a", "a"), ("./parts.js", "load")];
        let expected = module(&imports, &[("text", 1), ("shared", 2), ("memory", 4)]);
        assert_eq!(short, expected, "nobody takes the others");

        let (text, short) =
            shorten("wasm.run_h1(); wasm.run_h1()", &module(&[], &[("run_h1", 0)]), "").unwrap();
        assert_eq!((text.as_str(), short), ("wasm.a(); wasm.a()", module(&[], &[("a", 0)])));
    }

    #[test]
    fn names_are_all_different() {
        let names: BTreeSet<_> = (0..3_000).map(short).collect();
        assert_eq!(names.len(), 3_000);
        assert!(names.iter().all(|name| name.starts_with(|c: char| c.is_ascii_lowercase())));
    }
}
