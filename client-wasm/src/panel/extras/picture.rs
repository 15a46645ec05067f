//! A picture that came as a message.

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::look::{Clock, look};
use crate::panel::state::Device;
use crate::panel::tile::Tile;

/// The last picture, and how old it is.
pub(crate) fn picture(device: &Device, tile: &Tile, clock: Clock) -> Html {
    let (look, spec) = (look(tile, device.presence, clock), &tile.spec);
    let src = match look.value {
        // It may have millions of letters: it is not copied for each drawing.
        Some(Value::Text(address)) => Some(AttrValue::from(address)),
        _ => None,
    };
    html! {
        <figure class="tile picture" data-tile={format!("{}/{}", device.name, spec.key)}
            data-state={look.state} data-stale={look.stale.then_some("")}>
            if let Some(src) = src {
                <img {src} alt={spec.label.to_string()} />
            } else {
                <span class="value" aria-hidden="true">{ "–" }</span>
            }
            <figcaption class="said">
                <span class="name">{ spec.label.to_string() }</span>
                <span class="note">{ look.note }</span>
            </figcaption>
        </figure>
    }
}
