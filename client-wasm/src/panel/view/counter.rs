//! A counter: its number, and a button that sets it back.

use yew::prelude::*;

use crate::devices::Value;
use crate::panel::look::look;
use crate::pure::{Draw, Pure};
use crate::words;

use super::TileProps;

pub(super) type Counter = Pure<Counted>;

pub(super) struct Counted;

impl Draw for Counted {
    type Props = TileProps;

    fn draw(props: &TileProps) -> Html {
        let look = look(&props.tile, props.presence, props.clock);
        let number = match look.value {
            Some(Value::Count(n)) => words::grouped(n),
            Some(_) | None => "–".to_owned(),
        };
        let busy = props.is_offline() || look.state == "pending";
        let label = props.tile.key.label();
        html! {
            <div class="tile counter" data-tile={props.handle()} data-value={look.value.map(|value| value.to_string())}
                data-state={look.state} data-stale={look.stale.then_some("")}>
                <span class="said">
                    <span class="name">{ label.clone() }</span>
                    <span class="note">{ look.note.clone() }</span>
                </span>
                <span class="row">
                    <span class="value">{ number }</span>
                    <button type="button" class="btn" aria-label={format!("Reset {label} to 0")} title="Set to 0"
                        aria-description={look.note} aria-disabled={busy.then_some("true")} onclick={props.ask()}>
                        <svg class="ico" aria-hidden="true"><use href="#i-reset" /></svg>
                    </button>
                </span>
                <span class="moving" aria-hidden="true"></span>
            </div>
        }
    }
}
