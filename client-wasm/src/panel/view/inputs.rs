//! The inputs of a device: lamps that only tell, in one tile.

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::tile::Tile;
use crate::tongue::{fill, say};

use super::TileProps;

pub(super) fn draw(props: &TileProps) -> Html {
    let state = if props.is_offline() { "offline" } else { "confirmed" };
    html! {
        <div class="tile wide inputs" role="group" aria-label={say("Inputs")} data-state={state}>
            <span class="name" aria-hidden="true">{ say("Inputs") }</span>
            <div class="lamps">
                for tile in props.tiles.iter() {
                    { lamp(props, tile) }
                }
            </div>
        </div>
    }
}

fn lamp(props: &TileProps, tile: &Tile) -> Html {
    let look = props.look(tile);
    let label = &tile.spec.label;
    let number = label.rsplit(' ').next().unwrap_or_default().to_owned();
    let value = match look.value {
        Some(Value::Switch(true)) => say("on"),
        Some(_) => say("off"),
        None => say("unknown"),
    };
    let said = match look.state {
        "offline" => fill("{}: was {}. {}", &[label, &value, &look.note]),
        _ => format!("{}: {value}", label),
    };
    html! {
        <span class="lamp" key={tile.spec.key.to_string()} role="img" aria-label={said} title={look.note}
            data-tile={props.handle(tile)} data-value={look.value.map(|value| value.to_string())}
            data-state={look.state} data-stale={look.stale.then_some("")}>
            <i></i>{ number }
        </span>
    }
}
