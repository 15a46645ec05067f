//! Who is connected to the ports for browsers and speaks no MQTT yet: how many may be of one address. It knows no request.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::proxy::Remote;
use crate::broker::{Config, Limit, Reached};

/// Connections by address.
#[derive(Debug, Default)]
pub(crate) struct Lobby {
    by_address: RefCell<BTreeMap<IpAddr, u32>>,
    /// As under `[limits]`.
    max_connections_per_address: Cell<Option<u32>>,
    patience: Cell<Duration>,
    reached: Cell<Reached>,
}

/// A place in it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lobby: Rc<Lobby>,
    address: Option<IpAddr>,
}

impl Lobby {
    /// Other bounds from now on.
    pub(crate) fn set(&self, limits: &Config) {
        self.max_connections_per_address.set(limits.max_connections_per_address);
        self.patience.set(Duration::from_millis(limits.connect_timeout_ms));
    }

    /// How long a request may take for its head.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.get()
    }

    /// How often limits were reached here.
    pub(crate) fn reached(&self) -> Reached {
        self.reached.get()
    }

    /// Counts one who did not say in time what it wants.
    pub(crate) fn count(&self, limit: Limit) {
        let mut reached = self.reached.get();
        reached.count(limit);
        self.reached.set(reached);
    }

    /// Lets one in; none when too many of its address are there. A browser opens a few connections at once, so there may be 100 at
    /// least, as there may be of those that are to say CONNECT.
    pub(crate) fn enter(self: &Rc<Self>, remote: Remote) -> Option<Place> {
        let peer = remote.identity();
        let address = peer.address.filter(|_| !peer.is_proxy);
        let set = self.max_connections_per_address.get();
        let most = set.or_else(|| (!peer.is_loopback).then_some(Config::CONNECTIONS_PER_ADDRESS));
        if let Some(address) = address {
            let mut by_address = self.by_address.borrow_mut();
            let count = by_address.entry(address).or_default();
            if most.is_some_and(|most| *count >= most.max(Config::CONNECTIONS_PER_ADDRESS)) {
                drop(by_address);
                self.count(Limit::ConnectionsPerAddress);
                tracing::warn!(peer = %remote, "connection refused: too many of its address are open");
                return None;
            }
            *count += 1;
        }
        Some(Place { lobby: Rc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut by_address = self.lobby.by_address.borrow_mut();
        let left = by_address.get_mut(&address).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn remote(address: &str) -> Remote {
        address.parse::<SocketAddr>().unwrap().into()
    }

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let lobby = Rc::new(Lobby::default());
        let mut inside: Vec<_> = (0..100).map(|_| lobby.enter(remote("203.0.113.9:1")).unwrap()).collect();
        assert!(lobby.enter(remote("203.0.113.9:1")).is_none());
        assert_eq!(lobby.reached().of(Limit::ConnectionsPerAddress), 1);
        assert!(lobby.enter(remote("203.0.113.8:1")).is_some(), "another has room of its own");
        inside.pop();
        assert!(lobby.enter(remote("203.0.113.9:1")).is_some());
        drop(inside);
        assert!(lobby.by_address.borrow().is_empty());
    }

    #[test]
    fn this_machine_is_bound_when_a_number_is_set() {
        let lobby = Rc::new(Lobby::default());
        let enter = |count| (0..count).filter_map(|_| lobby.enter(remote("127.0.0.1:1"))).collect::<Vec<_>>();
        assert_eq!(enter(500).len(), 500);
        lobby.set(&Config { max_connections_per_address: Some(150), ..Config::default() });
        assert_eq!(enter(500).len(), 150);
    }
}
