//! A switch of its own: the whole tile is the switch.

use yew::prelude::*;

use super::control::flip;
use super::{TileProps, frame, icon, said};

pub(super) fn draw(props: &TileProps) -> Html {
    let tile = props.main();
    let look = props.look(tile);
    let inside = html! {
        <>
        <span class="row">{ icon(tile.spec.icon) }{ flip(props, tile, &look, "whole") }</span>
        { said(tile, &look) }
        </>
    };
    frame(props, tile, &look, "tile", inside)
}
