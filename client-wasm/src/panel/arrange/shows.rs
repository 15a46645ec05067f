//! How a device's number is shown at a place: as it is, as a gauge, as a chart. The form that chooses it stands with the
//! chosen tile.

use std::rc::Rc;

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::devices::json::Json;
use crate::devices::{Kind, Value};
use crate::panel::extras::{charted, dial};
use crate::panel::layout::{Edit, Place};
use crate::panel::look::Clock;
use crate::panel::made::gauge::Gauge;
pub(super) use crate::panel::made::shows::held;
use crate::panel::made::shows::{Show, gauge, set, set_number, shown_as};
use crate::panel::state::Device;
use crate::panel::tile::Tile;
use crate::tongue::say;

use super::{Arranged, Msg, alarms};

/// A number that is shown in another way than by its card; none when it is not.
pub(super) fn draw(place: &Place, device: &Rc<Device>, clock: Clock) -> Option<Html> {
    let tile = device.tile(&place.key).filter(|tile| tile.is_number())?;
    match Show::of(place) {
        Show::Number => None,
        Show::Gauge => Some(dial(device, tile, gauge(place, around(tile)), clock)),
        Show::Chart => Some(charted(device, tile, clock)),
    }
}

/// The choice, for places that show a number.
pub(super) fn form(desk: &Arranged, ctx: &Context<Arranged>, page: usize, at: usize, place: &Place) -> Html {
    let device = ctx.props().device_of(place);
    let Some(tile) = device.and_then(|device| device.tile(&place.key)) else { return html! {} };
    if matches!(tile.spec.kind, Kind::Switch | Kind::Lock | Kind::Button | Kind::Cover | Kind::Counter) {
        return hold(ctx, (page, at), place, held(place).unwrap_or(tile.spec.held));
    }
    if !tile.is_number() {
        return html! {};
    }
    let (link, show, scale) = (ctx.link(), Show::of(place), around(tile));
    let choose = {
        let place = place.clone();
        link.callback(move |event: Event| {
            let word = event.target_unchecked_into::<HtmlSelectElement>().value();
            let show = Show::ALL.into_iter().find(|show| show.word() == word).unwrap_or_default();
            Msg::Edit(Edit::Put(page, at, shown_as(&place, show, scale)))
        })
    };
    let number = |words: &str, name: &'static str, now| {
        let place = place.clone();
        alarms::field(link, words, name, now, move |n| {
            let mut place = place.clone();
            set_number(&mut place, name, n);
            Msg::Edit(Edit::Put(page, at, place))
        })
    };
    let limits = gauge(place, scale);
    html! {
        <details class="files" key={format!("{}{} show", desk.name(place), place.of.name())}>
            <summary>{ say("Shown as") }{ ": " }{ words(show) }</summary>
            <label class="field"><span>{ say("Shown as") }</span>
                <select name="show" onchange={choose}>
                    { for Show::ALL.into_iter().map(|other| html! {
                        <option value={other.word()} selected={other == show}>{ words(other) }</option>
                    }) }
                </select>
            </label>
            if show == Show::Gauge {
                <div class="limits">
                { number("From", "min", Some(limits.min)) }
                { number("To", "max", Some(limits.max)) }
                { number("Warn at", "warn", limits.warn) }
                { number("Critical at", "bad", limits.bad) }
                </div>
            }
        </details>
    }
}

/// Whether what is done there is held first.
fn hold(ctx: &Context<Arranged>, (page, at): (usize, usize), place: &Place, held: bool) -> Html {
    let place = place.clone();
    let onchange = ctx.link().callback(move |event: Event| {
        let held = event.target_unchecked_into::<HtmlInputElement>().checked();
        let mut place = place.clone();
        set(&mut place, "hold", Some(Json::Bool(held)));
        Msg::Edit(Edit::Put(page, at, place))
    });
    html! {
        <label class="tick"><input type="checkbox" name="hold" checked={held} {onchange} />
            { say("Hold it before it does anything") }</label>
    }
}

/// A scale for it until one is set.
fn around(tile: &Tile) -> Gauge {
    let value = match tile.value() {
        Some(Value::Number(n)) => Some(*n),
        _ => None,
    };
    Gauge::around(value, &tile.spec.unit)
}

fn words(show: Show) -> String {
    match show {
        Show::Number => say("Number"),
        Show::Gauge => say("Gauge"),
        Show::Chart => say("Chart"),
    }
}
