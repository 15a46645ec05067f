//! The page, from its source in www/ and client-wasm/ to the finished folder target/app.
//!
//! `www/index.html` is written for Trunk, which serves it during work on the page; what is shipped is made here, so that it needs
//! nothing but a Rust toolchain, satisfies a content security policy without any inline script, and is packed ahead of time.
//! Knows nothing of what the page does.

pub(crate) mod assets;
mod css;
mod html;
mod link;
mod linked;
mod locals;
mod names;
mod pack;
mod parts;
pub(crate) mod shape;
mod snippets;
pub(crate) mod trap;
mod types;
mod used;
mod worker;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    build::Profile,
    command,
    report::{FileSize, Visit},
    tools,
};
use parts::Parts;

/// The files of the finished page by their path in it, which is also their path in the address.
type Files = BTreeMap<String, File>;

/// What a file holds, and when it is loaded.
#[derive(Debug)]
pub(crate) struct File {
    content: Vec<u8>,
    visit: Visit,
}

impl File {
    fn of(name: &str, content: Vec<u8>) -> Self {
        let visit = match name {
            "index.html" => Visit::Paint,
            LINES => Visit::Rest,
            _ if name.starts_with(assets::HASHED) => Visit::Paint,
            _ => Visit::Later,
        };
        Self { content, visit }
    }
}

/// The style of what comes to tiles when the page is at rest.
const LINES: &str = "lines.css";
/// The service worker, which knows all other files.
const WORKER: &str = "sw.js";
/// The page's side of it, a part of the start script.
const UPDATE: &str = "update.js";

/// Builds the page into `app`, leaves nothing else there, and says what each file weighs.
pub(crate) fn build(wasm_bindgen: &Path, profile: Profile, app: &Path) -> Result<Vec<FileSize>> {
    let www = command::root().join("www");
    let source = www.join("index.html");
    let html =
        String::from_utf8(read(&source)?).with_context(|| format!("{} is not UTF-8", source.display()))?;
    html::check_policy(&html).with_context(|| source.display().to_string())?;
    let files = assemble(&html, &www, |manifest, bin| bind(wasm_bindgen, &www.join(manifest), bin, profile))?;
    assets::write(&files, app, profile == Profile::Release)
}

/// What wasm-bindgen made of the crate.
struct Module {
    glue: Vec<u8>,
    wasm: Vec<u8>,
    parts: Parts,
}

/// Compiles the crate's program `bin`, takes it into parts, and lets wasm-bindgen make a module for the browser of the first.
fn bind(wasm_bindgen: &Path, manifest: &Path, bin: &str, profile: Profile) -> Result<Module> {
    let mut cargo = command::cargo(["rustc", "--locked", "--target", tools::WASM, "--bin", bin]);
    cargo.args(["--profile", profile.of_page(), "--features", "split", "--manifest-path"]).arg(manifest);
    command::run(cargo.args(tools::FOR_A_MODULE))?;
    let folder = if profile == Profile::Release { "wasm-release" } else { "debug" };
    let compiled = command::target().join(tools::WASM).join(folder).join(format!("{bin}.wasm"));

    let out = command::target().join("page").join(folder);
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut program = read(&compiled)?;
    if profile == Profile::Release {
        program = trap::without_words(&program)?;
    }
    let split = parts::split(&program, bin, &out)?;
    let mut bind = command::program(wasm_bindgen);
    bind.args([
        "--target",
        "web",
        "--no-typescript",
        "--omit-default-module-path",
        // The parts share the table of functions and the memory.
        "--keep-lld-exports",
        "--out-name",
        bin,
        "--out-dir",
    ]);
    bind.arg(&out).arg(&split.main);
    if profile == Profile::Release {
        bind.args(["--remove-name-section", "--remove-producers-section"]);
    }
    command::run(&mut bind)?;
    let wasm = out.join(format!("{bin}_bg.wasm"));
    let glue = String::from_utf8(read(&out.join(format!("{bin}.js")))?)?;
    let glue = snippets::taken_in(&glue, &out)?.into_bytes();
    let mut module = Module { glue, wasm: read(&wasm)?, parts: split.read()? };
    if profile == Profile::Release {
        tools::wasm_opt(&wasm)?;
        for part in &split.files {
            tools::wasm_opt(part)?;
        }
        split.shorten()?;
        let (glue, wasm) = shape::shape(&String::from_utf8(module.glue)?, &read(&wasm)?, &split.script()?)?;
        module = Module { glue: without_indents(&glue).into_bytes(), wasm, parts: split.read()? };
    }
    Ok(module)
}

/// Follows the links of `html` and gives the page's files; `bind` builds the crate that the page links to.
fn assemble(html: &str, www: &Path, bind: impl Fn(&str, &str) -> Result<Module>) -> Result<Files> {
    let mut files = Files::new();
    let mut replacements = Vec::new();
    let links = html::links(html)?;
    // Plain style sheets become one, where the last of them stood: each more is another wait before the first paint.
    let mut plain_sheets = links.iter().filter(|link| link.is_plain_css()).count();
    let mut sheet = Vec::new();
    for link in links {
        let replacement = match &link.source {
            html::Source::Rust { manifest, bin } => {
                let update = fs::read_to_string(www.join(UPDATE)).unwrap_or_default();
                start_tags(&mut files, bin, bind(manifest, bin)?, &without_comments(&update))
            }
            html::Source::Css { href } => {
                let css = css::shrink(&String::from_utf8_lossy(&read(&www.join(href))?)).into_bytes();
                assets::check_css(&String::from_utf8_lossy(&css)).with_context(|| href.clone())?;
                if link.is_plain_css() {
                    plain_sheets -= 1;
                    sheet.extend(css);
                    match plain_sheets {
                        0 => {
                            link.tag("stylesheet", &add_hashed(&mut files, href, std::mem::take(&mut sheet)))
                        }
                        _ => String::new(),
                    }
                } else {
                    link.tag("stylesheet", &add_hashed(&mut files, href, css))
                }
            }
            html::Source::Icon { href } => {
                let icon = read(&www.join(href))?;
                link.tag("icon", &add_hashed(&mut files, href, icon))
            }
            html::Source::CopyFile { href, folder } => {
                add_as_is(&mut files, &www.join(href), folder)?;
                String::new()
            }
            html::Source::CopyDir { href, folder } => {
                let name = Path::new(href).file_name().map(|name| name.to_string_lossy().into_owned());
                add_folder(&mut files, &www.join(href), folder.as_deref().or(name.as_deref()).unwrap_or(""))?;
                String::new()
            }
        };
        replacements.push((link.span, replacement));
    }
    let index = html::rewrite(html, &replacements).into_bytes();
    if let Some(File { content, .. }) = files.remove(WORKER) {
        let all = files.iter().map(|(name, file)| (name.as_str(), file.content.as_slice()));
        let script = worker::with_list(&String::from_utf8(content)?, &index, all);
        add(&mut files, WORKER.into(), script.into_bytes());
    }
    add(&mut files, "index.html".into(), index);
    Ok(files)
}

/// Adds the module with a script that starts it, and gives the tags that load all that starts as early as can be.
///
/// The script is a file of its own because the content security policy allows no inline one.
fn start_tags(files: &mut Files, bin: &str, module: Module, update: &str) -> String {
    let wasm = add_hashed(files, &format!("{bin}.wasm"), module.wasm);
    let (glue, link) = parts::add(files, bin, module.glue, module.parts);
    let boot = format!(
        "import init from '{glue}';\n\
         init({{ module_or_path: '{wasm}' }}).catch((error) => {{\n  \
         document.documentElement.dataset.boot = 'failed';\n  throw error;\n}});\n{update}"
    );
    let boot = add_hashed(files, "boot.js", boot.into_bytes());
    format!(
        "<link rel=\"preload\" href=\"{wasm}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n\
         <link rel=\"modulepreload\" href=\"{glue}\">\n\
         <link rel=\"modulepreload\" href=\"{link}\">\n\
         <script type=\"module\" src=\"{boot}\"></script>"
    )
}

/// A script without the lines that are comments: they are for whoever reads the source.
fn without_comments(script: &str) -> String {
    let lines = script.lines().filter(|line| !line.trim_start().starts_with("//") && !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// A script that no tool has minified, without what only makes it legible. Its lines stay lines: some end a statement.
fn without_indents(script: &str) -> String {
    let lines = script.lines().map(str::trim_start).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// Adds a file that may be cached for ever, because its name changes with its content; gives its address.
fn add_hashed(files: &mut Files, href: &str, content: Vec<u8>) -> String {
    let name = assets::hashed_name(href, &content);
    let address = format!("/{name}");
    add(files, name, content);
    address
}

fn add(files: &mut Files, name: String, content: Vec<u8>) {
    let file = File::of(&name, content);
    files.insert(name, file);
}

/// Adds a file under its own name, in a folder of the page or at its root.
fn add_as_is(files: &mut Files, path: &Path, folder: &str) -> Result<()> {
    let Some(name) = path.file_name() else { bail!("{} is no file", path.display()) };
    let folder = folder.trim_matches('/');
    let separator = if folder.is_empty() { "" } else { "/" };
    add(files, format!("{folder}{separator}{}", name.to_string_lossy()), read(path)?);
    Ok(())
}

fn add_folder(files: &mut Files, path: &Path, folder: &str) -> Result<()> {
    for entry in entries(path)? {
        if entry.is_dir() {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            add_folder(files, &entry, &format!("{folder}/{name}"))?;
        } else {
            add_as_is(files, &entry, folder)?;
        }
    }
    Ok(())
}

/// What a folder holds, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_assembled() {
        let www = std::env::temp_dir().join(format!("xtask-page-{}", std::process::id()));
        fs::create_dir_all(www.join("icons")).unwrap();
        fs::write(www.join("tokens.css"), ":root { --a: 1 }\n").unwrap();
        fs::write(www.join("style.css"), "body { margin: 0 }").unwrap();
        fs::write(www.join("icons/a.svg"), "<svg/>").unwrap();
        fs::write(www.join("sw.js"), "serve();").unwrap();
        fs::write(www.join("update.js"), "// Looks.\nlook();").unwrap();
        let html = "<head>\n<link data-trunk rel=\"css\" href=\"tokens.css\">\n\
                    <link data-trunk rel=\"css\" href=\"style.css\">\n\
                    <link data-trunk rel=\"copy-dir\" href=\"icons\"/>\n\
                    <link data-trunk rel=\"copy-file\" href=\"icons/a.svg\">\n\
                    <link data-trunk rel=\"copy-file\" href=\"sw.js\">\n\
                    <link data-trunk rel=\"rust\" href=\"../app/Cargo.toml\" data-bin=\"panel\">\n</head>";
        let module = |manifest: &str, bin: &str| {
            assert_eq!((manifest, bin), ("../app/Cargo.toml", "panel"));
            Ok(Module {
                glue: b"import * as parts from \"./__wasm_split.js\"".to_vec(),
                wasm: b"\0asm".to_vec(),
                parts: Parts::example(),
            })
        };
        let files = assemble(html, &www, module).unwrap();
        fs::remove_dir_all(&www).unwrap();

        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let starts = [
            "a.svg",
            "assets/boot-",
            "assets/conventions-",
            "assets/panel-",
            "assets/panel-",
            "assets/parts-",
            "assets/screens-",
            "assets/style-",
            "icons/a.svg",
            "index.html",
            "sw.js",
        ];
        assert_eq!(names.len(), starts.len(), "{names:?}");
        assert!(names.iter().zip(starts).all(|(name, start)| name.starts_with(start)), "{names:?}");

        assert_eq!(
            files[names[7]].content, b":root{--a:1}body{margin:0}",
            "one sheet in the order of the page"
        );

        let page = String::from_utf8(files["index.html"].content.clone()).unwrap();
        html::check_policy(&page).unwrap();
        let is_first = |name: &&&str| name.starts_with("assets/") && files[**name].visit == Visit::Paint;
        for asset in names.iter().filter(is_first) {
            assert!(page.contains(&format!("\"/{asset}\"")), "{asset} is not loaded by {page}");
        }
        assert!(!page.contains("data-trunk") && !page.contains("\n\n"), "{page}");

        let worker = String::from_utf8(files["sw.js"].content.clone()).unwrap();
        assert!(worker.ends_with("];\nserve();"), "{worker}");
        assert!(names[1..8].iter().all(|asset| worker.contains(&format!("'/{asset}'"))), "{worker}");
        assert!(
            files[names[1]].content.ends_with(b"});\nlook();\n"),
            "the start script looks after the worker"
        );
    }
}
