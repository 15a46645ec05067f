//! What can be done to a value behind a `|`.

use crate::text;

use super::{Got, Json, Num, Obscure, shown, truth};

/// Applies a filter.
pub(super) fn apply(name: &str, got: Option<Json>, arguments: &[Option<Json>]) -> Got {
    let argument = |n: usize| arguments.get(n).cloned().flatten();
    let text = || shown(got.as_ref());
    let numeral = || got.as_ref().and_then(Json::plain).and_then(Num::read);
    let written = |n: Num| Some(Json::Number(n.to_string()));
    Ok(match name {
        "float" => numeral().map_or_else(|| argument(0), written),
        "int" => match numeral() {
            // Cut off, not rounded.
            Some(n) => written(Num(n.0 / 1_000_000 * 1_000_000)),
            None => argument(0).or_else(|| Some(Json::Number("0".to_owned()))),
        },
        "round" => {
            let places = argument(0).as_ref().and_then(Json::plain).and_then(text::count);
            numeral().and_then(|n| written(n.rounded(places.unwrap_or(0))))
        }
        "abs" => numeral().and_then(|n| written(Num(n.0.saturating_abs()))),
        "upper" => Some(Json::Text(text().to_ascii_uppercase())),
        "lower" => Some(Json::Text(text().to_ascii_lowercase())),
        "trim" => Some(Json::Text(text().trim().to_owned())),
        "string" => Some(Json::Text(text())),
        "replace" => {
            let (from, to) = (shown(argument(0).as_ref()), shown(argument(1).as_ref()));
            // Bounded: what is put in is never longer than the template.
            Some(Json::Text(text::put_some(&text(), &from, &to, 16)))
        }
        "default" | "d" => got.or_else(|| argument(0)),
        "is_defined" => got,
        "bool" => Some(Json::Bool(matches!(&*text().to_ascii_lowercase(), "true" | "on" | "yes" | "1"))),
        "iif" if truth(got.as_ref()) => argument(0).or(Some(Json::Bool(true))),
        "iif" => argument(1).or(Some(Json::Bool(false))),
        "tojson" | "to_json" => match got {
            Some(Json::Text(text)) => {
                Some(Json::Text(format!("\"{}\"", crate::devices::json::escaped(&text))))
            }
            other => other.as_ref().and_then(Json::plain).map(|text| Json::Text(text.to_owned())),
        },
        _ => return Err(Obscure),
    })
}
