//! `cargo xtask build`: tools, page, program. Knows nothing of the page's parts (page.rs does).

use std::path::PathBuf;

use anyhow::Result;

use crate::{command, page, report, tools};

/// What is built: what is shipped, or what is quick to build and good to debug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Release,
    Debug,
}

impl Profile {
    /// Cargo's profile for the page.
    pub(crate) fn of_page(self) -> &'static str {
        match self {
            Self::Release => "wasm-release",
            Self::Debug => "dev",
        }
    }

    /// The folder of target/ that cargo puts it in.
    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }

    /// The finished page.
    fn app(self) -> PathBuf {
        command::target().join(match self {
            Self::Release => "app",
            Self::Debug => "app-debug",
        })
    }

    /// The finished program.
    pub(crate) fn binary(self) -> PathBuf {
        command::target().join(self.folder()).join(format!("switchboard{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Builds all of it and gives the path of the program.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    weighed(profile).map(|(binary, _)| binary)
}

/// The same, and what the page's first visit weighs in brotli.
pub(crate) fn weighed(profile: Profile) -> Result<(PathBuf, usize)> {
    tools::wasm_target()?;
    let app = profile.app();
    let files = page::build(&tools::wasm_bindgen()?, profile, &app)?;
    let mut cargo = command::cargo(["build", "--locked", "-p", "bridge", "--bin", "switchboard"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    command::run(cargo.env("SWITCHBOARD_APP", &app))?;
    println!("\n{}\n\n{}", report::sizes(&files), profile.binary().display());
    Ok((profile.binary(), report::first_visit(&files)))
}
