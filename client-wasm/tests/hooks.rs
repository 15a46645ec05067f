//! What stands on a link: questions with their answers, and hooks for Yew. In a real browser against the real program.
//! `cargo xtask test --only wasm` starts both.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::option_env_unwrap,
    reason = "the test fails, and says how to run it, where env! would not compile"
)]

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use client_wasm::connection::hooks::{
    LinkState, Publishing, use_link, use_link_state, use_publish, use_subscription,
};
use client_wasm::connection::{Link, NoAnswer, identity, now};
use js_sys::Promise;
use mqtt::client::{Config, Event, Outcome};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Message, Qos, ReasonCode, Version};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use yew::prelude::*;

wasm_bindgen_test_configure!(run_in_browser);

const HOW: &str = "run this by `cargo xtask test --only wasm`, which starts the program and says where";
/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(15);

fn address() -> String {
    format!("ws://{}/mqtt", option_env!("SWITCHBOARD_TEST_HTTP").expect(HOW))
}

fn config() -> Config {
    Config { client_id: identity::fresh("hook-"), seed: identity::seed(), ..Config::default() }
}

fn message(topic: &str, payload: &str) -> Message {
    Message::new(topic.parse().unwrap(), payload.to_owned()).with_qos(Qos::AtLeastOnce)
}

fn topic() -> String {
    identity::fresh("hooks/")
}

/// Waits until something is so, looking again whenever the browser has had a turn.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = now() + DEADLINE;
    while !is_so() {
        assert!(now() < end, "within the deadline: {what}");
        let turn = Promise::new(&mut |resolve, _| {
            let window = web_sys::window().unwrap();
            window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, 1).unwrap();
        });
        JsFuture::from(turn).await.unwrap();
    }
}

/// A link that answers each question by its text twice, if it is no secret.
async fn answering(topic: &str) -> Link {
    let own: Rc<OnceCell<Link>> = Rc::default();
    let answers = Rc::clone(&own);
    let link = Link::open(&address(), config(), move |event| {
        if let Event::Message(received) = &event
            && received.message.payload != "secret"
            && let Some(link) = answers.get()
        {
            let said = received.message.payload.repeat(2);
            link.respond(received, said, DEADLINE).expect("it asks for an answer").unwrap();
        }
    });
    own.set(link.clone()).unwrap();
    let filters = [(topic.parse().unwrap(), SubscriptionOptions::at(Qos::AtLeastOnce))];
    assert_eq!(link.subscribed(&filters, None).await, [ReasonCode::GrantedQos1]);
    link
}

#[wasm_bindgen_test]
async fn questions_are_answered_or_say_why_not() {
    let topic = topic();
    let _answering = answering(&topic).await;
    let asking = Link::open(&address(), config(), |_| ());
    for text in ["a", "b"] {
        let answer = asking.request(message(&topic, text), DEADLINE).await.unwrap();
        assert_eq!(answer.message.payload, text.repeat(2));
    }
    let short = Duration::from_millis(300);
    assert_eq!(asking.request(message(&topic, "secret"), short).await, Err(NoAnswer::Overdue));
    let nobody = NoAnswer::NotDelivered(Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers));
    assert_eq!(asking.request(message("hooks/nobody", ""), DEADLINE).await, Err(nobody));
    let old = Link::open(&address(), Config { version: Version::V3_1_1, ..config() }, |_| ());
    until("it is connected", || old.is_connected()).await;
    assert_eq!(old.request(message(&topic, ""), DEADLINE).await, Err(NoAnswer::NeedsMqtt5));
    let nowhere = Link::open("ws://127.0.0.1:1/", config(), |_| ());
    assert_eq!(nowhere.request(message(&topic, ""), short).await, Err(NoAnswer::Overdue));
}

#[derive(Properties, PartialEq)]
struct LampProps {
    topic: AttrValue,
    seen: bool,
}

#[component]
fn Lamp(props: &LampProps) -> Html {
    let link = use_link(address(), config);
    let state = use_link_state(&link);
    let publish = use_publish(&link, DEADLINE);
    let target = format!("{}/set", props.topic);
    let tap = publish.callback(move |_: MouseEvent| Some(message(&target, "ON")));
    let word = match (&*state, publish.state()) {
        (LinkState::Connected(_), Publishing::Done) => "done",
        (LinkState::Connected(_), Publishing::Nothing) => "ready",
        (LinkState::Connected(_), Publishing::Failed(_)) => "failed",
        _ => "wait",
    };
    html! {
        <div>
            <button onclick={tap}>{ word }</button>
            if props.seen {
                // Two parts of the page that want the same.
                <Seen link={link.clone()} topic={props.topic.clone()} />
                <Seen link={link} topic={props.topic.clone()} />
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct SeenProps {
    link: Link,
    topic: AttrValue,
}

#[component]
fn Seen(props: &SeenProps) -> Html {
    let seen = use_subscription(&props.link, props.topic.clone(), Qos::AtLeastOnce);
    let text = seen.map(|seen| String::from_utf8_lossy(&seen.message.payload).into_owned());
    html! { <b>{ text.unwrap_or_default() }</b> }
}

#[wasm_bindgen_test]
async fn components_show_what_a_link_says_and_end_what_they_asked_for() {
    let topic = topic();
    let document = web_sys::window().unwrap().document().unwrap();
    let root = document.create_element("div").unwrap();
    document.body().unwrap().append_child(&root).unwrap();
    let text = || root.text_content().unwrap();
    let props = |seen| LampProps { topic: topic.clone().into(), seen };
    let mut app = yew::Renderer::<Lamp>::with_root_and_props(root.clone(), props(true)).render();
    until("the link is there", || text() == "ready").await;

    let device = Link::open(&address(), config(), |_| ());
    let hears: Rc<std::cell::Cell<bool>> = Rc::default();
    let heard = Rc::clone(&hears);
    let _listening = device.listen(move |event| {
        heard.set(heard.get() || matches!(event, Event::Message(r) if r.message.payload == "ON"));
    });
    let filter = format!("{topic}/set").parse().unwrap();
    device.subscribed(&[(filter, SubscriptionOptions::at(Qos::AtLeastOnce))], None).await;
    device.send(message(&topic, "lit"), DEADLINE).unwrap().await;
    until("both show it", || text() == "readylitlit").await;
    let button = root.query_selector("button").unwrap().unwrap();
    let _ = js_sys::Reflect::get(&button, &"click".into())
        .map(|click| js_sys::Function::from(click).call0(&button).unwrap());
    until("the tap arrived and says so", || hears.get() && text() == "donelitlit").await;

    app.update(props(false));
    until("they are gone", || text() == "done").await;
    let nobody = Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers);
    // The unsubscription is on its way.
    let end = now() + DEADLINE;
    while device.send(message(&topic, "gone"), DEADLINE).unwrap().await != nobody {
        assert!(now() < end, "the subscription ends with those who wanted it");
    }
    app.destroy();
}
