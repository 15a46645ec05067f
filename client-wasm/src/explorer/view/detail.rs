//! One topic, or one message of the past, looked at closely.

use std::rc::Rc;

use bytes::Bytes;
use mqtt::Instant;
use yew::prelude::*;

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

#[component]
pub(super) fn Detail(props: &Props) -> Html {
    let Some(shown) = props.hub.look(|model| Shown::of(&model.explorer, unix_now())) else {
        return html! {
            <section class="pane detail none" aria-label="Details">
                <p class="nothing">{ "Choose a topic to see its last message." }</p>
            </section>
        };
    };
    let key = shown.topic.to_string();
    html! {
        <section class="pane detail" aria-label="Details">
            <Close on_close={props.on_close.clone()} />
            <Card key={key} {shown} on_draft={props.on_draft.clone()}
                on_clear={props.on_clear.clone()} />
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct CloseProps {
    on_close: Callback<()>,
}

#[component]
fn Close(props: &CloseProps) -> Html {
    let onclick = props.on_close.reform(|_: MouseEvent| ());
    html! { <button type="button" class="close" aria-label="Close details" {onclick}>{ "×" }</button> }
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
                        facts: words::counted(node.topics() as usize, "topic") + " below",
                        retained: false,
                    },
                }
            }
            Selected::Message(entry) => Self {
                topic: entry.topic.as_ref().into(),
                payload: Some(entry.payload.clone()),
                size: entry.size,
                facts: format!(
                    "{} · {} · message {}",
                    words::bytes(entry.size),
                    words::short_age(now, entry.at),
                    words::grouped(entry.number)
                ),
                retained: entry.retain,
            },
        })
    }
}

#[derive(Properties, PartialEq)]
struct CardProps {
    shown: Shown,
    on_draft: Callback<Draft>,
    on_clear: Callback<String>,
}

#[component]
fn Card(props: &CardProps) -> Html {
    let shown = &props.shown;
    let sure = use_state(|| false);
    let draft = {
        let (on_draft, topic) = (props.on_draft.clone(), shown.topic.to_string());
        Callback::from(move |_: MouseEvent| on_draft.emit(Draft { topic: topic.clone(), ..Draft::default() }))
    };
    let ask = |to: bool| {
        let sure = sure.clone();
        Callback::from(move |_: MouseEvent| sure.set(to))
    };
    let clear = {
        let (on_clear, topic, sure) = (props.on_clear.clone(), shown.topic.to_string(), sure.clone());
        Callback::from(move |_: MouseEvent| {
            sure.set(false);
            on_clear.emit(topic.clone());
        })
    };
    html! {
        <>
        <h2 class="topic">{ &*shown.topic }</h2>
        <p class="facts">
            if shown.retained { <span class="kept">{ "Retained" }</span> }
            { &shown.facts }
        </p>
        if let Some(payload) = &shown.payload {
            <pre tabindex="0" aria-label="Payload">{ full(payload) }</pre>
            if payload.len() < shown.size {
                <p class="facts">{ format!("The first {} are shown.", words::bytes(payload.len())) }</p>
            }
        }
        <div class="act">
            if *sure {
                <span>{ "Remove the retained message for everyone?" }</span>
                <button type="button" class="bad" onclick={clear}>{ "Remove" }</button>
                <button type="button" onclick={ask(false)}>{ "Keep" }</button>
            } else {
                <button type="button" onclick={draft}>{ "Publish here" }</button>
                if shown.retained {
                    <button type="button" onclick={ask(true)}>{ "Clear retained" }</button>
                }
            }
        </div>
        </>
    }
}
