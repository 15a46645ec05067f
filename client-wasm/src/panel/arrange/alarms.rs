//! Alarms in the page: what is watched, the banner, the browser's own notification, and the form that sets one.
//!
//! Decides nothing about an alarm; that is [`alarm`](crate::panel::alarm)'s. The browser is only asked whether it may notify
//! when a person wants it.

use bytes::Bytes;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlInputElement, MouseEvent};
use yew::html::Scope;
use yew::prelude::*;

use crate::app::clock;
use crate::app::hub::Hub;
use crate::app::model::Model;
use crate::connection::{Link, unix_now};
use crate::devices::{Num, Spec, Value};
use crate::panel::alarm::{Alarms, read_number, summary};
use crate::panel::layout::{Alarm, Document, Edit, Layout, Of, Place};
use crate::panel::made::own::specs;
use crate::tongue::{fill, say};
use crate::words;

use super::{Arranged, Msg};

/// The alarms of what is saved.
#[derive(Debug, Default)]
struct Watched {
    kept: Option<Bytes>,
    layout: Layout,
    alarms: Alarms,
}

fn watched(model: &Model) -> Option<&Watched> {
    model.alarms.as_ref()?.downcast_ref()
}

/// Whether there is an alarm of a tile.
pub(super) fn is_on(model: &Model, device: &str, key: &str) -> bool {
    watched(model).is_some_and(|watched| watched.alarms.is_on(device, key))
}

/// Looks at the alarms of what is saved, also of its own tiles while no page of them is shown.
pub(crate) fn watch(model: &mut Model, link: Option<&Link>) {
    if let Some(topics) = saved(model).and_then(|points| model.panel.make(unix_now(), points)) {
        model.begin_hearing(&topics, link);
    }
    let Some(watched) = model.alarms.as_mut().and_then(|alarms| alarms.downcast_mut::<Watched>()) else {
        return;
    };
    if let Some(words) = watched.alarms.watch(unix_now(), &watched.layout, &model.panel) {
        notify(&words);
    }
}

/// The points of what is saved, when it was saved anew.
fn saved(model: &mut Model) -> Option<Vec<Spec>> {
    let alarms = model.alarms.get_or_insert_with(|| Box::<Watched>::default());
    let watched = alarms.downcast_mut::<Watched>().filter(|watched| watched.kept != model.desk.kept)?;
    watched.kept.clone_from(&model.desk.kept);
    let read = model.desk.kept.as_ref().and_then(|kept| Document::read(kept).ok());
    watched.layout = read.map(|document| document.layout).unwrap_or_default();
    Some(specs(&watched.layout))
}

/// What is so and what was so, over the page; and the last words for those who do not see it.
pub(crate) fn banner(hub: &Hub) -> Html {
    let east = clock().minutes_east;
    let time = |at| words::clock(at, east);
    let found = hub.look(|model| {
        let alarms = &watched(model)?.alarms;
        let since = |words: String, at| fill("{}, since {}", &[&words, &time(at)]);
        let on: Vec<_> = alarms.on().iter().map(|it| since(it.words(), it.since)).collect();
        let past: Vec<_> =
            alarms.past().iter().map(|(it, end)| it.past_words(&time(it.since), &time(*end))).collect();
        Some((on, past, alarms.said().to_owned()))
    });
    let (on, past, said) = found.unwrap_or_default();
    let hub = hub.clone();
    let close = Callback::from(move |_: MouseEvent| {
        hub.act(|model, _| {
            let watched = model.alarms.as_mut().and_then(|alarms| alarms.downcast_mut::<Watched>());
            watched.into_iter().for_each(|watched| watched.alarms.close());
        })
    });
    html! {
        <>
        <p class="unseen" role="alert" data-alarm-said="">{ said }</p>
        if !on.is_empty() || !past.is_empty() {
            <section class="trouble alarms" aria-label={say("Alarms")} data-on={(!on.is_empty()).then_some("")}>
                <p>
                    { for on.into_iter().map(|words| html! { <strong>{ words }</strong> }) }
                    { for past.into_iter().map(|words| html! { <span>{ words }</span> }) }
                </p>
                <button type="button" onclick={close}>{ say("Close") }</button>
            </section>
        }
        </>
    }
}

/// What a person wants to be told of the chosen tile.
pub(super) fn form(desk: &Arranged, ctx: &Context<Arranged>, page: usize, at: usize, place: &Place) -> Html {
    let (link, alarm) = (ctx.link(), place.alarm);
    let device = ctx.props().device_of(place);
    let value = device.and_then(|device| device.tile(&place.key)).and_then(|tile| tile.value());
    let is_number = matches!(value, Some(Value::Number(_))) || alarm.above.or(alarm.below).is_some();
    let number = |words: &str, name: &'static str, now: Option<Num>, set: fn(&mut Alarm, Option<Num>)| {
        field(link, words, name, now, move |n| {
            let mut alarm = alarm;
            set(&mut alarm, n);
            Msg::Edit(Edit::Alarm(page, at, alarm))
        })
    };
    let silent = link.callback(move |event: Event| {
        let silent = event.target_unchecked_into::<HtmlInputElement>().checked();
        Msg::Edit(Edit::Alarm(page, at, Alarm { silent, ..alarm }))
    });
    let margin = Some(alarm.margin).filter(|margin| margin.0 > 0);
    let about = if alarm == Alarm::default() { say("None") } else { summary(alarm) };
    html! {
        <details class="files alarm" key={format!("{}{}", desk.name(place), place.of.name())}>
            <summary>{ say("Alarm") }{ ": " }{ about }</summary>
            if is_number {
                <div class="limits">
                { number("Above", "above", alarm.above, |alarm, n| alarm.above = n) }
                { number("Below", "below", alarm.below, |alarm, n| alarm.below = n) }
                { number("Margin", "margin", margin, |alarm, n| alarm.margin = n.unwrap_or_default()) }
                </div>
            }
            if !matches!(place.of, Of::Made(_)) {
                <label class="tick"><input type="checkbox" name="silent" checked={alarm.silent} onchange={silent} />
                    { say("When the device is offline") }</label>
            }
            { consent(link) }
        </details>
    }
}

pub(super) fn field(
    link: &Scope<Arranged>,
    words: &str,
    name: &'static str,
    now: Option<Num>,
    msg: impl Fn(Option<Num>) -> Msg + 'static,
) -> Html {
    let text = now.map(crate::panel::look::number).unwrap_or_default();
    let shown = text.clone();
    let onchange = link.batch_callback(move |event: Event| {
        let input: HtmlInputElement = event.target_unchecked_into();
        let written = input.value();
        let n = read_number(&written);
        // What is no number changes nothing.
        let is_odd = n.is_none() && !written.trim().is_empty();
        input.set_value(&if is_odd {
            shown.clone()
        } else {
            n.map(crate::panel::look::number).unwrap_or_default()
        });
        (!is_odd).then(|| msg(n))
    });
    html! {
        <label class="field"><span>{ say(words) }</span>
            <input type="text" inputmode="decimal" autocomplete="off" {name} value={text} {onchange} />
        </label>
    }
}

/// Asks the browser whether it may notify, when a person taps it.
fn consent(link: &Scope<Arranged>) -> Html {
    if permission().as_deref() != Some("default") {
        return html! {};
    }
    let link = link.clone();
    let ask = Callback::from(move |_: MouseEvent| {
        let asked = call(&get(&JsValue::from(js_sys::global()), "Notification"), "requestPermission", &[]);
        let link = link.clone();
        spawn_local(async move {
            // Whatever the answer is, the button has done what it can.
            let _answer = JsFuture::from(Promise::resolve(&asked)).await;
            link.send_message(Msg::Asked);
        });
    });
    html! { <button type="button" onclick={ask}>{ say("Notify me here too") }</button> }
}

/// Whether the browser may notify. Not every browser can, and none on a page that came by plain http from another machine.
fn permission() -> Option<String> {
    get(&get(&JsValue::from(js_sys::global()), "Notification"), "permission").as_string()
}

fn notify(words: &str) {
    if permission().as_deref() != Some("granted") {
        return;
    }
    let options = Object::new();
    for (name, value) in [("body", words), ("icon", "/icon-192.png"), ("tag", "switchboard-alarm")] {
        // A new object takes all.
        let _ = Reflect::set(&options, &name.into(), &value.into());
    }
    let arguments = [JsValue::from("Switchboard"), options.into()];
    let class = get(&JsValue::from(js_sys::global()), "Notification").dyn_into::<Function>();
    let shown = class.and_then(|class| Reflect::construct(&class, &arguments.iter().collect()));
    if shown.is_ok() {
        return;
    }
    // On a phone only the worker may. The banner stands in the page all the same.
    let ready = get(&get(&get(&JsValue::from(js_sys::global()), "navigator"), "serviceWorker"), "ready");
    spawn_local(async move {
        let worker = JsFuture::from(Promise::resolve(&ready)).await.unwrap_or_default();
        call(&worker, "showNotification", &arguments);
    });
}

/// By name, because not every browser has them.
fn get(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}

fn call(of: &JsValue, name: &str, arguments: &[JsValue]) -> JsValue {
    let function = get(of, name).dyn_into::<Function>();
    function.and_then(|function| function.apply(of, &arguments.iter().collect())).unwrap_or_default()
}
