//! How a layout is written: as JSON, with who wrote it and what it was made from. The same text is kept by the broker and in a
//! file that is carried elsewhere. Pure.
//!
//! ```json
//! {"switchboard":"layout 1","version":4,"id":"00000000000000b2","parent":"00000000000000a1","author":"Phone k3f9",
//!  "pages":[{"title":"Hall","tiles":[{"device":"wut-0a4711","key":"output/3","wide":true},
//!                                    {"model":"Web-IO","key":"counter/0","alarm":{"above":30,"margin":1,"offline":true}},
//!                                    {"kind":"value","key":"k3f9","topic":"hall/air","path":"temp","show":"gauge"}]}]}
//! ```
//!
//! Members that are not known here, and kinds of tiles that are not, are kept and written back: a later page knows them.

use crate::devices::Num;
use crate::devices::json::{Json, escaped, write_members};

use super::{Alarm, Edit, Layout, More, Of, Place};

/// Where layouts are kept, retained: below this by name.
pub const TOPICS: &str = "switchboard/layouts/";
/// What is larger is no layout.
pub const MAX_BYTES: usize = 128 << 10;

const KIND: &str = "layout 1";
/// What of this is not known stands under the same name among the other unknown members of a place.
const ALARM: &str = "alarm";

/// A saved layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Counted up with each save.
    pub version: u64,
    /// Tells this save from all others.
    pub id: u64,
    /// What it was made from; 0 for nothing.
    pub parent: u64,
    /// Who saved it.
    pub author: String,
    /// What was saved.
    pub layout: Layout,
}

/// Why a text is no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is something else.
    Other,
    /// A later program wrote it.
    Newer,
}

impl Document {
    /// Reads one.
    ///
    /// # Errors
    /// It is something else, or of a later program, which may know more than this one could write back.
    pub fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        let json = (bytes.len() <= MAX_BYTES).then(|| Json::read(bytes)).flatten().ok_or(Wrong::Other)?;
        match json.text("switchboard") {
            KIND => {}
            later if later.starts_with("layout ") => return Err(Wrong::Newer),
            _ => return Err(Wrong::Other),
        }
        let id = |name: &str| u64::from_str_radix(json.text(name), 16).unwrap_or(0);
        let mut layout = Layout::default();
        for page in json.get("pages").map(Json::items).unwrap_or_default() {
            // Each rule of arranging holds for what comes from elsewhere too.
            if !layout.apply(Edit::AddPage(page.text("title").to_owned())) {
                continue;
            }
            let at = layout.pages.len() - 1;
            layout.pages[at].more = more(page, &["title", "tiles"]);
            for tile in page.get("tiles").map(Json::items).unwrap_or_default() {
                if let Some(place) = place(tile) {
                    layout.apply(Edit::Add(at, place));
                }
            }
        }
        layout.more = more(&json, &["switchboard", "version", "id", "parent", "author", "pages"]);
        Ok(Self {
            version: json.text("version").parse().unwrap_or(0),
            id: id("id"),
            parent: id("parent"),
            author: json.text("author").chars().take(super::MAX_TITLE).collect(),
            layout,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn write(&self) -> String {
        let Self { version, id, parent, author, layout } = self;
        let author = escaped(author);
        let pages: Vec<String> = layout.pages.iter().map(page).collect();
        let pages = pages.join(",");
        let more = rest(&layout.more);
        format!(
            "{{\"switchboard\":\"{KIND}\",\"version\":{version},\"id\":\"{id:016x}\",\"parent\":\"{parent:016x}\",\
             \"author\":\"{author}\",\"pages\":[{pages}]{more}}}"
        )
    }
}

fn page(page: &super::Page) -> String {
    let tiles: Vec<String> = page.places.iter().map(tile).collect();
    format!("{{\"title\":\"{}\",\"tiles\":[{}]{}}}", escaped(&page.title), tiles.join(","), rest(&page.more))
}

/// The members that are not known.
fn more(json: &Json, known: &[&str]) -> More {
    json.members().iter().filter(|(name, _)| !known.contains(&name.as_str())).cloned().collect()
}

/// They behind those that are.
fn rest(more: &More) -> String {
    let mut out = String::new();
    write_members(more, false, &mut out);
    out
}

fn tile(place: &Place) -> String {
    let (what, name) = match &place.of {
        Of::Device(name) => ("device", name),
        Of::Model(name) => ("model", name),
        Of::Made(name) => ("kind", name),
    };
    let wide = if place.wide { ",\"wide\":true" } else { "" };
    let (alarm, rest) =
        (alarm(place), rest(&place.more.iter().filter(|(name, _)| name != ALARM).cloned().collect()));
    format!("{{\"{what}\":\"{}\",\"key\":\"{}\"{wide}{alarm}{rest}}}", escaped(name), escaped(&place.key))
}

fn alarm(place: &Place) -> String {
    let Alarm { above, below, margin, silent } = place.alarm;
    let margin = Some(margin).filter(|margin| margin.0 > 0);
    let number = |name: &str, n: Option<Num>| n.map(|n| (name.to_owned(), Json::Number(n.to_string())));
    let limits = [number("above", above), number("below", below), number("margin", margin)];
    let silent = silent.then(|| ("offline".to_owned(), Json::Bool(true)));
    let others = place.more.iter().filter(|(name, _)| name == ALARM).flat_map(|(_, json)| json.members());
    let all: More = limits.into_iter().flatten().chain(silent).chain(others.cloned()).collect();
    if all.is_empty() { String::new() } else { format!(",\"{ALARM}\":{}", Json::Map(all).write()) }
}

/// What is no limit is none.
fn read_alarm(json: &Json) -> Alarm {
    let limit = |name: &str| Num::read(json.text(name));
    Alarm {
        above: limit("above"),
        below: limit("below"),
        margin: limit("margin").filter(|margin| margin.0 > 0).unwrap_or_default(),
        silent: json.get("offline") == Some(&Json::Bool(true)),
    }
}

fn place(tile: &Json) -> Option<Place> {
    let text = |name: &str| Some(tile.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let device = text("device").map(|name| (Of::Device(name), "device"));
    let model = || text("model").map(|name| (Of::Model(name), "model"));
    let (of, name) = device.or_else(model).or_else(|| text("kind").map(|kind| (Of::Made(kind), "kind")))?;
    // A later page may tell its own kinds apart in another way.
    let key = match (&of, tile.text("key")) {
        (Of::Made(_), "") => tile.write(),
        (_, key) => key.to_owned(),
    };
    let wide = tile.get("wide") == Some(&Json::Bool(true));
    let mut unknown = more(tile, &[name, "key", "wide", ALARM]);
    let said = tile.get(ALARM).unwrap_or(&Json::Null);
    let of_alarm = more(said, &["above", "below", "margin", "offline"]);
    if !of_alarm.is_empty() {
        unknown.push((ALARM.to_owned(), Json::Map(of_alarm)));
    }
    (!key.is_empty()).then(|| Place { of, key, wide, alarm: read_alarm(said), more: unknown })
}
