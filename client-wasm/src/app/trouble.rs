//! What a person sees when there is nothing to see: one sentence, one action. Decides nothing.

use yew::prelude::*;

use crate::connection::trouble::Trouble;

use super::model::LinkState;

/// The panel's whole screen while it has no devices.
pub(crate) fn screen(
    state: LinkState,
    host: &str,
    is_quiet: bool,
    trouble: Option<&Trouble>,
    retry: &Callback<()>,
) -> Html {
    let onclick = retry.reform(|_: MouseEvent| ());
    let (icon, what, cure, action) = match (trouble, state) {
        (Some(trouble), _) => {
            let action = html! { <button type="button" class="primary" {onclick}>{ "Try now" }</button> };
            ("#i-unplugged", trouble.what.clone(), trouble.cure.clone(), action)
        }
        (None, LinkState::Online) if is_quiet => (
            "#i-device",
            "No device has spoken yet.".to_owned(),
            "Point a Web-IO at this broker, and it appears here by itself.".to_owned(),
            html! { <a class="primary" href="/explorer">{ "See all messages" }</a> },
        ),
        (None, LinkState::Online) => {
            ("#i-device", "Looking for devices…".to_owned(), String::new(), html! {})
        }
        (None, _) => ("#i-device", format!("Connecting to {host}…"), String::new(), html! {}),
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

/// The same while there is something to see: it lies over the page, so that nothing moves.
pub(crate) fn over(trouble: &Trouble, can_retry: bool, retry: &Callback<()>) -> Html {
    let onclick = retry.reform(|_: MouseEvent| ());
    html! {
        <aside class="trouble" role="alert">
            <p><strong>{ &trouble.what }</strong>{ " " }{ &trouble.cure }</p>
            if can_retry {
                <button type="button" {onclick}>{ "Try now" }</button>
            } else {
                <a href="/settings">{ "Settings" }</a>
            }
        </aside>
    }
}
