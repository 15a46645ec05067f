//! Why somebody may or may not do something, for admins: the words of `switchboard why`.

use hyper::StatusCode;
use serde_json::json;

use super::{Asks, Done, Refusal};
use crate::broker::Action;
use crate::cli;

pub(super) fn why(asks: &Asks<'_>) -> Done {
    asks.admin()?;
    let asked = |key: &str| asks.value(key).filter(|value| !value.is_empty());
    let needed = |key: &str| asked(key).ok_or_else(|| Refusal::bad(format!("`{key}` is missing")));
    let (user, topic) = (needed("user")?, needed("topic")?);
    let action = match needed("action")?.as_str() {
        "publish" => Action::Publish,
        "subscribe" => Action::Read,
        other => return Err(Refusal::bad(format!("action={other}: use publish or subscribe"))),
    };
    let client_id = asked("client_id").unwrap_or_default();
    let access = asks.site.shards.access();
    let why = cli::why_of(&access, &user, &client_id, action, &topic);
    let (may, words) = why.map_err(|error| Refusal::bad(format!("{error:#}")))?;
    Ok(super::json(StatusCode::OK, &json!({ "may": may, "words": words })))
}
