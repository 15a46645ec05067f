//! The only clock of the server. Everything below it is told what time it is.

use mqtt::Instant;

/// Milliseconds since the process began to serve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock of this process")]
    pub(crate) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The same moment for the runtime's timers.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        (self.start + std::time::Duration::from_millis(instant.as_millis())).into()
    }
}

/// Milliseconds since 1970: what a moment in a file is counted from.
#[expect(clippy::disallowed_methods, reason = "the clock of this process")]
pub(crate) fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
