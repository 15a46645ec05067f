//! Where a value stands in a JSON payload, as people write it: `sensor.temp`, `a[0].b`, `["odd name"].x`. Pure.

use crate::devices::json::Json;
use crate::text;
use crate::tongue::{fill, say};

/// What stands there.
///
/// # Errors
/// In words: the path is odd, or leads nowhere, and where it ends.
pub fn find<'a>(json: &'a Json, path: &str) -> Result<&'a Json, String> {
    let mut value = json;
    for step in steps(path).ok_or_else(|| fill("The path {} is not understood.", &[path]))? {
        value = match (&step, value) {
            (Step::Name(name), Json::Map(_)) => {
                value.get(name).ok_or_else(|| fill("There is no {} in this message.", &[name]))?
            }
            (Step::At(at), Json::List(items)) => items.get(*at).ok_or_else(|| {
                fill("The list has {} items, not number {}.", &[&items.len().to_string(), &at.to_string()])
            })?,
            (Step::Name(name), _) => return Err(fill("There is no {} in this message.", &[name])),
            (Step::At(_), _) => return Err(say("The path asks for a list where there is none.")),
        };
    }
    Ok(value)
}

/// What a message says at a path; without a path all of it. `json` is the message where it is JSON, `text` where it is text.
///
/// # Errors
/// In words: it is no text, no JSON, or has nothing plain there.
pub fn value(json: Option<&Json>, text: Option<&str>, path: &str) -> Result<Json, String> {
    if path.is_empty() {
        let text = text.ok_or_else(|| say("This message is no text."))?;
        return match json {
            None => Ok(Json::Text(text.trim().to_owned())),
            // A text between quotes is meant without them.
            Some(json) if json.plain().is_some() => Ok(json.clone()),
            Some(_) => Err(say("This message is JSON: say which value of it is meant.")),
        };
    }
    let json = json.ok_or_else(|| say("This message is not JSON."))?;
    let value = find(json, path)?;
    let is_plain = value.plain().is_some();
    is_plain.then(|| value.clone()).ok_or_else(|| fill("At {} stands no single value.", &[path]))
}

/// The paths to all single values of a document, in their order, and not more than [`MAX_PATHS`].
#[must_use]
pub fn paths(json: &Json) -> Vec<String> {
    let mut all = Vec::new();
    walk(json, String::new(), &mut all);
    all
}

/// What is offered of a document's paths.
pub const MAX_PATHS: usize = 50;

fn walk(json: &Json, so_far: String, all: &mut Vec<String>) {
    if all.len() >= MAX_PATHS {
        return;
    }
    for (name, value) in json.members() {
        let is_plain = !name.is_empty() && !name.contains(['.', '[', ']', '"']);
        let step = match (is_plain, so_far.is_empty()) {
            (true, true) => name.clone(),
            (true, false) => format!("{so_far}.{name}"),
            // A name with a quote cannot be written.
            (false, _) if name.contains("\"]") => continue,
            (false, _) => format!("{so_far}[\"{name}\"]"),
        };
        walk(value, step, all);
    }
    for (at, value) in json.items().iter().enumerate() {
        walk(value, format!("{so_far}[{at}]"), all);
    }
    if json.plain().is_some() && !so_far.is_empty() && all.len() < MAX_PATHS {
        all.push(so_far);
    }
}

enum Step {
    Name(String),
    At(usize),
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    let mut after_dot = true;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, behind) = quoted.split_once("\"]")?;
            steps.push(Step::Name(name.to_owned()));
            rest = behind;
        } else if let Some(number) = rest.strip_prefix('[') {
            let (number, behind) = number.split_once(']')?;
            steps.push(Step::At(text::place(number.trim())?));
            rest = behind;
        } else if after_dot {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            (!name.is_empty()).then(|| steps.push(Step::Name(name.to_owned())))?;
            rest = behind;
        } else {
            return None;
        }
        after_dot = rest.starts_with('.');
        if after_dot {
            rest = &rest[1..];
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        br#"{"sensor":{"temp":21.5,"on":true,"none":null},"a":[{"b":"x"},[7,8]],"odd name.x":{"y":1}}"#;

    fn plain(payload: &[u8], path: &str) -> Result<String, String> {
        let json = Json::read(payload);
        let found = value(json.as_ref(), std::str::from_utf8(payload).ok(), path)?;
        Ok(found.plain().unwrap_or_default().to_owned())
    }

    #[test]
    fn each_single_value_of_a_document_is_offered() {
        let json = Json::read(TEXT).unwrap();
        let all = paths(&json);
        assert_eq!(
            all,
            ["sensor.temp", "sensor.on", "a[0].b", "a[1][0]", "a[1][1]", "[\"odd name.x\"].y"],
            "in their order, without what says nothing"
        );
        assert!(all.iter().all(|path| plain(TEXT, path).is_ok()));
        let long = format!("[{}1]", "1,".repeat(500));
        assert_eq!(paths(&Json::read(long.as_bytes()).unwrap()).len(), MAX_PATHS);
    }

    #[test]
    fn paths_lead_to_values() {
        for (path, value) in [
            ("sensor.temp", "21.5"),
            ("sensor.on", "true"),
            ("a[0].b", "x"),
            ("a[1][1]", "8"),
            ("[\"odd name.x\"].y", "1"),
            ("sensor[\"temp\"]", "21.5"),
            (" sensor.temp ", "21.5"),
        ] {
            assert_eq!(plain(TEXT, path).as_deref(), Ok(value), "{path}");
        }
        assert_eq!(plain(b"[3,4]", "[1]").as_deref(), Ok("4"));
        for (payload, value) in
            [(&b" 21.5 "[..], "21.5"), (b"\"ON\"", "ON"), (b"ON", "ON"), (b"{a", "{a"), (b"", "")]
        {
            assert_eq!(plain(payload, "").as_deref(), Ok(value));
        }
    }

    #[test]
    fn paths_that_lead_nowhere_say_why() {
        for (path, words) in [
            ("sensor.humidity", "There is no humidity in this message."),
            ("sensor.temp.deep", "There is no deep in this message."),
            ("a[5]", "The list has 2 items, not number 5."),
            ("sensor[0]", "The path asks for a list where there is none."),
            ("sensor", "At sensor stands no single value."),
            ("sensor.none", "At sensor.none stands no single value."),
            ("sensor..temp", "The path sensor..temp is not understood."),
            ("sensor.", "The path sensor. is not understood."),
            (".sensor", "The path .sensor is not understood."),
            ("a[x]", "The path a[x] is not understood."),
            ("a[0", "The path a[0 is not understood."),
            ("a[0]b", "The path a[0]b is not understood."),
        ] {
            assert_eq!(plain(TEXT, path), Err(words.to_owned()), "{path}");
        }
        assert_eq!(plain(b"21.5 C", "a"), Err("This message is not JSON.".to_owned()));
        assert_eq!(plain(b"\xff", ""), Err("This message is no text.".to_owned()));
    }
}
