//! The browser's part of arranging: the draft that outlives the page, addresses, files and fingers.

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlElement, HtmlInputElement, PointerEvent, Storage, UrlSearchParams, Window};

use crate::app::hub::Hub;
use crate::connection::identity;
use crate::panel::layout::Document;
use crate::text;

const AUTHOR: &str = "switchboard-author";
/// What is left between a tile and its tools, in pixels.
const GAP: f64 = 8.0;
/// Where a drag begins to scroll, in pixels from the edge.
const EDGE: i32 = 90;

/// The draft of an earlier visit.
pub(super) fn draft(hub: &Hub) -> Option<Document> {
    let text = storage()?.get_item(&draft_key(hub)).ok()??;
    Document::read(text.as_bytes()).ok()
}

/// Keeps the draft, or forgets it when there is none.
pub(super) fn keep_draft(hub: &Hub, draft: Option<&Document>) {
    let (Some(storage), key) = (storage(), draft_key(hub)) else { return };
    // A storage that is full or forbidden keeps no draft: then it lasts as long as the page.
    let _ = match draft {
        Some(draft) => storage.set_item(&key, &draft.write()),
        None => storage.remove_item(&key),
    };
}

fn draft_key(hub: &Hub) -> String {
    hub.look(|model| model.desk.draft_key.clone())
}

/// Who this browser is for the others: what it runs on, and four letters that stay.
pub(super) fn author() -> String {
    let kept = storage().and_then(|storage| storage.get_item(AUTHOR).ok()?);
    kept.unwrap_or_else(|| {
        let is_phone =
            window().is_some_and(|window| window.inner_width().ok().and_then(|w| w.as_f64()) < Some(600.0));
        let kind = if is_phone { "Phone" } else { "Computer" };
        let author: String = identity::fresh(&format!("{kind} ")).chars().take(kind.len() + 5).collect();
        if let Some(storage) = storage() {
            let _ = storage.set_item(AUTHOR, &author);
        }
        author
    })
}

/// The page that the address asks for.
pub(super) fn wished_page() -> Option<String> {
    query()?.get("page")
}

/// Puts a page into the address, so that it is come back to.
pub(super) fn wish_page(title: Option<&str>) {
    let (Some(query), Some(window)) = (query(), window()) else { return };
    match title {
        Some(title) => query.set("page", title),
        None => query.delete("page"),
    }
    let query = String::from(query.to_string());
    let address = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
    if let Ok(history) = window.history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
    }
}

/// The address that shows the same elsewhere.
pub(super) fn link() -> String {
    window().and_then(|window| window.location().href().ok()).unwrap_or_default()
}

/// The same by another address of its server.
pub(super) fn link_at(network: &str) -> String {
    let location = window().map(|window| window.location());
    let part = |of: fn(&web_sys::Location) -> Result<String, JsValue>| {
        location.as_ref().and_then(|location| of(location).ok()).unwrap_or_default()
    };
    let (path, query) = (part(web_sys::Location::pathname), part(web_sys::Location::search));
    format!("{}{path}{query}", network.trim_end_matches('/'))
}

/// Whether this page was opened by an address that means this machine on each machine.
pub(super) fn is_here() -> bool {
    let host = window().and_then(|window| window.location().hostname().ok()).unwrap_or_default();
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || host.starts_with("127.")
}

/// Reads the file that was chosen.
pub(super) fn read_file(input: HtmlInputElement, then: impl FnOnce(String) + 'static) {
    let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
    input.set_value("");
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        then(text.unwrap_or_default());
    });
}

/// Gives the focus to the first such element; says whether there is one.
pub(super) fn focus(selector: &str) -> bool {
    find(selector).is_some_and(|element| element.focus().is_ok())
}

/// Whether something has the focus.
pub(super) fn has_focus() -> bool {
    find(":focus:not(body, :disabled)").is_some()
}

/// Brings the chosen tile out from under its tools.
pub(super) fn uncover() {
    let (Some(window), Some(tile), Some(tools)) = (window(), find("[data-chosen]"), find(".chosen")) else {
        return;
    };
    let hidden = tile.get_bounding_client_rect().bottom() - tools.get_bounding_client_rect().top();
    if hidden > 0.0 {
        window.scroll_by_with_x_and_y(0.0, hidden + GAP);
    }
}

fn find(selector: &str) -> Option<HtmlElement> {
    window()?.document()?.query_selector(selector).ok()??.dyn_into().ok()
}

/// All that the pointer does from now on is meant for what it is on.
pub(super) fn capture(event: &PointerEvent) {
    if let Some(element) = current(event) {
        let _ = element.set_pointer_capture(event.pointer_id());
    }
}

pub(super) fn is_captured(event: &PointerEvent) -> bool {
    current(event).is_some_and(|element| element.has_pointer_capture(event.pointer_id()))
}

/// The place that the pointer is over; the page scrolls along at its edges.
pub(super) fn place_under(event: &PointerEvent) -> Option<usize> {
    let window = window()?;
    let (x, y) = (event.client_x(), event.client_y());
    #[expect(clippy::cast_possible_truncation, reason = "a window's height in pixels")]
    let height = window.inner_height().ok()?.as_f64()? as i32;
    if y < EDGE || y > height - EDGE {
        window.scroll_by_with_x_and_y(0.0, if y < EDGE { -12.0 } else { 12.0 });
    }
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let under = window.document()?.element_from_point(x as f32, y as f32)?;
    text::place(&under.closest("[data-place]").ok()??.get_attribute("data-place")?)
}

fn current(event: &PointerEvent) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest(".grip").ok()?
}

fn query() -> Option<UrlSearchParams> {
    let search = window()?.location().search().ok()?;
    UrlSearchParams::new_with_str(&search).ok()
}

fn storage() -> Option<Storage> {
    window()?.local_storage().ok()?
}

fn window() -> Option<Window> {
    web_sys::window()
}
