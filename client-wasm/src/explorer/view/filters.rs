//! The filters that are watched, as chips, and a field for another.

use mqtt::TopicFilter;
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::prelude::*;

use crate::tongue::{fill, say};

use crate::app::hub::Hub;

use super::Props;

/// Offered with one tap while they are not watched.
const SUGGESTED: [&str; 2] = ["#", "$SYS/#"];

#[derive(Default)]
pub(super) struct Filters {
    text: String,
    wrong: Option<String>,
}

pub(super) enum Msg {
    Write(String),
    Submit,
    Offer(&'static str),
}

impl Component for Filters {
    type Message = Msg;
    type Properties = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self::default()
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let hub = &ctx.props().hub;
        let added = match &msg {
            Msg::Write(text) => {
                self.text.clone_from(text);
                Ok(())
            }
            Msg::Submit => hub.act(|model, link| model.add_filter(link, &self.text)),
            Msg::Offer(filter) => hub.act(|model, link| model.add_filter(link, filter)),
        };
        if added.is_ok() && matches!(msg, Msg::Submit) {
            self.text.clear();
        }
        self.wrong = added.err();
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (hub, link) = (&ctx.props().hub, ctx.link());
        let chips = hub.look(|model| model.explorer.filters().to_vec());
        let offered =
            SUGGESTED.into_iter().filter(|text| chips.iter().all(|chip| chip.filter.as_str() != *text));
        let onsubmit = link.callback(|event: SubmitEvent| {
            event.prevent_default();
            Msg::Submit
        });
        let oninput = link.callback(|event: InputEvent| {
            Msg::Write(event.target_unchecked_into::<HtmlInputElement>().value())
        });
        html! {
            <form class="filters" {onsubmit}>
                for chip in chips.iter() {
                    { watched(hub, &chip.filter, chip.refused.as_deref()) }
                }
                for offer in offered {
                    <button type="button" class="chip offer" aria-label={fill("Watch {}", &[offer])}
                        onclick={link.callback(move |_: MouseEvent| Msg::Offer(offer))}>
                        { "+ " }{ offer }
                    </button>
                }
                <span class="add">
                    <input type="text" aria-label={say("Topic filter to watch")} placeholder="home/+/state"
                        autocapitalize="off" autocomplete="off" spellcheck="false" value={self.text.clone()} {oninput}
                        aria-invalid={self.wrong.is_some().then_some("true")} />
                    <button type="submit">{ say("Watch") }</button>
                </span>
                if let Some(wrong) = &self.wrong {
                    <p class="wrong" role="alert">{ wrong }</p>
                }
            </form>
        }
    }
}

fn watched(hub: &Hub, filter: &TopicFilter, refused: Option<&str>) -> Html {
    let onclick = {
        let (hub, filter) = (hub.clone(), filter.clone());
        Callback::from(move |_: MouseEvent| hub.act(|model, link| model.remove_filter(link, &filter)))
    };
    let text = filter.as_str().to_owned();
    html! {
        <span key={text.clone()} class="chip watched" aria-invalid={refused.is_some().then_some("true")}>
            <b>{ &text }</b>
            if let Some(refused) = refused { <em>{ refused }</em> }
            <button type="button" aria-label={fill("Stop watching {}", &[&text])} {onclick}>{ "×" }</button>
        </span>
    }
}
