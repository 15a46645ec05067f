//! The claim of a server without users: whoever has the link that was printed becomes the first one.

use hyper::StatusCode;
use serde::Deserialize;

use super::{ADMIN, Asks, Done, Refusal, login, users};
use crate::server::claim::Refused;
use crate::server::http::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    /// What the link carries.
    token: String,
    name: String,
    password: String,
}

/// Whether there is anything to claim.
pub(super) fn state(asks: &Asks<'_>) -> Answer {
    let is_unclaimed = asks.site.admission.is_unclaimed();
    super::json(StatusCode::OK, &serde_json::json!({ "is_unclaimed": is_unclaimed }))
}

pub(super) async fn claim(asks: &Asks<'_>, form: Form) -> Done {
    let door = &asks.site.shards.door;
    let peer = asks.visit.peer.identity();
    door.may_log_in(&peer).map_err(|why| Refusal::new(StatusCode::TOO_MANY_REQUESTS, why))?;
    let claim =
        asks.site.admission.claim.as_ref().filter(|_| asks.site.admission.is_unclaimed()).ok_or_else(
            || Refusal::new(StatusCode::GONE, "this Switchboard has its first user already; log in instead"),
        )?;
    // What would be refused anyway does not cost the link.
    let name = users::check_name(&form.name)?;
    users::check_password(&form.password)?;
    let right = claim.take(&form.token, door.now()).map_err(|refused| {
        door.login_failed(peer);
        tracing::warn!(peer = %asks.visit.peer, ?refused, "a claim was refused");
        Refusal::new(
            StatusCode::FORBIDDEN,
            match refused {
                Refused::Wrong => "this is not the link that was printed last",
                Refused::Over => {
                    "the time of this link is over; start Switchboard again, and it prints another"
                }
            },
        )
    })?;
    users::store(asks, &name, Some(form.password), Some(vec![ADMIN.to_owned()])).await?;
    right.use_up();
    tracing::info!(user = name, peer = %asks.visit.peer, "claimed: this is the first user");
    let access = asks.site.shards.access();
    let user = access.users.get(&name).ok_or_else(|| Refusal::bad("the user is gone again"))?;
    login::begin(asks, &name, user).await
}
