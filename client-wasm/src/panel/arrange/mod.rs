//! The panel as people arranged it: pages of tiles, and the tools that arrange them in place.
//!
//! Draws and passes on; what may be done to a layout is decided in [`layout`](super::layout). Every drag can be done by
//! buttons and keys too, and a live region says what moved.

mod alarms;
mod own;
mod place;
mod share;
mod shelf;
mod shows;
mod text;
mod tools;
mod web;

use std::rc::Rc;

pub(crate) use alarms::{banner, watch};
use yew::prelude::*;

use crate::app::hub::Hub;
use crate::connection::{identity, unix_now};
use crate::tongue::{fill, say};

use super::layout::{Desk, Document, Edit, Keep, Page, Place};
use super::look::Clock;
use super::made::own::{guess, specs};
use super::state::{Device, OWN};
use super::view::{Shown, Wish, mains, panel};

/// The panel as it was arranged.
pub(crate) fn draw(
    hub: &Hub,
    frame: u64,
    devices: Rc<[Shown]>,
    clock: Clock,
    on_wish: &Callback<Wish>,
) -> Html {
    let own = hub.look(|model| model.panel.device(OWN).cloned());
    html! { <Arranged hub={hub.clone()} {frame} {devices} {own} {clock} on_wish={on_wish.clone()} /> }
}

#[derive(Clone, Properties)]
pub(crate) struct Props {
    pub(crate) hub: Hub,
    /// Changes with each frame: there may be news.
    pub(crate) frame: u64,
    pub(crate) devices: Rc<[Shown]>,
    /// That of the tiles that people made themselves.
    pub(crate) own: Option<Rc<Device>>,
    pub(crate) clock: Clock,
    pub(crate) on_wish: Callback<Wish>,
}

impl Props {
    /// All devices, and that of the tiles that people made.
    fn all(&self) -> impl Iterator<Item = &Rc<Device>> {
        self.devices.iter().map(|shown| &shown.device).chain(&self.own)
    }

    /// The device whose tile stands at a place, or the first of them.
    fn device_of(&self, place: &Place) -> Option<&Rc<Device>> {
        self.all().find(|device| place.is_of(device))
    }
}

/// Another frame is another drawing.
impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

#[derive(Debug)]
pub(crate) enum Msg {
    /// To a page, or to all devices.
    Show(Option<usize>),
    Leave,
    Edit(Edit),
    Undo,
    Redo,
    Save,
    Settle(Keep),
    /// A field is being written in, or is no more.
    Write(bool),
    /// A tile is chosen, or none.
    Choose(Option<usize>),
    /// A tile is moved by this many places.
    Step(isize),
    /// A tile is dragged over another.
    Over(usize, usize),
    /// It is let go.
    Drop,
    /// The list of tiles to add opens or closes.
    Shelf,
    /// Only those are wanted that are called like this.
    Seek(String),
    Import(String),
    /// A person was asked whether this browser may notify.
    Asked,
    /// Where other machines reach this page is known.
    Network(share::Network),
    /// What a person wrote cannot be, and why.
    Odd(String),
}

/// What a person decides when somebody else saved too.
const QUESTION: &str = ".question button";
/// The first tool that can be used.
const TOOLS: &str = ".bench > .act > button:not(.step, :disabled)";
/// The page that is shown, among the others.
const PAGES: &str = ".pages [aria-current]";

/// The pages, and what is being done to them.
#[derive(Debug)]
pub(crate) struct Arranged {
    desk: Desk,
    devices: Rc<[Shown]>,
    author: String,
    page: Option<usize>,
    chosen: Option<usize>,
    /// A tile that is dragged, and the place it is over.
    drag: Option<(usize, usize)>,
    shelf: bool,
    /// What the list is searched for.
    sought: String,
    /// What the last step did, for those who do not see it.
    said: String,
    /// What went wrong.
    wrong: Option<String>,
    /// What stands in a field is not taken over yet, and would go if it were drawn anew.
    writes: bool,
    /// What is to have the focus next.
    focus: Option<&'static str>,
    /// Something had it when the last step was taken, which may have gone with that.
    had_focus: bool,
    /// The tile that the last step was about.
    about: Option<usize>,
    /// The chosen tile that was brought in sight.
    in_sight: Option<usize>,
    network: share::Network,
}

impl Component for Arranged {
    type Message = Msg;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let mut arranged = Self {
            desk: Desk::default(),
            devices: Rc::clone(&ctx.props().devices),
            author: web::author(),
            page: None,
            chosen: None,
            drag: None,
            shelf: false,
            sought: String::new(),
            said: String::new(),
            wrong: None,
            writes: false,
            focus: None,
            had_focus: false,
            about: None,
            in_sight: None,
            network: share::Network::ask(ctx),
        };
        let kept = ctx.props().hub.look_mut(|model| {
            model.desk.news.clear();
            model.desk.kept.clone()
        });
        if let Some(kept) = kept {
            arranged.desk.hear(&kept);
        }
        if let Some(draft) = web::draft(&ctx.props().hub) {
            arranged.desk.resume(&draft);
            arranged.said = say("Your unsaved changes are here again.");
        }
        arranged.make(ctx);
        arranged.listen(ctx);
        let wished = web::wished_page();
        let pages = arranged.pages();
        let at = pages.iter().position(|page| Some(&page.title) == wished.as_ref());
        arranged.page = at.or_else(|| (!pages.is_empty()).then_some(0));
        arranged
    }

    fn changed(&mut self, ctx: &Context<Self>, _: &Props) -> bool {
        self.devices = Rc::clone(&ctx.props().devices);
        self.listen(ctx);
        !self.writes
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        if let Msg::Write(on) = msg {
            self.writes = on && self.desk.is_open();
            return false;
        }
        self.wrong = None;
        self.had_focus |= web::has_focus();
        self.about = self.chosen;
        match msg {
            Msg::Show(page) => self.show(page),
            Msg::Leave => {
                self.desk.leave();
                (self.chosen, self.shelf, self.focus) = (None, false, Some(PAGES));
                self.said = say("Arranging ended.");
            }
            Msg::Edit(edit) => self.edit(edit),
            Msg::Undo => self.undone(Desk::undo, "Taken back."),
            Msg::Redo => self.undone(Desk::redo, "Done again."),
            Msg::Save => {
                self.about = None;
                let document = self.desk.save(identity::seed(), &self.author);
                self.publish(ctx, document);
                self.focus = self.desk.conflict().map(|_| QUESTION);
            }
            Msg::Settle(keep) => {
                let document = self.desk.settle(keep, identity::seed(), &self.author);
                self.publish(ctx, document);
            }
            Msg::Choose(at) => self.chosen = if self.chosen == at { None } else { at },
            Msg::Step(by) => self.step(by),
            Msg::Over(from, to) => self.drag = Some((from, to)),
            Msg::Drop => {
                if let (Some((from, to)), Some(page)) = (self.drag.take(), self.page) {
                    self.edit(Edit::Move(page, from, to));
                }
            }
            Msg::Shelf => {
                self.shelf = !self.shelf;
                self.sought.clear();
            }
            Msg::Seek(text) => self.sought = text,
            Msg::Import(text) => self.import(&text),
            Msg::Asked | Msg::Write(_) => {}
            Msg::Network(network) => self.network = network,
            Msg::Odd(why) => self.wrong = Some(why),
        }
        self.keep_in_bounds();
        web::keep_draft(&ctx.props().hub, self.desk.draft().as_ref());
        self.make(ctx);
        self.tell(ctx);
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let page = self.page.and_then(|at| self.pages().get(at));
        let link = ctx.link();
        html! {
            <div class="desk" data-arranging={self.desk.is_open().then_some("")}
                oninput={link.callback(|_| Msg::Write(true))} onchange={link.callback(|_| Msg::Write(false))}
                onfocusout={link.callback(|_| Msg::Write(false))}>
                { tools::pages(self, ctx) }
                if self.desk.is_open() { { tools::bar(self, ctx) } }
                { tools::question(self, ctx) }
                if let Some(wrong) = &self.wrong { <p class="wrong" role="alert">{ wrong }</p> }
                if let Some(page) = page {
                    { self.grid(ctx, page) }
                    if let Some(at) = self.chosen { { tools::place(self, ctx, at) } }
                    if self.desk.is_open() && self.shelf { { shelf::draw(page, ctx, self.page.unwrap_or(0), &self.sought) } }
                } else {
                    { panel(&props.devices, props.clock, &props.on_wish) }
                }
                <p class="unseen" aria-live="polite" data-said="">{ &self.said }</p>
            </div>
        }
    }

    fn rendered(&mut self, _: &Context<Self>, _: bool) {
        match self.focus.take() {
            Some(selector) => _ = web::focus(selector),
            None if self.had_focus && !self.desk.is_saving() && !web::has_focus() => self.find_focus(),
            None => {}
        }
        self.had_focus &= self.desk.is_saving();
        if std::mem::replace(&mut self.in_sight, self.chosen) != self.chosen {
            web::uncover();
        }
    }
}

impl Arranged {
    /// What had the focus is gone or can no longer be pressed: it goes on at the next tile, or at the tools.
    fn find_focus(&self) {
        if !self.about.is_some_and(|at| web::focus(&format!("[data-place='{at}'] .choose"))) {
            web::focus(TOOLS);
        }
    }

    fn pages(&self) -> &[Page] {
        self.desk.shown().map(|layout| layout.pages.as_slice()).unwrap_or_default()
    }

    /// Takes what the broker said since the last frame.
    fn listen(&mut self, ctx: &Context<Self>) {
        let (news, said, wants, adds) = ctx.props().hub.look_mut(|model| {
            let desk = &mut model.desk;
            (
                std::mem::take(&mut desk.news),
                desk.said.take(),
                std::mem::take(&mut desk.begins),
                desk.adds.take(),
            )
        });
        let was_saving = self.desk.is_saving();
        let is_news = !news.is_empty();
        for payload in news {
            let had = self.pages().len();
            let before = self.desk.shown().cloned();
            self.desk.hear(&payload);
            if self.desk.is_open() && self.desk.shown() != before.as_ref() {
                (self.chosen, self.drag) = (None, None);
            }
            if had == 0 && self.page.is_none() && !self.pages().is_empty() {
                self.page = Some(0);
            }
        }
        if let Some(Err(why)) = said {
            self.desk.refused();
            self.wrong = Some(why);
        }
        if was_saving && !self.desk.is_saving() && self.wrong.is_none() {
            let version = self.desk.saved().map_or(0, |saved| saved.version);
            self.said = fill("Saved as version {}.", &[&version.to_string()]);
            web::keep_draft(&ctx.props().hub, self.desk.draft().as_ref());
        }
        if wants {
            self.begin();
            self.focus = Some(PAGES);
        }
        if let Some((topic, payload)) = adds {
            self.add(&topic, &payload);
        }
        if is_news || wants {
            self.make(ctx);
        }
        self.keep_in_bounds();
        self.tell(ctx);
    }

    /// What is shown of people's own tiles is heard, saved or not.
    fn make(&self, ctx: &Context<Self>) {
        let points = self.desk.shown().map(specs).unwrap_or_default();
        let hub = &ctx.props().hub;
        if let Some(topics) = hub.look_mut(|model| model.panel.make(unix_now(), points)) {
            hub.act(|model, link| model.begin_hearing(&topics, link));
        }
    }

    /// The page keeps this here while something is arranged, and its head offers other things. It is drawn with the next frame.
    fn tell(&self, ctx: &Context<Self>) {
        let is_open = self.desk.is_open();
        if ctx.props().hub.look_mut(|model| std::mem::replace(&mut model.desk.is_open, is_open)) != is_open {
            ctx.props().hub.draw_soon();
        }
    }

    fn begin(&mut self) {
        self.desk.begin();
        if self.desk.is_newer() {
            self.wrong = Some(say("A newer version of this page made this layout. Reload to arrange it."));
        } else if self.pages().is_empty() {
            self.edit(Edit::AddPage(say("Home")));
            (self.page, self.shelf) = (Some(0), true);
        } else if self.page.is_none() {
            self.page = Some(0);
        }
    }

    /// A topic from elsewhere comes behind the tiles of the page.
    fn add(&mut self, topic: &str, payload: &[u8]) {
        let Some(page) = self.page else { return };
        self.edit(Edit::Add(page, own::new(topic, guess(payload))));
        self.shelf = false;
    }

    fn show(&mut self, page: Option<usize>) {
        (self.page, self.chosen, self.drag) = (page, None, None);
        web::wish_page(page.and_then(|at| self.pages().get(at)).map(|page| page.title.as_str()));
    }

    fn edit(&mut self, edit: Edit) {
        let (count, is_new_page) = (self.pages().len(), matches!(edit, Edit::AddPage(_)));
        let said = self.words(&edit);
        let follow = match edit {
            Edit::Move(_, from, to) if self.chosen == Some(from) => Some(to),
            _ => None,
        };
        let page = match edit {
            Edit::MovePage(from, to) if self.page == Some(from) => Some(to),
            _ => self.page,
        };
        let is_text = matches!(&edit, Edit::Add(_, place) if text::is_text(place));
        let is_own = matches!(&edit, Edit::Add(_, place) if own::is_own(place));
        let goes = matches!(edit, Edit::Remove(..) | Edit::Hand(..) | Edit::RemovePage(_));
        if !self.desk.edit(edit) {
            return;
        }
        (self.page, self.said) = (page, said);
        if follow.is_some() {
            self.chosen = follow;
        }
        if goes {
            self.chosen = None;
        }
        if is_text || is_own {
            // What is written comes next.
            self.focus = Some(if is_own { ".chosen [name=topic]" } else { ".chosen textarea" });
            let last = page.and_then(|page| self.pages().get(page)).map(|page| page.places.len() - 1);
            (self.chosen, self.shelf) = (last, false);
        }
        if is_new_page {
            self.show(Some(count));
        }
    }

    /// A place's name for people: the tile's own, or what it is known by while its device is silent.
    fn name(&self, place: &Place) -> String {
        if text::is_text(place) {
            return text::name(place);
        }
        if own::is_own(place) {
            return own::name(place);
        }
        let is_of = |device: &&Rc<Device>| place.is_of(device);
        let label = self
            .devices
            .iter()
            .map(|shown| &shown.device)
            .find(is_of)
            .and_then(|device| mains(device).find(|(key, _)| *key == place.key).map(|(_, label)| label));
        label.unwrap_or_else(|| format!("{} {}", place.of.name(), place.key))
    }

    /// What a step does, in words.
    fn words(&self, edit: &Edit) -> String {
        let number = |n: usize| n.to_string();
        let place = |page: usize, at: usize| self.pages().get(page).and_then(|page| page.places.get(at));
        let name = |page: usize, at: usize| place(page, at).map(|place| self.name(place)).unwrap_or_default();
        let title = |at: usize| self.pages().get(at).map(|page| page.title.clone()).unwrap_or_default();
        let count = |page: usize| self.pages().get(page).map_or(0, |page| page.places.len());
        match edit {
            Edit::AddPage(title) => fill("Page {} added.", &[title]),
            Edit::RemovePage(at) => fill("Page {} removed.", &[&title(*at)]),
            Edit::Rename(_, title) => fill("The page is called {} now.", &[title]),
            Edit::MovePage(at, to) => fill("Page {} moved to place {}.", &[&title(*at), &number(to + 1)]),
            Edit::Add(page, place) => fill("{} added to {}.", &[&self.name(place), &title(*page)]),
            Edit::Remove(page, at) => fill("{} removed.", &[&name(*page, *at)]),
            Edit::Move(page, at, to) => fill(
                "{} moved to place {} of {}.",
                &[&name(*page, *at), &number(to + 1), &number(count(*page))],
            ),
            Edit::Hand(page, at, to) => fill("{} moved to {}.", &[&name(*page, *at), &title(*to)]),
            Edit::Widen(page, at) => match place(*page, *at).is_some_and(|place| place.wide) {
                true => fill("{} is narrow.", &[&name(*page, *at)]),
                false => fill("{} is wide.", &[&name(*page, *at)]),
            },
            Edit::Alarm(page, at, _) => fill("Alarm of {} changed.", &[&name(*page, *at)]),
            Edit::Put(_, _, place) => fill("{} changed.", &[&self.name(place)]),
            Edit::Spread(page, at, model) => fill("{} stands for each {}.", &[&name(*page, *at), model]),
        }
    }

    fn undone(&mut self, way: fn(&mut Desk) -> bool, said: &str) {
        if way(&mut self.desk) {
            self.chosen = None;
            self.said = say(said);
        }
    }

    /// The chosen tile goes forth or back.
    fn step(&mut self, by: isize) {
        let (Some(page), Some(at)) = (self.page, self.chosen) else { return };
        let last = self.pages().get(page).map_or(0, |page| page.places.len().saturating_sub(1));
        let to = at.saturating_add_signed(by).min(last);
        self.focus = Some("[data-place][data-chosen] .choose");
        self.edit(Edit::Move(page, at, to));
    }

    fn import(&mut self, text: &str) {
        match Document::read(text.as_bytes()) {
            Ok(document) => {
                self.desk.replace(document.layout);
                self.show((!self.pages().is_empty()).then_some(0));
                self.said = say("The file is here. Save to keep it.");
            }
            Err(_) => self.wrong = Some(say("This file holds no layout of Switchboard's.")),
        }
    }

    fn publish(&mut self, ctx: &Context<Self>, document: Option<Document>) {
        let Some(document) = document else { return };
        let payload = document.write();
        let sent = ctx.props().hub.act(|model, link| model.save_layout(link, payload));
        if let Err(why) = sent {
            self.desk.refused();
            self.wrong = Some(fill("Not saved: {}. Your changes are kept in this browser.", &[&why]));
        }
    }

    fn keep_in_bounds(&mut self) {
        let pages = self.pages().len();
        if pages == 0 {
            self.page = None;
        } else if self.page.is_some_and(|page| page >= pages) {
            self.page = Some(pages - 1);
        }
        let places = self.page.and_then(|page| self.pages().get(page)).map_or(0, |page| page.places.len());
        self.chosen = self.chosen.filter(|chosen| *chosen < places && self.desk.is_open());
    }
}
