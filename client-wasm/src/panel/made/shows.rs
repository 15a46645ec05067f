//! How a device's number is shown at a place, as a person chose it, and whether what is done there is held first. Pure.
//! It is written beside what else is said of the place: `"show":"gauge","min":-20,"max":50,"warn":30,"bad":40`, or
//! `"show":"chart"`, or `"hold":true`.

use crate::devices::Num;
use crate::devices::json::Json;
use crate::panel::layout::Place;

use super::gauge::Gauge;

/// How a number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    #[default]
    Number,
    /// Between two ends.
    Gauge,
    /// Over time.
    Chart,
}

impl Show {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Number, Self::Gauge, Self::Chart];

    /// How it is written; nothing for what needs no word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Gauge => "gauge",
            Self::Chart => "chart",
        }
    }

    /// How a place shows its number.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        let word = text(place, "show");
        Self::ALL.into_iter().find(|show| show.word() == word).unwrap_or_default()
    }
}

/// What a member says; empty when it is not there.
#[must_use]
pub fn text<'a>(place: &'a Place, name: &str) -> &'a str {
    let found = place.more.iter().find(|(other, _)| other == name);
    found.and_then(|(_, value)| value.plain()).unwrap_or_default()
}

/// The same as a number.
#[must_use]
pub fn number(place: &Place, name: &str) -> Option<Num> {
    Num::read(text(place, name))
}

/// Whether what is done here is held first, when a person said so.
#[must_use]
pub fn held(place: &Place) -> Option<bool> {
    match text(place, "hold") {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Sets a member, or forgets it.
pub fn set(place: &mut Place, name: &str, value: Option<Json>) {
    place.more.retain(|(other, _)| other != name);
    place.more.extend(value.map(|value| (name.to_owned(), value)));
}

/// The same to a number.
pub fn set_number(place: &mut Place, name: &str, n: Option<Num>) {
    set(place, name, n.map(|n| Json::Number(n.to_string())));
}

/// The scale of a gauge; what is not said of it is as in the other.
#[must_use]
pub fn gauge(place: &Place, otherwise: Gauge) -> Gauge {
    Gauge {
        min: number(place, "min").unwrap_or(otherwise.min),
        max: number(place, "max").unwrap_or(otherwise.max),
        warn: number(place, "warn"),
        bad: number(place, "bad"),
    }
}

/// The same place that shows its number like this; a gauge has its ends from the beginning, so that it does not grow by itself.
#[must_use]
pub fn shown_as(place: &Place, show: Show, scale: Gauge) -> Place {
    let mut place = place.clone();
    let word = Some(show.word()).filter(|word| !word.is_empty());
    set(&mut place, "show", word.map(|word| Json::Text(word.to_owned())));
    if show == Show::Gauge {
        let scale = gauge(&place, scale);
        set_number(&mut place, "min", Some(scale.min));
        set_number(&mut place, "max", Some(scale.max));
    }
    place
}

#[cfg(test)]
mod tests {
    use crate::panel::layout::{Document, Layout, Of, Page};

    use super::*;

    #[test]
    fn a_place_says_how_its_number_is_shown_and_keeps_all_else() {
        let mut place = Place { of: Of::Device("d".into()), key: "t".into(), ..Place::default() };
        place.more.push(("glow".into(), Json::Bool(true)));
        assert_eq!(Show::of(&place), Show::Number);
        let shown = shown_as(&place, Show::Gauge, Gauge::around(Some(Num::whole(21)), "°C"));
        assert_eq!(Show::of(&shown), Show::Gauge);
        let mut limited = shown.clone();
        set_number(&mut limited, "warn", Num::read("30.5"));
        set_number(&mut limited, "min", None);
        let page = Page { title: "A".into(), places: vec![limited], ..Page::default() };
        let layout = Layout { pages: vec![page], ..Layout::default() };
        let written = Document { version: 1, id: 1, parent: 0, author: "x".into(), layout }.write();
        assert!(written.contains(r#""glow":true,"show":"gauge","max":50,"warn":30.5"#), "{written}");
        let read = Document::read(written.as_bytes()).unwrap();
        let scale = gauge(&read.layout.pages[0].places[0], Gauge::around(None, "%"));
        assert_eq!((scale.min, scale.max, scale.warn), (Num(0), Num::whole(50), Num::read("30.5")));
        let plain = shown_as(&shown, Show::Number, scale);
        assert_eq!(
            (Show::of(&plain), text(&plain, "max")),
            (Show::Number, "50"),
            "it is as it was when it comes back"
        );
        assert_eq!(held(&plain), None);
        let mut sure = plain.clone();
        set(&mut sure, "hold", Some(Json::Bool(false)));
        assert_eq!(held(&sure), Some(false));
        assert_eq!(Show::of(&shown_as(&plain, Show::Chart, scale)), Show::Chart);
    }
}
