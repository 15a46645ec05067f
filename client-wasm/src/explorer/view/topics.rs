//! The topic tree with its last values.

use std::rc::Rc;

use mqtt::Instant;
use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::locale;
use crate::tongue::say;

use crate::app::hub::Hub;
use crate::connection::unix_now;
use crate::explorer::payload::preview;
use crate::explorer::rows::Rows;
use crate::explorer::state::{Selected, Step};
use crate::explorer::tree::{Node, NodeId};
use crate::pure::{Draw, Pure};
use crate::words;

use super::Props;

/// Characters of a value that fit in a row of any width.
const PREVIEW: usize = 120;
/// A page of rows for the keyboard.
const PAGE: isize = 10;

pub(super) type Topics = Pure<List>;

pub(super) struct List;

impl Draw for List {
    type Props = Props;

    fn draw(props: &Props) -> Html {
        let (total, chosen, place) = props.hub.look_mut(|model| {
            let chosen = model.explorer.selected_node();
            let rows = model.explorer.tree.rows();
            (rows.len(), chosen, chosen.and_then(|id| rows.iter().position(|&row| row == id)))
        });
        let onkeydown = {
            let hub = props.hub.clone();
            Callback::from(move |event: KeyboardEvent| {
                if let Some(step) = step(&event.key()) {
                    event.prevent_default();
                    hub.act(|model, _| model.explorer.walk(step));
                }
            })
        };
        let row = {
            let (hub, now) = (props.hub.clone(), unix_now());
            Callback::from(move |at: usize| row(&hub, at, now))
        };
        html! {
            <>
            <Rows {total} revision={props.frame} {row} role="tree" label="Topics" reveal={place}
                active={chosen.map(row_id)} {onkeydown} />
            if total == 0 {
                <p class="nothing">{ say("Nothing heard yet.") }</p>
            }
            </>
        }
    }
}

fn row(hub: &Hub, at: usize, now: Instant) -> Html {
    let props = hub.look_mut(|model| {
        let id = *model.explorer.tree.rows().get(at)?;
        let chosen = model.explorer.selected_node() == Some(id);
        let tree = &model.explorer.tree;
        let node = tree.node(id)?;
        Some(RowProps {
            hub: hub.clone(),
            id,
            topic: tree.topic(id),
            chosen,
            facts: Rc::new(Facts::of(node, now)),
        })
    });
    let Some(props) = props else { return Html::default() };
    let key = props.id;
    html! { <Row {key} ..props /> }
}

#[derive(Clone, Properties, PartialEq)]
struct RowProps {
    hub: Hub,
    id: NodeId,
    topic: String,
    chosen: bool,
    facts: Rc<Facts>,
}

/// What a row says. Rows that say the same are not drawn anew.
#[derive(PartialEq)]
struct Facts {
    name: String,
    level: u16,
    expanded: Option<bool>,
    below: String,
    value: String,
    retained: bool,
    age: String,
}

impl Facts {
    fn of(node: &Node, now: Instant) -> Self {
        let last = node.last();
        let below = node.topics() - u32::from(last.is_some());
        Self {
            name: if node.name().is_empty() { say("(no name)") } else { node.name().to_owned() },
            level: node.level(),
            expanded: node.expanded(),
            below: if node.expanded().is_some() { locale::grouped(u64::from(below)) } else { String::new() },
            value: last.map(|last| preview(&last.payload, PREVIEW)).unwrap_or_default(),
            retained: last.is_some_and(|last| last.retained),
            age: last.map(|last| words::short_age(now, last.at)).unwrap_or_default(),
        }
    }
}

type Row = Pure<Line>;

struct Line;

impl Draw for Line {
    type Props = RowProps;

    fn draw(props: &RowProps) -> Html {
        let RowProps { hub, id, facts, .. } = props;
        let (id, expanded) = (*id, facts.expanded);
        let select = {
            let hub = hub.clone();
            Callback::from(move |_: MouseEvent| {
                hub.act(|model, _| model.explorer.select(Some(Selected::Node(id))))
            })
        };
        let toggle = {
            let hub = hub.clone();
            Callback::from(move |event: MouseEvent| {
                event.stop_propagation();
                hub.act(|model, _| model.explorer.tree.open(id, expanded == Some(false)));
            })
        };
        html! {
            <div class="node" role="treeitem" id={row_id(id)} data-topic={props.topic.clone()}
                aria-level={facts.level.to_string()} aria-expanded={expanded.map(|open| open.to_string())}
                aria-selected={props.chosen.to_string()} onclick={select}>
                if expanded.is_some() {
                    <span class="fold" aria-hidden="true" onclick={toggle}></span>
                } else {
                    <span class="leaf"></span>
                }
                <span class="level">{ &facts.name }</span>
                if expanded.is_some() { <small class="below">{ &facts.below }</small> }
                if facts.retained { <span class="kept" title={say("Retained")}>{ "R" }</span> }
                <span class="last">{ &facts.value }</span>
                <small class="age">{ &facts.age }</small>
            </div>
        }
    }
}

fn row_id(id: NodeId) -> String {
    format!("topic-{id}")
}

fn step(key: &str) -> Option<Step> {
    Some(match key {
        "ArrowDown" => Step::By(1),
        "ArrowUp" => Step::By(-1),
        "ArrowRight" => Step::In,
        "ArrowLeft" => Step::Out,
        "PageDown" => Step::By(PAGE),
        "PageUp" => Step::By(-PAGE),
        "Home" => Step::First,
        "End" => Step::Last,
        _ => return None,
    })
}
