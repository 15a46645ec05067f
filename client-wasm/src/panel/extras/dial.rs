//! A number between two ends, as a dial.

use yew::prelude::*;

use crate::devices::{Num, Value};
use crate::panel::look::{Clock, look, number, shown};
use crate::panel::made::gauge::{Gauge, Zone};
use crate::panel::state::Device;
use crate::panel::tile::Tile;

/// Two thirds of a circle, a thousand long.
const ARC: &str = "M18 72A46 46 0 1 1 102 72";

/// A device's number on a dial.
pub(crate) fn dial(device: &Device, tile: &Tile, gauge: Gauge, clock: Clock) -> Html {
    let look = look(tile, device.presence, clock);
    let spec = &tile.spec;
    let n = match look.value {
        Some(Value::Number(n)) => Some(n),
        _ => None,
    };
    let words = look.value.as_ref().map_or_else(|| "–".to_owned(), |value| shown(spec, value));
    let judged = n.map(|n| gauge.words(n)).unwrap_or_default();
    html! {
        <div class="tile dial" role="group" aria-label={spec.label.to_string()} data-tile={format!("{}/{}", device.name, spec.key)}
            data-value={look.value.as_ref().map(Value::to_string)} data-state={look.state} data-stale={look.stale.then_some("")}
            data-zone={n.map(|n| gauge.zone(n)).unwrap_or(Zone::Good).word()}>
            { face(&spec.label, gauge, n, &words, &judged) }
            <span class="said">
                <span class="name">{ spec.label.to_string() }</span>
                <span class="note">if !judged.is_empty() { <b>{ judged }</b>{ " · " } }{ look.note }</span>
            </span>
        </div>
    }
}

/// The dial itself.
pub(super) fn face(label: &str, gauge: Gauge, n: Option<Num>, words: &str, judged: &str) -> Html {
    let value_text = if judged.is_empty() { words.to_owned() } else { format!("{words}, {judged}") };
    let limit = |limit: Option<Num>, class: &'static str| {
        let share = limit.map(|limit| gauge.share(limit));
        share.map(|share| html! { <path {class} d={ARC} pathLength="1000" stroke-dasharray={format!("0 {} 14 1000", (share - 7).max(0))} /> })
    };
    let (value, unit) = words
        .rsplit_once('\u{202f}')
        .filter(|(_, unit)| !unit.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or((words, ""));
    html! {
        <span class="face" role="meter" aria-label={label.to_owned()} aria-valuetext={value_text}
            aria-valuemin={gauge.min.to_string()} aria-valuemax={gauge.max.to_string()}
            aria-valuenow={n.unwrap_or(gauge.min).to_string()}>
            <svg viewBox="0 0 120 92" aria-hidden="true">
                <path class="ground" d={ARC} pathLength="1000" />
                if let Some(n) = n { <path class="fill" d={ARC} pathLength="1000" stroke-dasharray={format!("{} 1000", gauge.share(n))} /> }
                { limit(gauge.warn, "limit warn") }
                { limit(gauge.bad, "limit bad") }
            </svg>
            <span class="value">{ value.to_owned() }if !unit.is_empty() { <small>{ "\u{202f}" }{ unit.to_owned() }</small> }</span>
            <span class="ends" aria-hidden="true"><span>{ number(gauge.min) }</span><span>{ number(gauge.max) }</span></span>
        </span>
    }
}
