//! Which language the page speaks: what was chosen in this browser, else the first that the browser asks for and there is a
//! table of.

use js_sys::Intl::{DateTimeFormat, NumberFormat};
use js_sys::{Array, Date, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{RequestCache, Storage};

use crate::locale::{self, Locale};
use crate::tongue::{self, Table};

use super::fetch;

const KEY: &str = "switchboard-language";
/// A table that does not come keeps nobody waiting: then English is spoken.
const PATIENCE_MS: u32 = 3_000;

/// Code and own name. A language more is a line here and a table in `www/words`.
pub(crate) const ALL: [(&str, &str); 2] = [("en", "English"), ("de", "Deutsch")];

/// The code that was chosen; none for what the browser asks for.
pub(crate) fn chosen() -> Option<String> {
    storage()?.get_item(KEY).ok()?
}

/// Chooses, and begins anew with it.
pub(crate) fn choose(code: Option<&str>) {
    if let Some(storage) = storage() {
        // A storage that is full or forbidden keeps no choice.
        let _ = match code {
            Some(code) => storage.set_item(KEY, code),
            None => storage.remove_item(KEY),
        };
    }
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Learns the language before anything is drawn.
pub(crate) async fn learn() {
    let code = chosen().or_else(wished).unwrap_or_default();
    if let Some(locale) = place_of(&code) {
        locale::adopt(locale);
    }
    let Some((code, _)) = ALL.iter().skip(1).find(|(other, _)| *other == code) else { return };
    if let Some(table) = table(code).await {
        tongue::learn(table);
        super::mark("lang", code);
    }
}

/// The first language of the browser's list that there is.
fn wished() -> Option<String> {
    let languages = web_sys::window()?.navigator().languages();
    let code =
        |tag: String| ALL.iter().find(|(code, _)| tag.split('-').next() == Some(code)).map(|(code, _)| *code);
    languages.iter().find_map(|tag| code(tag.as_string()?)).map(str::to_owned)
}

/// How numbers and times are written in the place that the browser names beside the language. English alone is no place.
fn place_of(code: &str) -> Option<Locale> {
    let languages = web_sys::window()?.navigator().languages();
    let is_of = |tag: &JsValue| tag.as_string().is_some_and(|tag| tag.split('-').next() == Some(code));
    let tag = languages.iter().find(is_of).or_else(|| (!matches!(code, "" | "en")).then(|| code.into()))?;
    tag.as_string().and_then(|tag| Locale::of(&tag)).or_else(|| asked(&tag))
}

/// The same of a place that only the browser knows.
fn asked(tag: &JsValue) -> Option<Locale> {
    let (tags, none) = (Array::of1(tag), Object::new());
    let number = NumberFormat::new(&tags, &none).format_to_parts(12_345.5);
    let wanted = Object::new();
    Reflect::set(&wanted, &"hour".into(), &"numeric".into()).ok()?;
    let time = DateTimeFormat::new(&tags, &wanted);
    let half =
        |hour| part(&time.format_to_parts(&Date::new_with_year_month_day_hr(2020, 0, 1, hour)), "dayPeriod");
    let halves = half(9).zip(half(21)).map(<[String; 2]>::from);
    Some(Locale { point: part(&number, "decimal")?.into(), group: part(&number, "group")?.into(), halves })
}

fn part(parts: &Array, kind: &str) -> Option<String> {
    let text = |part: &JsValue, name: &str| Reflect::get(part, &name.into()).ok()?.as_string();
    parts
        .iter()
        .find(|part| text(part, "type").as_deref() == Some(kind))
        .and_then(|part| text(&part, "value"))
}

async fn table(code: &str) -> Option<Table> {
    let json = fetch::json(&format!("/{code}.json"), PATIENCE_MS, RequestCache::Default).await?;
    let entries = Object::entries(json.dyn_ref()?);
    let pair = |entry: JsValue| {
        let entry: Array = entry.dyn_into().ok()?;
        Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
    };
    Some(entries.iter().filter_map(pair).collect())
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
