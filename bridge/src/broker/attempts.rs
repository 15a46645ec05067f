//! Logins that failed, by the address they came from: who guesses passwords gets few tries. It knows neither users nor passwords.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::time::Duration;

use mqtt::{Instant, ReasonCode};

use super::io::Fault;
use super::limit::Limit;
use super::shard::Told;
use super::{Broker, Config, ConnectionId, Peer};

/// From the first failure on, after which all is forgotten.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are told apart at once; all others count as one.
const PLACES: usize = 10_000;
/// What all others count as.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

const TOO_MANY: &str = "too many logins of your address have failed; try again in a minute";

/// Failures by address. One network of IPv6 is one address: its user may choose the rest.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_place: BTreeMap<IpAddr, Failures>,
    /// When those that are over were last thrown out.
    cleaned: Option<Instant>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    since: Instant,
}

impl Attempts {
    /// How many failed within the window.
    fn count(&self, address: IpAddr, now: Instant) -> u32 {
        let known = self.by_place.get(&place(address)).or_else(|| self.by_place.get(&ELSEWHERE));
        known.filter(|failures| failures.is_fresh(now)).map_or(0, |failures| failures.count)
    }

    fn add(&mut self, address: IpAddr, now: Instant) {
        let place = self.room_for(place(address), now);
        let failures = self.by_place.entry(place).or_insert(Failures { count: 0, since: now });
        if !failures.is_fresh(now) {
            *failures = Failures { count: 0, since: now };
        }
        failures.count = failures.count.saturating_add(1);
    }

    fn room_for(&mut self, place: IpAddr, now: Instant) -> IpAddr {
        if self.by_place.len() < PLACES || self.by_place.contains_key(&place) {
            return place;
        }
        // Once a second at most, so that many addresses do not make each failure a walk through all.
        if self.cleaned.is_none_or(|at| at + Duration::from_secs(1) <= now) {
            self.cleaned = Some(now);
            self.by_place.retain(|_, failures| failures.is_fresh(now));
        }
        if self.by_place.len() < PLACES { place } else { ELSEWHERE }
    }
}

impl Failures {
    fn is_fresh(&self, now: Instant) -> bool {
        now < self.since + WINDOW
    }
}

fn place(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

impl Broker {
    /// Whether a login may be tried from this connection's address, or one that was tried may count.
    pub(super) fn check_attempts(&mut self, id: ConnectionId) -> Result<(), Fault> {
        let limit = self.config.max_login_failures_per_minute.unwrap_or(Config::LOGIN_FAILURES);
        let Some(address) = self.guessing_address(id) else { return Ok(()) };
        if self.attempts.count(address, self.now) < limit {
            return Ok(());
        }
        Err(Fault::new(ReasonCode::ConnectionRateExceeded, TOO_MANY).over(Limit::LoginFailures))
    }

    /// The same for a login that is tried beside MQTT.
    ///
    /// # Errors
    /// Too many have failed of this address; the text says so.
    pub fn may_log_in(&self, peer: &Peer, now: Instant) -> Result<(), &'static str> {
        let limit = self.config.max_login_failures_per_minute.unwrap_or(Config::LOGIN_FAILURES);
        let Some(address) = self.guessing(peer) else { return Ok(()) };
        if self.attempts.count(address, now) < limit { Ok(()) } else { Err(TOO_MANY) }
    }

    /// A login has failed. It counts on all shards: the next may name a Client of another.
    pub(super) fn count_failed_login(&mut self, id: ConnectionId) {
        let address = self.guessing_address(id);
        self.count_failed(address);
    }

    /// The same for one that was tried beside MQTT.
    pub(super) fn failed_login_of(&mut self, peer: &Peer) {
        let address = self.guessing(peer);
        self.count_failed(address);
    }

    fn count_failed(&mut self, address: Option<IpAddr>) {
        self.counters.authentications_failed += 1;
        let Some(address) = address else { return };
        self.attempts.add(address, self.now);
        for shard in self.place.others() {
            self.out.peer(shard, Told::LoginFailed { address });
        }
    }

    /// The same on another shard.
    pub(super) fn login_failed_elsewhere(&mut self, address: IpAddr) {
        self.attempts.add(address, self.now);
    }

    /// The address whose failures are counted; those of this machine only when a bound was set.
    fn guessing_address(&mut self, id: ConnectionId) -> Option<IpAddr> {
        let peer = self.connection(id)?.peer.clone();
        self.guessing(&peer)
    }

    fn guessing(&self, peer: &Peer) -> Option<IpAddr> {
        let counts_loopback = self.config.max_login_failures_per_minute.is_some();
        peer.address.filter(|_| counts_loopback || !peer.is_loopback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_millis(1000);

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let mut attempts = Attempts::default();
        (0..3).for_each(|_| attempts.add(address(1), START));
        assert_eq!(attempts.count(address(1), START + WINDOW - Duration::from_millis(1)), 3);
        assert_eq!(attempts.count(address(1), START + WINDOW), 0);
        assert_eq!(attempts.count(address(2), START), 0);
        attempts.add(address(1), START + WINDOW);
        assert_eq!(attempts.count(address(1), START + WINDOW), 1);
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let mut attempts = Attempts::default();
        attempts.add("2001:db8:1:2::1".parse().unwrap(), START);
        assert_eq!(attempts.count("2001:db8:1:2:ffff::9".parse().unwrap(), START), 1);
        assert_eq!(attempts.count("2001:db8:1:3::1".parse().unwrap(), START), 0);
    }

    #[test]
    fn many_addresses_take_bounded_memory_and_escape_no_count() {
        let mut attempts = Attempts::default();
        (0..3 * 10_000).for_each(|n| attempts.add(address(n), START));
        assert!(attempts.by_place.len() <= PLACES + 1);
        assert!(attempts.count(address(999_999), START) > 10_000, "as those that have no place of their own");
        let later = START + WINDOW;
        attempts.add(address(7), later);
        attempts.add(address(50_000), later);
        assert_eq!(attempts.count(address(50_000), later), 1);
    }
}
