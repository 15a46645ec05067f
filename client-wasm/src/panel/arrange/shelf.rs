//! All tiles there are, to be put on a page or taken off it.

use yew::prelude::*;

use crate::panel::layout::{Edit, Of, Page, Place};
use crate::panel::made::own::Kind;
use crate::panel::state::Device;
use crate::panel::view::mains;

use crate::tongue::say;

use super::{Arranged, Msg, own, text};

pub(super) fn draw(page: &Page, ctx: &Context<Arranged>, at: usize) -> Html {
    let devices = &ctx.props().devices;
    html! {
        <section class="shelf" aria-label={say("Tiles to add")}>
            <div class="act">
                { new(ctx, at, "Add any topic", || own::new("", Kind::Value)) }
                { new(ctx, at, "Add a text", text::new) }
            </div>
            if devices.is_empty() { <p>{ say("No device has spoken yet.") }</p> }
            for device in devices.iter() { { of(device, page, ctx, at) } }
        </section>
    }
}

fn new(ctx: &Context<Arranged>, at: usize, words: &str, new: fn() -> Place) -> Html {
    let onclick = ctx.link().callback(move |_: MouseEvent| Msg::Edit(Edit::Add(at, new())));
    html! { <button type="button" {onclick}>{ say(words) }</button> }
}

fn of(device: &Device, page: &Page, ctx: &Context<Arranged>, at: usize) -> Html {
    let item = |(key, label): (String, String)| {
        let of = Of::Device(device.name.to_string());
        let here = page.places.iter().position(|place| place.of == of && place.key == key);
        let edit = match here {
            Some(place) => Edit::Remove(at, place),
            None => Edit::Add(at, Place { of, key: key.clone(), ..Place::default() }),
        };
        let onclick = ctx.link().callback(move |_: MouseEvent| Msg::Edit(edit.clone()));
        html! {
            <button type="button" key={key} class="pick" aria-pressed={here.is_some().to_string()} {onclick}>{ label }</button>
        }
    };
    html! {
        <div class="picks" role="group" aria-label={device.called().to_owned()} key={device.name.to_string()}>
            <h2>{ device.called().to_owned() }</h2>
            { for mains(device).map(item) }
        </div>
    }
}
