//! The form to publish a message.

use mqtt::{Message, Qos, TopicError, TopicName};
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, SubmitEvent};
use yew::prelude::*;

use crate::tongue::say;

use crate::explorer::payload::{Format, parse};
use crate::{text, words};

/// What is written in the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) format: Format,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) expiry: String,
}

impl Draft {
    /// The message that is meant.
    fn message(&self) -> Result<Message, String> {
        let topic: TopicName = self.topic.trim().parse().map_err(words::sentence::<TopicError>)?;
        let payload = parse(&self.payload, self.format)?;
        let message = Message::new(topic, payload).with_qos(self.qos).with_retain(self.retain);
        match self.expiry.trim() {
            "" => Ok(message),
            secs => match text::count(secs) {
                Some(secs) => Ok(message.with_expiry(secs)),
                None => Err(say("The expiry is a whole number of seconds.")),
            },
        }
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// What to begin with; a new one replaces what was written.
    pub(super) draft: Draft,
    /// What became of the last message.
    pub(super) says: Option<Result<String, String>>,
    /// MQTT 5 is spoken.
    pub(super) can_expire: bool,
    pub(super) on_send: Callback<Message>,
}

pub(super) enum Msg {
    Write(fn(&mut Draft, String), String),
    Retain(bool),
    Submit,
}

pub(super) struct Publish {
    draft: Draft,
    wrong: Option<String>,
}

impl Component for Publish {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self { draft: ctx.props().draft.clone(), wrong: None }
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        if ctx.props().draft != old.draft {
            // Who asked to publish here wants another topic, not to lose what is written.
            self.draft.topic.clone_from(&ctx.props().draft.topic);
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        self.wrong = None;
        match msg {
            Msg::Write(write, text) => write(&mut self.draft, text),
            Msg::Retain(retain) => self.draft.retain = retain,
            Msg::Submit => match self.draft.message() {
                Ok(message) => ctx.props().on_send.emit(message),
                Err(why) => self.wrong = Some(why),
            },
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let onsubmit = link.callback(|event: SubmitEvent| {
            event.prevent_default();
            Msg::Submit
        });
        let hint = match self.draft.format {
            Format::Text => say("Any text; nothing is fine too"),
            Format::Hex => "48 65 6c 6c 6f".to_owned(),
        };
        html! {
            <form class="form" {onsubmit}>
                <h2>{ say("Publish") }</h2>
                <label class="field"><span>{ say("Topic") }</span>
                    <input type="text" name="topic" required=true autocapitalize="off" autocomplete="off"
                        spellcheck="false" placeholder="home/lamp/set" value={self.draft.topic.clone()}
                        oninput={link.callback(|e| written(e, |d, text| d.topic = text))} />
                </label>
                <label class="field"><span>{ say("Payload") }</span>
                    <textarea name="payload" rows="3" spellcheck="false" placeholder={hint}
                        value={self.draft.payload.clone()}
                        oninput={link.callback(|e: InputEvent| {
                            Msg::Write(|d, text| d.payload = text, e.target_unchecked_into::<HtmlTextAreaElement>().value())
                        })} />
                </label>
                <div class="fields">
                    { select(ctx, "Format", "format", &[("text", "Text"), ("hex", "Hex")], format_word(self.draft.format),
                        |d, text| d.format = if text == "hex" { Format::Hex } else { Format::Text }) }
                    { select(ctx, "QoS", "qos", &[("0", "0"), ("1", "1"), ("2", "2")],
                        qos_word(self.draft.qos),
                        |d, word| d.qos = qos_of(&word)) }
                    if ctx.props().can_expire {
                        <label class="field"><span>{ say("Expiry, s") }</span>
                            <input type="text" name="expiry" inputmode="numeric" placeholder={say("never")}
                                value={self.draft.expiry.clone()}
                                oninput={link.callback(|e| written(e, |d, text| d.expiry = text))} />
                        </label>
                    }
                    <label class="check">
                        <input type="checkbox" name="retain" checked={self.draft.retain}
                            onchange={link.callback(|e: Event| {
                                Msg::Retain(e.target_unchecked_into::<HtmlInputElement>().checked())
                            })} />
                        <span>{ say("Retain") }</span>
                    </label>
                </div>
                <div class="act">
                    <button type="submit" class="primary">{ say("Publish") }</button>
                    { self.verdict(ctx) }
                </div>
            </form>
        }
    }
}

impl Publish {
    fn verdict(&self, ctx: &Context<Self>) -> Html {
        let says = match (&self.wrong, &ctx.props().says) {
            (Some(wrong), _) => Err(wrong),
            (None, Some(Ok(fine))) => Ok(fine),
            (None, Some(Err(wrong))) => Err(wrong),
            (None, None) => return html! { <p role="status"></p> },
        };
        match says {
            Ok(fine) => html! { <p class="fine" role="status">{ fine }</p> },
            Err(wrong) => html! { <p class="wrong" role="status">{ wrong }</p> },
        }
    }
}

fn written(event: InputEvent, write: fn(&mut Draft, String)) -> Msg {
    Msg::Write(write, event.target_unchecked_into::<HtmlInputElement>().value())
}

fn select(
    ctx: &Context<Publish>,
    label: &'static str,
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
    chosen: &'static str,
    write: fn(&mut Draft, String),
) -> Html {
    let onchange = ctx.link().callback(move |event: Event| {
        Msg::Write(write, event.target_unchecked_into::<HtmlSelectElement>().value())
    });
    html! {
        <label class="field"><span>{ say(label) }</span>
            <select {name} {onchange}>
                for (value, words) in options.iter() {
                    <option value={*value} selected={*value == chosen}>{ say(words) }</option>
                }
            </select>
        </label>
    }
}

const fn format_word(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Hex => "hex",
    }
}

const fn qos_word(qos: Qos) -> &'static str {
    match qos {
        Qos::AtMostOnce => "0",
        Qos::AtLeastOnce => "1",
        Qos::ExactlyOnce => "2",
    }
}

fn qos_of(word: &str) -> Qos {
    [Qos::ExactlyOnce, Qos::AtLeastOnce].into_iter().find(|qos| qos_word(*qos) == word).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_becomes_the_message_that_is_meant() {
        let draft = Draft {
            topic: " a/b ".into(),
            payload: "00 ff".into(),
            format: Format::Hex,
            qos: Qos::ExactlyOnce,
            retain: true,
            expiry: "60".into(),
        };
        let message = draft.message().unwrap();
        assert_eq!((message.topic.as_str(), &message.payload[..]), ("a/b", &[0, 255][..]));
        assert_eq!((message.qos, message.retain), (Qos::ExactlyOnce, true));
        assert_eq!(message.properties.unwrap().message_expiry_s, Some(60));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let draft = |topic: &str, expiry: &str| Draft {
            topic: topic.into(),
            expiry: expiry.into(),
            ..Draft::default()
        };
        assert!(draft("a/#", "").message().unwrap_err().contains("wildcards"));
        assert!(draft("", "").message().is_err());
        assert!(draft("a", "soon").message().unwrap_err().contains("seconds"));
        assert!(draft("a", "").message().unwrap().properties.is_none());
    }
}
