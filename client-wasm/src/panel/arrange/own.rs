//! Tiles that people make of any topic: how they are drawn, and the form that makes them.
//!
//! What they mean is [`own`](crate::panel::made::own)'s.

use std::rc::Rc;

use mqtt::TopicName;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::connection::identity;
use crate::devices::json::Json;
use crate::panel::extras::{picture, spot};
use crate::panel::layout::{Edit, Of, Place};
use crate::panel::look::Clock;
use crate::panel::made::own::{Kind, MAX_CHARS, preview, range, title, words};
use crate::panel::made::path::paths;
use crate::panel::made::shows::{set, set_number, text};
use crate::panel::state::Device;
use crate::tongue::say;
use crate::words::sentence;

use super::{Arranged, Msg, alarms};

/// Topics that are offered.
const OFFERED: usize = 200;

pub(super) fn is_own(place: &Place) -> bool {
    Kind::of(place).is_some()
}

/// A new one of a topic, which may still be chosen.
pub(super) fn new(topic: &str, kind: Kind) -> Place {
    let mut place = Place {
        of: Of::Made(kind.word().to_owned()),
        key: format!("{:x}", identity::seed()),
        ..Place::default()
    };
    set(&mut place, "topic", written(topic));
    place
}

/// What it is called for people.
pub(super) fn name(place: &Place) -> String {
    match title(place) {
        "" => Kind::of(place).map(|kind| say(label(kind))).unwrap_or_default(),
        title => title.to_owned(),
    }
}

/// Where it comes from.
pub(super) fn whose(place: &Place) -> &str {
    [text(place, "topic"), text(place, "set")].into_iter().find(|topic| !topic.is_empty()).unwrap_or_default()
}

/// What is not drawn as the tile of a device would be.
pub(super) fn draw(place: &Place, device: Option<&Rc<Device>>, clock: Clock) -> Option<Html> {
    let kind = Kind::of(place)?;
    let tile = device.and_then(|device| Some((device, device.tile(&place.key)?)));
    match (kind, tile) {
        (_, None) => Some(html! {
            <div class="tile" data-state="unknown">
                <span class="value" aria-hidden="true">{ "–" }</span>
                <span class="said"><span class="name">{ name(place) }</span><span class="note">{ say("It has no topic yet") }</span></span>
            </div>
        }),
        (Kind::Picture, Some((device, tile))) => Some(picture(device, tile, clock)),
        (Kind::Map, Some((device, tile))) => Some(spot(device, tile, clock)),
        _ => None,
    }
}

/// The form for one; nothing for others.
pub(super) fn form(ctx: &Context<Arranged>, place_at: (usize, usize), place: &Place) -> Html {
    let Some(kind) = Kind::of(place) else { return html! {} };
    let form = Form { ctx, page: place_at.0, at: place_at.1, place, kind };
    let (on, off) = words(place);
    let range = range(place);
    html! {
        <div class="making" key={place.key.clone()}>
            { form.kinds() }
            { form.topic("topic", if kind.has("set") { "Topic that tells how it is" } else { "Topic" }) }
            { form.path() }
            { form.preview() }
            { form.topic("set", "Topic to send to") }
            { form.field("on", if kind == Kind::Button { "What is sent" } else { "Word for on" }, on) }
            { form.field("off", "Word for off", off) }
            if kind.has("min") {
                <div class="limits">
                { form.number("min", "From", range.min) }
                { form.number("max", "To", range.max) }
                { form.number("step", "Step", range.step) }
                </div>
            }
            { form.field("title", "Name", title(place)) }
            { form.field("unit", "Unit", text(place, "unit")) }
            <datalist id="topics">{ form.topics() }</datalist>
        </div>
    }
}

struct Form<'a> {
    ctx: &'a Context<Arranged>,
    page: usize,
    at: usize,
    place: &'a Place,
    kind: Kind,
}

impl Form<'_> {
    fn kinds(&self) -> Html {
        let (page, at, place) = (self.page, self.at, self.place.clone());
        let onchange = self.ctx.link().callback(move |event: Event| {
            let word = event.target_unchecked_into::<HtmlSelectElement>().value();
            Msg::Edit(Edit::Put(page, at, Place { of: Of::Made(word), ..place.clone() }))
        });
        html! {
            <label class="field"><span>{ say("What it is") }</span>
                <select name="kind" {onchange}>
                    { for Kind::ALL.into_iter().map(|kind| html! {
                        <option value={kind.word()} selected={kind == self.kind}>{ say(label(kind)) }</option>
                    }) }
                </select>
            </label>
        }
    }

    fn field(&self, member: &'static str, words: &str, now: &str) -> Html {
        self.text(member, words, now, None, |_| None)
    }

    fn topic(&self, member: &'static str, words: &str) -> Html {
        let odd = |topic: &str| topic.parse::<TopicName>().err().map(sentence);
        self.text(member, words, text(self.place, member), Some("topics"), odd)
    }

    fn path(&self) -> Html {
        let paths = self.last(|_, payload| Json::read(payload.as_bytes()).map(|json| paths(&json)));
        let offered = paths.flatten().unwrap_or_default();
        let label = "Path, where it is JSON";
        html! {
            <>
            { self.text("path", label, text(self.place, "path"), Some("paths"), |_| None) }
            <datalist id="paths">{ for offered.into_iter().map(|path| html! { <option value={path} /> }) }</datalist>
            </>
        }
    }

    fn text(
        &self,
        member: &'static str,
        words: &str,
        now: &str,
        list: Option<&'static str>,
        odd: fn(&str) -> Option<String>,
    ) -> Html {
        if !self.kind.has(member) {
            return html! {};
        }
        let (page, at, place) = (self.page, self.at, self.place.clone());
        let onchange = self.ctx.link().callback(move |event: Event| {
            let value = event.target_unchecked_into::<HtmlInputElement>().value();
            let value = value.trim();
            if let Some(why) = odd(value).filter(|_| !value.is_empty()) {
                return Msg::Odd(why);
            }
            let mut place = place.clone();
            set(&mut place, member, written(value));
            Msg::Edit(Edit::Put(page, at, place))
        });
        html! {
            <label class="field"><span>{ say(words) }</span>
                <input type="text" name={member} autocomplete="off" autocapitalize="off" spellcheck="false" {list}
                    maxlength={MAX_CHARS.to_string()} value={now.to_owned()} {onchange} />
            </label>
        }
    }

    fn number(&self, member: &'static str, words: &str, now: crate::devices::Num) -> Html {
        let (page, at, place) = (self.page, self.at, self.place.clone());
        alarms::field(self.ctx.link(), words, member, Some(now), move |n| {
            let mut place = place.clone();
            set_number(&mut place, member, n);
            Msg::Edit(Edit::Put(page, at, place))
        })
    }

    /// What was heard last, as it is understood; so a path is found by trying.
    fn preview(&self) -> Html {
        let topic = text(self.place, "topic");
        if topic.is_empty() || !self.kind.has("topic") {
            return html! {};
        }
        let device = self.ctx.props().own.as_ref();
        let is_known =
            device.and_then(|own| own.tile(&self.place.key)).is_some_and(|tile| tile.value().is_some());
        let path = if self.kind.has("path") { text(self.place, "path") } else { "" };
        let said = self.last(|kind, payload| preview(kind, payload.as_bytes(), path));
        let words = match said {
            Some(Ok(words)) if !words.is_empty() => {
                html! { <>{ say("Heard last:") }{ " " }<b>{ words.chars().take(100).collect::<String>() }</b></> }
            }
            Some(Err(why)) if !is_known => html! { { why } },
            None if !is_known => html! { { say("Nothing was heard there yet.") } },
            _ => return html! {},
        };
        html! { <p class="note" role="status">{ words }</p> }
    }

    fn last<T>(&self, look: impl FnOnce(Kind, &str) -> T) -> Option<T> {
        let topic = text(self.place, "topic");
        self.ctx
            .props()
            .hub
            .look(|model| model.memory.last(topic).map(|(_, payload)| look(self.kind, payload)))
    }

    fn topics(&self) -> Html {
        let option = |topic: &str| html! { <option value={topic.to_owned()} /> };
        self.ctx.props().hub.look(|model| model.memory.topics().take(OFFERED).map(option).collect())
    }
}

fn written(text: &str) -> Option<Json> {
    Some(text).filter(|text| !text.is_empty()).map(|text| Json::Text(text.to_owned()))
}

const fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Value => "Value",
        Kind::Switch => "Switch",
        Kind::Button => "Button",
        Kind::Slider => "Slider",
        Kind::Picture => "Picture",
        Kind::Map => "Place on earth",
    }
}
