//! An output: the whole tile is the switch.

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::look::look;
use crate::pure::{Draw, Pure};

use super::TileProps;

pub(super) type Switch = Pure<Switched>;

pub(super) struct Switched;

impl Draw for Switched {
    type Props = TileProps;

    fn draw(props: &TileProps) -> Html {
        let look = look(&props.tile, props.presence, props.clock);
        let is_on = look.value == Some(Value::Switch(true));
        let busy = props.is_offline() || look.state == "pending";
        html! {
            <div class="tile" data-tile={props.handle()} data-value={look.value.map(|value| value.to_string())}
                data-state={look.state} data-stale={look.stale.then_some("")}
                data-otherwise={look.otherwise.then_some("")}>
                <span class="row">
                    <svg class="ico" aria-hidden="true"><use href="#i-power" /></svg>
                    <button type="button" class="whole" role="switch" aria-checked={is_on.to_string()}
                        aria-label={props.tile.key.label()} aria-description={look.note.clone()}
                        aria-disabled={busy.then_some("true")} onclick={props.ask()}>
                        <span class="sw"></span>
                    </button>
                </span>
                <span class="said">
                    <span class="name">{ props.tile.key.label() }</span>
                    <span class="note">{ look.note }</span>
                </span>
                <span class="moving" aria-hidden="true"></span>
            </div>
        }
    }
}
