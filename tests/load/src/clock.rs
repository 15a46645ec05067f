//! The clock of this program.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the one place where this program asks what time it is")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
