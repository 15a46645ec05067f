//! An enhanced authentication (4.12) whose steps a page computes.

use std::fmt;

use mqtt::client::{AuthenticationError, Authenticator};
use wasm_bindgen::prelude::*;

use super::host::Host;

const BEGIN: u8 = 0;
const ANSWER: u8 = 1;
const FINISH: u8 = 2;

/// Asks a host for each step.
pub(crate) struct ByHost {
    method: String,
    host: Host,
}

impl ByHost {
    pub(crate) const fn new(method: String, host: Host) -> Self {
        Self { method, host }
    }

    fn ask(&self, step: u8, data: &[u8]) -> Result<Vec<u8>, AuthenticationError> {
        self.host.authenticate(step, data).map_err(|e| AuthenticationError(words(&e)))
    }
}

impl Authenticator for ByHost {
    fn method(&self) -> &str {
        &self.method
    }

    fn begin(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        self.ask(BEGIN, &[])
    }

    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthenticationError> {
        self.ask(ANSWER, data)
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), AuthenticationError> {
        self.ask(FINISH, data).map(drop)
    }
}

/// By hand: what is derived would bring along all that shows a text with escapes.
impl fmt::Debug for ByHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByHost")
    }
}

/// What an Error says, or a text that was thrown in its place.
fn words(thrown: &JsValue) -> String {
    let error = thrown.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    error.or_else(|| thrown.as_string()).unwrap_or_else(|| "the page does not go on".to_owned())
}
