//! A call as soon as the browser has done what else it has to do. Unlike a timer it is not slowed down on hidden pages.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{MessageChannel, MessagePort};

/// One call for all that asked since the last.
pub(super) struct Soon {
    ports: Option<(MessagePort, MessagePort)>,
    asked: Rc<Cell<bool>>,
    _call: Closure<dyn FnMut()>,
}

impl Soon {
    pub(super) fn new(mut call: impl FnMut() + 'static) -> Self {
        let asked = Rc::new(Cell::new(false));
        let was_asked = Rc::clone(&asked);
        let call: Closure<dyn FnMut()> = Closure::new(move || {
            if was_asked.replace(false) {
                call();
            }
        });
        let ports = MessageChannel::new().ok().map(|channel| (channel.port1(), channel.port2()));
        if let Some((_, end)) = &ports {
            end.set_onmessage(Some(call.as_ref().unchecked_ref()));
        }
        Self { ports, asked, _call: call }
    }

    pub(super) fn ask(&self) {
        if let Some((port, _)) = &self.ports
            && !self.asked.replace(true)
        {
            // Fails for nothing that is a null.
            let _ = port.post_message(&JsValue::NULL);
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.get()
    }
}

impl Drop for Soon {
    fn drop(&mut self) {
        if let Some((port, end)) = &self.ports {
            end.set_onmessage(None);
            port.close();
        }
    }
}
