//! Settings: which broker, how the link is and what it promises, how the page looks, what it is.

mod durability;
pub(crate) mod theme;

use mqtt::Instant;
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::prelude::*;

use crate::app::hub::Hub;
use crate::app::language;
use crate::app::model::{LinkState, Model};
use crate::connection::address::Address;
use crate::connection::{self, unix_now};
use crate::tongue::{fill, say};
use crate::words;

use theme::Theme;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub(crate) hub: Hub,
    /// Changes with each frame: there may be news.
    pub(crate) frame: u64,
}

pub(crate) enum Msg {
    Write(String),
    Submit,
    Choose(Theme),
    Promised(Option<Instant>, Option<String>),
}

pub(crate) struct Settings {
    broker: String,
    wrong: Option<String>,
    theme: Theme,
    /// When the connection began whose broker was asked for its promise.
    asked_at: Option<Instant>,
    /// That connection's durability, in the broker's word.
    durability: Option<String>,
}

impl Component for Settings {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let address = |model: &Model| model.address.as_ref().map(Address::to_string).unwrap_or_default();
        let broker = ctx.props().hub.look(address);
        let mut settings =
            Self { broker, wrong: None, theme: theme::chosen(), asked_at: None, durability: None };
        settings.ask(ctx);
        settings
    }

    fn changed(&mut self, ctx: &Context<Self>, _: &Props) -> bool {
        self.ask(ctx);
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Promised(at, durability) if at == self.asked_at => self.durability = durability,
            Msg::Promised(..) => return false,
            Msg::Write(broker) => {
                self.wrong = None;
                self.broker = broker;
            }
            Msg::Choose(theme) => {
                theme::choose(theme);
                self.theme = theme;
            }
            Msg::Submit => {
                let secure = ctx.props().hub.look(|model| model.page_is_secure);
                self.wrong = match Address::choose(secure, "", Some(&self.broker)) {
                    Ok(address) => {
                        open_with(&address.to_string());
                        None
                    }
                    Err(why) => Some(why),
                };
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let hub = &ctx.props().hub;
        let connection = hub.look(|model| facts(model, hub.client_id()));
        let promise = self.durability.as_deref().and_then(durability::words);
        let about = [("Version", env!("CARGO_PKG_VERSION")), ("Licence", env!("CARGO_PKG_LICENSE"))];
        html! {
            <div class="cards">
                <section class="card" aria-label={say("Connection")}>
                    <h2>{ say("Connection") }</h2>
                    { list(connection) }
                    if let Some(promise) = promise {
                        <p data-durability={self.durability.clone()}>{ say(promise) }</p>
                    }
                    { self.broker(ctx) }
                    if hub.look(|model| model.is_own_broker) {
                        <a class="primary" href="/account">{ say("Account and log out") }</a>
                    }
                </section>
                <section class="card" aria-label={say("Look")}>
                    <h2>{ say("Look") }</h2>
                    { self.themes(ctx) }
                    { languages() }
                </section>
                <section class="card" aria-label={say("About")}>
                    <h2>{ say("About") }</h2>
                    <p>
                        { say("Switchboard turns any browser into the front panel of your devices. A tile is filled only when its device has said so.") }
                    </p>
                    { list(about.map(|(name, fact)| (name, fact.to_owned())).into()) }
                </section>
            </div>
        }
    }
}

impl Settings {
    /// Asks the page's own broker what it promises, once for each connection. Another broker is not asked.
    fn ask(&mut self, ctx: &Context<Self>) {
        let at = ctx.props().hub.look(|model| {
            let is_there = model.is_own_broker && model.link_state == LinkState::Online;
            model.connected_at.filter(|_| is_there)
        });
        if at == self.asked_at {
            return;
        }
        (self.asked_at, self.durability) = (at, None);
        if at.is_some() {
            ctx.link().send_future(async move { Msg::Promised(at, connection::durability().await) });
        }
    }

    /// Another broker: the page opens anew with it in its address, so that it can be kept as a bookmark.
    fn broker(&self, ctx: &Context<Self>) -> Html {
        let onsubmit = ctx.link().callback(|event: SubmitEvent| {
            event.prevent_default();
            Msg::Submit
        });
        let oninput = ctx.link().callback(|event: InputEvent| {
            Msg::Write(event.target_unchecked_into::<HtmlInputElement>().value())
        });
        html! {
            <form class="form" {onsubmit}>
                <label class="field"><span>{ say("Broker address") }</span>
                    <input type="text" name="broker" inputmode="url" autocapitalize="off" autocomplete="off"
                        spellcheck="false" placeholder="wss://host:port/mqtt" value={self.broker.clone()} {oninput}
                        aria-invalid={self.wrong.is_some().then_some("true")} />
                </label>
                if let Some(wrong) = &self.wrong { <p class="wrong" role="alert">{ wrong }</p> }
                <div class="act">
                    <button type="submit" class="primary">{ say("Use this broker") }</button>
                    <button type="button" onclick={|_: MouseEvent| open_with("")}>{ say("Use this page's own") }</button>
                </div>
            </form>
        }
    }

    fn themes(&self, ctx: &Context<Self>) -> Html {
        let choice = |theme: Theme| {
            html! {
                <button type="button" aria-pressed={(theme == self.theme).to_string()}
                    onclick={ctx.link().callback(move |_: MouseEvent| Msg::Choose(theme))}>
                    { say(theme.label()) }
                </button>
            }
        };
        html! {
            <div class="tabs" role="group" aria-label={say("Theme")}>{ for Theme::ALL.into_iter().map(choice) }</div>
        }
    }
}

/// Chosen, the page begins anew.
fn languages() -> Html {
    let chosen = language::chosen();
    let choice = |code: Option<&'static str>, name: String| {
        html! {
            <button type="button" aria-pressed={(chosen.as_deref() == code).to_string()}
                lang={code} onclick={move |_: MouseEvent| language::choose(code)}>{ name }</button>
        }
    };
    html! {
        <div class="tabs" role="group" aria-label={say("Language")}>
            { choice(None, say("System")) }
            { for language::ALL.into_iter().map(|(code, name)| choice(Some(code), name.to_owned())) }
        </div>
    }
}

fn list(facts: Vec<(&'static str, String)>) -> Html {
    html! {
        <dl>
            for (name, fact) in facts {
                <div><dt>{ say(name) }</dt><dd>{ fact }</dd></div>
            }
        </dl>
    }
}

fn facts(model: &Model, client_id: String) -> Vec<(&'static str, String)> {
    let mut facts = vec![("State", say(model.link_state.label()))];
    if let Ok(address) = &model.address {
        facts.push(("Broker", address.to_string()));
    }
    if let (Some(granted), Some(since)) = (&model.facts, model.connected_at) {
        facts.push(("Connected", words::age(unix_now(), since)));
        facts.push(("Protocol", format!("MQTT {}", granted.version.name())));
        let alive = granted.keep_alive_s;
        facts.push(("Keep alive", if alive == 0 { say("off") } else { fill("{} s", &[&alive.to_string()]) }));
    }
    facts.push(("Client id", client_id));
    facts
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
