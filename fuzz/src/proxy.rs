//! Headers of the PROXY protocol: no more is asked for than there is, and what is whole stays so whatever comes behind it.

use header::{Progress, read};

#[path = "../../bridge/src/server/proxy/header.rs"]
mod header;

/// Reads them as a connection does: never a byte more than was asked for.
pub fn header(bytes: &[u8]) {
    let mut have = 0;
    loop {
        match read(bytes.get(..have).unwrap_or_default()) {
            Ok(Progress::Needs(needs)) => {
                assert!(needs > have, "it goes on");
                assert!(needs <= 16 + 4096, "a header has a bound");
                if needs > bytes.len() {
                    return;
                }
                have = needs;
            }
            Ok(Progress::Whole { size, from }) => {
                assert_eq!(size, have, "not a byte behind it was asked for");
                assert_eq!(read(bytes), Ok(Progress::Whole { size, from }), "whatever comes behind it");
                return;
            }
            Err(_) => return,
        }
    }
}
