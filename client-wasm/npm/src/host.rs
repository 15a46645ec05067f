//! The JavaScript around this module, and what it is told. `ts/client.ts` is the other side.
//!
//! Two ways lead there, and texts go as UTF-8: each way more would weigh more than what it makes clearer.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who is told what happens. Views are good only during the call. */
export interface Host {
  /** Messages, packed. */
  messages(index: Uint32Array, bytes: Uint8Array): void;
  /** Anything else: `kind` says what, and what the rest means. */
  tell(kind: number, number: number, code: number, reason: number, bytes: Uint8Array): void;
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
    #[wasm_bindgen(method, js_name = tell)]
    fn tell_raw(this: &Host, kind: u8, number: f64, code: u32, reason: u8, bytes: &[u8]);
}

/// What a host is told, in the order of `KINDS` in `ts/told.ts`. What is not named is zero or empty.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// An attempt to connect begins.
    Attempt,
    /// The storage has failed, as the bytes say: the Session ends with this page.
    NotStored,
    /// The credentials were proved anew.
    Reauthenticated,
    /// What became of the message `number`: `code` is the outcome, and the bytes say more.
    Published,
    /// The answer to the subscribe or unsubscribe `number`: a Reason Code for each filter.
    Answered,
    /// The Server's words, as fields, just before what they belong to.
    Remark,
    /// What the Server granted: numbers of four bytes, the lowest first, and fields behind them.
    Connected,
    /// `code` says why, and the fields more. `number` is in milliseconds, and negative when nothing follows by itself.
    Ended,
    /// A subscription to the filter in the bytes is gone.
    Lost,
    /// A message of which nobody can say whether it arrived. `code` is the length of its topic, which stands before its payload;
    /// `reason` its QoS.
    InDoubt,
    /// A step of an authentication: `code` 0 begins, 1 answers, 2 is told the last data. `prove` or `giveUp` follows, after this
    /// call.
    Authenticate,
    /// Why the call that is under way is not even tried: a [`Failure`], and in words.
    Failed,
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

/// A call is not even tried, which the host was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

impl Host {
    pub(crate) fn tell(&self, told: Told, number: f64, code: u32, reason: u8, bytes: &[u8]) {
        self.tell_raw(told as u8, number, code, reason, bytes);
    }

    pub(crate) fn failure(&self, why: Failure, text: &str) -> Failed {
        self.tell(Told::Failed, 0.0, why as u32, 0, text.as_bytes());
        Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_kinds_in_one_order() {
        let text = include_str!("../ts/told.ts");
        let list = text.split("KINDS = [").nth(1).unwrap().split(']').next().unwrap();
        let there: Vec<_> = list.split('\'').skip(1).step_by(2).map(str::to_lowercase).collect();
        use Told as T;
        let here = [
            T::Attempt,
            T::NotStored,
            T::Reauthenticated,
            T::Published,
            T::Answered,
            T::Remark,
            T::Connected,
            T::Ended,
            T::Lost,
            T::InDoubt,
            T::Authenticate,
            T::Failed,
        ];
        assert_eq!(there, here.map(|told| format!("{told:?}").to_lowercase()));
        assert!(here.iter().enumerate().all(|(at, told)| *told as usize == at));
    }
}
