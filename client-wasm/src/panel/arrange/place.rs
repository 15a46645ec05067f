//! The places of a page: cards, and while they are arranged what takes hold of them.

use std::rc::Rc;

use web_sys::{KeyboardEvent, PointerEvent};
use yew::html::Scope;
use yew::prelude::*;

use crate::panel::layout::{Of, Page, Place};
use crate::panel::state::Device;
use crate::panel::view::card_of;

use crate::tongue::{fill, say};

use super::{Arranged, Msg, Props, alarms, own, shows, text, web};

impl Arranged {
    pub(super) fn grid(&self, ctx: &Context<Self>, page: &Page) -> Html {
        if page.places.is_empty() {
            return html! { <p class="nothing-here">{ say("Nothing stands here yet.") }</p> };
        }
        let places = page.places.iter();
        if !self.desk.is_open() {
            return html! { <div class="grid placed">{ for places.map(|place| shown(place, ctx.props())) }</div> };
        }
        let count = page.places.len();
        html! {
            <div class="grid placed" role="group" aria-label={fill("Tiles of {}", &[&page.title])}>
                { for places.enumerate().map(|(at, place)| self.held(ctx, place, at, count)) }
            </div>
        }
    }

    /// A place while it is arranged: its card does nothing, the button over it chooses it, the grip drags it.
    fn held(&self, ctx: &Context<Self>, place: &Place, at: usize, count: usize) -> Html {
        let link = ctx.link();
        let props = ctx.props();
        let (name, chosen) = (self.name(place), self.chosen == Some(at));
        let label = fill("{}, place {} of {}", &[&name, &(at + 1).to_string(), &count.to_string()]);
        let device = devices(place, props).next();
        let over = self.drag.filter(|(from, to)| *to == at && from != to);
        let side = over.map(|(from, to)| if to > from { "after" } else { "before" });
        html! {
            <div class={classes!("place", place.wide.then_some("wide"))} key={key(place)} data-place={at.to_string()}
                data-chosen={chosen.then_some("")} data-over={side}
                data-dragged={self.drag.is_some_and(|(from, _)| from == at).then_some("")}>
                <span class="whose">{ whose(place, device, props) }</span>
                <div class="held" inert=true>{ card(place, device, props) }</div>
                <button type="button" class="choose" aria-label={label} aria-pressed={chosen.to_string()}
                    aria-description={say("Arrow keys move it, Delete removes it")}
                    onclick={link.callback(move |_| Msg::Choose(Some(at)))} onkeydown={keys(link, at, self.page, chosen)}></button>
                { grip(link, at) }
            </div>
        }
    }
}

fn shown(place: &Place, props: &Props) -> Html {
    if text::is_text(place) {
        return html! {
            <div class={classes!("place", place.wide.then_some("wide"))} key={key(place)}>{ text::draw(place) }</div>
        };
    }
    let of = |device: Option<&Rc<Device>>| {
        let name = device.map(|device| device.name.to_string()).unwrap_or_default();
        let is_alarm = props.hub.look(|model| alarms::is_on(model, &name, &place.key));
        html! {
            <div class={classes!("place", place.wide.then_some("wide"))} key={format!("{name}/{}", key(place))}
                data-alarm={is_alarm.then_some("")}>
                <span class="whose">if is_alarm { <span class="mark">{ say("Alarm") }{ " · " }</span> }
                    { whose(place, device, props) }</span>
                { card(place, device, props) }
            </div>
        }
    };
    let mut all = devices(place, props).peekable();
    if all.peek().is_none() && !matches!(place.of, Of::Model(_)) {
        return of(None);
    }
    all.map(|device| of(Some(device))).collect()
}

/// The devices that a place shows.
fn devices<'a>(place: &'a Place, props: &'a Props) -> impl Iterator<Item = &'a Rc<Device>> {
    props.all().filter(|device| place.is_of(device))
}

fn card(place: &Place, device: Option<&Rc<Device>>, props: &Props) -> Html {
    if text::is_text(place) {
        return text::draw(place);
    }
    if let Some(drawn) = own::draw(place, device, props.clock) {
        return drawn;
    }
    if let Some(drawn) = device.and_then(|device| shows::draw(place, device, props.clock)) {
        return drawn;
    }
    device.and_then(|device| card_of(device, &place.key, shows::held(place), props.clock, &props.on_wish)).unwrap_or_else(|| {
        let (name, note) = match &place.of {
            Of::Made(kind) => (kind, say("A newer version of this page shows this.")),
            _ => (&place.key, say("Not heard yet")),
        };
        html! {
            <div class="tile" data-state="unknown">
                <span class="value" aria-hidden="true">{ "–" }</span>
                <span class="said"><span class="name">{ name }</span><span class="note">{ note }</span></span>
            </div>
        }
    })
}

fn whose(place: &Place, device: Option<&Rc<Device>>, props: &Props) -> String {
    match &place.of {
        _ if text::is_text(place) => say("Text"),
        Of::Made(_) if own::is_own(place) => own::whose(place).to_owned(),
        Of::Model(model) => format!("{} × {model}", devices(place, props).count()),
        Of::Device(name) | Of::Made(name) => {
            device.map_or_else(|| name.clone(), |device| device.called().to_owned())
        }
    }
}

fn key(place: &Place) -> String {
    let kind = if matches!(place.of, Of::Model(_)) { "*" } else { "" };
    format!("{kind}{}/{}", place.of.name(), place.key)
}

/// Arrow keys move a tile, whether it was chosen before or not.
fn keys(link: &Scope<Arranged>, at: usize, page: Option<usize>, chosen: bool) -> Callback<KeyboardEvent> {
    let link = link.clone();
    Callback::from(move |event: KeyboardEvent| {
        let msg = match event.key().as_str() {
            "ArrowLeft" | "ArrowUp" => Msg::Step(-1),
            "ArrowRight" | "ArrowDown" => Msg::Step(1),
            "Home" => Msg::Step(isize::MIN),
            "End" => Msg::Step(isize::MAX),
            "Delete" => match page {
                Some(page) => Msg::Edit(super::Edit::Remove(page, at)),
                None => return,
            },
            _ => return,
        };
        event.prevent_default();
        if !chosen {
            link.send_message(Msg::Choose(Some(at)));
        }
        link.send_message(msg);
    })
}

/// What a finger or a mouse drags a tile by. The keyboard has the button beside it.
fn grip(link: &Scope<Arranged>, at: usize) -> Html {
    let down = Callback::from(move |event: PointerEvent| {
        if event.button() == 0 {
            event.prevent_default();
            web::capture(&event);
        }
    });
    let over = link.batch_callback(move |event: PointerEvent| {
        let to = web::is_captured(&event).then(|| web::place_under(&event))??;
        Some(Msg::Over(at, to))
    });
    let done = link.callback(|_: PointerEvent| Msg::Drop);
    html! {
        <span class="grip" aria-hidden="true" onpointerdown={down} onpointermove={over} onlostpointercapture={done}>
            <svg class="ico"><use href="#i-grip" /></svg>
        </span>
    }
}
