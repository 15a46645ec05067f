//! What a person sees when there is nothing to see: one sentence, one action. Decides nothing.

use yew::prelude::*;

use crate::connection::reason::Reason;
use crate::connection::trouble::Trouble;

use crate::tongue::{fill, say};

use super::model::LinkState;

/// The panel's whole screen while it has no devices.
pub(crate) fn screen(
    state: LinkState,
    host: &str,
    is_quiet: bool,
    trouble: Option<&Trouble>,
    does: &Does,
) -> Html {
    let (icon, what, cure, action) = match (trouble, state) {
        (Some(trouble), _) => {
            ("#i-unplugged", trouble.what.clone(), trouble.cure.clone(), cure_button(trouble, does))
        }
        (None, LinkState::Online) if is_quiet => (
            "#i-device",
            say("No device has spoken yet."),
            say("Point a device at this broker, and it appears here by itself."),
            button(&does.explore, &say("See all messages")),
        ),
        (None, LinkState::Online) => ("#i-device", say("Looking for devices…"), String::new(), html! {}),
        (None, _) => ("#i-device", fill("Connecting to {}…", &[host]), String::new(), html! {}),
    };
    html! {
        <div class="empty">
            <svg class="ico" aria-hidden="true"><use href={icon} /></svg>
            <p class="what">{ what }</p>
            <p class="cure">{ cure }</p>
            <div class="act">{ action }</div>
        </div>
    }
}

/// A screen whose part of the page is on its way; when it does not come, that is said [over](over()) it.
pub(crate) fn loading() -> Html {
    html! { <div class="empty"><p class="what">{ say("Loading…") }</p></div> }
}

/// The same while there is something to see: it lies over the page, so that nothing moves.
pub(crate) fn over(trouble: &Trouble, does: &Does) -> Html {
    html! {
        <div class="trouble" role="alert">
            <p><strong>{ &trouble.what }</strong>{ " " }{ &trouble.cure }</p>
            { cure_button(trouble, does) }
        </div>
    }
}

/// Where the one action of a screen leads.
pub(crate) struct Does {
    /// To connect now; none when only another address helps.
    pub(crate) retry: Option<Callback<()>>,
    /// To the settings.
    pub(crate) settings: Callback<()>,
    /// To the explorer.
    pub(crate) explore: Callback<()>,
    /// The broker is this page's own, which has a login.
    pub(crate) can_log_in: bool,
}

fn cure_button(trouble: &Trouble, does: &Does) -> Html {
    let wants_login = matches!(trouble.reason, Some(Reason::NotAuthorized | Reason::AdministrativeAction));
    if does.can_log_in && wants_login {
        return html! { <a class="primary" href="/login">{ say("Log in") }</a> };
    }
    match &does.retry {
        Some(retry) => button(retry, &say("Try now")),
        None => button(&does.settings, &say("Open Settings")),
    }
}

fn button(act: &Callback<()>, words: &str) -> Html {
    html! { <button type="button" onclick={act.reform(|_: MouseEvent| ())}>{ words.to_owned() }</button> }
}
