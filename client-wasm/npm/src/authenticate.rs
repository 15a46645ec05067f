//! An enhanced authentication (4.12) whose steps a page computes.

use std::fmt;
use std::task::Poll;

use mqtt::client::{Authenticator, Step};

use super::host::{Host, Told};

const BEGIN: u32 = 0;
const ANSWER: u32 = 1;
const FINISH: u32 = 2;

/// Asks a host for each step, which it proves when it has computed it.
pub(crate) struct ByHost {
    method: String,
    host: Host,
}

impl ByHost {
    pub(crate) const fn new(method: String, host: Host) -> Self {
        Self { method, host }
    }

    fn ask(&self, step: u32, data: &[u8]) -> Poll<Step> {
        self.host.tell(Told::Authenticate, 0.0, step, 0, data);
        Poll::Pending
    }
}

impl Authenticator for ByHost {
    fn method(&self) -> &str {
        &self.method
    }

    fn begin(&mut self) -> Poll<Step> {
        self.ask(BEGIN, &[])
    }

    fn answer(&mut self, data: &[u8]) -> Poll<Step> {
        self.ask(ANSWER, data)
    }

    fn finish(&mut self, data: &[u8]) -> Poll<Step> {
        self.ask(FINISH, data)
    }
}

/// By hand: what is derived would bring along all that shows a text with escapes.
impl fmt::Debug for ByHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByHost")
    }
}
