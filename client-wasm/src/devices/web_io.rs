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

use super::{Form, Kind, Says, Signal, TileKey, Value};

pub(super) const FILTERS: &[&str] = &["+/get/+/+", "+/status", "+/+/status"];

/// Points a device may have of a kind; the largest Web-IO has 24.
const NUMBERS: u16 = 100;

pub(super) fn read<'a>(topic: &'a str, payload: &[u8]) -> Option<Signal<'a>> {
    let mut levels = topic.split('/');
    let device = levels.next().filter(|name| !name.is_empty() && !name.starts_with('$'))?;
    let says = match (levels.next()?, levels.next(), levels.next(), levels.next()) {
        ("status", None, None, None) => Says::Online(online(payload)?),
        ("get", Some(kind), Some(number), None) => {
            let key = TileKey { kind: kind_of(kind)?, number: number_of(number)? };
            Says::Value { key, value: value(key.kind, payload), form: Form::Standard }
        }
        (point, Some("status"), None, None) => {
            let key = point_of(point)?;
            Says::Value { key, value: value(key.kind, payload), form: Form::Tutorial }
        }
        _ => return None,
    };
    Some(Signal { device, says })
}

pub(super) fn command(device: &str, key: TileKey, form: Form, wanted: Value) -> (String, String) {
    let topic = match form {
        Form::Standard => format!("{device}/set/{key}"),
        Form::Tutorial => format!("{device}/{}{}/set", key.kind.word(), key.number),
    };
    (topic, wanted.to_string())
}

/// `wut-` and the last six hexadecimal digits of the MAC.
pub(super) fn is_factory_name(device: &str) -> bool {
    device
        .strip_prefix("wut-")
        .is_some_and(|mac| mac.len() == 6 && mac.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn kind_of(word: &str) -> Option<Kind> {
    [Kind::Output, Kind::Input, Kind::Counter].into_iter().find(|kind| kind.word() == word)
}

fn number_of(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    digits.parse().ok().filter(|&number| plain && number < NUMBERS)
}

/// `output3` and `input3` of the tutorial.
fn point_of(point: &str) -> Option<TileKey> {
    let kind = [Kind::Output, Kind::Input].into_iter().find(|kind| point.starts_with(kind.word()))?;
    Some(TileKey { kind, number: number_of(point.strip_prefix(kind.word())?)? })
}

fn online(payload: &[u8]) -> Option<bool> {
    match payload {
        b"online" => Some(true),
        b"offline" => Some(false),
        _ => None,
    }
}

fn value(kind: Kind, payload: &[u8]) -> Option<Value> {
    match (kind, payload) {
        (Kind::Output | Kind::Input, b"ON") => Some(Value::Switch(true)),
        (Kind::Output | Kind::Input, b"OFF") => Some(Value::Switch(false)),
        (Kind::Counter, digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok()?.parse().ok().map(Value::Count)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, number: u16) -> TileKey {
        TileKey { kind, number }
    }

    fn says(topic: &str, payload: &str) -> Option<Says> {
        read(topic, payload.as_bytes()).map(|signal| signal.says)
    }

    #[test]
    fn recorded_messages_are_read() {
        for (topic, payload, kind, number, value, form) in [
            ("wut-0a4711/get/input/1", "ON", Kind::Input, 1, Value::Switch(true), Form::Standard),
            ("wut-0a4711/get/output/5", "OFF", Kind::Output, 5, Value::Switch(false), Form::Standard),
            ("wut-0a4711/get/counter/0", "1432", Kind::Counter, 0, Value::Count(1432), Form::Standard),
            ("mywebio/output0/status", "ON", Kind::Output, 0, Value::Switch(true), Form::Tutorial),
            ("mywebio/input11/status", "OFF", Kind::Input, 11, Value::Switch(false), Form::Tutorial),
        ] {
            let expected = Says::Value { key: key(kind, number), value: Some(value), form };
            assert_eq!(says(topic, payload), Some(expected), "{topic}");
        }
        assert_eq!(says("wut-0a4711/status", "online"), Some(Says::Online(true)));
        assert_eq!(says("wut-0a4711/status", "offline"), Some(Says::Online(false)));
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
            assert_eq!(read(topic, b"ON"), None, "{topic}");
        }
        assert_eq!(read("a/status", b"fine"), None);
    }

    #[test]
    fn payloads_of_no_meaning_are_said_to_have_none() {
        let nothing = |kind, form| Some(Says::Value { key: key(kind, 1), value: None, form });
        for payload in ["on", "TOGGLE", "", "ON ", "\0"] {
            assert_eq!(says("a/get/output/1", payload), nothing(Kind::Output, Form::Standard), "{payload}");
        }
        for payload in ["", "-1", "1.5", "99999999999999999999999", "x"] {
            assert_eq!(says("a/get/counter/1", payload), nothing(Kind::Counter, Form::Standard), "{payload}");
        }
    }

    #[test]
    fn a_wish_is_put_as_the_device_wants_it() {
        let ask = |form, kind, wanted| command("dev", key(kind, 3), form, wanted);
        let on = ask(Form::Standard, Kind::Output, Value::Switch(true));
        assert_eq!(on, ("dev/set/output/3".into(), "ON".into()));
        let zero = ask(Form::Standard, Kind::Counter, Value::Count(0));
        assert_eq!(zero, ("dev/set/counter/3".into(), "0".into()));
        let off = ask(Form::Tutorial, Kind::Output, Value::Switch(false));
        assert_eq!(off, ("dev/output3/set".into(), "OFF".into()));
    }

    #[test]
    fn factory_names_are_known() {
        assert!(is_factory_name("wut-0a4711"));
        for name in ["wut-", "wut-0a471", "wut-0a47111", "wut-0a471g", "WUT-0a4711", "shop"] {
            assert!(!is_factory_name(name), "{name}");
        }
    }
}
