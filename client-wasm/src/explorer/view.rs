//! The explorer as it is drawn: filters, the tree, the messages, one thing looked at closely, and a form to publish.

mod detail;
mod filters;
mod messages;
mod publish;
mod topics;

use mqtt::Message;
use yew::prelude::*;

use crate::locale;
use crate::tongue::say;

use crate::app::hub::Hub;

use super::state::Selected;
use detail::Detail;
use filters::Filters;
use messages::Messages;
use publish::{Draft, Publish};
use topics::Topics;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub(crate) hub: Hub,
    /// Changes with each frame: there may be news.
    pub(crate) frame: u64,
}

/// What a person does here.
pub(crate) enum Msg {
    Show(Tab),
    Select(Option<Selected>),
    Draft(Draft),
    Send(Message),
    Clear(String),
}

/// On a phone one of them is seen at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Topics,
    Messages,
    Publish,
}

pub(crate) struct Explorer {
    tab: Tab,
    draft: Draft,
}

impl Component for Explorer {
    type Message = Msg;
    type Properties = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { tab: Tab::Topics, draft: Draft::default() }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let hub = &ctx.props().hub;
        match msg {
            Msg::Show(tab) => self.tab = tab,
            Msg::Select(selected) => hub.act(|model, _| model.explorer.select(selected)),
            Msg::Draft(draft) => {
                self.draft = draft;
                self.tab = Tab::Publish;
            }
            Msg::Send(message) => hub.act(|model, link| model.publish(link, message, None)),
            Msg::Clear(topic) => clear(hub, topic),
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { hub, frame } = ctx.props();
        let says = hub.look(|model| model.form_says.clone());
        let can_expire = hub.look(|model| model.facts.as_ref().is_none_or(|facts| facts.version.is_5()));
        html! {
            <div class="explorer" data-tab={self.tab.word()}>
                <Filters hub={hub.clone()} frame={*frame} />
                { self.tabs(ctx) }
                <section class="pane topics" aria-label={say("Topics")}>
                    <Topics hub={hub.clone()} frame={*frame} />
                </section>
                <section class="pane messages" aria-label={say("Messages")}>
                    <Messages hub={hub.clone()} frame={*frame}
                        on_select={ctx.link().callback(|entry| Msg::Select(Some(Selected::Message(entry))))} />
                </section>
                <Detail hub={hub.clone()} frame={*frame} on_close={ctx.link().callback(|()| Msg::Select(None))}
                    on_draft={ctx.link().callback(Msg::Draft)} on_clear={ctx.link().callback(Msg::Clear)} />
                <section class="pane publish" aria-label={say("Publish")}>
                    <Publish draft={self.draft.clone()} {says} {can_expire} on_send={ctx.link().callback(Msg::Send)} />
                </section>
            </div>
        }
    }
}

impl Explorer {
    fn tabs(&self, ctx: &Context<Self>) -> Html {
        let (topics, messages) =
            ctx.props().hub.look(|model| (model.explorer.tree.topics(), model.explorer.history.heard()));
        let tab = |tab: Tab, count: Option<u64>| {
            html! {
                <button type="button" aria-pressed={(tab == self.tab).to_string()}
                    onclick={ctx.link().callback(move |_: MouseEvent| Msg::Show(tab))}>
                    { say(tab.label()) }
                    if let Some(count) = count { <small>{ locale::grouped(count) }</small> }
                </button>
            }
        };
        html! {
            <div class="tabs" role="group" aria-label={say("View")}>
                { tab(Tab::Topics, Some(u64::from(topics))) }
                { tab(Tab::Messages, Some(messages)) }
                { tab(Tab::Publish, None) }
            </div>
        }
    }
}

impl Tab {
    const fn word(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Messages => "messages",
            Self::Publish => "publish",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Topics => "Topics",
            Self::Messages => "Messages",
            Self::Publish => "Publish",
        }
    }
}

/// An empty retained message takes the retained one away (3.3.1.3).
fn clear(hub: &Hub, topic: String) {
    let Ok(name) = topic.parse() else { return };
    let message = Message::new(name, "").with_qos(mqtt::Qos::AtLeastOnce).with_retain(true);
    hub.act(|model, link| model.publish(link, message, Some(topic)));
}
