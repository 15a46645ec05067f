//! `cargo xtask npm`: the browser's client as an npm package in target/npm. Knows how it is made, not what it does.
//!
//! ```text
//!   client-wasm/npm/src ─ rustc, wasm-bindgen ─▶ core.js, core.d.ts, core_bg.wasm, and the same as durable_core ┐
//!   client-wasm/npm/ts ─────────────────────────────────────────────────────────────────────────────────────────┴─ tsc, esbuild ─▶ target/npm
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    command,
    page::{assets, shape, trap},
    report::{self, FileSize, Visit},
    system, test, tools,
};

/// What a page loads for the client, packed by brotli: half of what the most used client weighs.
const MOST_BYTES: usize = 45_000;

/// Builds the package, checks its types as a program that uses it sees them, and its weight, which it prints.
pub(crate) fn npm() -> Result<()> {
    let package = build()?;
    check_example(&package)?;
    let files = sizes(&package)?;
    println!("\n{}\n\n{}", report::sizes(&files), package.display());
    let bytes = report::first_visit(&files);
    ensure!(
        bytes <= MOST_BYTES,
        "the client weighs {bytes} bytes; more than {MOST_BYTES} is too much for a page"
    );
    Ok(())
}

/// Builds the package and lets it take messages in a browser, beside other clients; or only those with these names.
pub(crate) fn bench(clients: &[&str]) -> Result<()> {
    build()?;
    system::other_clients()?;
    let mut run = test::browser_tests(["run", "--locked", "-p", "tests", "--example", "page_speed", "--"])?;
    command::run(run.args(clients))
}

/// The finished package: a folder.
pub(crate) fn build() -> Result<PathBuf> {
    tools::wasm_target()?;
    let (home, work) = (home(), command::target().join("npm-work"));
    let package = command::target().join("npm");
    for folder in [&work, &package] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    copy_folder(&home.join("ts"), &work)?;
    for module in &MODULES {
        bind(&work, module)?;
    }

    fs::create_dir_all(&package)?;
    let mut types = command::program(system::typescript()?);
    types.arg("--project").arg(in_folder(&home.join("tsconfig.json"), &work)?);
    command::run(types.arg("--emitDeclarationOnly").arg("--outDir").arg(&package))?;
    // One small file is one wait for a page, where ten would be a chain of them. What few pages need is another.
    for module in &MODULES {
        let mut bundle = command::program(system::esbuild()?);
        bundle.arg(work.join(format!("{}.ts", module.entry)));
        bundle.arg(format!("--outfile={}", package.join(format!("{}.js", module.entry)).display()));
        bundle.args(["--bundle", "--format=esm", "--minify", "--target=es2022", "--log-level=warning"]);
        command::run(bundle.args(["--external:./durable.js", "--external:./index.js"]))?;
        for ending in [".d.ts", "_bg.wasm"] {
            let name = format!("{}{ending}", module.name);
            copy(&work.join(&name), &package.join(&name))?;
        }
    }
    for name in ["package.json", "README.md"] {
        copy(&home.join(name), &package.join(name))?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&command::root().join(name), &package.join(name))?;
    }
    copy_folder(&home.join("example"), &package.join("example"))?;
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let manifest = fs::read_to_string(package.join("package.json"))?;
    ensure!(
        manifest.contains(&version),
        "client-wasm/npm/package.json must have {version}, as the workspace"
    );
    Ok(package)
}

/// A wasm module of the package.
struct Module {
    name: &'static str,
    features: &'static str,
    /// The program that uses it.
    entry: &'static str,
}

/// Two, so that only pages whose Session outlives them carry what that takes.
const MODULES: [Module; 2] = [
    Module { name: "core", features: "", entry: "index" },
    Module { name: "durable_core", features: "durable", entry: "durable" },
];

/// Compiles a wasm module and binds it to JavaScript.
fn bind(folder: &Path, module: &Module) -> Result<()> {
    let wasm_bindgen = tools::wasm_bindgen()?;
    let mut cargo = command::cargo(["rustc", "--locked", "--target", tools::WASM, "-p", "client-npm"]);
    // As nothing but a module: Cargo leaves out the optimisation of the whole where a library for Rust is made as well.
    cargo.args(["--lib", "--crate-type", "cdylib", "--profile", "wasm-release"]);
    cargo.args(["--features", module.features]);
    command::run(cargo.args(tools::FOR_A_MODULE))?;
    let linked = command::target().join(tools::WASM).join("wasm-release/client_npm.wasm");
    let compiled = folder.join(format!("{}.linked.wasm", module.name));
    fs::write(&compiled, trap::without_words(&fs::read(&linked)?)?)?;
    let mut bind = command::program(wasm_bindgen);
    bind.args([
        "--target",
        "web",
        "--remove-name-section",
        "--remove-producers-section",
        "--out-name",
        module.name,
    ]);
    command::run(bind.arg("--out-dir").arg(folder).arg(compiled))?;
    let (glue, wasm) =
        (folder.join(format!("{}.js", module.name)), folder.join(format!("{}_bg.wasm", module.name)));
    tools::wasm_opt(&wasm)?;
    let text = bare(&fs::read_to_string(&glue)?)?;
    let (text, shaped) = shape::shape(&text, &fs::read(&wasm)?, "")?;
    fs::write(&glue, text)?;
    fs::write(&wasm, shaped)?;
    let types = folder.join(format!("{}.d.ts", module.name));
    Ok(fs::write(&types, types_of(&fs::read_to_string(&types)?))?)
}

/// The glue without what it has for browsers that know no references, which this module needs, for ways to begin that the
/// package does not go, and for programs that let JavaScript free things.
fn bare(glue: &str) -> Result<String> {
    const REGISTRY: &str = "(typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry";
    const OLD_WAY: &str = "
    if (module !== undefined) {
        if (Object.getPrototypeOf(module) === Object.prototype) {
            ({module} = module)
        } else {
            console.warn('using deprecated parameters for `initSync()`; pass a single object instead')
        }
    }
";
    const UNCOMPILED: &str = "
    if (!(module instanceof WebAssembly.Module)) {
        module = new WebAssembly.Module(module);
    }
";
    const DISPOSE: &str = "if (Symbol.dispose) Core.prototype[Symbol.dispose] = Core.prototype.free;\n";
    let pieces = [
        (REGISTRY, "new FinalizationRegistry"),
        (OLD_WAY, "\n    ({module} = module);\n"),
        (UNCOMPILED, ""),
        (DISPOSE, ""),
    ];
    let mut text = glue.to_owned();
    for (piece, instead) in pieces {
        ensure!(text.contains(piece), "wasm-bindgen's glue has changed: it has no\n{piece}");
        text = text.replace(piece, instead);
    }
    Ok(text)
}

/// The types without a symbol that programs do not know which do not ask for the newest library, and that nobody needs, as the
/// package frees by itself; and without the names under which module and glue know each other, which are others now.
fn types_of(text: &str) -> String {
    let mut is_inside = false;
    let kept = text.lines().filter(|line| {
        is_inside = *line == "export interface InitOutput {" || is_inside && *line != "}";
        let is_name = is_inside && line.starts_with("    readonly ") && !line.contains(" memory: ");
        !is_name && line.trim() != "[Symbol.dispose](): void;"
    });
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

/// Whether a program with strict types can be written for the package, and whether wrong ones are refused.
fn check_example(package: &Path) -> Result<()> {
    let folder = command::target().join("npm-check");
    let example = home().join("example/example.ts");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    copy(&example, &folder.join("example.ts"))?;
    for name in fs::read_dir(package)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if name.ends_with(".d.ts") || name == "package.json" {
            copy(&package.join(&name), &folder.join("node_modules/switchboard-mqtt").join(&name))?;
        }
    }
    let mut check = command::program(system::typescript()?);
    check.arg("--noEmit").arg("--project").arg(in_folder(&home().join("tsconfig.json"), &folder)?);
    command::run(&mut check).context("example/example.ts does not fit the package's types")
}

/// What a browser loads: all that is JavaScript or wasm at the root of the package.
fn sizes(package: &Path) -> Result<Vec<FileSize>> {
    let mut names: Vec<_> =
        fs::read_dir(package)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".js") || name.ends_with(".wasm"));
    names.sort();
    let size = |name: String| {
        let size = assets::size(&name, &fs::read(package.join(&name))?)?;
        let visit = if name.starts_with("durable") { Visit::Later } else { Visit::Paint };
        Ok(FileSize { visit, ..size })
    };
    names.into_iter().map(size).collect()
}

/// TypeScript's settings hold for the folder that they lie in.
fn in_folder(config: &Path, folder: &Path) -> Result<PathBuf> {
    let there = folder.join("tsconfig.json");
    copy(config, &there)?;
    Ok(there)
}

fn home() -> PathBuf {
    command::root().join("client-wasm/npm")
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let path = entry?.path();
        copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to).with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?;
    Ok(())
}
