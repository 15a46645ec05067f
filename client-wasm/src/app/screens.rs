//! The screens beside the panel, as one part of the page, and what else comes later.

use yew::prelude::*;

use crate::connection::{Link, unix_now};
use crate::explorer::view::Explorer;
use crate::panel::state::OWN;
use crate::panel::view::draw_card;
use crate::settings::Settings;

use super::hub::Hub;
use super::model::Model;
use super::parts::{Conventions, Extras, Pages, Screens};
use super::route::Route;

pub(super) const SCREENS: Screens = Screens { draw, hear: crate::explorer::state::State::hear };

pub(super) const CONVENTIONS: Conventions = Conventions { make: crate::devices::others, card: draw_card };

pub(super) const EXTRAS: Extras = Extras { work };

pub(super) const PAGES: Pages =
    Pages { card: draw_card, draw: crate::panel::arrange::draw, watch, over: crate::panel::arrange::banner };

fn watch(model: &mut Model, link: Option<&Link>) {
    crate::panel::arrange::watch(model, link);
    if let Some(own) = model.panel.device(OWN) {
        crate::panel::extras::follow(own);
    }
}

fn work(model: &mut Model, link: Option<&Link>) {
    super::asked::talk(&mut model.asked, &mut model.panel, link);
    crate::panel::extras::install();
    crate::panel::extras::look(unix_now(), model.panel.shown());
    if model.is_own_broker {
        super::past::ask();
    }
}

fn draw(route: Route, hub: &Hub, frame: u64) -> Html {
    match route {
        Route::Panel => html! {},
        Route::Explorer => html! { <Explorer hub={hub.clone()} {frame} /> },
        Route::Settings => html! { <Settings hub={hub.clone()} {frame} /> },
    }
}
