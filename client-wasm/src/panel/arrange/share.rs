//! The link that shows the same pages on other phones, and the code that they scan.

use js_sys::Reflect;
use wasm_bindgen_futures::spawn_local;
use web_sys::RequestCache;
use yew::prelude::*;

use crate::app::fetch;
use crate::app::hub::Hub;
use crate::panel::made::code::{MARGIN, drawn};
use crate::tongue::say;

use super::{Arranged, Msg, web};

const TIMEOUT_MS: u32 = 5_000;

/// Where other machines reach this page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Network {
    /// Where we do.
    #[default]
    Here,
    /// That is being asked.
    Asked,
    /// There, as the server of the page says.
    At(String),
    /// Nowhere.
    Nowhere,
}

impl Network {
    /// A page that was opened by an address of this machine asks its server for one that others reach too.
    pub(super) fn ask(ctx: &Context<Arranged>) -> Self {
        let hub: &Hub = &ctx.props().hub;
        if !web::is_here() {
            return Self::Here;
        }
        if !hub.look(|model| model.is_own_broker) {
            return Self::Nowhere;
        }
        let link = ctx.link().clone();
        spawn_local(async move {
            let found = asked().await.map_or(Self::Nowhere, Self::At);
            link.send_message(Msg::Network(found));
        });
        Self::Asked
    }

    /// The link for others; none while there is none.
    fn link(&self) -> Option<String> {
        match self {
            Self::Here => Some(web::link()),
            Self::At(network) => Some(web::link_at(network)),
            Self::Asked | Self::Nowhere => None,
        }
    }
}

async fn asked() -> Option<String> {
    let body = fetch::json("/api/me", TIMEOUT_MS, RequestCache::NoStore).await?;
    Reflect::get(&body, &"network".into()).ok()?.as_string()
}

/// The link and its code.
pub(super) fn draw(network: &Network) -> Html {
    let Some(link) = network.link() else {
        let words = match network {
            Network::Asked => return html! {},
            _ => {
                say("Only this computer reaches this page. Start Switchboard with --lan, and phones do too.")
            }
        };
        return html! { <p>{ words }</p> };
    };
    html! {
        <div class="share">
            if let Some((side, d)) = drawn(&link) { { code(side, d) } }
            <label class="field"><span>{ say("Link for other phones") }</span>
                <input type="text" readonly=true name="link" value={link} />
            </label>
        </div>
    }
}

fn code(side: usize, d: String) -> Html {
    let (start, whole) = (format!("-{MARGIN} -{MARGIN}"), side + 2 * MARGIN);
    html! {
        <svg class="code" viewBox={format!("{start} {whole} {whole}")} role="img" aria-label={say("The link as a code to scan with a phone")}
            shape-rendering="crispEdges"><path {d} /></svg>
    }
}
