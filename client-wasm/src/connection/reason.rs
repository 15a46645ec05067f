//! Why there is no connection, as one typed value: what the broker said, or what the browser lets be found out. Pure; knows no
//! browser.
//!
//! A browser tells nothing of why a WebSocket failed. What is left is the page's own scheme, whether there is a network,
//! and what the same host answers to plain HTTP ([`Probe`]).

use mqtt::ReasonCode;
use mqtt::client::{Ended, Farewell, Misbehaviour};

use super::address::Address;

/// What the page knows around the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// The broker's address is `wss://`.
    pub is_secure: bool,
    /// It is this machine.
    pub is_loopback: bool,
    /// The page came by https.
    pub page_is_secure: bool,
    /// The browser believes to have a network.
    pub online: bool,
    /// The broker has accepted a connection since the page was opened.
    pub was_connected: bool,
    /// What the host says by HTTP.
    pub probe: Probe,
}

impl Place {
    /// A place of which nothing is known but the broker's address.
    #[must_use]
    pub fn at(address: &Address) -> Self {
        Self {
            is_secure: address.is_secure(),
            is_loopback: address.is_loopback(),
            online: true,
            ..Self::default()
        }
    }
}

/// What the host says by HTTP at the path of the WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// It was not asked: not yet, or the page's security policy forbids it.
    #[default]
    NotAsked,
    /// Nothing answers.
    Silent,
    /// Something answers, which the browser does not show to this page.
    Unreadable,
    /// Something answers without TLS, and nothing with it.
    WithoutTls,
    /// This status. The page's own origin was asked by POST as well, which says the origin.
    Status(u16),
}

/// Writes the enum and its codes from one list.
macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $code:literal;)*) => {
        /// Why there is no connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$doc])+ $name,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A word for a program, as the npm package gives it.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// This side has closed it.
    Stopped = "stopped";
    /// The device has no network.
    Offline = "offline";
    /// A page that came by https may not open `ws://`.
    MixedContent = "mixed-content";
    /// Nothing answers at the host, or, over TLS, nothing this browser trusts.
    Unreachable = "unreachable";
    /// It could not be opened, and what for could not be found out.
    NoConnection = "no-connection";
    /// The host answers, but not by TLS that this browser trusts.
    TlsUntrusted = "tls-untrusted";
    /// The host has nothing at this path.
    WrongPath = "wrong-path";
    /// What answers is no MQTT broker.
    NotABroker = "not-a-broker";
    /// The broker takes no pages of this origin.
    OriginRefused = "origin-refused";
    /// Something is there that does not open a WebSocket here.
    NotTaken = "not-taken";
    /// The broker takes no more connections at present.
    ServerBusy = "server-busy";
    /// The user name or password is wrong.
    BadCredentials = "bad-credentials";
    /// Whoever this is may not connect.
    NotAuthorized = "not-authorized";
    /// The broker wants another kind of login.
    BadAuthenticationMethod = "bad-authentication-method";
    /// The broker could not prove that it knows the user.
    ServerUnproven = "server-unproven";
    /// The broker has banned this client.
    Banned = "banned";
    /// The broker does not take the client identifier.
    BadClientId = "bad-client-id";
    /// The broker speaks no version that is spoken here.
    UnsupportedVersion = "unsupported-version";
    /// The broker names another one.
    Moved = "moved";
    /// The broker has refused it for another reason.
    Refused = "refused";
    /// Another page has this one's client identifier now.
    TakenOver = "taken-over";
    /// The broker is shutting down.
    ShuttingDown = "shutting-down";
    /// Somebody who runs the broker has ended it.
    AdministrativeAction = "administrative-action";
    /// The broker heard nothing for too long.
    KeepAliveTimeout = "keep-alive-timeout";
    /// A message was larger than the broker takes.
    PacketTooLarge = "packet-too-large";
    /// The broker finds this client too busy.
    TooBusy = "too-busy";
    /// The broker has ended it for another reason.
    Disconnected = "disconnected";
    /// The broker does not answer CONNECT.
    NoAnswer = "no-answer";
    /// The connection fell silent.
    Silent = "silent";
    /// The connection broke off.
    Lost = "lost";
    /// The broker broke the protocol.
    ProtocolError = "protocol-error";
    /// The settings do not fit into a packet.
    Unsendable = "unsendable";
}

impl Reason {
    /// What has ended a connection, or the attempt at one. A word of the broker counts before all that is guessed.
    #[must_use]
    pub fn of(ended: &Ended, place: Place) -> Self {
        match ended {
            Ended::Refused(farewell) => refused(farewell),
            Ended::Disconnected(farewell) => disconnected(farewell),
            Ended::TakenOver(_) => Self::TakenOver,
            Ended::Unauthentic(_) => Self::ServerUnproven,
            Ended::Unsendable => Self::Unsendable,
            Ended::Malformed(_) | Ended::Misbehaved(Misbehaviour::NoConnack) if !place.was_connected => {
                Self::NotABroker
            }
            Ended::Malformed(_) | Ended::Misbehaved(_) => Self::ProtocolError,
            _ if !place.online && !place.is_loopback => Self::Offline,
            Ended::Stopped => Self::Stopped,
            Ended::PingTimeout => Self::Silent,
            Ended::ConnectTimeout => Self::NoAnswer,
            Ended::TransportClosed { .. } => closed(place),
        }
    }
}

fn closed(place: Place) -> Reason {
    if place.page_is_secure && !place.is_secure && !place.is_loopback {
        return Reason::MixedContent;
    }
    match place.probe {
        Probe::Silent => Reason::Unreachable,
        _ if place.was_connected => Reason::Lost,
        Probe::NotAsked => Reason::NoConnection,
        Probe::WithoutTls => Reason::TlsUntrusted,
        Probe::Status(404 | 410) => Reason::WrongPath,
        Probe::Status(401 | 403) => Reason::OriginRefused,
        Probe::Status(429 | 503) => Reason::ServerBusy,
        // What it has there is a page, or the way to one.
        Probe::Status(200..=399) => Reason::NotABroker,
        Probe::Unreadable | Probe::Status(_) => Reason::NotTaken,
    }
}

/// The Server's CONNACK (3.2.2.2).
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others stand in no CONNACK, or have no word of their own"
)]
const fn refused(farewell: &Farewell) -> Reason {
    use ReasonCode as R;
    match farewell.reason {
        R::BadUserNameOrPassword => Reason::BadCredentials,
        R::NotAuthorized => Reason::NotAuthorized,
        R::BadAuthenticationMethod => Reason::BadAuthenticationMethod,
        R::Banned => Reason::Banned,
        R::ServerUnavailable | R::ServerBusy | R::QuotaExceeded | R::ConnectionRateExceeded => {
            Reason::ServerBusy
        }
        R::UnsupportedProtocolVersion => Reason::UnsupportedVersion,
        R::ClientIdentifierNotValid => Reason::BadClientId,
        R::UseAnotherServer | R::ServerMoved => Reason::Moved,
        _ => Reason::Refused,
    }
}

/// The Server's DISCONNECT (3.14.2.1).
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have no word of their own")]
const fn disconnected(farewell: &Farewell) -> Reason {
    use ReasonCode as R;
    match farewell.reason {
        R::ServerShuttingDown => Reason::ShuttingDown,
        R::AdministrativeAction => Reason::AdministrativeAction,
        R::NotAuthorized => Reason::NotAuthorized,
        R::KeepAliveTimeout => Reason::KeepAliveTimeout,
        R::PacketTooLarge => Reason::PacketTooLarge,
        R::QuotaExceeded | R::MessageRateTooHigh => Reason::TooBusy,
        R::ServerBusy => Reason::ServerBusy,
        R::UseAnotherServer | R::ServerMoved => Reason::Moved,
        R::SessionTakenOver => Reason::TakenOver,
        _ => Reason::Disconnected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(ended: &Ended, change: impl FnOnce(&mut Place)) -> Reason {
        let mut place = Place { online: true, ..Place::default() };
        change(&mut place);
        Reason::of(ended, place)
    }

    fn closed() -> Ended {
        Ended::TransportClosed { why: "1006".into() }
    }

    #[test]
    fn what_a_host_says_by_http_tells_why_its_websocket_failed() {
        for (probe, expected) in [
            (Probe::Silent, Reason::Unreachable),
            (Probe::NotAsked, Reason::NoConnection),
            (Probe::WithoutTls, Reason::TlsUntrusted),
            (Probe::Status(404), Reason::WrongPath),
            (Probe::Status(403), Reason::OriginRefused),
            (Probe::Status(503), Reason::ServerBusy),
            (Probe::Status(200), Reason::NotABroker),
            (Probe::Status(426), Reason::NotTaken),
            (Probe::Unreadable, Reason::NotTaken),
        ] {
            assert_eq!(reason(&closed(), |p| p.probe = probe), expected, "{probe:?}");
            let later = reason(&closed(), |p| (p.probe, p.was_connected) = (probe, true));
            let lost = if probe == Probe::Silent { Reason::Unreachable } else { Reason::Lost };
            assert_eq!(later, lost, "{probe:?}");
        }
    }

    #[test]
    fn what_the_browser_forbids_is_known_without_asking() {
        assert_eq!(reason(&closed(), |p| p.page_is_secure = true), Reason::MixedContent);
        assert_eq!(reason(&closed(), |p| p.online = false), Reason::Offline);
        let loopback = Address::choose(false, "127.0.0.1:1", None).unwrap();
        let place =
            Place { page_is_secure: true, online: false, probe: Probe::Silent, ..Place::at(&loopback) };
        assert_eq!(Reason::of(&closed(), place), Reason::Unreachable, "this machine needs neither");
    }

    #[test]
    fn the_brokers_own_word_counts_first() {
        let taken = Ended::TakenOver(Farewell::of(ReasonCode::SessionTakenOver));
        assert_eq!(reason(&taken, |p| p.online = false), Reason::TakenOver);
        let busy = Ended::Refused(Farewell::of(ReasonCode::ServerBusy));
        assert_eq!(reason(&busy, |p| p.online = false), Reason::ServerBusy);
    }

    #[test]
    fn bytes_that_are_no_packets_before_connack_are_no_broker() {
        let no = Ended::Misbehaved(Misbehaviour::NoConnack);
        assert_eq!(reason(&no, |_| {}), Reason::NotABroker);
        assert_eq!(reason(&no, |p| p.was_connected = true), Reason::ProtocolError);
    }

    #[test]
    fn each_has_a_code_of_its_own() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
