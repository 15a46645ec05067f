//! The filters that are watched, as chips, and a field for another.

use mqtt::TopicFilter;
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::prelude::*;

use crate::app::hub::Hub;

use super::Props;

/// Offered with one tap while they are not watched.
const SUGGESTED: [&str; 2] = ["#", "$SYS/#"];

#[component]
pub(super) fn Filters(props: &Props) -> Html {
    let text = use_state(String::new);
    let wrong = use_state(|| None::<String>);
    let chips = props.hub.look(|model| model.explorer.filters().to_vec());
    let add = {
        let (hub, text, wrong) = (props.hub.clone(), text.clone(), wrong.clone());
        move |filter: &str| match hub.act(|model, link| model.add_filter(link, filter)) {
            Ok(()) => {
                text.set(String::new());
                wrong.set(None);
            }
            Err(why) => wrong.set(Some(why)),
        }
    };
    let onsubmit = {
        let (add, text) = (add.clone(), text.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            add(&text);
        })
    };
    let oninput = {
        let (text, wrong) = (text.clone(), wrong.clone());
        Callback::from(move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlInputElement>().value());
            wrong.set(None);
        })
    };
    let offered = SUGGESTED.into_iter().filter(|text| chips.iter().all(|chip| chip.filter.as_str() != *text));
    html! {
        <form class="filters" {onsubmit}>
            for chip in chips.iter() {
                { watched(&props.hub, &chip.filter, chip.refused.as_deref()) }
            }
            for offer in offered {
                <button type="button" class="chip offer" aria-label={format!("Watch {offer}")}
                    onclick={{ let add = add.clone(); move |_: MouseEvent| add(offer) }}>
                    { "+ " }{ offer }
                </button>
            }
            <span class="add">
                <input type="text" aria-label="Topic filter to watch" placeholder="Topic filter, e.g. home/+/state"
                    autocapitalize="off" autocomplete="off" spellcheck="false" value={(*text).clone()} {oninput}
                    aria-invalid={wrong.is_some().then_some("true")} />
                <button type="submit">{ "Watch" }</button>
            </span>
            if let Some(wrong) = &*wrong {
                <p class="wrong" role="alert">{ wrong }</p>
            }
        </form>
    }
}

fn watched(hub: &Hub, filter: &TopicFilter, refused: Option<&str>) -> Html {
    let onclick = {
        let (hub, filter) = (hub.clone(), filter.clone());
        Callback::from(move |_: MouseEvent| hub.act(|model, link| model.remove_filter(link, &filter)))
    };
    let text = filter.as_str().to_owned();
    html! {
        <span key={text.clone()} class={classes!("chip", "watched", refused.map(|_| "bad"))} title={refused.map(str::to_owned)}>
            <b>{ &text }</b>
            if let Some(refused) = refused { <em>{ refused }</em> }
            <button type="button" aria-label={format!("Stop watching {text}")} {onclick}>{ "×" }</button>
        </span>
    }
}
