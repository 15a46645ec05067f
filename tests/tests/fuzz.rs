//! The corpora of the fuzz targets, played through the same functions: what a fuzzer once found stays found, and a corpus
//! that no longer fits is noticed.

use std::fs;
use std::panic;

use tests::workspace;

#[expect(unreachable_pub, reason = "a crate of its own, for the fuzzer")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// What all corpora together may weigh, in bytes.
const MAX_BYTES: u64 = 200_000;

#[test]
fn the_corpora_of_all_fuzz_targets_play_without_a_finding() {
    let mut bytes = 0;
    for (name, play) in targets::TARGETS {
        let folder = workspace().join("fuzz/corpus").join(name);
        let files = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{name} has no corpus"));
        let mut played = 0;
        for file in files {
            let path = file.expect("a file").path();
            let input = fs::read(&path).expect("it can be read");
            bytes += input.len() as u64;
            played += 1;
            if panic::catch_unwind(|| play(&input)).is_err() {
                panic!("{name} fails with {}", path.display());
            }
        }
        assert!(played > 10, "{name} has {played} inputs");
    }
    assert!(bytes < MAX_BYTES, "the corpora have {bytes} bytes; cargo xtask fuzz --keep makes them small");
}
