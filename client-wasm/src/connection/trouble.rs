//! Why there is no connection, in words, and what to do about it. Pure; knows no browser.

use mqtt::ReasonCode;
use mqtt::client::{Ended, Farewell};

use crate::words;

use super::address::Address;

/// What a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What happened, one sentence.
    pub what: String,
    /// What to do, or what is done without them, one sentence.
    pub cure: String,
}

/// What the page knows around the connection.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The broker.
    pub address: &'a Address,
    /// The page came by https.
    pub page_is_secure: bool,
    /// The browser believes to have a network.
    pub online: bool,
    /// The broker has accepted a connection since the page was opened.
    pub was_connected: bool,
    /// What the server says by HTTP.
    pub probe: Probe,
}

/// What a server says by HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// It was not asked: not yet, or it is not the page's own.
    #[default]
    NotAsked,
    /// It answers and is well.
    Healthy,
    /// Something answers, but not as Switchboard does.
    Foreign,
    /// Nothing answers.
    Silent,
}

const BY_ITSELF: &str = "This page tries again by itself.";

/// Why a connection, or the attempt at one, ended.
#[must_use]
pub fn explain(ended: &Ended, place: Place<'_>) -> Trouble {
    let host = place.address.host();
    match ended {
        Ended::Refused(farewell) => refused(farewell, host),
        Ended::Disconnected(farewell) => disconnected(farewell, host),
        Ended::TakenOver(_) => trouble(
            "Another page has taken this page's place at the broker.",
            "Connect again to take part beside it.",
        ),
        Ended::Malformed(_) | Ended::Misbehaved(_) => trouble(
            format!("What answers at {} does not speak MQTT as it should.", place.address),
            "Check the broker's address and port in Settings.",
        ),
        Ended::Unauthentic(_) => trouble(
            format!("{host} could not prove that it knows this user."),
            "Check the broker's address, and the user name and password in Settings.",
        ),
        _ if !place.online => trouble(
            "This device has no network.",
            "The page connects by itself as soon as the network is back.",
        ),
        Ended::Stopped => trouble("Not connected.", "Connect again when you like."),
        Ended::ConnectTimeout => trouble(format!("{host} does not answer."), BY_ITSELF),
        Ended::PingTimeout => trouble(format!("The connection to {host} went silent."), BY_ITSELF),
        Ended::TransportClosed { .. } if place.page_is_secure && !place.address.is_secure() => trouble(
            format!("The browser does not let a secure page use {}.", place.address),
            "Use the broker's wss:// address, or open this page by http://.",
        ),
        Ended::TransportClosed { .. } => closed(place),
        Ended::Unsendable => trouble(
            "What this page wants to tell the broker is too long.",
            "Use a shorter client id, user name or password.",
        ),
    }
}

fn closed(place: Place<'_>) -> Trouble {
    let (host, path) = (place.address.host(), place.address.path());
    match (place.probe, place.was_connected) {
        (Probe::Silent, true) => trouble(
            format!("{host} has stopped answering."),
            "Is Switchboard still running there? This page tries again by itself.",
        ),
        (Probe::Silent, false) => trouble(
            format!("{host} does not answer."),
            "Is Switchboard running there? This page tries again by itself.",
        ),
        (_, true) => trouble(format!("The connection to {host} was lost."), BY_ITSELF),
        (Probe::Healthy | Probe::Foreign, false) => trouble(
            format!("{host} is there, but {path} does not take the connection."),
            "Check the path of the broker's address in Settings.",
        ),
        (Probe::NotAsked, false) if place.address.is_secure() => trouble(
            format!("No connection to {}.", place.address),
            "Check the address, and that this browser trusts the broker's certificate.",
        ),
        (Probe::NotAsked, false) => trouble(
            format!("No connection to {}.", place.address),
            "Check the address, and that the broker listens for WebSocket there.",
        ),
    }
}

/// The Server's CONNACK (3.2.2.2).
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no words better than the standard's")]
fn refused(farewell: &Farewell, host: &str) -> Trouble {
    use ReasonCode as R;
    let (what, cure) = match farewell.reason {
        R::BadUserNameOrPassword => {
            ("does not know this user name or password", "Check them, then try again.")
        }
        R::NotAuthorized => {
            ("does not let this page in", "Ask whoever runs it to let you in, then try again.")
        }
        R::BadAuthenticationMethod => ("wants another kind of login", "Ask whoever runs it how to log in."),
        R::Banned => ("has banned this page", "Ask whoever runs it."),
        R::ServerUnavailable | R::ServerBusy => ("is busy", BY_ITSELF),
        R::QuotaExceeded | R::ConnectionRateExceeded => ("takes no more connections at present", BY_ITSELF),
        R::UnsupportedProtocolVersion => ("speaks neither MQTT 5 nor 3.1.1", "Use another broker."),
        R::ClientIdentifierNotValid => ("does not take this page's client id", "Try again with a new one."),
        R::UseAnotherServer | R::ServerMoved => {
            ("sends this page elsewhere", "Open this page with the other broker's address.")
        }
        _ => ("refused the connection", "Try again, or ask whoever runs it."),
    };
    with_words(format!("{host} {what}."), cure, farewell)
}

/// The Server's DISCONNECT (3.14.2.1).
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no words better than the standard's")]
fn disconnected(farewell: &Farewell, host: &str) -> Trouble {
    use ReasonCode as R;
    let (what, cure) = match farewell.reason {
        R::ServerShuttingDown => ("is shutting down", BY_ITSELF),
        R::AdministrativeAction => {
            ("ended the connection: somebody who runs it asked for that", "Try again, or ask them.")
        }
        R::NotAuthorized => ("does not let this page in any more", "Ask whoever runs it, then try again."),
        R::KeepAliveTimeout => ("heard nothing of this page for too long", BY_ITSELF),
        R::PacketTooLarge => ("got a larger message than it takes", BY_ITSELF),
        R::QuotaExceeded | R::MessageRateTooHigh => ("finds this page too busy", BY_ITSELF),
        _ => ("ended the connection", BY_ITSELF),
    };
    with_words(format!("{host} {what}."), cure, farewell)
}

/// The Server's own words stand behind ours.
fn with_words(what: String, cure: &str, farewell: &Farewell) -> Trouble {
    let words = match (&farewell.reason_string, &farewell.server_reference) {
        (Some(words), _) => format!(" It says: “{words}”."),
        (None, Some(other)) => format!(" It names {other}."),
        (None, None) => String::new(),
    };
    trouble(what + &words, cure)
}

/// Why a message was not taken, in words that fit on a tile.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no words better than the standard's")]
pub fn refusal(reason: ReasonCode) -> String {
    match reason {
        ReasonCode::NotAuthorized => "Not allowed for you".to_owned(),
        ReasonCode::QuotaExceeded => "The broker is full".to_owned(),
        ReasonCode::NoMatchingSubscribers => "The device does not listen".to_owned(),
        other => words::capital(other.text()),
    }
}

fn trouble(what: impl Into<String>, cure: impl Into<String>) -> Trouble {
    Trouble { what: what.into(), cure: cure.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ended: &Ended, change: impl FnOnce(&mut Place<'_>)) -> String {
        let address = Address::choose(false, "home:8080", None).unwrap();
        let mut place = Place {
            address: &address,
            page_is_secure: false,
            online: true,
            was_connected: false,
            probe: Probe::NotAsked,
        };
        change(&mut place);
        let Trouble { what, cure } = explain(ended, place);
        format!("{what} {cure}")
    }

    fn closed() -> Ended {
        Ended::TransportClosed { why: "1006".into() }
    }

    fn farewell(reason: ReasonCode) -> Farewell {
        Farewell::of(reason)
    }

    #[test]
    fn a_server_that_is_gone_differs_from_a_wrong_path() {
        assert!(words(&closed(), |p| p.probe = Probe::Silent).starts_with("home:8080 does not answer."));
        assert!(words(&closed(), |p| p.probe = Probe::Healthy).contains("/mqtt does not take"));
        let gone = words(&closed(), |p| (p.probe, p.was_connected) = (Probe::Silent, true));
        assert!(gone.contains("has stopped answering"));
        assert!(words(&closed(), |p| p.was_connected = true).contains("was lost"));
        assert!(words(&closed(), |_| {}).contains("listens for WebSocket"));
    }

    #[test]
    fn what_the_browser_forbids_is_named() {
        assert!(words(&closed(), |p| p.page_is_secure = true).contains("wss://"));
        assert!(words(&closed(), |p| p.online = false).contains("no network"));
    }

    #[test]
    fn a_refusal_gives_the_brokers_reason_and_words() {
        let mut no = farewell(ReasonCode::NotAuthorized);
        assert!(words(&Ended::Refused(no.clone()), |_| {}).contains("does not let this page in"));
        no.reason_string = Some("only on weekdays".into());
        assert!(words(&Ended::Refused(no), |_| {}).contains("“only on weekdays”"));
        let taken = Ended::TakenOver(farewell(ReasonCode::SessionTakenOver));
        assert!(words(&taken, |p| p.online = false).contains("taken"), "the broker's word counts first");
        let drain = Ended::Disconnected(farewell(ReasonCode::ServerShuttingDown));
        assert!(words(&drain, |_| {}).contains("shutting down"));
    }

    #[test]
    fn every_reason_has_words_for_a_tile() {
        for &reason in ReasonCode::ALL {
            let words = refusal(reason);
            assert!(words.chars().next().is_some_and(char::is_uppercase), "{words}");
        }
    }
}
