//! The logins that are open: one's own, and all of them for an admin.

use hyper::StatusCode;

use super::{Asks, Done, Refusal};
use crate::server::http::text;
use crate::server::logins;

pub(super) fn list(asks: &Asks<'_>) -> Done {
    let (user, own) = {
        let who = asks.user()?;
        (who.user.clone(), logins::id(who.login))
    };
    let is_admin = asks.is_admin(&user);
    let mut list = asks.site.admission.logins.list(&asks.site.shards.access().users);
    list.retain(|login| is_admin || *login.user == *user);
    Ok(super::json(StatusCode::OK, &serde_json::json!({ "own": own, "sessions": list })))
}

/// Ends one, and at once the connections that came by it.
pub(super) async fn end(asks: &Asks<'_>, id: &str) -> Done {
    let who = asks.user()?;
    // One that is another's is not there for whoever may not see it.
    let number = logins::number(id).filter(|&number| {
        let user = asks.site.admission.logins.user_of(number);
        user.is_some_and(|user| *user == *who.user || asks.is_admin(&who.user))
    });
    let number = number
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such login; it may have ended"))?;
    let user = asks.site.admission.logins.end(number);
    asks.site.shards.door.revoke(number);
    asks.site.admission.logins.keep().await.map_err(|error| Refusal::failed(&error))?;
    tracing::info!(user, by = &*who.user, peer = %asks.visit.peer, "a login was ended");
    Ok(text(StatusCode::NO_CONTENT, ""))
}
