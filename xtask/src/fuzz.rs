//! `cargo xtask fuzz`: lets cargo-fuzz play with each target for a while. Knows where corpora lie, not what they mean.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{command, tools};

/// The cargo-fuzz that is installed.
const VERSION: &str = "0.13.2";

/// What one corpus may have in the tree: bytes and files.
const KEPT_BYTES: u64 = 20_000;
const KEPT_FILES: usize = 120;

#[derive(Debug, PartialEq, Eq)]
struct Wish<'a> {
    targets: Vec<&'a str>,
    seconds: u32,
    /// Take what was found into the tree, made small.
    keeps: bool,
}

pub(crate) fn fuzz(words: &[&str]) -> Result<()> {
    let wish = Wish::parse(words)?;
    let all = targets()?;
    for name in &wish.targets {
        ensure!(
            all.iter().any(|target| target == name),
            "there is no target `{name}`, but {}",
            all.join(", ")
        );
    }
    cargo_fuzz()?;
    for target in
        all.iter().filter(|target| wish.targets.is_empty() || wish.targets.contains(&target.as_str()))
    {
        println!("\n── {target}: {} s ──", wish.seconds);
        run(target, wish.seconds)?;
        if wish.keeps {
            keep(target)?;
        }
    }
    Ok(())
}

impl<'a> Wish<'a> {
    fn parse(words: &[&'a str]) -> Result<Self> {
        let mut wish = Self { targets: Vec::new(), seconds: 60, keeps: false };
        let mut rest = words;
        while let [word, tail @ ..] = rest {
            rest = tail;
            match (*word, tail) {
                ("--keep", _) => wish.keeps = true,
                ("--seconds", [seconds, tail @ ..]) => {
                    wish.seconds = seconds.parse().with_context(|| format!("`--seconds {seconds}`"))?;
                    rest = tail;
                }
                (flag, _) if flag.starts_with("--") => {
                    bail!("`{flag}` is not understood; fuzz takes [TARGET]…, `--seconds N` and `--keep`")
                }
                (target, _) => wish.targets.push(target),
            }
        }
        Ok(wish)
    }
}

/// The names of the targets, which are those of their files.
fn targets() -> Result<Vec<String>> {
    let folder = command::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn cargo_fuzz() -> Result<()> {
    let program = tools::folder().join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if tools::is_version(&program, VERSION) {
        return Ok(());
    }
    println!("installing cargo-fuzz {VERSION} to target/tools, once; this takes about two minutes");
    let package = ["install", "--locked", "--force", "cargo-fuzz", "--version", VERSION, "--root"];
    tools::install(command::cargo(package).arg(tools::folder()))
}

fn run(target: &str, seconds: u32) -> Result<()> {
    let found = found(target);
    fs::create_dir_all(&found)?;
    let mut command = fuzzer(target);
    command.arg(&found).arg(corpus(target)).arg("--");
    command.arg(format!("-max_total_time={seconds}")).args([
        "-workers=1",
        "-max_len=4096",
        "-print_final_stats=1",
    ]);
    command.arg(format!("-dict={}", command::root().join("fuzz/packets.dict").display()));
    command::run(&mut command)
}

/// `cargo fuzz run` with the nightly compiler that it needs.
fn fuzzer(target: &str) -> Command {
    let mut command = command::program("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"]);
    command.arg(command::target().join("fuzz")).arg(target);
    command.env_remove("RUSTFLAGS").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// Merges what was found into the corpus of the tree, as few inputs as cover the same; of many small and large ones.
fn keep(target: &str) -> Result<()> {
    let (found, kept) = (found(target), corpus(target));
    let merged = found.with_extension("merged");
    let _ = fs::remove_dir_all(&merged);
    fs::create_dir_all(&merged)?;
    let mut command = fuzzer(target);
    command::run(command.arg(&merged).arg(&found).arg(&kept).args(["--", "-merge=1", "-max_len=512"]))?;
    fs::remove_dir_all(&kept)?;
    fs::create_dir_all(&kept)?;
    let (mut bytes, mut many) = (0, 0);
    let all = by_size(&merged)?;
    for (size, path) in all.iter().step_by(all.len().div_ceil(KEPT_FILES).max(1)) {
        if bytes + size > KEPT_BYTES {
            break;
        }
        bytes += size;
        many += 1;
        fs::copy(path, kept.join(path.file_name().unwrap_or_default()))?;
    }
    println!("{target}: {many} inputs of {bytes} bytes are kept");
    Ok(())
}

fn by_size(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.len(), entry.path()));
    }
    files.sort();
    Ok(files)
}

fn corpus(target: &str) -> PathBuf {
    command::root().join("fuzz/corpus").join(target)
}

fn found(target: &str) -> PathBuf {
    command::target().join("fuzz/found").join(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_seconds_are_understood_in_any_order() {
        let wish = Wish::parse(&["broker", "--seconds", "5", "--keep", "frames"]).unwrap();
        assert_eq!(wish, Wish { targets: vec!["broker", "frames"], seconds: 5, keeps: true });
        assert!(Wish::parse(&["--seconds", "x"]).is_err() && Wish::parse(&["--fast"]).is_err());
    }

    #[test]
    fn the_targets_are_found() {
        assert!(targets().unwrap().contains(&"broker".to_owned()));
    }
}
