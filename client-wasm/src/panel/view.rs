//! The panel as it is drawn. Decides nothing: what a tile looks like comes from [`look`](super::look), what it asks for
//! from [`Tile`].

mod card;
mod control;
mod counter;
mod inputs;
mod pause;
mod switch;

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use yew::prelude::*;

use crate::devices::{Kind, Value};
use crate::pure::{Draw, Pure};
use crate::tongue::{fill, say};
use crate::{text, words};

use super::look::{Clock, Look, look, offline};
use super::state::{Device, Presence};
use super::tile::Tile;

pub(crate) use card::draw as draw_card;

/// Who is asked for what.
pub(crate) type Wish = (Rc<str>, Rc<str>, Value);

/// What a later part of the page draws on cards.
#[derive(Clone, Copy)]
pub(crate) struct Extras {
    /// The last values of a device's number, in a line.
    pub(crate) line: fn(&Rc<str>, &Tile, Clock) -> Html,
    /// A control that is held before it does anything.
    pub(crate) held: fn(Held) -> Html,
    /// Another one where more is known than was: what is drawn with it is drawn again.
    pub(crate) version: u32,
}

/// A control that is held.
#[derive(Properties, PartialEq)]
pub(crate) struct Held {
    pub(crate) class: &'static str,
    pub(crate) label: String,
    pub(crate) note: String,
    /// What a switch is, as far as it is confirmed; none of a button.
    pub(crate) checked: Option<bool>,
    /// It does nothing now.
    pub(crate) is_busy: bool,
    /// What is to be done.
    pub(crate) done: Callback<()>,
    pub(crate) inside: Html,
}

/// Draws a card that is more than a switch, a counter or inputs.
pub(crate) type DrawCard = fn(&TileProps) -> Html;

thread_local! {
    /// They come once, and stay as long as the page lives.
    pub(crate) static EXTRAS: Cell<Option<Extras>> = const { Cell::new(None) };
    pub(crate) static CARD: Cell<Option<DrawCard>> = const { Cell::new(None) };
}

/// Tiles of this rank and behind it are folded away.
const BEHIND: u8 = 20;

/// A device, and the cards of it that come in a later frame.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) device: Rc<Device>,
    /// The keys of their first tiles.
    pub(crate) waits: Vec<Rc<str>>,
}

impl Shown {
    /// Whether there is something of it already: a card, or all that it has, which may be no card.
    pub(crate) fn is_begun(&self) -> bool {
        self.waits.is_empty() || self.waits.len() < heads(&self.device).count()
    }
}

/// These devices, in this order.
pub(crate) fn panel(devices: &[Shown], clock: Clock, on_wish: &Callback<Wish>) -> Html {
    html! {
        for Shown { device, waits } in devices.iter().filter(|shown| shown.is_begun()) {
            <DeviceRegion key={device.name.to_string()} device={Rc::clone(device)} waits={waits.clone()}
                extras={extras_version()} {clock} on_wish={on_wish.clone()} />
        }
    }
}

/// The first tile of each card of a device.
pub(crate) fn heads(device: &Device) -> impl Iterator<Item = &Tile> {
    let (front, behind) = folded(device);
    [front, behind].into_iter().flat_map(|tiles| tiles.chunk_by(is_together)).filter_map(<[Tile]>::first)
}

/// The tiles that are seen, and those that are folded away.
fn folded(device: &Device) -> (&[Tile], &[Tile]) {
    device.tiles.split_at(device.tiles.partition_point(|tile| tile.spec.rank < BEHIND))
}

/// Of what came later and is drawn on cards: zero while there is nothing of it.
pub(crate) fn extras_version() -> u32 {
    EXTRAS.get().map_or(0, |extras| extras.version) + u32::from(CARD.get().is_some())
}

type DeviceRegion = Pure<Region>;

struct Region;

#[derive(Properties)]
struct DeviceProps {
    device: Rc<Device>,
    /// Cards that come in a later frame.
    #[prop_or_default]
    waits: Vec<Rc<str>>,
    /// Whether its controls are held before they do anything, when a person said so.
    #[prop_or_default]
    held: Option<bool>,
    /// All is drawn anew when they come.
    extras: u32,
    clock: Clock,
    on_wish: Callback<Wish>,
}

/// A device that changed is another copy of it.
impl PartialEq for DeviceProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.device, &other.device)
            && self.waits == other.waits
            && self.extras == other.extras
            && self.clock == other.clock
            && self.on_wish == other.on_wish
    }
}

impl Draw for Region {
    type Props = DeviceProps;

    fn draw(props: &DeviceProps) -> Html {
        let device = &props.device;
        let (tiles, behind) = folded(device);
        let label = format!("{} {}", device.model, device.called());
        html! {
            <section class="device" id={anchor(&device.name)} aria-label={label.trim().to_owned()} tabindex="-1">
                <h2>{ device.called().to_owned() }<small>{ summary(device, props.clock) }</small></h2>
                <div class="grid">{ cards(props, tiles) }</div>
                if !behind.is_empty() {
                    <details>
                        <summary>{ fill("{} more", &[&behind.len().to_string()]) }</summary>
                        <div class="grid">{ cards(props, behind) }</div>
                    </details>
                }
            </section>
        }
    }
}

/// One card for the tiles that share it; the numbered inputs of a Web-IO share one too.
fn cards(props: &DeviceProps, tiles: &[Tile]) -> Html {
    let card = |tiles: &[Tile]| {
        let main = tiles.first().filter(|main| !props.waits.contains(&main.spec.key))?;
        let key = main.spec.key.to_string();
        let all = TileProps {
            device: Rc::clone(&props.device.name),
            tiles: tiles.into(),
            presence: props.device.presence,
            held: props.held,
            extras: props.extras,
            clock: props.clock,
            on_wish: props.on_wish.clone(),
        };
        Some(html! { <Card {key} ..all /> })
    };
    tiles.chunk_by(is_together).filter_map(card).collect()
}

fn is_input(tile: &Tile) -> bool {
    tile.spec.is_input()
}

/// The card that a point is on, alone.
pub(crate) fn card_of(
    device: &Rc<Device>,
    key: &str,
    held: Option<bool>,
    clock: Clock,
    on_wish: &Callback<Wish>,
) -> Option<Html> {
    let tile = device.tile(key)?;
    let props = DeviceProps {
        device: Rc::clone(device),
        waits: Vec::new(),
        held,
        extras: extras_version(),
        clock,
        on_wish: on_wish.clone(),
    };
    let tiles: Vec<Tile> = device.tiles.iter().filter(|other| is_together(other, tile)).cloned().collect();
    Some(cards(&props, &tiles))
}

/// What the cards of a device are about: key and label of each first tile.
pub(crate) fn mains(device: &Device) -> impl Iterator<Item = (String, String)> {
    device.tiles.chunk_by(is_together).filter_map(|tiles| {
        let main = &tiles.first()?.spec;
        let label = if is_input(&tiles[0]) { say("Inputs") } else { main.label.to_string() };
        Some((main.key.to_string(), label))
    })
}

fn is_together(a: &Tile, b: &Tile) -> bool {
    a.spec.card == b.spec.card || is_input(a) && is_input(b)
}

type Card = Pure<Drawn>;

/// One component for all cards: each more would bring its own machinery into the page.
struct Drawn;

impl Draw for Drawn {
    type Props = TileProps;

    fn draw(props: &TileProps) -> Html {
        let main = props.main();
        match main.spec.kind {
            Kind::Indicator if is_input(main) => inputs::draw(props),
            Kind::Counter => counter::draw(props),
            Kind::Switch | Kind::Lock if props.tiles.len() == 1 => switch::draw(props),
            _ => CARD.get().map(|draw| draw(props)).unwrap_or_default(),
        }
    }
}

/// What every card is drawn from; its first tile is what it is about.
#[derive(Clone, Properties, PartialEq)]
pub(crate) struct TileProps {
    device: Rc<str>,
    tiles: Rc<[Tile]>,
    presence: Presence,
    held: Option<bool>,
    extras: u32,
    clock: Clock,
    on_wish: Callback<Wish>,
}

impl TileProps {
    fn main(&self) -> &Tile {
        &self.tiles[0]
    }

    fn look(&self, tile: &Tile) -> Look {
        look(tile, self.presence, self.clock)
    }

    /// `<device>/<key>`, as tests and tools know the tile.
    fn handle(&self, tile: &Tile) -> String {
        format!("{}/{}", self.device, tile.spec.key)
    }

    fn is_offline(&self) -> bool {
        matches!(self.presence, Presence::Offline { .. })
    }

    /// What a tap does.
    fn tap<E: 'static>(&self, tile: &Tile) -> Callback<E> {
        let wish = tile.next_wish();
        let ask = self.asker(tile);
        Callback::from(move |_| wish.iter().for_each(|wish| ask.emit(wish.clone())))
    }

    /// Asks a tile for a value.
    fn asker(&self, tile: &Tile) -> Callback<Value> {
        let (device, key) = (Rc::clone(&self.device), Rc::clone(&tile.spec.key));
        self.on_wish.reform(move |wanted| (Rc::clone(&device), Rc::clone(&key), wanted))
    }
}

/// The control that is held, where it is to be; until the part for that is there it does nothing.
pub(super) fn held(props: &TileProps, tile: &Tile, control: impl FnOnce() -> Held) -> Option<Html> {
    props.held.unwrap_or(tile.spec.held).then(|| match EXTRAS.get() {
        Some(extras) => (extras.held)(control()),
        None => {
            let Held { class, label, inside, .. } = control();
            html! { <button type="button" {class} aria-label={label} disabled=true>{ inside }</button> }
        }
    })
}

/// The last values of a number, where there is a line of them.
pub(super) fn line(props: &TileProps, tile: &Tile) -> Html {
    EXTRAS.get().map(|extras| (extras.line)(&props.device, tile, props.clock)).unwrap_or_default()
}

/// What is around every tile and every part of one: its handle, value and state.
pub(super) fn frame(props: &TileProps, tile: &Tile, look: &Look, class: &'static str, inside: Html) -> Html {
    let is_group = !class.starts_with("part") && class != "tile";
    html! {
        <div {class} key={tile.spec.key.to_string()} data-tile={props.handle(tile)}
            role={is_group.then_some("group")} aria-label={is_group.then(|| tile.spec.label.to_string())}
            data-value={look.value.as_ref().map(Value::to_string)} data-state={look.state}
            data-stale={look.stale.then_some("")} data-otherwise={look.otherwise.then_some("")}>
            { inside }
            <span class="moving" aria-hidden="true"></span>
        </div>
    }
}

/// The two lines of a tile.
pub(super) fn said(tile: &Tile, look: &Look) -> Html {
    html! {
        <span class="said">
            <span class="name">{ tile.spec.label.to_string() }</span>
            <span class="note">{ look.note.clone() }</span>
        </span>
    }
}

pub(super) fn icon(name: &'static str) -> Html {
    html! { <svg class="ico" aria-hidden="true"><use href={name} /></svg> }
}

/// Brings a device into view and to the keyboard.
pub(crate) fn reveal(device: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let region = document.and_then(|document| document.get_element_by_id(&anchor(device)));
    if let Some(region) = region.and_then(|region| region.dyn_into::<web_sys::HtmlElement>().ok()) {
        region.scroll_into_view();
        let _ = region.focus();
    }
}

fn anchor(device: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("device-{}", device.chars().map(plain).collect::<String>())
}

fn summary(device: &Device, clock: Clock) -> String {
    if let Presence::Offline { since, longer } = device.presence {
        return offline(since, longer, clock);
    }
    let count = |word: &str| device.tiles.iter().filter(|tile| tile.spec.key.starts_with(word)).count();
    let (outputs, inputs, counters) = (count("output/"), count("input/"), count("counter/"));
    let mut said = Vec::new();
    if outputs + counters > 0 {
        let parts = [
            (outputs, fill("{} out", &[&outputs.to_string()])),
            (inputs, fill("{} in", &[&inputs.to_string()])),
            (counters, words::counted(counters, "counter")),
        ];
        said.extend(parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, words)| words));
    } else {
        said.extend(Some(device.model.to_string()).filter(|model| !model.is_empty()));
    }
    if !device.obscure.is_empty() {
        said.push(fill("{} not understood", &[&device.obscure.len().to_string()]));
    }
    text::join(said.iter().map(String::as_str), " · ")
}
