//! What a token says: for how long, for whom, by whom, whose it is, and what its user may. What is there and is not understood
//! makes it worth nothing.

use std::sync::Arc;
use std::time::Duration;

use mqtt::TopicFilter;
use mqtt::scram::prepare;
use serde_json::{Map, Value};

use crate::broker::ANONYMOUS;
use crate::server::config::Jwt;

/// The claims of a token whose signature is right.
pub(super) struct Claims(Map<String, Value>);

/// Groups, and filters where there are bounds.
pub(super) type Rights = (Vec<Arc<str>>, Option<Vec<TopicFilter>>, Option<Vec<TopicFilter>>);

impl Claims {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| "the token's payload is no JSON object".into())
    }

    /// How long it counts from now on, for us.
    pub(super) fn check(&self, settings: &Jwt, unix_s: u64) -> Result<Duration, String> {
        let (now, leeway) = (unix_s as f64, f64::from(settings.leeway_s));
        let ends = self.time("exp")?.ok_or("the token has no exp: it would count for ever")?;
        let left = ends + leeway - now;
        if left <= 0.0 {
            return Err("the token has expired".into());
        }
        if self.time("nbf")?.is_some_and(|begins| begins - leeway > now) {
            return Err("the token does not count yet".into());
        }
        self.check_audience(&settings.audience)?;
        match (&settings.issuer, self.0.get("iss")) {
            (None, _) => {}
            (Some(ours), Some(Value::String(theirs))) if ours == theirs => {}
            _ => return Err("the token is of another issuer".into()),
        }
        Ok(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX))
    }

    /// One that names those it is for, and not us, is for others (RFC 7519, 4.1.3).
    fn check_audience(&self, ours: &[String]) -> Result<(), String> {
        let named = match self.0.get("aud") {
            None => Vec::new(),
            Some(value) => texts(value).ok_or("the token's aud is neither a text nor a list of texts")?,
        };
        let is_for_us = named.iter().any(|named| ours.iter().any(|own| own == named));
        match is_for_us || (named.is_empty() && ours.is_empty()) {
            true => Ok(()),
            false => Err("the token is for another audience".into()),
        }
    }

    pub(super) fn user(&self, settings: &Jwt) -> Result<Arc<str>, String> {
        let claim = &settings.user_claim;
        let Some(Value::String(name)) = self.find(claim) else {
            return Err(format!("the token names no user: {claim} is no text"));
        };
        let name =
            prepare(name).map_err(|why| format!("the token's {claim} cannot be a user's name: {why}"))?;
        match name == ANONYMOUS {
            true => Err(format!("the token's {claim} is the name of whoever comes without a user")),
            false => Ok(name.into()),
        }
    }

    pub(super) fn rights(&self, settings: &Jwt) -> Result<Rights, String> {
        let list = |claim: &str| match self.find(claim) {
            None => Ok(None),
            Some(value) => texts(value)
                .map(Some)
                .ok_or_else(|| format!("the token's {claim} is neither a text nor a list of texts")),
        };
        let filters = |claim: &str| {
            let filter = |text: &str| {
                text.parse::<TopicFilter>()
                    .map_err(|why| format!("the token's {claim} has no topic filter {text:?}: {why}"))
            };
            list(claim)?.map(|list| list.into_iter().map(filter).collect::<Result<_, _>>()).transpose()
        };
        let groups = list(&settings.groups_claim)?.unwrap_or_default();
        let groups = groups.into_iter().map(Into::into).collect();
        Ok((groups, filters(&settings.publish_claim)?, filters(&settings.subscribe_claim)?))
    }

    /// Seconds since 1970.
    fn time(&self, claim: &str) -> Result<Option<f64>, String> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(value) => {
                let time = value.as_f64().filter(|time| time.is_finite());
                time.map(Some).ok_or_else(|| format!("the token's {claim} is no number"))
            }
        }
    }

    /// A claim by its name, which may lead into others by dots.
    fn find(&self, claim: &str) -> Option<&Value> {
        self.0.get(claim).or_else(|| {
            let (first, rest) = claim.split_once('.')?;
            rest.split('.').try_fold(self.0.get(first)?, |value, name| value.get(name))
        })
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
