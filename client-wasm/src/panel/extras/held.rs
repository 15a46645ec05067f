//! A control that is held before it does anything, or pressed twice by whoever cannot hold. What that means is
//! [`hold`](crate::panel::made::hold)'s.

use web_sys::{KeyboardEvent, MouseEvent, PointerEvent};
use yew::prelude::*;

use crate::connection::{Timer, now};
use crate::panel::made::hold::Hold;
use crate::panel::view::Held;
use crate::tongue::say;

pub(super) fn held(held: Held) -> Html {
    html! { <Button ..held /> }
}

enum Msg {
    Down,
    /// Let go; by a key, which asks for a second press.
    Up {
        key: bool,
    },
    /// Pressed by a tool that knows no holding.
    Press,
    Tick,
}

struct Button {
    hold: Hold,
    timer: Timer,
}

impl Component for Button {
    type Message = Msg;
    type Properties = Held;

    fn create(ctx: &Context<Self>) -> Self {
        let ring = ctx.link().callback(|()| Msg::Tick);
        Self { hold: Hold::Rest, timer: Timer::new(move || ring.emit(())) }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        if ctx.props().is_busy {
            self.hold = Hold::Rest;
            return true;
        }
        let done = match msg {
            Msg::Down => self.hold.down(now()),
            Msg::Up { key: true } if matches!(self.hold, Hold::Held(_)) => self.hold.press(now()),
            Msg::Up { key: true } => false,
            Msg::Up { key: false } => {
                self.hold.leave();
                false
            }
            Msg::Press => self.hold.press(now()),
            Msg::Tick => self.hold.tick(now()),
        };
        if done {
            ctx.props().done.emit(());
        }
        self.timer.arm(self.hold.deadline());
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Held { class, label, note, checked, is_busy, inside, .. } = ctx.props();
        let link = ctx.link();
        let (word, hint) = match self.hold {
            Hold::Rest => ("rest", say("Hold")),
            Hold::Held(_) => ("held", say("Keep holding…")),
            Hold::Asks(_) => ("asks", say("Press again")),
        };
        // A picture has no words of its own: those beside it would not be its name.
        let beside = (*class == "btn").then(|| hint.clone());
        let about = format!("{note}. {}", say("Hold it for a second, or press it twice."));
        let down = link.batch_callback(|event: PointerEvent| (event.button() == 0).then_some(Msg::Down));
        let up = link.callback(|_: PointerEvent| Msg::Up { key: false });
        html! {
            <>
            <button type="button" class={classes!(*class, "hold")} role={checked.map(|_| "switch")} aria-label={label.clone()}
                aria-checked={checked.map(|checked| checked.to_string())} aria-description={about} data-hold={word}
                aria-disabled={is_busy.then_some("true")}
                onpointerdown={down} onpointerup={up.clone()} onpointercancel={up.clone()} onpointerleave={up}
                oncontextmenu={Callback::from(|event: MouseEvent| event.prevent_default())}
                onkeydown={keys(link.callback(|()| Msg::Down))}
                onkeyup={keys(link.callback(|()| Msg::Up { key: true }))}
                onblur={link.callback(|_| Msg::Up { key: false })}
                onclick={link.batch_callback(|event: MouseEvent| (event.detail() == 0).then_some(Msg::Press))}>
                { inside.clone() }
                <span class="hint" aria-hidden="true" data-hint={beside.clone()}>if beside.is_none() { { hint.clone() } }</span>
            </button>
            <span class="unseen" role="status">if word == "asks" { { hint } }</span>
            </>
        }
    }
}

/// What keys do to a button is done here, and not by the browser too.
fn keys(then: Callback<()>) -> Callback<KeyboardEvent> {
    Callback::from(move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
            if !event.repeat() {
                then.emit(());
            }
        }
    })
}
