//! The panel as it is drawn. Decides nothing: what a tile looks like comes from [`look`](super::look), what it asks for
//! from [`Tile::next_wish`].

mod counter;
mod inputs;
mod switch;

use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use yew::prelude::*;

use crate::devices::{Kind, TileKey, Value};
use crate::pure::{Draw, Pure};
use crate::words;

use super::look::{Clock, offline};
use super::state::{Device, Presence};
use super::tile::Tile;

use counter::Counter;
use inputs::Inputs;
use switch::Switch;

/// Who is asked for what.
pub(crate) type Wish = (Rc<str>, TileKey, Value);

/// All devices, by name.
pub(crate) fn panel(devices: &[Rc<Device>], clock: Clock, on_wish: &Callback<Wish>) -> Html {
    html! {
        for device in devices.iter() {
            <DeviceRegion key={device.name.to_string()} device={Rc::clone(device)} {clock} on_wish={on_wish.clone()} />
        }
    }
}

type DeviceRegion = Pure<Region>;

struct Region;

#[derive(Properties, PartialEq)]
struct DeviceProps {
    device: Rc<Device>,
    clock: Clock,
    on_wish: Callback<Wish>,
}

impl Draw for Region {
    type Props = DeviceProps;

    fn draw(props: &DeviceProps) -> Html {
        let device = &props.device;
        let of_kind = |kind| device.tiles.iter().filter(move |tile: &&Tile| tile.key.kind == kind);
        let inputs: Rc<[Tile]> = of_kind(Kind::Input).cloned().collect();
        let tile_props = |tile: &Tile| TileProps {
            device: Rc::clone(&device.name),
            tile: tile.clone(),
            presence: device.presence,
            clock: props.clock,
            on_wish: props.on_wish.clone(),
        };
        html! {
            <section class="device" id={anchor(&device.name)} aria-label={format!("Web-IO {}", device.name)} tabindex="-1">
                <h2>{ device.name.to_string() }<small>{ summary(device, props.clock) }</small></h2>
                <div class="grid">
                    for tile in of_kind(Kind::Output) {
                        <Switch key={tile.key.to_string()} ..tile_props(tile) />
                    }
                    if !inputs.is_empty() {
                        <Inputs device={Rc::clone(&device.name)} tiles={inputs} presence={device.presence}
                            clock={props.clock} />
                    }
                    for tile in of_kind(Kind::Counter) {
                        <Counter key={tile.key.to_string()} ..tile_props(tile) />
                    }
                </div>
            </section>
        }
    }
}

/// What every single tile is drawn from.
#[derive(Clone, Properties, PartialEq)]
pub(super) struct TileProps {
    device: Rc<str>,
    tile: Tile,
    presence: Presence,
    clock: Clock,
    on_wish: Callback<Wish>,
}

impl TileProps {
    /// `<device>/<key>`, as tests and tools know the tile.
    fn handle(&self) -> String {
        format!("{}/{}", self.device, self.tile.key)
    }

    fn is_offline(&self) -> bool {
        matches!(self.presence, Presence::Offline { .. })
    }

    /// What a tap does.
    fn ask(&self) -> Callback<MouseEvent> {
        let wish = self.tile.next_wish().map(|wanted| (Rc::clone(&self.device), self.tile.key, wanted));
        let on_wish = self.on_wish.clone();
        Callback::from(move |_| wish.iter().cloned().for_each(|wish| on_wish.emit(wish)))
    }
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
    let count = |kind| device.tiles.iter().filter(|tile| tile.key.kind == kind).count();
    let (outputs, inputs, counters) = (count(Kind::Output), count(Kind::Input), count(Kind::Counter));
    let parts = [
        (outputs, format!("{outputs} out")),
        (inputs, format!("{inputs} in")),
        (counters, words::counted(counters, "counter")),
    ];
    let said: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, words)| words).collect();
    said.join(" · ")
}
