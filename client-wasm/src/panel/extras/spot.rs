//! A place on earth, and the way it came there.
//!
//! No map is fetched: it would tell a stranger where people are. Whoever wants one follows the link.

use std::cell::RefCell;
use std::rc::Rc;

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::look::{Clock, look};
use crate::panel::made::own::is_spot;
use crate::panel::made::point::{Point, extend, length, metres_in_words, plot};
use crate::panel::state::Device;
use crate::panel::tile::Tile;
use crate::tongue::{fill, say};

/// Sides of the drawing.
const SIZE: i32 = 100;

thread_local! {
    /// The ways since the page was opened, by tile. There are few.
    static TRACKS: RefCell<Vec<(Rc<str>, Vec<Point>)>> = const { RefCell::new(Vec::new()) };
}

/// Goes on with the ways of all places of a device: once a frame.
pub(crate) fn follow(device: &Device) {
    TRACKS.with_borrow_mut(|tracks| {
        let spots = device.tiles.iter().filter(|tile| is_spot(&tile.spec));
        tracks.retain(|(key, _)| spots.clone().any(|tile| tile.spec.key == *key));
        for tile in spots {
            let Some(point) = point(tile).filter(|_| !tile.is_stale()) else { continue };
            match tracks.iter_mut().find(|(key, _)| *key == tile.spec.key) {
                Some((_, track)) => extend(track, point),
                None => tracks.push((Rc::clone(&tile.spec.key), vec![point])),
            }
        }
    });
}

fn point(tile: &Tile) -> Option<Point> {
    match tile.value() {
        Some(Value::Text(text)) => text.parse().ok(),
        _ => None,
    }
}

/// Where it is.
pub(crate) fn spot(device: &Device, tile: &Tile, clock: Clock) -> Html {
    let (look, spec) = (look(tile, device.presence, clock), &tile.spec);
    let track = TRACKS.with_borrow(|tracks| {
        tracks.iter().find(|(key, _)| *key == spec.key).map(|(_, track)| track.clone()).unwrap_or_default()
    });
    html! {
        <div class="tile spot" role="group" aria-label={spec.label.to_string()} data-tile={format!("{}/{}", device.name, spec.key)}
            data-value={look.value.as_ref().map(Value::to_string)} data-state={look.state} data-stale={look.stale.then_some("")}>
            { way(&track) }
            <span class="said">
                <span class="name">{ spec.label.to_string() }</span>
                if let Some(point) = point(tile) {
                    <a href={point.address()} target="_blank" rel="noopener noreferrer" title={fill("Map of {}", &[&spec.label])}>
                        { point.words() }</a>
                }
                <span class="note">{ note(point(tile), &track, &look.note) }</span>
            </span>
        </div>
    }
}

/// `within 12 m · 1.4 km on the way · Just now`
fn note(point: Option<Point>, track: &[Point], age: &str) -> String {
    let way = length(track);
    let way = (way > 0).then(|| fill("{} on the way", &[&metres_in_words(way)]));
    let parts = [point.and_then(|point| point.accuracy_words()), way, Some(age.to_owned())];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The way, north up; its end is where it is.
fn way(track: &[Point]) -> Html {
    let at = plot(track, SIZE);
    let Some((x, y)) = at.last() else {
        return html! { <span class="value" aria-hidden="true">{ "–" }</span> };
    };
    let points: Vec<String> = at.iter().map(|(x, y)| format!("{x},{y}")).collect();
    html! {
        <svg viewBox="-12 -12 124 124" role="img" aria-label={say("The way it came, north is up")}>
            <path class="ground" d="M0 50H100M50 0V100" />
            <polyline points={points.join(" ")} />
            <circle cx={x.to_string()} cy={y.to_string()} r="5" />
            <path class="north" d="M104 4V-8M100 -3L104 -8L108 -3" />
        </svg>
    }
}
