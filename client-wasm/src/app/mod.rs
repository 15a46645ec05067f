//! The app: one screen at a time, a header that says how the link is, a bar to go elsewhere.

mod announce;
mod asked;
pub(crate) mod desk;
pub(crate) mod fetch;
mod gradual;
pub(crate) mod hub;
pub(crate) mod language;
pub(crate) mod model;
mod parts;
mod past;
mod recall;
mod remember;
mod route;
mod screens;
mod sheet;
mod touch;
pub(crate) mod trouble;

use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MouseEvent;
use yew::prelude::*;

use crate::connection::{Listener, now, unix_now};
use crate::devices::Value;
use crate::panel::look::Clock;
use crate::panel::view::{Shown, Wish, panel};
use crate::settings::theme;
use crate::tongue::{fill, say};

use gradual::AT_ONCE;
use hub::Hub;
use model::LinkState;
use route::Route;
use trouble::Does;

/// Starts the page, in place of the shell that stands there, and the connection before it. It pauses now and then: a browser
/// compiles what is called for the first time, and all at once would keep it from showing anything, or hearing a tap.
pub(crate) async fn start() {
    theme::apply();
    if hub::asked("kiosk").is_some() {
        mark("data-kiosk", "");
    }
    language::learn().await;
    pause().await;
    let hub = Hub::open().await;
    pause().await;
    let document = web_sys::window().and_then(|window| window.document());
    let root = document.and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root.or_else(|| web_sys::window()?.document()?.body().map(Into::into)) {
        yew::Renderer::<App>::with_root_and_props(root, Whole { hub }).render();
    }
}

/// What makes the page draw.
#[derive(Debug)]
pub(crate) enum Msg {
    /// Something is new.
    Draw,
    /// A frame is to be filled with it.
    Frame,
    /// A person goes to another screen.
    Go(&'static str),
    /// The browser went to another screen.
    Gone,
    /// A tile was asked for a value.
    Wish(Rc<str>, Rc<str>, Value),
}

/// What the page is drawn of.
#[derive(PartialEq, Properties)]
pub(crate) struct Whole {
    hub: Hub,
}

/// The whole page.
pub(crate) struct App {
    hub: Hub,
    /// As far as they are drawn.
    devices: Vec<Shown>,
    route: Route,
    frame: u64,
    shown_link: Option<LinkState>,
    on_wish: Callback<Wish>,
    _popped: Option<Listener>,
}

impl Component for App {
    type Message = Msg;
    type Properties = Whole;

    fn create(ctx: &Context<Self>) -> Self {
        let link = ctx.link().clone();
        let hub = ctx.props().hub.clone();
        hub.drawn_by(move |fills| link.send_message(if fills { Msg::Frame } else { Msg::Draw }));
        let popped = ctx.link().callback(|()| Msg::Gone);
        let mut app = Self {
            hub,
            devices: Vec::new(),
            route: current_route(),
            frame: 0,
            shown_link: None,
            on_wish: ctx.link().callback(|(device, key, wanted)| Msg::Wish(device, key, wanted)),
            _popped: web_sys::window()
                .map(|window| Listener::new(&window, "popstate", move |_| popped.emit(()))),
        };
        app.enter();
        app.look(AT_ONCE);
        app
    }

    fn update(&mut self, _ctx: &Context<Self>, msg: Msg) -> bool {
        // What a person did is drawn by itself: cards that wait come in a frame of theirs.
        let room = if matches!(msg, Msg::Draw | Msg::Wish(..)) { 0 } else { AT_ONCE };
        match msg {
            Msg::Draw | Msg::Frame => {
                // Somebody on another screen wants to arrange.
                if self.route != Route::Panel && self.hub.look(|model| model.desk.begins) {
                    self.go_to(Route::Panel.path());
                }
            }
            Msg::Go(path) => self.go_to(path),
            Msg::Gone => self.go(current_route()),
            Msg::Wish(device, key, wanted) => {
                self.hub.perform(|model, link| model.wish(link, &device, &key, wanted));
            }
        }
        self.frame += 1;
        self.look(room);
        self.show_link();
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (state, trouble) = self.hub.look(|model| (model.link_state, model.trouble()));
        let clock = clock();
        let said = self.hub.look_mut(|model| model.announcer.say(now(), &model.panel, clock));
        if let Some(good) = self.hub.look_mut(|model| model.announcer.take_felt()) {
            touch::feel(good);
        }
        let is_empty = self.devices.is_empty() && !self.hub.look(|model| model.desk.is_wanted());
        let is_screen = self.route == Route::Panel && is_empty;
        let does = self.does(ctx);
        let title =
            if self.route == Route::Panel { "Switchboard".to_owned() } else { say(self.route.label()) };
        html! {
            <>
            <header class="head">
                <h1>{ title }</h1>
                { silent_chip(&self.devices) }
                if self.route == Route::Panel && (!is_empty || self.is_quiet()) && !self.hub.look(|model| model.desk.is_open) {
                    { self.arrange(ctx) }
                }
                <span class="link" role="status">{ say(state.label()) }</span>
            </header>
            <main id="main" data-screen={self.route.label()}>
                { self.screen(clock, trouble.as_ref(), &does) }
            </main>
            if let Some(trouble) = trouble.filter(|_| !is_screen) {
                { trouble::over(&trouble, &does) }
            }
            if let Some(over) = self.hub.look(|model| model.pages.here().map(|pages| pages.over)) { { over(&self.hub) } }
            { self.bar(ctx) }
            <p class="unseen" aria-live="polite">{ said.to_string() }</p>
            </>
        }
    }
}

impl App {
    /// What is to be drawn, with so many cards that were not before.
    fn look(&mut self, room: usize) {
        let devices = self.hub.look(|model| model.panel.by_family());
        let (devices, is_more) = gradual::next(&self.devices, devices, room);
        self.devices = devices;
        if is_more && self.route == Route::Panel {
            self.hub.draw_soon();
        }
    }

    fn screen(
        &self,
        clock: Clock,
        trouble: Option<&crate::connection::trouble::Trouble>,
        does: &Does,
    ) -> Html {
        match self.route {
            Route::Panel if self.devices.is_empty() && !self.hub.look(|model| model.desk.is_wanted()) => {
                let (state, host) = self.hub.look(|model| {
                    let host = model.address.as_ref().map(|a| a.host().to_owned()).unwrap_or_default();
                    (model.link_state, host)
                });
                trouble::screen(state, &host, self.is_quiet(), trouble, does)
            }
            Route::Panel => match self.hub.look(|model| (model.desk.is_wanted(), model.draws_pages())) {
                (false, _) => panel(&self.devices, clock, &self.on_wish),
                (true, Some(draw)) => {
                    draw(&self.hub, self.frame, self.devices.as_slice().into(), clock, &self.on_wish)
                }
                (true, None) => trouble::loading(),
            },
            Route::Explorer | Route::Settings => {
                match self.hub.look(|model| model.screens.here().map(|screens| screens.draw)) {
                    Some(draw) => draw(self.route, &self.hub, self.frame),
                    None => trouble::loading(),
                }
            }
        }
    }

    /// A broker is there, and had the time to say what it keeps.
    fn is_quiet(&self) -> bool {
        let since =
            self.hub.look(|model| model.connected_at.filter(|_| model.link_state == LinkState::Online));
        since.is_some_and(|since| unix_now().since(since).as_millis() > QUIET_MS)
    }

    fn does(&self, ctx: &Context<Self>) -> Does {
        let hub = self.hub.clone();
        let (can_retry, can_log_in) = hub.look(|model| (model.address.is_ok(), model.is_own_broker));
        let retry = Callback::from(move |()| hub.retry());
        let go = |route: Route| ctx.link().callback(move |()| Msg::Go(route.path()));
        Does {
            retry: can_retry.then_some(retry),
            settings: go(Route::Settings),
            explore: go(Route::Explorer),
            can_log_in,
        }
    }

    /// Where arranging begins.
    fn arrange(&self, ctx: &Context<Self>) -> Html {
        let (hub, link) = (self.hub.clone(), ctx.link().clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            hub.act(|model, _| model.desk.begins = true);
            link.send_message(Msg::Draw);
        });
        html! {
            <button type="button" class="round" aria-label={say("Arrange")} title={say("Arrange")} {onclick}>
                <svg class="ico" aria-hidden="true"><use href="#i-arrange" /></svg>
            </button>
        }
    }

    fn bar(&self, ctx: &Context<Self>) -> Html {
        let item = |route: Route| {
            let onclick = ctx.link().batch_callback(move |event: MouseEvent| {
                let elsewhere = event.ctrl_key() || event.meta_key() || event.shift_key();
                (!elsewhere).then(|| {
                    event.prevent_default();
                    Msg::Go(route.path())
                })
            });
            html! {
                <a href={format!("{}{}", route.path(), query())} {onclick}
                    aria-current={(route == self.route).then_some("page")}>
                    <svg class="ico" aria-hidden="true"><use href={route.icon()} /></svg>
                    { say(route.label()) }
                </a>
            }
        };
        html! { <nav class="bar" aria-label={say("Main")}>{ for Route::ALL.into_iter().map(item) }</nav> }
    }

    fn go_to(&mut self, path: &str) {
        push(path);
        self.go(Route::of(path));
    }

    fn go(&mut self, route: Route) {
        if route != self.route {
            self.route = route;
            // Another screen stands in its place: it begins anew.
            self.devices.clear();
            self.enter();
            if let Some(window) = web_sys::window() {
                window.scroll_to_with_x_and_y(0.0, 0.0);
            }
        }
    }

    /// The explorer is subscribed only while it is seen.
    fn enter(&self) {
        let (away, watching) = (self.route != Route::Panel, self.route == Route::Explorer);
        self.hub.act(|model, link| {
            model.wants_screens = away;
            model.watch(link, watching);
        });
    }

    fn show_link(&mut self) {
        let state = self.hub.look(|model| model.link_state);
        if self.shown_link != Some(state) {
            mark("data-link", state.word());
            self.shown_link = Some(state);
        }
    }
}

/// Goes on in a task of its own.
async fn pause() {
    let soon = |go_on: Function, _| {
        let set = web_sys::window().map(|window| window.set_timeout_with_callback(&go_on));
        if !matches!(set, Some(Ok(_))) {
            let _ = go_on.call0(&JsValue::NULL);
        }
    };
    let _ = JsFuture::from(Promise::new(&mut { soon })).await;
}

/// How long a connected page waits for retained values before it says that there are none.
const QUIET_MS: u128 = 1_500;

/// One chip for all devices that are away; it leads to the first of them.
fn silent_chip(devices: &[Shown]) -> Html {
    let mut away = devices.iter().map(|shown| &shown.device).filter(|device| device.is_offline());
    let Some(first) = away.next() else { return html! {} };
    let onclick = {
        let name = Rc::clone(&first.name);
        Callback::from(move |_: MouseEvent| crate::panel::view::reveal(&name))
    };
    html! {
        <button type="button" class="chip warn" {onclick}>
            { fill("{} offline", &[&(away.count() + 1).to_string()]) }
        </button>
    }
}

/// The clock of the tiles goes in steps, so that they are drawn anew only when an age may have changed.
pub(crate) fn clock() -> Clock {
    const STEP_MS: u64 = 10_000;
    let now = unix_now().as_millis();
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a day")]
    let minutes_east = -js_sys::Date::new_0().get_timezone_offset() as i32;
    Clock { now: mqtt::Instant::from_millis(now - now % STEP_MS), minutes_east }
}

/// Marks the whole document.
pub(crate) fn mark(name: &str, value: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(root) = document.and_then(|document| document.document_element()) {
        let _ = root.set_attribute(name, value);
    }
}

fn current_route() -> Route {
    let path = web_sys::window().and_then(|window| window.location().pathname().ok());
    Route::of(path.as_deref().unwrap_or("/"))
}

/// The `?broker=…` of the page, which every screen keeps.
fn query() -> String {
    web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

fn push(path: &str) {
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&format!("{path}{}", query())));
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("route", &self.route).finish_non_exhaustive()
    }
}
