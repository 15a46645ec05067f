//! What a tile is operated with, by kind. Each shows the confirmed value; what is wished is marked beside it.

use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::devices::codec::{of_rgb, rgb};
use crate::devices::{Kind, Num, Range, Spec, Value};
use crate::panel::look::{Look, shown};
use crate::panel::tile::Tile;
use crate::tongue::{fill, say};

use super::pause::after_keys;
use super::{Held, TileProps, held, icon, line};

pub(super) fn control(props: &TileProps, tile: &Tile, look: &Look) -> Html {
    let spec = &tile.spec;
    let this = Control {
        props,
        tile,
        look,
        spec,
        disabled: (props.is_offline() || spec.write.is_none()).then_some("true"),
    };
    match &spec.kind {
        Kind::Switch | Kind::Lock => flip(props, tile, look, "flip"),
        Kind::Cover => this.cover(),
        Kind::Button => this.button(),
        Kind::Slider(range) => this.slider(range),
        Kind::Stepper(range) => this.stepper(range),
        Kind::Select(options) => this.select(options),
        Kind::Text => this.text(),
        Kind::Colour => this.colour(),
        Kind::Indicator => this.indicator(),
        Kind::Reading | Kind::Counter => this.reading(),
    }
}

/// A switch, of its own or within a tile.
pub(super) fn flip(props: &TileProps, tile: &Tile, look: &Look, class: &'static str) -> Html {
    let is_on = look.value == Some(Value::Switch(true));
    let busy = props.is_offline() || tile.wanted().is_some();
    let control = || Held {
        class,
        label: tile.spec.label.to_string(),
        note: look.note.clone(),
        checked: Some(is_on),
        is_busy: busy,
        done: props.tap(tile),
        inside: html! { <span class="sw"></span> },
    };
    if let Some(held) = held(props, tile, control) {
        return held;
    }
    html! {
        <button type="button" {class} role="switch" aria-checked={is_on.to_string()}
            aria-label={tile.spec.label.to_string()} aria-description={look.note.clone()}
            aria-disabled={busy.then_some("true")} onclick={props.tap(tile)}>
            <span class="sw"></span>
        </button>
    }
}

/// A square button with a picture.
pub(super) fn button(
    label: String,
    title: &'static str,
    name: &'static str,
    note: &str,
    busy: bool,
    is_wanted: bool,
    onclick: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" class="btn" aria-label={label} title={say(title)} aria-description={note.to_owned()}
            aria-disabled={busy.then_some("true")} data-wanted={is_wanted.then_some("")} {onclick}>{ icon(name) }</button>
    }
}

struct Control<'a> {
    props: &'a TileProps,
    tile: &'a Tile,
    look: &'a Look,
    spec: &'a Spec,
    disabled: Option<&'static str>,
}

impl Control<'_> {
    fn label(&self) -> String {
        self.spec.label.to_string()
    }

    /// The value in words, or a dash.
    fn words(&self) -> String {
        self.look.value.as_ref().map_or_else(|| "–".to_owned(), |value| shown(self.spec, value))
    }

    fn number(&self) -> Option<Num> {
        match self.look.value {
            Some(Value::Number(n)) => Some(n),
            _ => None,
        }
    }

    /// What to do with a text that a person put into the element; it goes back to what is confirmed at once.
    fn on_change(
        &self,
        read: impl Fn(&str) -> Option<Value> + 'static,
        confirmed: String,
    ) -> Callback<Event> {
        let ask = self.props.asker(self.tile);
        let may = self.disabled.is_none();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let wanted = read(&input.value());
            input.set_value(&confirmed);
            wanted.filter(|_| may).into_iter().for_each(|wanted| ask.emit(wanted));
        })
    }

    fn step(
        &self,
        label: String,
        word: &'static str,
        icon: &'static str,
        is_wanted: bool,
        wanted: Value,
    ) -> Html {
        let ask = self.props.asker(self.tile);
        let onclick = Callback::from(move |_| ask.emit(wanted.clone()));
        button(label, word, icon, &self.look.note, self.disabled.is_some(), is_wanted, onclick)
    }

    fn cover(&self) -> Html {
        let label = self.label();
        let ways = [("open", "Open", "#i-up"), ("stop", "Stop", "#i-stop"), ("close", "Close", "#i-down")];
        let way = |(way, word, picture): (&str, &'static str, &'static str)| {
            let (wanted, label) = (Value::word(way), fill(&format!("{word} {{}}"), &[&label]));
            let ask = self.props.asker(self.tile).reform({
                let wanted = wanted.clone();
                move |()| wanted.clone()
            });
            let control = || Held {
                class: "btn",
                label: label.clone(),
                note: self.look.note.clone(),
                checked: None,
                is_busy: self.disabled.is_some(),
                done: ask,
                inside: icon(picture),
            };
            // Stopping is never what was not meant.
            let held = if way == "stop" { None } else { held(self.props, self.tile, control) };
            held.unwrap_or_else(|| {
                let is_wanted = self.tile.wanted() == Some(&wanted);
                self.step(label.clone(), word, picture, is_wanted, wanted)
            })
        };
        html! { <span class="ways">{ for ways.into_iter().map(way) }</span> }
    }

    fn button(&self) -> Html {
        let control = || Held {
            class: "btn press",
            label: self.label(),
            note: self.look.note.clone(),
            checked: None,
            is_busy: self.disabled.is_some(),
            done: self.props.tap(self.tile),
            inside: html! { self.label() },
        };
        if let Some(held) = held(self.props, self.tile, control) {
            return held;
        }
        html! {
            <button type="button" class="btn press" aria-description={self.look.note.clone()}
                aria-disabled={self.disabled} onclick={self.props.tap(self.tile)}>{ self.label() }</button>
        }
    }

    fn slider(&self, range: &Range) -> Html {
        let at = self.number().unwrap_or(range.min).to_string();
        let (min, max, step) = (range.min.to_string(), range.max.to_string(), range.step.to_string());
        let wished = match self.tile.wanted() {
            Some(Value::Number(n)) => Some(n.to_string()),
            _ => None,
        };
        let onchange = after_keys(self.on_change(|text| Num::read(text).map(Value::Number), at.clone()));
        html! {
            <span class="slide">
                <span class="range">
                    <input type="range" min={min.clone()} max={max.clone()} step={step.clone()} value={at}
                        aria-label={self.label()} aria-valuetext={self.words()} aria-description={self.look.note.clone()}
                        aria-disabled={self.disabled} {onchange} />
                    if let Some(wished) = wished {
                        <input type="range" class="wished" {min} {max} {step} value={wished} disabled=true
                            aria-hidden="true" tabindex="-1" />
                    }
                </span>
                <output aria-hidden="true">{ self.words() }</output>
            </span>
        }
    }

    fn stepper(&self, range: &Range) -> Html {
        let wished = match self.tile.wanted() {
            Some(Value::Number(n)) => Some(*n),
            _ => self.number(),
        };
        let (label, from) = (self.label(), wished.unwrap_or(range.min));
        let step = |sign: i64, word: &'static str, icon: &'static str| {
            let to = range.clamp(Num(from.0.saturating_add(range.step.0 * sign)));
            self.step(fill(&format!("{word} {{}}"), &[&label]), word, icon, false, Value::Number(to))
        };
        html! {
            <span class="ways">
                { step(-1, "Lower", "#i-minus") }
                <span class="value">{ self.sized() }</span>
                { step(1, "Raise", "#i-plus") }
            </span>
        }
    }

    fn select(&self, options: &Rc<[Rc<str>]>) -> Html {
        let chosen = match &self.look.value {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        let ask = self.props.asker(self.tile);
        let (may, confirmed) = (self.tile.may_ask() && self.disabled.is_none(), chosen.clone());
        let onchange = Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let wanted = Value::word(&select.value());
            select.set_value(&confirmed);
            if may {
                ask.emit(wanted);
            }
        });
        let is_other = !options.iter().any(|option| **option == *chosen);
        html! {
            <select aria-label={self.label()} aria-description={self.look.note.clone()} aria-disabled={self.disabled} {onchange}>
                if is_other { <option value={chosen.clone()} selected=true>{ if chosen.is_empty() { "–" } else { &chosen } }</option> }
                for option in options.iter() {
                    <option value={option.to_string()} selected={**option == *chosen}>{ option.to_string() }</option>
                }
            </select>
        }
    }

    fn text(&self) -> Html {
        let value = match &self.look.value {
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let onchange = self.on_change(|text| Some(Value::word(text)), value.clone());
        let confirmed = value.clone();
        let onfocusout = Callback::from(move |event: FocusEvent| {
            event.target_unchecked_into::<HtmlInputElement>().set_value(&confirmed);
        });
        let value = self.written().unwrap_or(value);
        html! {
            <input type="text" {value} maxlength="200" aria-label={self.label()} aria-description={self.look.note.clone()}
                readonly={self.disabled.is_some()} {onchange} {onfocusout} />
        }
    }

    /// What a person is writing there, which stays until they leave it.
    fn written(&self) -> Option<String> {
        let input: HtmlInputElement = web_sys::window()?.document()?.active_element()?.dyn_into().ok()?;
        let tile = input.closest("[data-tile]").ok()??.get_attribute("data-tile")?;
        (tile == self.props.handle(self.tile)).then(|| input.value())
    }

    fn colour(&self) -> Html {
        let hex = |value: Option<&Value>| {
            let (r, g, b) = match value {
                Some(Value::Colour(hue, saturation)) => rgb(*hue, *saturation),
                _ => (128, 128, 128),
            };
            format!("#{r:02x}{g:02x}{b:02x}")
        };
        let value = hex(self.look.value.as_ref());
        let onchange = self.on_change(of_hex, value.clone());
        html! {
            <input type="color" {value} aria-label={self.label()} aria-description={self.words()}
                disabled={self.disabled.is_some()} {onchange} />
        }
    }

    fn indicator(&self) -> Html {
        html! { <span class="lamp big" data-value={self.look.value.as_ref().map(Value::to_string)} data-state={self.look.state}><i></i></span> }
    }

    fn reading(&self) -> Html {
        html! { <><span class="value">{ self.sized() }</span>{ line(self.props, self.tile) }</> }
    }

    /// The value with its unit small.
    fn sized(&self) -> Html {
        let words = self.words();
        let (number, unit) = match self.look.value {
            Some(Value::Number(_)) if !self.spec.unit.is_empty() => {
                words.rsplit_once('\u{202f}').unwrap_or((&words, ""))
            }
            _ => (words.as_str(), ""),
        };
        let size = size(number.chars().count() + unit.chars().count(), 6);
        html! { <><span class={size}>{ number.to_owned() }</span>if !unit.is_empty() { <small>{ format!("\u{202f}{unit}") }</small> }</> }
    }
}

/// How large a value stands that has so many letters, where so many fit in the largest size.
pub(super) const fn size(letters: usize, fit: usize) -> Option<&'static str> {
    if letters > 2 * fit + 2 {
        Some("longer")
    } else if letters > fit {
        Some("long")
    } else {
        None
    }
}

fn of_hex(text: &str) -> Option<Value> {
    let part = |at: usize| i64::from_str_radix(text.get(at..at + 2)?, 16).ok();
    Some(of_rgb(part(1)?, part(3)?, part(5)?))
}
