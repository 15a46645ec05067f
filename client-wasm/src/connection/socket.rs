//! One WebSocket. Knows bytes and frames, not what they mean.

use js_sys::{ArrayBuffer, Uint8Array};
use mqtt::Words as _;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// The subprotocol of MQTT over WebSocket [MQTT-6.0.0-3], [MQTT3-6.0.0-3].
const PROTOCOL: &str = "mqtt";

/// What a socket has to tell.
pub(super) enum Happening {
    /// It is open.
    Opened,
    /// A frame came; frames and packets need not agree [MQTT-6.0.0-2].
    Frame(Vec<u8>),
    /// It is gone, and why. Nothing follows.
    Closed(String),
}

/// An open or opening socket. Dropping it closes it, and it tells nothing more.
pub(super) struct Socket {
    raw: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    pub(super) fn open(address: &str, tell: impl Fn(Happening) + Clone + 'static) -> Result<Self, String> {
        let raw = WebSocket::new_with_str(address, PROTOCOL).map_err(words)?;
        raw.set_binary_type(BinaryType::Arraybuffer);

        let (on_open, on_message, on_close) = (tell.clone(), tell.clone(), tell);
        let on_open = Closure::new(move || on_open(Happening::Opened));
        let on_message =
            Closure::new(move |event: MessageEvent| match event.data().dyn_into::<ArrayBuffer>() {
                // The only copy: everything behind this works on these bytes.
                Ok(frame) => on_message(Happening::Frame(Uint8Array::new(&frame).to_vec())),
                Err(_) => on_message(Happening::Closed("a text frame came [MQTT-6.0.0-1]".to_owned())),
            });
        let on_close = Closure::new(move |event: CloseEvent| on_close(Happening::Closed(farewell(&event))));

        raw.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        raw.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        raw.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { raw, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    /// Bytes that were given to [`send`](Self::send) and have not left.
    pub(super) fn buffered(&self) -> u32 {
        self.raw.buffered_amount()
    }

    /// One frame.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), String> {
        self.raw.send_with_u8_array(bytes).map_err(words)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.raw.set_onopen(None);
        self.raw.set_onmessage(None);
        self.raw.set_onclose(None);
        // Fails for no code and no reason never.
        let _ = self.raw.close();
    }
}

fn farewell(event: &CloseEvent) -> String {
    let code = usize::from(event.code()).words();
    match event.reason() {
        _ if code == "1006" => "the socket could not be opened or broke off (1006)".to_owned(),
        reason if reason.is_empty() => ["code ", &code].concat(),
        reason => [&reason, " (", &code, ")"].concat(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn words(error: JsValue) -> String {
    let message = js_sys::Reflect::get(&error, &"message".into()).ok().and_then(|m| m.as_string());
    message.unwrap_or_else(|| "the browser refused it".to_owned())
}
