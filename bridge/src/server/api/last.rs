//! `GET /api/last?filter=…`: what was said last, in one answer; `GET /api/history?filter=…`: some of what was said before. For a
//! page that was just opened, and for scripts.
//!
//! It knows no message's way: each shard is asked for its own, and of two about one topic the later counts.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use hyper::StatusCode;
use mqtt::{Instant, TopicFilter};
use serde::Serialize;

use super::{Asks, Done, Refusal, bearer, check_origin, json, upgrade};
use crate::broker::{LastAsked, LastFound, LastValue};

/// Filters of one question.
const MAX_FILTERS: usize = 100;
/// Messages of one answer, and bytes of their topics and payloads.
const MAX_MESSAGES: usize = 10_000;
const MAX_BYTES: usize = 4 << 20;

/// The answer.
#[derive(Serialize)]
struct Last<'a> {
    /// Whether what is not retained is remembered too.
    unretained: bool,
    /// Whether there is more than this.
    cut: bool,
    /// Filters of which nothing may be read.
    refused: Vec<&'a str>,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct Message<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    /// In place of the payload when that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    /// Since it came; none when that was before the start.
    age_ms: Option<u64>,
    retained: bool,
}

/// The answer about what was before.
#[derive(Serialize)]
struct History<'a> {
    /// Whether there is more than this.
    cut: bool,
    /// Filters of which nothing may be read.
    refused: Vec<&'a str>,
    topics: Vec<Past<'a>>,
}

#[derive(Serialize)]
struct Past<'a> {
    topic: &'a str,
    /// How many milliseconds ago something was said, and what; oldest first.
    past: Vec<(u64, &'a str)>,
}

/// Answers whoever may read anything at all.
pub(super) async fn last(asks: &Asks<'_>) -> Done {
    let (all, now, unretained) = find(asks, false).await?;
    Ok(json(StatusCode::OK, &merged(&all, now, unretained)))
}

/// The same for what was said before.
pub(super) async fn history(asks: &Asks<'_>) -> Done {
    let (all, now, _) = find(asks, true).await?;
    Ok(json(StatusCode::OK, &past(&all, now)))
}

async fn find(asks: &Asks<'_>, with_past: bool) -> Done<(Vec<LastFound>, Instant, bool)> {
    let Asks { site, headers, query, visit } = *asks;
    check_origin(site, headers, visit)?;
    if !upgrade::is_own_place(headers, &site.origins.borrow()) {
        let words = "pages under that name may not ask; add its origin to `origins` under [listen]";
        return Err(Refusal::new(StatusCode::FORBIDDEN, words));
    }
    // A token that was sent has to count; a cookie comes along unasked.
    let token = bearer(site, headers, visit).map_err(|(status, words)| Refusal::new(status, words))?;
    let asked = LastAsked {
        who: token.or_else(|| asks.holder()),
        peer: visit.peer.identity(),
        filters: filters(query)?,
        max_messages: MAX_MESSAGES,
        max_bytes: MAX_BYTES,
        with_retained: !with_past,
        with_past,
    };
    let words = "whoever comes from elsewhere has to log in; `--anonymous` lets everyone ask";
    site.shards.last(asked).await.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, words))
}

/// All that is found, each topic once.
fn merged(all: &[LastFound], now: Instant, unretained: bool) -> Last<'_> {
    let mut by_topic = BTreeMap::<&str, &LastValue>::new();
    for value in all.iter().flat_map(|found| &found.values) {
        let latest = by_topic.entry(value.topic.as_str()).or_insert(value);
        if latest.at < value.at {
            *latest = value;
        }
    }
    Last {
        unretained,
        cut: all.iter().any(|found| found.is_cut) || by_topic.len() > MAX_MESSAGES,
        refused: refused(all),
        messages: by_topic.into_iter().take(MAX_MESSAGES).map(|(_, value)| message(value, now)).collect(),
    }
}

/// All that was said before, of each topic in its order, whoever heard it.
fn past(all: &[LastFound], now: Instant) -> History<'_> {
    let mut by_topic = BTreeMap::<&str, Vec<_>>::new();
    for value in all.iter().flat_map(|found| &found.values) {
        let points = value.past.iter().filter_map(|(at, payload)| {
            Some((*at, std::str::from_utf8(payload).ok()?)) // nothing else is kept
        });
        by_topic.entry(value.topic.as_str()).or_default().extend(points);
    }
    by_topic.values_mut().for_each(|points| points.sort_by_key(|(at, _)| *at));
    let aged =
        |points: Vec<(Instant, _)>| points.into_iter().map(|(at, text)| (age(at, now), text)).collect();
    History {
        cut: all.iter().any(|found| found.is_cut),
        refused: refused(all),
        topics: by_topic.into_iter().map(|(topic, points)| Past { topic, past: aged(points) }).collect(),
    }
}

/// They are the same on every shard.
fn refused(all: &[LastFound]) -> Vec<&str> {
    all.first().into_iter().flat_map(|found| &found.refused).map(TopicFilter::as_str).collect()
}

fn age(at: Instant, now: Instant) -> u64 {
    now.since(at).as_millis().try_into().unwrap_or(u64::MAX)
}

fn message(value: &LastValue, now: Instant) -> Message<'_> {
    let as_text = std::str::from_utf8(&value.payload).ok();
    Message {
        topic: value.topic.as_str(),
        payload: as_text,
        payload_base64: as_text.is_none().then(|| Base64::encode_string(&value.payload)),
        age_ms: value.at.map(|at| age(at, now)),
        retained: value.retained,
    }
}

fn filters(query: &str) -> Done<Vec<TopicFilter>> {
    let bad = |words: &str| Refusal::bad(words);
    let said = query.split('&').filter_map(|pair| pair.strip_prefix("filter="));
    let filters: Vec<TopicFilter> = said
        .map(|text| {
            let filter = decoded(text).and_then(|text| text.parse::<TopicFilter>().ok());
            filter.filter(|filter| !filter.as_str().starts_with("$share/"))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| bad("that is no topic filter; write `#` as %23, `+` as it is, and no shared one"))?;
    match filters.len() {
        0 => Err(bad("say of which topics, as in /api/last?filter=%23")),
        1..=MAX_FILTERS => Ok(filters),
        _ => Err(bad("at most 100 filters are answered at once")),
    }
}

/// A part of a query without its percents. A plus is a plus: it means something in a filter.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_from_a_query() {
        let read =
            |query: &str| filters(query).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read("filter=%23").unwrap(), ["#"]);
        assert_eq!(read("filter=+/get/%2b/1&x=y&filter=a%20%C3%A4/%23").unwrap(), ["+/get/+/1", "a ä/#"]);
        for query in ["", "x=%23", "filter=", "filter=a%2", "filter=a%zz", "filter=%ff", "filter=a/%23/b"] {
            assert_eq!(read(query).unwrap_err().status, StatusCode::BAD_REQUEST, "{query}");
        }
        assert!(read("filter=$share/g/%23").is_err());
        assert!(read(&vec!["filter=a"; 100].join("&")).is_ok());
        assert!(read(&vec!["filter=a"; 101].join("&")).is_err());
    }

    #[test]
    fn of_two_about_one_topic_the_later_counts() {
        let value = |topic: &str, payload: &'static [u8], at: Option<u64>| LastValue {
            topic: topic.parse().unwrap(),
            payload: payload.into(),
            at: at.map(Instant::from_millis),
            retained: at.is_none(),
            past: Vec::new(),
        };
        let found = |values| LastFound { values, ..LastFound::default() };
        let all = [
            found(vec![value("a", b"old", None), value("b", b"1", Some(5)), value("c", b"\xff", Some(10))]),
            found(vec![value("a", b"new", Some(8)), value("b", b"0", Some(4))]),
        ];
        let text = serde_json::to_string(&merged(&all, Instant::from_millis(10), true)).unwrap();
        assert_eq!(
            text,
            r#"{"unretained":true,"cut":false,"refused":[],"messages":[{"topic":"a","payload":"new","age_ms":2,"retained":false},{"topic":"b","payload":"1","age_ms":5,"retained":false},{"topic":"c","payload_base64":"/w==","age_ms":0,"retained":false}]}"#
        );
    }

    #[test]
    fn what_was_said_before_is_told_in_its_order() {
        let found = |past: &[(u64, &'static str)]| {
            let point =
                |&(at, text): &(u64, &'static str)| (Instant::from_millis(at), text.as_bytes().into());
            let value = LastValue {
                topic: "a".parse().unwrap(),
                payload: b"9"[..].into(),
                at: None,
                retained: false,
                past: past.iter().map(point).collect(),
            };
            LastFound { values: vec![value], ..LastFound::default() }
        };
        let all = [found(&[(1, "1"), (7, "4")]), found(&[(2, "2"), (3, "3")])];
        let text = serde_json::to_string(&past(&all, Instant::from_millis(10))).unwrap();
        assert_eq!(
            text,
            r#"{"cut":false,"refused":[],"topics":[{"topic":"a","past":[[9,"1"],[8,"2"],[7,"3"],[3,"4"]]}]}"#
        );
    }
}
