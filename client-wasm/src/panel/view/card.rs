//! A card for everything that is not a single switch: its first tile with name and note, the others in rows below it.

use yew::prelude::*;

use crate::devices::Kind;
use crate::panel::tile::Tile;

use super::control::control;
use super::{TileProps, frame, icon, said};

pub(crate) fn draw(props: &TileProps) -> Html {
    let tile = props.main();
    let look = props.look(tile);
    let spec = &tile.spec;
    // What needs a second column for its buttons or what is written there.
    let is_broad =
        matches!(spec.kind, Kind::Slider(_) | Kind::Stepper(_) | Kind::Cover | Kind::Text | Kind::Colour);
    let wide = is_broad || props.tiles.len() > 1;
    // What the eye looks for stands large; what the hand looks for stands below it.
    let is_beside = matches!(spec.kind, Kind::Switch | Kind::Lock | Kind::Colour);
    let control = control(props, tile, &look);
    let parts = || props.tiles.iter().skip(1);
    let inside = html! {
        <>
        <span class="row">
            if !spec.icon.is_empty() { { icon(spec.icon) } }
            { said(tile, &look) }
            if is_beside { { control.clone() } }
        </span>
        if !is_beside { { control } }
        for part in parts().filter(|part| part.spec.kind != Kind::Button) { { row(props, part) } }
        if parts().any(|part| part.spec.kind == Kind::Button) {
            <div class="acts">for part in parts().filter(|part| part.spec.kind == Kind::Button) { { row(props, part) } }</div>
        }
        </>
    };
    frame(props, tile, &look, if wide { "tile parts wide" } else { "tile parts" }, inside)
}

fn row(props: &TileProps, tile: &Tile) -> Html {
    let look = props.look(tile);
    // Only what is not as it should be needs words here.
    let is_odd = matches!(look.state, "pending" | "refused" | "timeout" | "assumed") || look.otherwise;
    let words = if is_odd { look.note.clone() } else { tile.spec.label.to_string() };
    // A button says itself what it is.
    let is_named = is_odd || tile.spec.kind != Kind::Button;
    let inside = html! {
        <>
        if is_named { <span class="part-name">{ words }</span> }
        { control(props, tile, &look) }
        </>
    };
    frame(props, tile, &look, if tile.spec.kind == Kind::Reading { "part told" } else { "part" }, inside)
}
