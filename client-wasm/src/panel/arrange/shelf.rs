//! All tiles there are, to be put on a page or taken off it.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::panel::layout::{Edit, Of, Page, Place};
use crate::panel::made::own::Kind;
use crate::panel::state::Device;
use crate::panel::view::mains;

use crate::tongue::say;

use super::{Arranged, Msg, own, text};

/// Devices that are looked through faster by name than by eye.
const MANY: usize = 5;

pub(super) fn draw(page: &Page, ctx: &Context<Arranged>, at: usize, sought: &str) -> Html {
    let devices = &ctx.props().devices;
    let found: Vec<_> = devices.iter().filter_map(|shown| of(&shown.device, page, ctx, at, sought)).collect();
    html! {
        <section class="shelf" aria-label={say("Tiles to add")}>
            <div class="act">
                { new(ctx, at, "Add any topic", || own::new("", Kind::Value)) }
                { new(ctx, at, "Add a text", text::new) }
            </div>
            if devices.is_empty() { <p>{ say("No device has spoken yet.") }</p> }
            if devices.len() > MANY { { search(ctx, sought) } }
            if found.is_empty() && !devices.is_empty() { <p role="status">{ say("Nothing is called like that.") }</p> }
            // In a list of their own: what stands before them stays what it is, however many they are.
            <>{ for found }</>
        </section>
    }
}

fn search(ctx: &Context<Arranged>, sought: &str) -> Html {
    let oninput = ctx.link().callback(|event: InputEvent| {
        // It is no field of a tile, which would be kept from being drawn meanwhile.
        event.stop_propagation();
        Msg::Seek(event.target_unchecked_into::<HtmlInputElement>().value())
    });
    let words = say("Find a tile or a device");
    html! {
        <input type="search" aria-label={words.clone()} placeholder={words} value={sought.to_owned()} autocomplete="off"
            {oninput} onchange={|event: Event| event.stop_propagation()} />
    }
}

/// Whether one is called like that. Letters of plain English are the same in both sizes; the tables of all others weigh too much.
fn is_called(name: &str, sought: &str) -> bool {
    name.to_ascii_lowercase().contains(&sought.trim().to_ascii_lowercase())
}

fn new(ctx: &Context<Arranged>, at: usize, words: &str, new: fn() -> Place) -> Html {
    let onclick = ctx.link().callback(move |_: MouseEvent| Msg::Edit(Edit::Add(at, new())));
    html! { <button type="button" {onclick}>{ say(words) }</button> }
}

/// The tiles of a device that are sought; none when there are none. All of one that is called so itself.
fn of(device: &Device, page: &Page, ctx: &Context<Arranged>, at: usize, sought: &str) -> Option<Html> {
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
    let is_sought = is_called(device.called(), sought);
    let items: Vec<_> =
        mains(device).filter(|(_, label)| is_sought || is_called(label, sought)).map(item).collect();
    (!items.is_empty()).then(|| html! {
        <div class="picks" role="group" aria-label={device.called().to_owned()} key={device.name.to_string()}>
            <h2>{ device.called().to_owned() }</h2>
            { for items }
        </div>
    })
}
