//! What only `test` needs beyond the Rust toolchain: installed where that can be done, else named exactly.
//!
//! Knows nothing of the tests themselves. A thing that is missing is an error, never a step that is skipped.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{command, test::lighthouse, tools};

/// A client, and what plays the cases of Autobahn.
const PYTHON: [(&str, &str); 2] = [("paho-mqtt", "2.1.0"), ("kosoku", "0.1.0")];
const MQTT_JS: &str = "5.16.0";
const ESBUILD: &str = "0.25.12";
const PAHO_JS: &str = "1.1.0";
const U8_MQTT: &str = "0.6.7";
const TYPESCRIPT: &str = "5.9.3";
/// What finds things in a page that people cannot use.
const AXE: &str = "4.14.1";
const TRUNK: &str = "0.22.1";

/// A program of the system: any of `programs` will do; Debian has it in `package`.
struct Need {
    programs: &'static [&'static str],
    package: &'static str,
}

const VALGRIND: Need = Need { programs: &["valgrind"], package: "valgrind" };

const NODE: [Need; 2] =
    [Need { programs: &["node"], package: "nodejs" }, Need { programs: &["npm"], package: "npm" }];

const CHROMIUM: Need =
    Need { programs: &["chromium", "chromium-browser", "google-chrome"], package: "chromium" };

const NEEDS: [Need; 6] = [
    CHROMIUM,
    Need { programs: &["chromedriver"], package: "chromium-driver" },
    Need { programs: &["firefox-esr", "firefox"], package: "firefox-esr" },
    Need { programs: &["mosquitto"], package: "mosquitto" },
    Need { programs: &["mosquitto_pub"], package: "mosquitto-clients" },
    Need { programs: &["python3"], package: "python3-venv" },
];

/// Sees to browsers, brokers and other peers: everything that the tests start but cargo does not build.
pub(crate) fn peers() -> Result<()> {
    see_to(&NEEDS)?;
    see_to(&NODE)?;
    python_packages()?;
    mqtt_js()
}

/// What counts instructions.
pub(crate) fn valgrind() -> Result<PathBuf> {
    see_to(&[VALGRIND])?;
    command::find("valgrind").context("valgrind was there a moment ago")
}

fn see_to(needs: &[Need]) -> Result<()> {
    let is_missing = |need: &&Need| !need.programs.iter().any(|program| is_there(program));
    let missing: Vec<&str> = needs.iter().filter(is_missing).map(|need| need.package).collect();
    if !missing.is_empty() {
        apt(&missing)?;
    }
    if let Some(still) = needs.iter().find(is_missing) {
        bail!(
            "{} is not on the path: `apt-get install {}`, or what your system calls it",
            still.programs[0],
            still.package
        );
    }
    Ok(())
}

/// Where chromedriver is: what `CHROMEDRIVER` says, what GitHub's machines say, else on the path.
pub(crate) fn chromedriver() -> Option<PathBuf> {
    let given = env::var_os("CHROMEDRIVER").map(PathBuf::from);
    let github = env::var_os("CHROMEWEBDRIVER").map(|folder| PathBuf::from(folder).join("chromedriver"));
    [given, github]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
        .or_else(|| command::find("chromedriver"))
}

/// Trunk, for work on the page. Its Rust version is raised beyond need, hence `--ignore-rust-version`.
pub(crate) fn trunk() -> Result<PathBuf> {
    if let Some(trunk) = command::find("trunk").filter(|trunk| tools::is_version(trunk, TRUNK)) {
        return Ok(trunk);
    }
    println!("installing trunk {TRUNK} to target/tools, once; this takes about four minutes");
    let package =
        ["install", "--locked", "--force", "--debug", "--ignore-rust-version", "trunk", "--version", TRUNK];
    let mut cargo = command::cargo(package);
    tools::install(
        cargo.args(["--no-default-features", "--features", "rustls", "--root"]).arg(tools::folder()),
    )?;
    command::find("trunk").context("cargo installed trunk, yet it is not in target/tools/bin")
}

fn is_there(program: &str) -> bool {
    match program {
        "chromedriver" => chromedriver().is_some(),
        other => command::find(other).is_some(),
    }
}

/// Installs Debian packages, as root or through a sudo that asks nothing.
fn apt(packages: &[&str]) -> Result<()> {
    let by_hand = format!("missing: {0}; install with `apt-get install {0}`", packages.join(" "));
    if command::find("apt-get").is_none() {
        bail!("{by_hand}, or what your system calls them");
    }
    let root = command::output(command::program("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let sudo = !root && command::output(command::program("sudo").args(["-n", "true"])).is_ok();
    if !root && !sudo {
        bail!("{by_hand} (this needs root)");
    }
    println!("installing {}", packages.join(" "));
    let run = |arguments: &[&str]| {
        let words = if sudo { &["sudo", "-n", "env"][..] } else { &["env"] };
        let mut command = command::program(words[0]);
        command
            .args(&words[1..])
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"])
            .args(arguments);
        command::output(&mut command).map(drop).with_context(|| by_hand.clone())
    };
    run(&["update"])?;
    run(&["install", "--no-install-recommends"]
        .into_iter()
        .chain(packages.iter().copied())
        .collect::<Vec<_>>())
}

/// What tests need of Python, in an environment of its own: target/tools/venv.
fn python_packages() -> Result<()> {
    let venv = tools::folder().join("venv");
    let python = venv.join("bin/python");
    let asked = PYTHON.map(|(name, version)| format!("m.version('{name}') == '{version}'")).join(" and ");
    let has = format!("import importlib.metadata as m; assert {asked}");
    if command::output(command::program(&python).args(["-c", &has])).is_ok() {
        return Ok(());
    }
    let packages = PYTHON.map(|(name, version)| format!("{name}=={version}"));
    println!("installing {} to target/tools/venv", packages.join(" and "));
    let make = || command::output(command::program("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    if make().is_err() {
        // Debian has python3 without the means to make an environment.
        apt(&["python3-venv"])?;
        make()?;
    }
    let mut pip = command::program(&python);
    pip.args(["-m", "pip", "install", "--quiet"]).args(&packages);
    command::output(&mut pip)
        .with_context(|| format!("{} cannot be had from the Python package index", packages.join(" or ")))?;
    Ok(())
}

/// The JavaScript client and the judge of pages: target/tools/npm/node_modules/{mqtt,axe-core}.
fn mqtt_js() -> Result<()> {
    node_package("axe-core", AXE)?;
    node_package("mqtt", MQTT_JS).map(drop)
}

/// What the benchmark of the page compares, beside a browser.
pub(crate) fn other_clients() -> Result<()> {
    peers()?;
    node_package("paho-mqtt", PAHO_JS)?;
    node_package("u8-mqtt", U8_MQTT).map(drop)
}

/// TypeScript's compiler.
pub(crate) fn typescript() -> Result<PathBuf> {
    see_to(&NODE)?;
    Ok(node_package("typescript", TYPESCRIPT)?.join("bin/tsc"))
}

/// What makes one file of several modules.
pub(crate) fn esbuild() -> Result<PathBuf> {
    see_to(&NODE)?;
    Ok(node_package("esbuild", ESBUILD)?.join("bin/esbuild"))
}

/// The browser itself, for what starts one without a driver.
pub(crate) fn chromium() -> Result<PathBuf> {
    see_to(&[CHROMIUM])?;
    CHROMIUM.programs.iter().find_map(|name| command::find(name)).context("chromium was there a moment ago")
}

/// Lighthouse with all that it needs, of the versions and sums in its lock: target/tools/lighthouse.
pub(crate) fn lighthouse() -> Result<PathBuf> {
    see_to(&NODE)?;
    let (lock, folder) = (lighthouse::lock(), tools::folder().join("lighthouse"));
    let program = folder.join("node_modules/.bin/lighthouse");
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("{} cannot be read", path.display()));
    // Written when all is in place: an installation that was cut short has none.
    let wanted = read(lock.join("package-lock.json"))?;
    if program.exists() && read(folder.join("installed.json")).is_ok_and(|there| there == wanted) {
        return Ok(program);
    }
    println!("installing lighthouse to target/tools/lighthouse");
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        fs::write(folder.join(name), read(lock.join(name))?)?;
    }
    let mut npm = command::program("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    command::output(&mut npm).context("lighthouse cannot be had from the npm registry")?;
    fs::write(folder.join("installed.json"), wanted)?;
    Ok(program)
}

/// A package for Node: its folder below target/tools/npm/node_modules.
pub(crate) fn node_package(name: &str, version: &str) -> Result<PathBuf> {
    let folder = tools::folder().join("npm");
    let package = folder.join("node_modules").join(name);
    let manifest = fs::read_to_string(package.join("package.json")).unwrap_or_default();
    if manifest.contains(&format!("\"version\": \"{version}\"")) {
        return Ok(package);
    }
    println!("installing {name} {version} to target/tools/npm");
    fs::create_dir_all(&folder)?;
    let mut npm = command::program("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(&folder);
    command::output(npm.arg(format!("{name}@{version}")))
        .with_context(|| format!("{name}@{version} cannot be had from the npm registry"))?;
    Ok(package)
}
