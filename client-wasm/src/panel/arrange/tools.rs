//! What pages are gone to and arranged with.

use web_sys::{HtmlInputElement, MouseEvent};
use yew::html::Scope;
use yew::prelude::*;

use crate::panel::layout::{Document, Edit, Keep, Of};

use crate::tongue::{fill, say};

use super::{Arranged, Msg, alarms, own, share, shows, text, web};

/// The pages as tabs, and all devices behind them.
pub(super) fn pages(desk: &Arranged, ctx: &Context<Arranged>) -> Html {
    let tab = |at: Option<usize>, title: &str| {
        let is_here = desk.page == at;
        let onclick = ctx.link().callback(move |_: MouseEvent| Msg::Show(at));
        html! {
            <button type="button" key={at.map_or_else(|| "all".to_owned(), |at| at.to_string())} class="page"
                aria-current={is_here.then_some("page")} {onclick}>{ title.to_owned() }</button>
        }
    };
    html! {
        <nav class="pages" aria-label={say("Pages")}>
            { for desk.pages().iter().enumerate().map(|(at, page)| tab(Some(at), &page.title)) }
            { tab(None, &say("All devices")) }
        </nav>
    }
}

/// The tools while something is arranged.
pub(super) fn bar(desk: &Arranged, ctx: &Context<Arranged>) -> Html {
    let link = ctx.link();
    let (undo, redo) = desk.desk.can_undo();
    let (changed, saving) = (desk.desk.is_changed(), desk.desk.is_saving());
    let save = if saving { say("Saving…") } else { say("Save") };
    let count = desk.pages().len();
    html! {
        <section class="bench" aria-label={say("Arrange")}>
            <div class="act">
                { step(link, "Take back", undo, || Msg::Undo) }
                { step(link, "Do again", redo, || Msg::Redo) }
                <span class="gap"></span>
                { tool(link, if changed { "Discard" } else { "Done" }, !saving, || Msg::Leave) }
                <button type="button" class="primary" disabled={!changed || saving}
                    onclick={link.callback(|_: MouseEvent| Msg::Save)}>{ save }</button>
            </div>
            <div class="act">
                if desk.page.is_some() {
                    { tool(link, if desk.shelf { "Close list" } else { "Add tiles" }, true, || Msg::Shelf) }
                }
                { tool(link, "New page", true, move || Msg::Edit(Edit::AddPage(fill("Page {}", &[&(count + 1).to_string()])))) }
            </div>
            { page_tools(desk, link) }
            { file_tools(desk, ctx) }
        </section>
    }
}

fn page_tools(desk: &Arranged, link: &Scope<Arranged>) -> Html {
    let count = desk.pages().len();
    let Some((at, page)) = desk.page.and_then(|at| Some((at, desk.pages().get(at)?))) else {
        return html! {};
    };
    let onchange = link.callback(move |event: Event| {
        Msg::Edit(Edit::Rename(at, event.target_unchecked_into::<HtmlInputElement>().value()))
    });
    html! {
        <details class="files" name="bench">
            <summary>{ say("This page") }</summary>
            <label class="field"><span>{ say("Title") }</span>
                <input type="text" name="title" maxlength="60" value={page.title.clone()} {onchange} />
            </label>
            <div class="act">
                { tool(link, "Page earlier", at > 0, move || Msg::Edit(Edit::MovePage(at, at - 1))) }
                { tool(link, "Page later", at + 1 < count, move || Msg::Edit(Edit::MovePage(at, at + 1))) }
                { tool(link, "Remove page", true, move || Msg::Edit(Edit::RemovePage(at))) }
            </div>
        </details>
    }
}

/// What can be done to the chosen tile: everything a drag does, and more.
pub(super) fn place(desk: &Arranged, ctx: &Context<Arranged>, at: usize) -> Html {
    let link = ctx.link();
    let Some((page, of)) = desk.page.and_then(|page| Some((page, desk.pages().get(page)?))) else {
        return html! {};
    };
    let Some(place) = of.places.get(at) else { return html! {} };
    let model = match &place.of {
        Of::Device(name) => ctx.props().all().find(|device| *device.name == **name),
        Of::Model(_) | Of::Made(_) => None,
    };
    let model = model.map(|device| device.model.to_string()).filter(|model| !model.is_empty());
    let others = desk.pages().iter().enumerate().filter(|(other, _)| *other != page);
    html! {
        <div class="bench chosen" role="group" aria-label={desk.name(place)}>
            <strong>{ desk.name(place) }</strong>
            <button type="button" class="close" aria-label={say("Close")} onclick={link.callback(move |_: MouseEvent| Msg::Choose(Some(at)))}>{ "×" }</button>
            <div class="act">
            { tool(link, "Earlier", at > 0, || Msg::Step(-1)) }
            { tool(link, "Later", at + 1 < of.places.len(), || Msg::Step(1)) }
            { tool(link, if place.wide { "Narrow" } else { "Wide" }, true, move || Msg::Edit(Edit::Widen(page, at))) }
            if let Some(model) = model {
                { tool(link, "For all like it", true, move || Msg::Edit(Edit::Spread(page, at, model.clone()))) }
            }
            { for others.map(|(to, other)| tool(link, &fill("To {}", &[&other.title]), true, move || Msg::Edit(Edit::Hand(page, at, to)))) }
            { tool(link, "Remove", true, move || Msg::Edit(Edit::Remove(page, at))) }
            </div>
            if text::is_text(place) {
                { text::form(ctx, (page, at), place) }
            } else {
                { own::form(ctx, (page, at), place) }
                { shows::form(desk, ctx, page, at, place) }
                { alarms::form(desk, ctx, page, at, place) }
            }
        </div>
    }
}

/// To a file, from a file, to other people.
fn file_tools(desk: &Arranged, ctx: &Context<Arranged>) -> Html {
    let layout = desk.desk.shown().cloned().unwrap_or_default();
    let (version, id) = desk.desk.saved().map_or((0, 0), |saved| (saved.version, saved.id));
    let file = Document { version, id, parent: 0, author: desk.author.clone(), layout }.write();
    let href = format!("data:application/json,{}", js_sys::encode_uri_component(&file));
    let name = ctx.props().hub.look(|model| format!("switchboard-{}.json", model.desk.name));
    let link = ctx.link().clone();
    let onchange = Callback::from(move |event: Event| {
        let link = link.clone();
        web::read_file(event.target_unchecked_into(), move |text| link.send_message(Msg::Import(text)));
    });
    let saved = desk.desk.saved();
    let words = saved.map_or_else(
        || say("Not saved yet."),
        |saved| fill("Version {} by {}.", &[&saved.version.to_string(), &saved.author]),
    );
    html! {
        <details class="files file" name="bench">
            <summary>{ say("File and link") }</summary>
            <p>{ words }</p>
            <div class="act">
                <a class="button" {href} download={name}>{ say("Export") }</a>
                <label class="button">{ say("Import") }<input type="file" class="unseen" accept=".json,application/json" {onchange} /></label>
            </div>
            { share::draw(&desk.network) }
        </details>
    }
}

/// What a person has to decide when somebody else saved too.
pub(super) fn question(desk: &Arranged, ctx: &Context<Arranged>) -> Html {
    let Some(conflict) = desk.desk.conflict() else { return html! {} };
    let ours = fill("{} saved another arrangement meanwhile.", &[&conflict.theirs.author]);
    let choice = |keep: Keep| ctx.link().callback(move |_: MouseEvent| Msg::Settle(keep));
    html! {
        <section class="question" role="alertdialog" aria-label={say("Two arrangements")} aria-describedby="question">
            <p id="question"><strong>{ ours }</strong>{ " " }{ say("Which one shall everybody have?") }</p>
            <div class="act">
                <button type="button" data-keep="mine" onclick={choice(Keep::Mine)}>{ say("Mine") }</button>
                <button type="button" data-keep="theirs" onclick={choice(Keep::Theirs)}>{ say("Theirs") }</button>
            </div>
        </section>
    }
}

/// A step back, or forth again.
fn step(link: &Scope<Arranged>, words: &'static str, may: bool, msg: impl Fn() -> Msg + 'static) -> Html {
    html! {
        <button type="button" class="step" aria-label={say(words)} title={say(words)} disabled={!may}
            onclick={link.callback(move |_: MouseEvent| msg())}>
            <svg class="ico" aria-hidden="true"><use href="#i-undo" /></svg>
        </button>
    }
}

fn tool(link: &Scope<Arranged>, words: &str, may: bool, msg: impl Fn() -> Msg + 'static) -> Html {
    html! {
        <button type="button" disabled={!may} onclick={link.callback(move |_: MouseEvent| msg())}>{ say(words) }</button>
    }
}
