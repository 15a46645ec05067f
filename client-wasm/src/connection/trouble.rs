//! Why there is no connection, in words, and what to do about it. Pure; knows no browser.

use mqtt::ReasonCode;
use mqtt::client::{Ended, Farewell};

use crate::tongue::{fill, say};
use crate::words;

use super::address::Address;
use super::reason::{Place, Reason};

/// What a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The same for a program; none when it is not about a connection.
    pub reason: Option<Reason>,
    /// What happened, one sentence.
    pub what: String,
    /// What to do, or what is done without them, one sentence.
    pub cure: String,
}

const BY_ITSELF: &str = "This page tries again by itself.";

/// Why a connection, or the attempt at one, ended.
#[must_use]
pub fn explain(ended: &Ended, address: &Address, place: Place) -> Trouble {
    let reason = Reason::of(ended, place);
    let (what, cure) = sentences(reason, place);
    let mut what = say(what).replace('@', address.host()).replace('$', &address.to_string());
    if let Ended::Refused(farewell) | Ended::Disconnected(farewell) = ended {
        add_words(&mut what, farewell);
    }
    Trouble { reason: Some(reason), what, cure: say(cure) }
}

/// What happened, in which `@` stands for the host and `$` for the whole address, and what to do.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are said by a broker")]
fn sentences(reason: Reason, place: Place) -> (&'static str, &'static str) {
    use Reason as R;
    match reason {
        R::Stopped => ("Not connected.", "Connect again when you like."),
        R::Offline => {
            ("This device has no network.", "The page connects by itself as soon as the network is back.")
        }
        R::MixedContent => (
            "The browser does not let a secure page use $.",
            "Use the broker's wss:// address, or open this page by http://.",
        ),
        R::Unreachable => unreachable(place),
        R::NoConnection if place.is_secure => (
            "No connection to $.",
            "Check the address, and that this browser trusts the broker's certificate.",
        ),
        R::NoConnection => {
            ("No connection to $.", "Check the address, and that the broker listens for WebSocket there.")
        }
        R::TlsUntrusted => (
            "@ answers, but has no certificate that this browser trusts.",
            "Open https://@/ in a tab of its own to see what is wrong with it.",
        ),
        R::WrongPath => {
            ("@ is there, but has no broker at $.", "Check the path of the broker's address in Settings.")
        }
        R::NotABroker => (
            "What answers at $ does not speak MQTT as it should.",
            "Check the broker's address and port in Settings.",
        ),
        R::OriginRefused => (
            "@ does not take pages from where this one came.",
            "Whoever runs it can add this page's address to its `origins`.",
        ),
        R::NotTaken => (
            "@ is there, but does not take the connection to $.",
            "Check the path of the broker's address; a proxy before it must pass WebSockets on.",
        ),
        R::NoAnswer => ("@ does not answer.", BY_ITSELF),
        R::Silent => ("The connection to @ went silent.", BY_ITSELF),
        R::Lost => ("The connection to @ was lost.", BY_ITSELF),
        R::ProtocolError => ("@ broke off the order of MQTT.", "Try again, or ask whoever runs it."),
        R::Unsendable => (
            "What this page wants to tell the broker is too long.",
            "Use a shorter client id, user name or password.",
        ),
        said => said_sentences(said),
    }
}

/// The same for what the broker has said.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are not said by a broker")]
fn said_sentences(reason: Reason) -> (&'static str, &'static str) {
    use Reason as R;
    match reason {
        R::ServerBusy => ("@ is busy or takes no more connections at present.", BY_ITSELF),
        R::BadCredentials => ("@ does not know this user name or password.", "Check them, then try again."),
        R::NotAuthorized => {
            ("@ does not let this page in.", "Ask whoever runs it to let you in, then try again.")
        }
        R::BadAuthenticationMethod => {
            ("@ wants another kind of login.", "Ask whoever runs it how to log in.")
        }
        R::ServerUnproven => (
            "@ could not prove that it knows this user.",
            "Check the broker's address, and the user name and password in Settings.",
        ),
        R::Banned => ("@ has banned this page.", "Ask whoever runs it."),
        R::BadClientId => ("@ does not take this page's client id.", "Try again with a new one."),
        R::UnsupportedVersion => ("@ speaks neither MQTT 5 nor 3.1.1.", "Use another broker."),
        R::Moved => ("@ sends this page elsewhere.", "Open this page with the other broker's address."),
        R::TakenOver => (
            "Another page has taken this page's place at the broker.",
            "Connect again to take part beside it.",
        ),
        R::ShuttingDown => ("@ is shutting down.", BY_ITSELF),
        R::AdministrativeAction => {
            ("@ ended the connection: somebody who runs it asked for that.", "Try again, or ask them.")
        }
        R::KeepAliveTimeout => ("@ heard nothing of this page for too long.", BY_ITSELF),
        R::PacketTooLarge => ("@ got a larger message than it takes.", BY_ITSELF),
        R::TooBusy => ("@ finds this page too busy.", BY_ITSELF),
        R::Disconnected => ("@ ended the connection.", BY_ITSELF),
        _ => ("@ refused the connection.", "Try again, or ask whoever runs it."),
    }
}

fn unreachable(place: Place) -> (&'static str, &'static str) {
    match (place.was_connected, place.is_secure) {
        (true, _) => (
            "@ has stopped answering.",
            "Is the broker still running there? This page tries again by itself.",
        ),
        (false, true) => (
            "@ does not answer, or this browser does not trust its certificate.",
            "Open https://@/ in a tab of its own to see which.",
        ),
        (false, false) => {
            ("@ does not answer.", "Is the broker running there? This page tries again by itself.")
        }
    }
}

/// The Server's own words stand behind ours.
fn add_words(what: &mut String, farewell: &Farewell) {
    match (&farewell.reason_string, &farewell.server_reference) {
        (Some(words), _) => *what += &fill(" It says: “{}”.", &[words]),
        (None, Some(other)) => *what += &fill(" It names {}.", &[other]),
        (None, None) => {}
    }
}

/// Why a message was not taken, in words that fit on a tile.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no words better than the standard's")]
pub fn refusal(reason: ReasonCode) -> String {
    match reason {
        ReasonCode::NotAuthorized => say("Not allowed for you"),
        ReasonCode::QuotaExceeded => say("The broker is full"),
        ReasonCode::NoMatchingSubscribers => say("The device does not listen"),
        other => words::capital(other.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reason::Probe;
    use super::*;

    fn words(ended: &Ended, change: impl FnOnce(&mut Place)) -> String {
        let address = Address::choose(false, "home:8080", None).unwrap();
        let mut place = Place::at(&address);
        change(&mut place);
        let Trouble { what, cure, .. } = explain(ended, &address, place);
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
        let wrong = words(&closed(), |p| p.probe = Probe::Status(404));
        assert!(
            wrong.starts_with("home:8080 is there, but has no broker at ws://home:8080/mqtt."),
            "{wrong}"
        );
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
