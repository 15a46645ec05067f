//! W&T Web-IO Digital: the standard topics, the tutorial's topics, and a status that its will keeps honest.
//!
//! ```text
//! wut-0a4711/get/output/3   ON | OFF        wut-0a4711/set/output/3   ← ON | OFF
//! wut-0a4711/get/input/3    ON | OFF
//! wut-0a4711/get/counter/3  1432            wut-0a4711/set/counter/3  ← 0
//! wut-0a4711/status         online | offline
//! mywebio/output3/status    ON | OFF        mywebio/output3/set       ← ON | OFF
//! ```
//! Topics and payloads are case-sensitive. Both broad filters catch other people's messages too, so the topic is matched
//! strictly, and a device shows only when two things speak for it.

use crate::text;

use super::codec::Codec;
use super::presence;
use super::spec::{Found, HOLE, Heard, Kind, Payload, Spec};

pub(super) const FILTERS: &[&str] = &["+/get/+/+", "+/status", "+/+/status"];

/// Points a device may have of a kind; the largest Web-IO has 24.
const NUMBERS: u32 = 100;

/// A topic that speaks for itself; none when it is not a Web-IO's, or says nothing of meaning.
pub(super) fn recognise(topic: &str, payload: &[u8]) -> Option<Found> {
    let mut levels = topic.split('/');
    let device = levels.next().filter(|name| !name.is_empty() && !name.starts_with('$'))?;
    let mut found = Found {
        id: device.into(),
        model: "Web-IO".into(),
        weight: 2,
        sure: is_factory_name(device),
        ..Found::default()
    };
    match (levels.next()?, levels.next(), levels.next(), levels.next()) {
        ("status", None, None, None) => {
            if !matches!(payload, b"online" | b"offline") {
                return None;
            }
            // Many others say this too: alone it does not make a Web-IO.
            found.weight = 0;
            found.model = "".into();
            found.presence.push(presence(topic, "online", "offline"));
        }
        ("get", Some(kind), Some(number), None) => {
            let spec = point(kind, number)?;
            let set = format!("{device}/set/{}", spec.key);
            found.points.push(bind(spec, topic, &set, payload)?);
        }
        (point_name, Some("status"), None, None) => {
            let kind = ["output", "input"].into_iter().find(|kind| point_name.starts_with(kind))?;
            let spec = point(kind, point_name.strip_prefix(kind)?)?;
            let set = format!("{device}/{point_name}/set");
            found.points.push(bind(spec, topic, &set, payload)?);
        }
        _ => return None,
    }
    Some(found)
}

/// `wut-` and the last six hexadecimal digits of the MAC.
fn is_factory_name(device: &str) -> bool {
    device
        .strip_prefix("wut-")
        .is_some_and(|mac| mac.len() == 6 && mac.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn point(kind: &str, digits: &str) -> Option<Spec> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    text::count(digits).filter(|&number| plain && number < NUMBERS)?;
    let (word, what) = match kind {
        "output" => ("Output", Kind::Switch),
        "input" => ("Input", Kind::Indicator),
        "counter" => ("Counter", Kind::Counter),
        _ => return None,
    };
    Some(Spec::new(&format!("{kind}/{digits}"), &format!("{word} {digits}"), what))
}

fn bind(spec: Spec, topic: &str, set: &str, payload: &[u8]) -> Option<Spec> {
    let codec = match spec.kind {
        Kind::Counter => Codec::Digits,
        _ => Codec::switch("ON", "OFF"),
    };
    let asked = spec.kind != Kind::Indicator;
    let spec = spec.whole(topic, codec.clone());
    let is_known = matches!(spec.reads[0].hear(&mut Payload::new(payload)), Heard::Value(_));
    let spec = if asked { spec.ask(set, codec, HOLE) } else { spec };
    is_known.then_some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::value::{Num, Value};

    fn spec(topic: &str, payload: &str) -> Option<Spec> {
        recognise(topic, payload.as_bytes())?.points.pop()
    }

    #[test]
    fn recorded_messages_are_read() {
        let on = Value::Switch(true);
        let off = Value::Switch(false);
        for (topic, payload, key, value, asked) in [
            ("wut-0a4711/get/input/1", "ON", "input/1", on.clone(), None),
            (
                "wut-0a4711/get/output/5",
                "OFF",
                "output/5",
                off.clone(),
                Some(("wut-0a4711/set/output/5", "OFF")),
            ),
            (
                "wut-0a4711/get/output/11",
                "ON",
                "output/11",
                on.clone(),
                Some(("wut-0a4711/set/output/11", "ON")),
            ),
            (
                "wut-0a4711/get/counter/0",
                "1432",
                "counter/0",
                Value::Number(Num::whole(1432)),
                Some(("wut-0a4711/set/counter/0", "1432")),
            ),
            ("mywebio/output0/status", "ON", "output/0", on, Some(("mywebio/output0/set", "ON"))),
            ("mywebio/input11/status", "OFF", "input/11", off, None),
        ] {
            let spec = spec(topic, payload).unwrap();
            assert_eq!(&*spec.key, key);
            assert_eq!(
                spec.reads[0].hear(&mut Payload::new(payload.as_bytes())),
                Heard::Value(value.clone()),
                "{topic}"
            );
            let asked = asked.map(|(topic, payload)| (topic.to_owned(), payload.to_owned()));
            assert_eq!(spec.command(&value), asked, "{topic}");
        }
        for word in ["online", "offline"] {
            let found = recognise("wut-0a4711/status", word.as_bytes()).unwrap();
            assert_eq!((found.presence.len(), found.sure), (1, true));
        }
    }

    #[test]
    fn other_peoples_topics_are_left_alone() {
        for topic in [
            "",
            "/",
            "/get/output/1",
            "a/get/output",
            "a/get/output/",
            "a/get/output/x",
            "a/get/output/1/x",
            "a/get/relay/1",
            "a/get/Output/1",
            "a/get/output/01",
            "a/get/output/+1",
            "a/get/output/100",
            "a/get/output/99999999",
            "a/output/status",
            "a/outputs3/status",
            "a/counter3/status",
            "a/b/c/status",
            "$SYS/get/output/1",
            "$SYS/status",
            "a/set/output/1",
        ] {
            assert_eq!(recognise(topic, b"ON"), None, "{topic}");
        }
        assert_eq!(recognise("a/status", b"fine"), None);
    }

    #[test]
    fn payloads_of_no_meaning_make_no_point() {
        for payload in ["on", "TOGGLE", "", "ON ", "\0"] {
            assert_eq!(spec("a/get/output/1", payload), None, "{payload}");
        }
        for payload in ["", "-1", "1.5", "99999999999999999999999", "x"] {
            assert_eq!(spec("a/get/counter/1", payload), None, "{payload}");
        }
    }

    #[test]
    fn factory_names_are_known() {
        assert!(is_factory_name("wut-0a4711"));
        for name in ["wut-", "wut-0a471", "wut-0a47111", "wut-0a471g", "WUT-0a4711", "shop"] {
            assert!(!is_factory_name(name), "{name}");
        }
    }
}
