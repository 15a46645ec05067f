//! The configurations that scripts are played to: one running program for each, shared by all its scripts.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use tests::{Bridge, workspace};

use crate::script::Script;

/// Where a program with one configuration listens.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
    /// The version of the connection that must not notice anything; none where nobody is let in.
    pub(crate) bystander: Option<&'static str>,
}

/// The running programs.
pub(crate) struct Profiles {
    bridges: BTreeMap<String, Bridge>,
    pub(crate) by_name: BTreeMap<String, Profile>,
}

impl Profiles {
    /// Starts a program for each profile that is named; each is a `switchboard.toml` in `tests/wire/profiles`.
    pub(crate) fn start(scripts: &[Script]) -> Self {
        let mut profiles = Self { bridges: BTreeMap::new(), by_name: BTreeMap::new() };
        for name in scripts.iter().map(|script| &script.profile) {
            if profiles.by_name.contains_key(name) {
                continue;
            }
            let file = workspace().join("tests/wire/profiles").join(format!("{name}.toml"));
            let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let bridge = Bridge::configured(&text);
            let bystander = match text.as_str() {
                text if text.contains("redirect_to") => None,
                text if text.contains("\"5.0\"") || !text.contains("versions") => Some("5.0"),
                _ => Some("3.1.1"),
            };
            let profile = Profile { tcp: bridge.tcp, http: bridge.http, bystander };
            profiles.by_name.insert(name.clone(), profile);
            profiles.bridges.insert(name.clone(), bridge);
        }
        profiles
    }

    /// Programs that have ended or panicked, with what they said of it.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, bridge) in &mut self.bridges {
            let lines = bridge.process.stderr.all();
            complaints.extend(lines.iter().filter(|line| line.contains("panicked")).cloned());
            if !bridge.process.is_alive() {
                complaints.push(format!("the program with the profile {name} has ended"));
            }
        }
        complaints
    }
}
