//! Texts that people write on a page: headings over tiles, what a switch is for, whom to call.
//!
//! What the marks in a text mean is [`markdown`](crate::panel::made::markdown)'s; nothing a person writes becomes HTML.

use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::connection::identity;
use crate::devices::json::Json;
use crate::panel::layout::{Edit, Of, Place};
use crate::panel::made::markdown::{Block, Span, read, words};
use crate::panel::made::shows::{set, text};
use crate::tongue::say;

use super::{Arranged, Msg};

/// The kind of such a place.
const KIND: &str = "text";
/// Characters that can be written.
const MAX: &str = "4000";

pub(super) fn is_text(place: &Place) -> bool {
    matches!(&place.of, Of::Made(kind) if kind == KIND)
}

/// A new one, as wide as the page lets it be.
pub(super) fn new() -> Place {
    let mut place = Place {
        of: Of::Made(KIND.to_owned()),
        key: format!("{:x}", identity::seed()),
        wide: true,
        ..Place::default()
    };
    set(&mut place, KIND, Some(Json::Text(format!("# {}", say("Heading")))));
    place
}

/// What it is called for people: how it begins.
pub(super) fn name(place: &Place) -> String {
    let words = words(text(place, KIND));
    if words.is_empty() { say("Text") } else { words.chars().take(40).collect() }
}

pub(super) fn draw(place: &Place) -> Html {
    html! { <div class="text" data-text={place.key.clone()}>{ for read(text(place, KIND)).iter().map(block) }</div> }
}

/// Where it is written.
pub(super) fn form(ctx: &Context<Arranged>, (page, at): (usize, usize), place: &Place) -> Html {
    let now = text(place, KIND).to_owned();
    let place = place.clone();
    let onchange = ctx.link().callback(move |event: Event| {
        let written = event.target_unchecked_into::<HtmlTextAreaElement>().value();
        let mut place = place.clone();
        set(&mut place, KIND, Some(Json::Text(written)));
        Msg::Edit(Edit::Put(page, at, place))
    });
    html! {
        <label class="field"><span>{ say("Text: # heading, - list, **bold**, [words](https://…)") }</span>
            <textarea name="text" rows="4" maxlength={MAX} value={now} {onchange} />
        </label>
    }
}

fn block(block: &Block) -> Html {
    match block {
        // The page itself has the first heading.
        Block::Heading(1, words) => html! { <h2>{ spans(words) }</h2> },
        Block::Heading(2, words) => html! { <h3>{ spans(words) }</h3> },
        Block::Heading(_, words) => html! { <h4>{ spans(words) }</h4> },
        Block::Text(words) => html! { <p>{ spans(words) }</p> },
        Block::List(true, items) => html! { <ol>{ for items.iter().map(|words| item(words)) }</ol> },
        Block::List(false, items) => html! { <ul>{ for items.iter().map(|words| item(words)) }</ul> },
        Block::Code(lines) => html! { <pre tabindex="0">{ lines }</pre> },
    }
}

fn item(words: &[Span]) -> Html {
    html! { <li>{ spans(words) }</li> }
}

fn spans(words: &[Span]) -> Html {
    let span = |span: &Span| match span {
        Span::Plain(words) => html! { { words } },
        Span::Bold(words) => html! { <strong>{ spans(words) }</strong> },
        Span::Italic(words) => html! { <em>{ spans(words) }</em> },
        Span::Code(words) => html! { <code>{ words }</code> },
        Span::Link(words, address) => {
            html! { <a href={address.clone()} target="_blank" rel="noopener noreferrer">{ spans(words) }</a> }
        }
    };
    html! { <>{ for words.iter().map(span) }</> }
}
