//! The last messages, newest first, with what was let go.

use yew::prelude::*;

use crate::locale;
use crate::tongue::{fill, say};

use crate::app::hub::Hub;
use crate::explorer::history::Entry;
use crate::explorer::payload::preview;
use crate::explorer::rows::Rows;
use crate::pure::{Draw, Pure};

const PREVIEW: usize = 160;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) hub: Hub,
    pub(super) frame: u64,
    pub(super) on_select: Callback<Entry>,
}

pub(super) type Messages = Pure<List>;

pub(super) struct List;

impl Draw for List {
    type Props = Props;

    fn draw(props: &Props) -> Html {
        let hub = &props.hub;
        let (total, heard, dropped, passed) = hub.look(|model| {
            let history = &model.explorer.history;
            (history.len(), history.heard(), history.dropped(), model.explorer.passed())
        });
        let pause = {
            let hub = hub.clone();
            Callback::from(move |_: MouseEvent| hub.act(|model, _| model.explorer.pause(passed.is_none())))
        };
        let clear = {
            let hub = hub.clone();
            Callback::from(move |_: MouseEvent| hub.act(|model, _| model.explorer.clear()))
        };
        let row = {
            let (hub, on_select) = (hub.clone(), props.on_select.clone());
            Callback::from(move |at: usize| row(&hub, at, &on_select))
        };
        html! {
            <>
            <div class="tools">
                <span class="count">
                    <b>{ locale::grouped(heard) }</b>{ " " }{ if heard == 1 { say("message") } else { say("messages") } }
                    if dropped > 0 { <small>{ fill("{} older ones dropped", &[&locale::grouped(dropped)]) }</small> }
                    if let Some(passed) = passed { <small>{ fill("paused, {} passed", &[&locale::grouped(passed)]) }</small> }
                </span>
                <button type="button" aria-pressed={passed.is_some().to_string()} onclick={pause}>
                    { if passed.is_some() { say("Go on") } else { say("Pause") } }
                </button>
                <button type="button" onclick={clear}>{ say("Clear") }</button>
            </div>
            <Rows {total} revision={props.frame} {row} role="list" label="Messages, newest first" />
            </>
        }
    }
}

fn row(hub: &Hub, at: usize, on_select: &Callback<Entry>) -> Html {
    let Some(entry) = hub.look(|model| model.explorer.history.get(at).cloned()) else {
        return Html::default();
    };
    let key = entry.number;
    html! { <Row {key} {entry} on_select={on_select.clone()} /> }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    entry: Entry,
    on_select: Callback<Entry>,
}

type Row = Pure<Line>;

struct Line;

impl Draw for Line {
    type Props = RowProps;

    fn draw(props: &RowProps) -> Html {
        let entry = &props.entry;
        let onclick = {
            let (entry, on_select) = (entry.clone(), props.on_select.clone());
            Callback::from(move |_: MouseEvent| on_select.emit(entry.clone()))
        };
        html! {
            <div class="message" role="listitem" {onclick}>
                <small class="age">{ time_of_day(entry.at) }</small>
                <span class="level">{ &*entry.topic }</span>
                if entry.retain { <span class="kept" title={say("Retained")}>{ "R" }</span> }
                <span class="last">{ preview(&entry.payload, PREVIEW) }</span>
            </div>
        }
    }
}

/// `14:02:09`, in local time.
fn time_of_day(at: mqtt::Instant) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let date = js_sys::Date::new(&(at.as_millis() as f64).into());
    format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds())
}
