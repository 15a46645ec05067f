//! A line of a number's last values; who presses it sees a chart of them, and goes through it value by value.

use std::rc::Rc;

use mqtt::Instant;
use web_sys::{HtmlInputElement, MouseEvent};
use yew::prelude::*;

use crate::devices::{Spec, Value};
use crate::panel::look::{Clock, look, shown};
use crate::panel::made::history::{History, Summary};
use crate::panel::state::Device;
use crate::panel::tile::Tile;
use crate::panel::view::extras_version;
use crate::tongue::{fill, say};
use crate::{text, words};

use super::history;

/// The box of the small line and of the chart.
const SMALL: (i32, i32) = (200, 40);
const LARGE: (i32, i32) = (600, 200);

/// The line of a tile, closed at first; nothing while there is one and the same value, or none.
pub(super) fn line(device: &Rc<str>, tile: &Tile, clock: Clock) -> Html {
    let moves = history(device, &tile.spec.key, History::moves);
    if moves == Some(true) {
        drawn(device, tile, clock, false)
    } else {
        html! {}
    }
}

/// A device's number with its chart, that stays open.
pub(crate) fn charted(device: &Device, tile: &Tile, clock: Clock) -> Html {
    let (look, spec) = (look(tile, device.presence, clock), &tile.spec);
    let words = look.value.as_ref().map_or_else(|| "–".to_owned(), |value| shown(spec, value));
    html! {
        <div class="tile charted" role="group" aria-label={spec.label.to_string()} data-tile={format!("{}/{}", device.name, spec.key)}
            data-value={look.value.as_ref().map(Value::to_string)} data-state={look.state} data-stale={look.stale.then_some("")}>
            <span class="row">
                <span class="said">
                    <span class="name">{ spec.label.to_string() }</span>
                    <span class="note">{ look.note }</span>
                </span>
                <span class="value">{ words }</span>
            </span>
            { drawn(&device.name, tile, clock, true) }
        </div>
    }
}

fn drawn(device: &Rc<str>, tile: &Tile, clock: Clock, stays: bool) -> Html {
    let heard = tile.reading.as_ref().map(|reading| (reading.heard, reading.stale));
    html! { <Line device={Rc::clone(device)} spec={Rc::clone(&tile.spec)} version={extras_version()} {heard} {clock} {stays} /> }
}

#[derive(Clone, Properties)]
struct Props {
    device: Rc<str>,
    spec: Rc<Spec>,
    /// Changes when more is known of the past.
    version: u32,
    /// Changes with each value that was heard.
    heard: Option<(Instant, bool)>,
    clock: Clock,
    /// It is always open.
    stays: bool,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.device == other.device
            && Rc::ptr_eq(&self.spec, &other.spec)
            && self.version == other.version
            && self.heard == other.heard
            && self.clock == other.clock
            && self.stays == other.stays
    }
}

enum Msg {
    /// The chart opens or closes.
    Toggle,
    /// To the value of this number.
    Look(usize),
}

struct Line {
    is_open: bool,
    /// The moment that is looked at, and what was so then.
    at: Option<(usize, Instant)>,
}

impl Component for Line {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self { is_open: ctx.props().stays, at: None }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Toggle => (self.is_open, self.at) = (!self.is_open, None),
            Msg::Look(at) => {
                let props = ctx.props();
                let value = history(&props.device, &props.spec.key, |history| history.value(at)).flatten();
                self.at = value.map(|(moment, _)| (at, moment));
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let drawing = history(&props.device, &props.spec.key, |history| {
            let all = history.summary()?;
            Some(html! {
                <>
                if !props.stays { { self.small(ctx, history) } }
                if self.is_open { { self.large(ctx, history, all) } }
                </>
            })
        });
        match drawing.flatten() {
            Some(drawing) => {
                html! { <span class="line" data-open={self.is_open.then_some("")}>{ drawing }</span> }
            }
            None if props.stays => html! { <span class="line note">{ say("Nothing was heard yet.") }</span> },
            None => html! {},
        }
    }
}

impl Line {
    /// What is pressed to see more.
    fn small(&self, ctx: &Context<Self>, history: &History) -> Html {
        let props = ctx.props();
        let label = fill("History of {}", &[&props.spec.label]);
        let onclick = ctx.link().callback(|_: MouseEvent| Msg::Toggle);
        let d = history.line(props.clock.now, SMALL.0, SMALL.1);
        html! {
            <button type="button" class="spark" aria-label={label.clone()} title={label}
                aria-expanded={self.is_open.to_string()} {onclick}>
                <svg viewBox="-2 -3 204 46" preserveAspectRatio="none" aria-hidden="true">
                    <path {d} vector-effect="non-scaling-stroke" />
                </svg>
            </button>
        }
    }

    fn large(&self, ctx: &Context<Self>, history: &History, all: Summary) -> Html {
        let Props { spec, clock, .. } = ctx.props();
        let until = clock.now;
        let value = |n| shown(spec, &Value::Number(n));
        let time = |at| words::clock(at, clock.minutes_east);
        // The values may have been thinned since: then the one nearest to that moment is looked at.
        let at = self.at.filter(|(at, moment)| history.value(*at).is_some_and(|(is, _)| is == *moment));
        let looked = at.and_then(|(at, _)| history.value(at));
        let (moment, n) = looked.unwrap_or((all.to, all.last));
        let said = fill("{} at {}", &[&value(n), &words::time(moment, clock.minutes_east)]);
        let x = all.x(moment, until, LARGE.0);
        let oninput = ctx.link().batch_callback(|event: InputEvent| {
            let at = event.target_unchecked_into::<HtmlInputElement>().value();
            text::place(&at).map(Msg::Look)
        });
        let last = all.count - 1;
        let range = [value(all.min), value(all.max), time(all.from)];
        let summary = fill("Between {} and {} since {}", &[&range[0], &range[1], &range[2]]);
        html! {
            <span class="chart" role="group" aria-label={fill("History of {}", &[&spec.label])}>
                <span class="ends" aria-hidden="true"><span>{ value(all.max) }</span><span>{ value(all.min) }</span></span>
                <span class="plot">
                    <svg viewBox="0 -4 600 208" preserveAspectRatio="none" aria-hidden="true">
                        <path class="ground" d="M0 0H600M0 100H600M0 200H600" vector-effect="non-scaling-stroke" />
                        <path d={history.line(until, LARGE.0, LARGE.1)} vector-effect="non-scaling-stroke" />
                        if looked.is_some() {
                            <path class="at" d={format!("M{x} -4V204")} vector-effect="non-scaling-stroke" />
                        }
                    </svg>
                    <input type="range" min="0" max={last.to_string()} step="1" value={at.map_or(last, |(at, _)| at).to_string()}
                        aria-label={say("Moment")} aria-valuetext={said.clone()} {oninput} />
                </span>
                <span class="ends times" aria-hidden="true"><span>{ time(all.from) }</span><span>{ time(until.max(all.to)) }</span></span>
                <span class="note">
                    if looked.is_some() { <b>{ said }</b>{ " · " } }
                    { summary }
                </span>
            </span>
        }
    }
}
