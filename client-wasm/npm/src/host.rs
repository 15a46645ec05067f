//! The JavaScript around this module, and what it is told. `ts/` is the other side.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who is told what happens. Views are good only during the call, and texts are empty where there is none. */
export interface Host {
  /** Messages, packed. */
  messages(index: Uint32Array, bytes: Uint8Array): void;
  /** `reason` is 0 where there is none. */
  published(id: number, outcome: number, reason: number, text: string): void;
  /** The answer to a subscribe or unsubscribe. */
  answered(id: number, reasons: Uint8Array): void;
  /** The Server's words, as fields, just before what they belong to. */
  remark(id: number, fields: Uint8Array): void;
  connected(numbers: Uint32Array, fields: Uint8Array): void;
  /** `retryIn` in milliseconds; negative when nothing follows by itself. */
  ended(code: number, reason: number, text: string, reference: string, retryIn: number): void;
  lost(filter: string, reason: number): void;
  /** A message of which nobody can say whether it arrived. */
  inDoubt(id: number, topic: string, payload: Uint8Array, qos: number): void;
  /** Something that has no more to say than `text`. */
  notice(kind: number, text: string): void;
  /** A step of an authentication: 0 begins, 1 answers, 2 is told the last data. `prove` or `giveUp` follows, after this call. */
  authenticate(step: number, data: Uint8Array): void;
  error(code: number, text: string): Error;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// Whoever is told.
    #[wasm_bindgen(typescript_type = "Host")]
    #[derive(Clone, Debug)]
    pub type Host;

    #[wasm_bindgen(method)]
    pub(crate) fn messages(this: &Host, index: &[u32], bytes: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn published(this: &Host, id: f64, outcome: u8, reason: u8, text: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn answered(this: &Host, id: f64, reasons: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn remark(this: &Host, id: f64, fields: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn connected(this: &Host, numbers: &[u32], fields: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn ended(this: &Host, code: u8, reason: u8, text: &str, reference: &str, retry_in: f64);
    #[wasm_bindgen(method)]
    pub(crate) fn lost(this: &Host, filter: &str, reason: u8);
    #[wasm_bindgen(method, js_name = inDoubt)]
    pub(crate) fn in_doubt(this: &Host, id: f64, topic: &str, payload: &[u8], qos: u8);
    #[wasm_bindgen(method)]
    pub(crate) fn notice(this: &Host, kind: u8, text: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn authenticate(this: &Host, step: u8, data: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn error(this: &Host, code: u8, text: &str) -> JsValue;
}

/// What [`Host::notice`] tells, in the order of `NOTICES` in `ts/client.ts`.
pub(crate) mod notice {
    /// An attempt to connect begins.
    pub(crate) const ATTEMPT: u8 = 0;
    /// The storage has failed: the Session ends with this page.
    pub(crate) const NOT_STORED: u8 = 1;
    /// The credentials were proved anew.
    pub(crate) const REAUTHENTICATED: u8 = 2;
}

/// Why a call is not even tried, in the order of `FAILURES` in `ts/errors.ts`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Topic,
    Argument,
    NotConnected,
    QueueFull,
    Qos,
    Retain,
    TooLarge,
}

impl Host {
    /// An Error of JavaScript.
    pub(crate) fn failure(&self, why: Failure, text: &str) -> JsValue {
        self.error(why as u8, text)
    }
}
