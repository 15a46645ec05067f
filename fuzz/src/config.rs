//! `switchboard.toml`: whatever stands in it, it is taken whole or refused in words, and what is taken can be served.

use bridge::server::config::File;

/// Reads it as the program does before it listens.
pub fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match File::parse(text) {
        Ok(file) => {
            let config = file.broker().expect("it was checked");
            assert!(config.max_packet_bytes > 0 && config.receive_maximum > 0 && config.max_inflight > 0);
            assert_eq!(config.rules.len(), file.auth.rule.len(), "no rule is lost");
            assert_eq!(config.users.len(), file.auth.user.len(), "no user is lost");
            file.durability().expect("it was checked");
            file.level().expect("it was checked");
            file.listen.networks().expect("it was checked");
            assert!((1..=64).contains(&file.server.shards().expect("it was checked")));
        }
        Err(why) => assert!(!format!("{why:#}").trim().is_empty(), "it says why"),
    }
}
