//! Ways into payloads: a path through a JSON document, and what a template makes of one.
//!
//! Comes into the page with the conventions that need it.

use std::rc::Rc;

use super::codec::Codec;
use super::json::Json;
use super::spec::{At, Form, Heard, Inside, Payload};
use super::template::Template;

/// A value of a JSON document, by names and numbers with `/` between them.
#[must_use]
pub fn path(path: &str) -> At {
    At::Inside(Rc::new(Path(path.into())))
}

/// What a template makes of a payload; none when it is not understood.
#[must_use]
pub fn template(source: &str) -> Option<At> {
    Some(At::Inside(Rc::new(Template::new(source)?)))
}

/// What a template makes of a value; none when it is not understood.
#[must_use]
pub fn made(source: &str) -> Option<Form> {
    Some(Form::Made(Rc::new(Template::new(source)?)))
}

#[derive(Debug)]
struct Path(Box<str>);

impl Inside for Path {
    fn hear(&self, payload: &mut Payload<'_>, codec: &Codec) -> Heard {
        match payload.json().and_then(|json| json.at(&self.0)) {
            Some(value) => codec.hear(Some(value)),
            None => Heard::Nothing,
        }
    }

    fn render(&self, _: &str) -> Option<String> {
        None
    }

    fn source(&self) -> (&'static str, &str) {
        ("path", &self.0)
    }
}

impl Inside for Template {
    fn hear(&self, payload: &mut Payload<'_>, codec: &Codec) -> Heard {
        let Some(text) = payload.text() else { return Heard::Meaningless };
        match Self::render(self, text, payload.json()) {
            Ok(text) if text.trim().is_empty() => Heard::Nothing,
            Ok(text) => codec.hear(Some(&Json::Text(text.trim().to_owned()))),
            Err(_) => Heard::Meaningless,
        }
    }

    fn render(&self, value: &str) -> Option<String> {
        Self::render(self, value, None).ok()
    }

    fn source(&self) -> (&'static str, &str) {
        ("template", Self::source(self))
    }
}
