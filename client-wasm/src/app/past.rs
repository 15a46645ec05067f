//! What numbers were before the page was opened, of a broker that remembers: asked of the page's own server when their lines
//! begin.

use std::rc::Rc;

use js_sys::Array;
use mqtt::Instant;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::RequestCache;

use crate::connection::unix_now;
use crate::panel::extras;

use super::fetch;
use super::recall::{FILTERS, get, question};

const TIMEOUT_MS: u32 = 5_000;

/// Asks for the past of lines that have begun, and lets them begin with it.
pub(super) fn ask() {
    let topics = extras::take_begun();
    if topics.is_empty() {
        return;
    }
    spawn_local(async move {
        for some in topics.chunks(FILTERS) {
            // What does not come is not there: the lines begin with what is heard.
            let Some(all) = of(some).await else { break };
            for topic in all.iter() {
                // Nor is what is not as it should be.
                let _ = tell(&topic);
            }
        }
        extras::draw_again();
    });
}

async fn of(topics: &[Rc<str>]) -> Option<Array> {
    let address = question("/api/history", topics.iter().map(|topic| &**topic));
    let body = fetch::json(&address, TIMEOUT_MS, RequestCache::NoStore).await?;
    get(&body, "topics").dyn_into().ok()
}

/// None where something is not as it should be.
fn tell(topic: &JsValue) -> Option<()> {
    let now = unix_now();
    let past: Array = get(topic, "past").dyn_into().ok()?;
    let points: Vec<_> = past.iter().filter_map(|point| read(now, point.unchecked_ref())).collect();
    extras::recall(&get(topic, "topic").as_string()?, &points);
    Some(())
}

fn read(now: Instant, point: &Array) -> Option<(Instant, String)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    let age = point.get(0).as_f64()? as u64;
    Some((Instant::from_millis(now.as_millis().saturating_sub(age)), point.get(1).as_string()?))
}
