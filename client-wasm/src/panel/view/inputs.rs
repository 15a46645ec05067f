//! The inputs of a device: lamps that only tell, in one tile.

use std::rc::Rc;

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::look::{Clock, look};
use crate::panel::state::Presence;
use crate::panel::tile::Tile;
use crate::pure::{Draw, Pure};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) device: Rc<str>,
    pub(super) tiles: Rc<[Tile]>,
    pub(super) presence: Presence,
    pub(super) clock: Clock,
}

pub(super) type Inputs = Pure<Told>;

pub(super) struct Told;

impl Draw for Told {
    type Props = Props;

    fn draw(props: &Props) -> Html {
        let state = if matches!(props.presence, Presence::Offline { .. }) { "offline" } else { "confirmed" };
        html! {
            <div class="tile wide inputs" role="group" aria-label="Inputs" data-state={state}>
                <span class="name" aria-hidden="true">{ "Inputs" }</span>
                <div class="lamps">
                    for tile in props.tiles.iter() {
                        { lamp(props, tile) }
                    }
                </div>
            </div>
        }
    }
}

fn lamp(props: &Props, tile: &Tile) -> Html {
    let look = look(tile, props.presence, props.clock);
    let key = tile.key;
    let value = match look.value {
        Some(Value::Switch(true)) => "on",
        Some(_) => "off",
        None => "unknown",
    };
    let label = match look.state {
        "offline" => format!("{}: was {value}. {}", key.label(), look.note),
        _ => format!("{}: {value}", key.label()),
    };
    html! {
        <span class="lamp" key={key.number} role="img" aria-label={label} title={look.note}
            data-tile={format!("{}/{key}", props.device)} data-value={look.value.map(|value| value.to_string())}
            data-state={look.state} data-stale={look.stale.then_some("")}>
            <i></i>{ key.number }
        </span>
    }
}
