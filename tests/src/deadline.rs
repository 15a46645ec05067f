//! The only clock of the harness, and waiting that ends.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything that should happen at once may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A moment after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// This long from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// What is left of it; none when it has passed.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }
}

/// The time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock of the tests, which live in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
///
/// # Panics
/// This machine's clock stands before that.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock of the tests, which live in real time")]
pub fn unix_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock that was set").as_secs()
}

/// Asks again and again until there is an answer. Only for what cannot be waited for: the state of another process.
///
/// # Panics
/// There is no answer in time.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(deadline.left().is_some(), "{what}: not within {} s", limit.as_secs_f32());
        thread::sleep(Duration::from_millis(10));
    }
}
