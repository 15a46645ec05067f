//! The JavaScript around this module: what it is told, and the settings it hands in. `ts/` is the other side.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who is told what happens. Never throws. */
export interface Host {
  /** Messages, packed; both views are good only during the call. */
  messages(index: Uint32Array, bytes: Uint8Array): void;
  /** `reason` is 0 where there is none. */
  published(id: number, outcome: number, reason: number, text?: string): void;
  /** The answer to a subscribe or unsubscribe. */
  answered(id: number, reasons: Uint8Array): void;
  /** The Server's words, just before what they belong to. */
  remark(id: number, text: string | undefined, pairs: string[]): void;
  connected(numbers: Uint32Array, clientId: string, responseInformation: string | undefined,
    reasonString: string | undefined, pairs: string[]): void;
  /** `retryIn` in milliseconds; negative when nothing follows by itself. */
  ended(code: EndCode, reason: number, text: string, reference: string | undefined, retryIn: number): void;
  lost(filter: string, reason: number): void;
  error(code: FailureCode, text: string): Error;
}

/** Why a connection, or the attempt at one, ended. */
export type EndCode = 'stopped' | 'refused' | 'disconnected' | 'taken-over' | 'connect-timeout' | 'ping-timeout'
  | 'transport-closed' | 'unsendable' | 'unauthentic' | 'malformed' | 'protocol-error';

/** Why a call is not even tried. */
export type FailureCode = 'invalid-topic' | 'invalid-argument' | 'not-connected' | 'queue-full'
  | 'qos-not-supported' | 'retain-not-supported' | 'too-large';

/** User properties as name, value, name, value …. */
export type Pairs = string[];

/** Properties of a message on its way out. */
export interface Properties {
  payloadIsUtf8?: boolean;
  expiry?: number;
  responseTopic?: string;
  correlationData?: Uint8Array;
  contentType?: string;
  userProperties?: Pairs;
}

export interface Will {
  topic: string;
  payload: Uint8Array;
  qos?: number;
  retain?: boolean;
  delay?: number;
  properties?: Properties;
}

export interface Settings {
  version?: number;
  fallBack?: boolean;
  clientId?: string;
  clean?: boolean;
  keepAlive?: number;
  username?: string;
  password?: Uint8Array;
  will?: Will;
  sessionExpiry?: number;
  receiveMaximum?: number;
  maxPacketBytes?: number;
  requestResponseInformation?: boolean;
  userProperties?: Pairs;
  connectTimeout?: number;
  maxQueuedMessages?: number;
  maxQueuedBytes?: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// Whoever is told.
    #[wasm_bindgen(typescript_type = "Host")]
    #[derive(Debug)]
    pub type Host;

    #[wasm_bindgen(method)]
    pub(crate) fn messages(this: &Host, index: &[u32], bytes: &[u8]);
    #[wasm_bindgen(method)]
    pub(crate) fn published(this: &Host, id: f64, outcome: u8, reason: u8, text: Option<String>);
    #[wasm_bindgen(method)]
    pub(crate) fn answered(this: &Host, id: f64, reasons: Vec<u8>);
    #[wasm_bindgen(method)]
    pub(crate) fn remark(this: &Host, id: f64, text: Option<String>, pairs: Vec<String>);
    #[wasm_bindgen(method)]
    pub(crate) fn connected(
        this: &Host,
        numbers: &[u32],
        client_id: &str,
        response_information: Option<String>,
        reason_string: Option<String>,
        pairs: Vec<String>,
    );
    #[wasm_bindgen(method)]
    pub(crate) fn ended(
        this: &Host,
        code: &str,
        reason: u8,
        text: String,
        reference: Option<String>,
        retry_in: f64,
    );
    #[wasm_bindgen(method)]
    pub(crate) fn lost(this: &Host, filter: &str, reason: u8);
    #[wasm_bindgen(method)]
    pub(crate) fn error(this: &Host, code: &str, text: &str) -> JsValue;

    /// Properties of a message.
    #[wasm_bindgen(typescript_type = "Properties")]
    #[derive(Debug)]
    pub type Properties;

    #[wasm_bindgen(method, getter, js_name = payloadIsUtf8)]
    pub(crate) fn payload_is_utf8(this: &Properties) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn expiry(this: &Properties) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = responseTopic)]
    pub(crate) fn response_topic(this: &Properties) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = correlationData)]
    pub(crate) fn correlation_data(this: &Properties) -> Option<Vec<u8>>;
    #[wasm_bindgen(method, getter, js_name = contentType)]
    pub(crate) fn content_type(this: &Properties) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = userProperties)]
    pub(crate) fn user_properties(this: &Properties) -> Option<Vec<String>>;

    /// A will.
    #[wasm_bindgen(typescript_type = "Will")]
    pub(crate) type Will;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn topic(this: &Will) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn payload(this: &Will) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn qos(this: &Will) -> Option<u8>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn retain(this: &Will) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn delay(this: &Will) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn properties(this: &Will) -> Option<Properties>;

    /// How to connect.
    #[wasm_bindgen(typescript_type = "Settings")]
    #[derive(Debug)]
    pub type Settings;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn version(this: &Settings) -> Option<u8>;
    #[wasm_bindgen(method, getter, js_name = fallBack)]
    pub(crate) fn fall_back(this: &Settings) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = clientId)]
    pub(crate) fn client_id(this: &Settings) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn clean(this: &Settings) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = keepAlive)]
    pub(crate) fn keep_alive(this: &Settings) -> Option<u16>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn username(this: &Settings) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn password(this: &Settings) -> Option<Vec<u8>>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn will(this: &Settings) -> Option<Will>;
    #[wasm_bindgen(method, getter, js_name = sessionExpiry)]
    pub(crate) fn session_expiry(this: &Settings) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = receiveMaximum)]
    pub(crate) fn receive_maximum(this: &Settings) -> Option<u16>;
    #[wasm_bindgen(method, getter, js_name = maxPacketBytes)]
    pub(crate) fn max_packet_bytes(this: &Settings) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = requestResponseInformation)]
    pub(crate) fn request_response_information(this: &Settings) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = userProperties)]
    pub(crate) fn connect_user_properties(this: &Settings) -> Option<Vec<String>>;
    #[wasm_bindgen(method, getter, js_name = connectTimeout)]
    pub(crate) fn connect_timeout(this: &Settings) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = maxQueuedMessages)]
    pub(crate) fn max_queued_messages(this: &Settings) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = maxQueuedBytes)]
    pub(crate) fn max_queued_bytes(this: &Settings) -> Option<u32>;
}
