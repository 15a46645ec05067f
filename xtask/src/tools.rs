//! The tools a page needs beyond rustc: the wasm32 target, wasm-bindgen of exactly the locked version, and wasm-opt if there is one.
//! Knows nothing of the tools that only tests need (system.rs does).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::command;

pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// How the last crate of a module is compiled. Without relocations nobody can tell what belongs to a part, or is said to nobody;
/// and loops that keep several sums instead of one, which spares a processor an addition, only make a module larger.
pub(crate) const FOR_A_MODULE: [&str; 3] = ["--", "-Clink-args=--emit-relocs", "-Cllvm-args=-disable-lsr"];

/// Sees to it that rustc can compile for the browser.
///
/// Asked of the sysroot first: where automatic installs are off, rustup ignores a target missing from rust-toolchain.toml.
pub(crate) fn wasm_target() -> Result<()> {
    let sysroot = command::output(command::program("rustc").args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    command::run(command::program("rustup").args(["target", "add", WASM])).with_context(|| {
        format!(
            "rustc cannot compile for {WASM}; install that target (with rustup: `rustup target add {WASM}`)"
        )
    })
}

/// wasm-bindgen of exactly the version in Cargo.lock: the one in target/tools, one on the path, or a fresh install.
pub(crate) fn wasm_bindgen() -> Result<PathBuf> {
    let version = locked("wasm-bindgen")?;
    for found in [Some(ours("wasm-bindgen")), command::find("wasm-bindgen")].into_iter().flatten() {
        if is_version(&found, &version) {
            return Ok(found);
        }
    }
    println!("installing wasm-bindgen {version} to target/tools, once; this takes about two minutes");
    let package = ["install", "--locked", "--force", "wasm-bindgen-cli", "--version", &version, "--root"];
    install(command::cargo(package).arg(folder()))?;
    Ok(ours("wasm-bindgen"))
}

/// Runs `cargo install` away from the settings of this repository: its own target folder, no lint flags.
pub(crate) fn install(cargo: &mut Command) -> Result<()> {
    fs::create_dir_all(folder())?;
    command::run(cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS"))
}

/// Makes the module smaller, if a wasm-opt is there that understands it; the page works without.
pub(crate) fn wasm_opt(module: &Path) -> Result<()> {
    let Some(wasm_opt) = command::find("wasm-opt") else { return Ok(()) };
    let smaller = module.with_extension("opt.wasm");
    let mut command = command::program(wasm_opt);
    command.arg("-Oz").arg(module).arg("-o").arg(&smaller);
    match command::output(&mut command) {
        Ok(_) => fs::rename(&smaller, module).context("the smaller module cannot be moved into place"),
        // Debian's version does not know what today's rustc writes.
        Err(error) => {
            println!("going on without wasm-opt, which is too old for this module: {error:#}");
            Ok(())
        }
    }
}

/// Whether `program --version` answers with this version as its second word.
pub(crate) fn is_version(program: &Path, version: &str) -> bool {
    command::output(command::program(program).arg("--version"))
        .is_ok_and(|said| said.split_whitespace().nth(1) == Some(version))
}

/// `target/tools`.
pub(crate) fn folder() -> PathBuf {
    command::target().join("tools")
}

fn ours(name: &str) -> PathBuf {
    folder().join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn locked(package: &str) -> Result<String> {
    let path = command::root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    match version_in(&lock, package) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("Cargo.lock holds no {package}: does client-wasm still depend on it?"),
    }
}

/// The version of a package in the text of a Cargo.lock, where `version` follows `name`.
fn version_in<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn a_version_is_read_from_the_lock() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.78\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.128\"\nsource = \"registry\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen"), Some("0.2.128"));
        assert_eq!(version_in(lock, "yew"), None);
    }
}
