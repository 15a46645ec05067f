//! JavaScript that the page's crates bring along: wasm-bindgen leaves it in files of its own, and each file more is another wait
//! before the first paint. Here it becomes a part of the glue. Knows the line that asks for such a file, nothing of what it does.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

/// What an import of such a file begins with, and what stands before its name.
const IMPORT: &str = "import { ";
const FROM: &str = " } from './snippets/";

/// The glue with the files in it that it asks for, which lie in `folder/snippets`.
pub(super) fn taken_in(glue: &str, folder: &Path) -> Result<String> {
    let mut text = String::with_capacity(glue.len());
    for line in glue.split_inclusive('\n') {
        match line.strip_prefix(IMPORT).and_then(|rest| rest.split_once(FROM)) {
            None => text += line,
            Some((names, file)) => {
                let file = file.trim_end().trim_end_matches("';");
                let path = folder.join("snippets").join(file);
                let script = fs::read_to_string(&path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                text += &block(names, &script).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(text)
}

/// A file as a value of its own, so that its names are no others'.
fn block(names: &str, script: &str) -> Result<String> {
    let script = super::without_comments(script);
    ensure!(!script.contains("import "), "it asks for another file, which the page pipeline does not carry");
    let script = script.replace("export ", "");
    let (outer, inner): (Vec<_>, Vec<_>) = names
        .split(", ")
        .map(|name| match name.split_once(" as ") {
            Some((inner, outer)) => (format!("{inner}: {outer}"), inner),
            None => (name.to_owned(), name),
        })
        .unzip();
    Ok(format!(
        "const {{ {} }} = (() => {{\n{script}return {{ {} }};\n}})();\n",
        outer.join(", "),
        inner.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_where_it_was_asked_for() {
        let folder = std::env::temp_dir().join(format!("switchboard-snippets-{}", std::process::id()));
        fs::create_dir_all(folder.join("snippets/crate-1/src")).unwrap();
        let file = "// For whoever reads it.\nconst ONE = 1;\nexport class Page { one() { return ONE; } }\nexport const two = 2;\n";
        fs::write(folder.join("snippets/crate-1/src/page.js"), file).unwrap();
        let glue = "import { Page, two as two1 } from './snippets/crate-1/src/page.js';\nnew Page();\nconst ONE = 7;\n";
        let text = taken_in(glue, &folder);
        let missing = taken_in("import { Page } from './snippets/other.js';\n", &folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            text.unwrap(),
            "const { Page, two: two1 } = (() => {\nconst ONE = 1;\nclass Page { one() { return ONE; } }\n\
             const two = 2;\nreturn { Page, two };\n})();\nnew Page();\nconst ONE = 7;\n"
        );
        assert!(format!("{:#}", missing.unwrap_err()).contains("other.js"));
        assert!(block("a", "import './b.js';\nexport const a = 1;\n").is_err());
    }
}
