//! Settings: which broker, how the link is, how the page looks, what it is.

pub(crate) mod theme;

use web_sys::{HtmlInputElement, SubmitEvent};
use yew::prelude::*;

use crate::app::hub::Hub;
use crate::app::model::Model;
use crate::connection::address::Address;
use crate::connection::unix_now;
use crate::words;

use theme::Theme;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub(crate) hub: Hub,
    /// Changes with each frame: there may be news.
    pub(crate) frame: u64,
}

#[component]
pub(crate) fn Settings(props: &Props) -> Html {
    let facts = props.hub.look(|model| facts(model, props.hub.client_id()));
    html! {
        <div class="cards">
            <section class="card" aria-label="Connection">
                <h2>{ "Connection" }</h2>
                <dl>
                    for (name, fact) in facts {
                        <div><dt>{ name }</dt><dd>{ fact }</dd></div>
                    }
                </dl>
                <Broker hub={props.hub.clone()} />
            </section>
            <Look />
            <section class="card" aria-label="About">
                <h2>{ "About" }</h2>
                <p>{ "Switchboard turns any browser into the front panel of your devices. A tile is filled only when its device has said so." }</p>
                <dl>
                    <div><dt>{ "Version" }</dt><dd>{ env!("CARGO_PKG_VERSION") }</dd></div>
                    <div><dt>{ "Licence" }</dt><dd>{ env!("CARGO_PKG_LICENSE") }</dd></div>
                </dl>
            </section>
        </div>
    }
}

fn facts(model: &Model, client_id: String) -> Vec<(&'static str, String)> {
    let mut facts = vec![("State", model.link_state.label().to_owned())];
    if let Ok(address) = &model.address {
        facts.push(("Broker", address.to_string()));
    }
    if let (Some(granted), Some(since)) = (&model.facts, model.connected_at) {
        facts.push(("Connected", words::age(unix_now(), since)));
        facts.push(("Protocol", format!("MQTT {}", granted.version.name())));
        let alive = granted.keep_alive_s;
        facts.push(("Keep alive", if alive == 0 { "off".to_owned() } else { format!("{alive} s") }));
    }
    facts.push(("Client id", client_id));
    facts
}

#[derive(Properties, PartialEq)]
struct BrokerProps {
    hub: Hub,
}

/// Another broker: the page opens anew with it in its address, so that it can be kept as a bookmark.
#[component]
fn Broker(props: &BrokerProps) -> Html {
    let present = props.hub.look(|model| model.address.as_ref().map(Address::to_string).unwrap_or_default());
    let text = use_state(|| present);
    let wrong = use_state(|| None::<String>);
    let oninput = {
        let (text, wrong) = (text.clone(), wrong.clone());
        Callback::from(move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlInputElement>().value());
            wrong.set(None);
        })
    };
    let onsubmit = {
        let (text, wrong, hub) = (text.clone(), wrong.clone(), props.hub.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let secure = hub.look(|model| model.page_is_secure);
            match Address::choose(secure, "", Some(&text)) {
                Ok(address) => open_with(&address.to_string()),
                Err(why) => wrong.set(Some(why)),
            }
        })
    };
    let own = Callback::from(|_: MouseEvent| open_with(""));
    html! {
        <form class="form" {onsubmit}>
            <label class="field"><span>{ "Broker address" }</span>
                <input type="text" name="broker" inputmode="url" autocapitalize="off" autocomplete="off"
                    spellcheck="false" placeholder="wss://host:port/mqtt" value={(*text).clone()} {oninput}
                    aria-invalid={wrong.is_some().then_some("true")} />
            </label>
            if let Some(wrong) = &*wrong { <p class="wrong" role="alert">{ wrong }</p> }
            <div class="act">
                <button type="submit" class="primary">{ "Use this broker" }</button>
                <button type="button" onclick={own}>{ "Use this page's own" }</button>
            </div>
        </form>
    }
}

fn open_with(broker: &str) {
    let Some(location) = web_sys::window().map(|window| window.location()) else { return };
    let query = match broker {
        "" => String::new(),
        broker => format!("?broker={}", js_sys::encode_uri_component(broker)),
    };
    // Fails for no address of the page's own origin.
    let _ = location.assign(&format!("/{query}"));
}

#[component]
fn Look() -> Html {
    let chosen = use_state(theme::chosen);
    let choice = |theme: Theme| {
        let onclick = {
            let chosen = chosen.clone();
            Callback::from(move |_: MouseEvent| {
                theme::choose(theme);
                chosen.set(theme);
            })
        };
        let is_chosen = *chosen == theme;
        html! { <button type="button" aria-pressed={is_chosen.to_string()} {onclick}>{ theme.label() }</button> }
    };
    html! {
        <section class="card" aria-label="Look">
            <h2>{ "Look" }</h2>
            <div class="tabs" role="group" aria-label="Theme">{ for Theme::ALL.into_iter().map(choice) }</div>
        </section>
    }
}
