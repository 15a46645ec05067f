//! A counter: its number, and a button that sets it back.

use yew::prelude::*;

use crate::panel::look::shown;
use crate::tongue::fill;

use super::control::{button, size};
use super::{Held, TileProps, frame, held, icon, line, said};

pub(super) fn draw(props: &TileProps) -> Html {
    let tile = props.main();
    let look = props.look(tile);
    let count = look.value.as_ref().map_or_else(|| "–".to_owned(), |value| shown(&tile.spec, value));
    let busy = props.is_offline() || tile.wanted().is_some();
    let label = fill("Reset {} to 0", &[&tile.spec.label]);
    let control = || Held {
        class: "btn",
        label: label.clone(),
        note: look.note.clone(),
        checked: None,
        is_busy: busy,
        done: props.tap(tile),
        inside: icon("#i-reset"),
    };
    let reset = held(props, tile, control).unwrap_or_else(|| {
        button(label.clone(), "Set to 0", "#i-reset", &look.note, busy, false, props.tap(tile))
    });
    let inside = html! {
        <>
        { said(tile, &look) }
        { line(props, tile) }
        <span class="row">
            <span class="value"><span class={size(count.chars().count(), 4)}>{ count }</span></span>
            { reset }
        </span>
        </>
    };
    frame(props, tile, &look, "tile counter", inside)
}
