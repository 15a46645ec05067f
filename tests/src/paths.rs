//! Where the things are that tests start: the built binary, the peers of `target/tools`, programs of the system.

use std::env;
use std::path::{Path, PathBuf};

const HINT: &str = "`cargo xtask test` builds and installs all that the tests need";

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("/"))
}

/// The built `switchboard`: what `SWITCHBOARD_BIN` says, else the release build.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn program() -> PathBuf {
    let built = || workspace().join("target/release/switchboard");
    let path = env::var_os("SWITCHBOARD_BIN").map_or_else(built, PathBuf::from);
    assert!(path.is_file(), "{} is not built; {HINT}", path.display());
    path
}

/// A file below `target/tools` (or `SWITCHBOARD_TOOLS`).
///
/// # Panics
/// It is not there.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let folder =
        env::var_os("SWITCHBOARD_TOOLS").map_or_else(|| workspace().join("target/tools"), PathBuf::from);
    let path = folder.join(name);
    assert!(path.exists(), "{} is not installed; {HINT}", path.display());
    path
}

/// The browser's driver.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn chromedriver() -> PathBuf {
    let path = env::var_os("CHROMEDRIVER").map_or_else(|| "/usr/bin/chromedriver".into(), PathBuf::from);
    assert!(path.is_file(), "there is no {}; {HINT}", path.display());
    path
}

/// A program of the system, by its name; looked for where daemons live too.
///
/// # Panics
/// It is not there.
pub(crate) fn system(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; {HINT}"))
}
