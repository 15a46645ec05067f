//! The script that loads the parts of the page, in few bytes: what the tool writes that took the page apart says the same of each
//! part anew. Knows which modules a part needs, nothing of what is in them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// What the parts are given, and how one is loaded: all it needs is fetched at once, and an attempt that failed is forgotten.
const RUNTIME: &str = r#"let shared;
const all = () => (shared ??= (({NAMES}) => ({ __wasm_split: {NAMES} }))(initSync()));
const part = (file, ...needs) => {
let coming;
return () => (coming ??= (async () => {
const others = needs.map((need) => need());
const module = fetch(new URL(file, import.meta.url));
module.catch(() => {});
await Promise.all(others);
return WebAssembly.instantiateStreaming(module, all());
})().catch((error) => {
coming = undefined;
throw error;
}));
};
const way = (load) => async (callback, data) => {
const came = await load().then(() => true, (error) => console.error(error));
all().__wasm_split.__indirect_function_table.get(callback)(data, !!came);
};
"#;

/// The script in place of `made`, which the tool wrote, for these parts and the modules that each is made of.
pub(super) fn short(made: &str, parts: &BTreeMap<String, Vec<String>>) -> Result<String> {
    let import = made.lines().next().context("the script of the parts is empty")?;
    let names = made
        .split_once("const {")
        .and_then(|(_, behind)| behind.split_once("} = initSync"))
        .context("the script of the parts does not say what they share")?;
    let mut script = format!("{import}\n{}", RUNTIME.replace("NAMES", names.0.trim().trim_end_matches(',')));
    let mut known = Vec::new();
    let mut ways = String::new();
    for (part, modules) in parts {
        let is_own = |module: &&String| **module == format!("split_{part}");
        let own = modules.iter().find(is_own).with_context(|| format!("the part {part} has no module"))?;
        let mut needs = String::new();
        for module in modules.iter().filter(|module| !is_own(module)) {
            if !known.contains(&module) {
                script.push_str(&format!("const {module} = part(\"./{module}.wasm\");\n"));
                known.push(module);
            }
            needs.push_str(&format!(", {module}"));
        }
        ways.push_str(&format!(
            "export const __wasm_split_load_{part} = way(part(\"./{own}.wasm\"{needs}));\n"
        ));
    }
    Ok(script + &ways)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_is_named_once_and_each_part_waits_for_all_of_its_own() {
        let made = "import { initSync } from \"./panel.js\";\n\nlet sharedImports;\n\
                    const { memory, table,  } = initSync(undefined, undefined);\n";
        let modules = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let parts = BTreeMap::from([
            ("a".to_owned(), modules(&["chunk_1", "chunk_2", "split_a"])),
            ("b".to_owned(), modules(&["chunk_2", "split_b"])),
        ]);
        let script = short(made, &parts).unwrap();
        assert!(script.starts_with("import { initSync } from \"./panel.js\";\n"), "{script}");
        assert!(script.contains("(({memory, table}) => ({ __wasm_split: {memory, table} }))"), "{script}");
        let end = "const chunk_1 = part(\"./chunk_1.wasm\");\nconst chunk_2 = part(\"./chunk_2.wasm\");\n\
                   export const __wasm_split_load_a = way(part(\"./split_a.wasm\", chunk_1, chunk_2));\n\
                   export const __wasm_split_load_b = way(part(\"./split_b.wasm\", chunk_2));\n";
        assert!(script.ends_with(end), "{script}");
        assert!(short("", &parts).is_err() && short("import;", &parts).is_err());
    }
}
