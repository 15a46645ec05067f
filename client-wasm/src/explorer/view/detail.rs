//! One topic, or one message of the past, looked at closely.

use std::rc::Rc;

use bytes::Bytes;
use mqtt::Instant;
use yew::prelude::*;

use crate::locale;
use crate::tongue::{fill, say};

use crate::app::hub::Hub;
use crate::connection::unix_now;
use crate::explorer::payload::full;
use crate::explorer::state::{Selected, State};
use crate::words;

use super::publish::Draft;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) hub: Hub,
    pub(super) frame: u64,
    pub(super) on_close: Callback<()>,
    pub(super) on_draft: Callback<Draft>,
    pub(super) on_clear: Callback<String>,
}

pub(super) enum Msg {
    /// Clearing for everyone is asked for twice.
    Ask(bool),
    Clear(Rc<str>),
    Draft(Rc<str>),
    /// A tile of it on a page of the panel.
    Tile(Rc<str>),
}

#[derive(Default)]
pub(super) struct Detail {
    asking: bool,
    shown: Option<Shown>,
}

impl Component for Detail {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let mut detail = Self::default();
        detail.look(ctx);
        detail
    }

    fn changed(&mut self, ctx: &Context<Self>, _old: &Props) -> bool {
        self.look(ctx)
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        self.asking = matches!(msg, Msg::Ask(true));
        match msg {
            Msg::Ask(_) => {}
            Msg::Clear(topic) => ctx.props().on_clear.emit(topic.to_string()),
            Msg::Draft(topic) => {
                ctx.props().on_draft.emit(Draft { topic: topic.to_string(), ..Draft::default() });
            }
            Msg::Tile(topic) => {
                let payload = self.shown.as_ref().and_then(|shown| shown.payload.clone()).unwrap_or_default();
                ctx.props().hub.act(|model, _| {
                    (model.desk.begins, model.desk.adds) = (true, Some((topic.to_string(), payload)));
                });
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Some(shown) = &self.shown else {
            return html! { <section class="pane detail none" aria-label={say("Details")}></section> };
        };
        let onclick = ctx.props().on_close.reform(|_: MouseEvent| ());
        html! {
            <section class="pane detail" aria-label={say("Details")}>
                <button type="button" class="close" aria-label={say("Close details")} {onclick}>{ "×" }</button>
                <h2 class="topic">{ &*shown.topic }</h2>
                <p class="facts">
                    if shown.retained { <span class="kept">{ say("Retained") }</span> }
                    { &shown.facts }
                </p>
                if let Some(payload) = &shown.payload {
                    <pre tabindex="0" aria-label={say("Payload")}>{ full(payload) }</pre>
                    if payload.len() < shown.size {
                        <p class="facts">{ fill("The first {} are shown.", &[&words::bytes(payload.len())]) }</p>
                    }
                }
                { self.actions(ctx, shown) }
            </section>
        }
    }
}

impl Detail {
    /// Looks at what is selected; says whether it has to be drawn anew.
    fn look(&mut self, ctx: &Context<Self>) -> bool {
        let shown = ctx.props().hub.look(|model| Shown::of(&model.explorer, unix_now()));
        let topic = |shown: &Option<Shown>| shown.as_ref().map(|shown| Rc::clone(&shown.topic));
        if topic(&shown) != topic(&self.shown) {
            self.asking = false;
        }
        let is_new = shown != self.shown;
        self.shown = shown;
        is_new
    }

    fn actions(&self, ctx: &Context<Self>, shown: &Shown) -> Html {
        let on = |msg: fn(Rc<str>) -> Msg| {
            let topic = Rc::clone(&shown.topic);
            ctx.link().callback(move |_: MouseEvent| msg(Rc::clone(&topic)))
        };
        html! {
            <div class="act">
                if self.asking {
                    <span>{ say("Remove the retained message for everyone?") }</span>
                    <button type="button" class="bad" onclick={on(Msg::Clear)}>{ say("Remove") }</button>
                    <button type="button" onclick={on(|_| Msg::Ask(false))}>{ say("Keep") }</button>
                } else {
                    <button type="button" onclick={on(Msg::Draft)}>{ say("Publish here") }</button>
                    if shown.payload.is_some() {
                        <button type="button" onclick={on(Msg::Tile)}>{ say("Make a tile") }</button>
                    }
                    if shown.retained {
                        <button type="button" onclick={on(|_| Msg::Ask(true))}>{ say("Clear retained") }</button>
                    }
                }
            </div>
        }
    }
}

/// What is shown; equal when nothing has to be drawn anew.
#[derive(Clone, PartialEq)]
struct Shown {
    topic: Rc<str>,
    payload: Option<Bytes>,
    /// Bytes that the message had; more than are shown if it was long.
    size: usize,
    facts: String,
    /// The broker keeps a message here that can be cleared.
    retained: bool,
}

impl Shown {
    fn of(explorer: &State, now: Instant) -> Option<Self> {
        Some(match explorer.selected()? {
            Selected::Node(id) => {
                let node = explorer.tree.node(*id)?;
                let topic = explorer.tree.topic(*id).into();
                match node.last() {
                    Some(last) => Self {
                        topic,
                        payload: Some(last.payload.clone()),
                        size: last.size,
                        facts: format!(
                            "{} · {} · {}",
                            words::bytes(last.size),
                            words::short_age(now, last.at),
                            words::counted(usize::try_from(node.messages()).unwrap_or(usize::MAX), "message")
                        ),
                        retained: last.retained,
                    },
                    None => Self {
                        topic,
                        payload: None,
                        size: 0,
                        facts: fill("{} below", &[&words::counted(node.topics() as usize, "topic")]),
                        retained: false,
                    },
                }
            }
            Selected::Message(entry) => Self {
                topic: entry.topic.as_ref().into(),
                payload: Some(entry.payload.clone()),
                size: entry.size,
                facts: fill(
                    "{} · {} · message {}",
                    &[
                        &words::bytes(entry.size),
                        &words::short_age(now, entry.at),
                        &locale::grouped(entry.number),
                    ],
                ),
                retained: entry.retain,
            },
        })
    }
}
