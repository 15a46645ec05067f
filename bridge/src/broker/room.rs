//! How many Clients there may be, here and of one address.

use core::net::IpAddr;
use std::collections::hash_map::Entry;

use mqtt::ReasonCode;

use super::io::Fault;
use super::{Broker, Config, ConnectionId};

impl Broker {
    /// Whether one more Client may come, here and from its address. One that takes over a connection adds none.
    pub(super) fn check_room(&mut self, id: ConnectionId, client_id: &str) -> Result<(), Fault> {
        let held = self.by_client.get(client_id).copied();
        let held = held.and_then(|session| self.session(session)?.connection);
        if self.connected - u32::from(held.is_some()) >= self.config.max_connections {
            let why = "as many clients are connected as are allowed";
            return Err(Fault::new(ReasonCode::QuotaExceeded, why));
        }
        let Some(address) = self.counted_address(id) else { return Ok(()) };
        let is_same = held.is_some_and(|held| self.counted_address(held) == Some(address));
        let others = self.by_address.get(&address).copied().unwrap_or(0) - u32::from(is_same);
        if others >= self.config.max_connections_per_address.unwrap_or(Config::CONNECTIONS_PER_ADDRESS) {
            let why = "as many clients of your address are connected as are allowed";
            return Err(Fault::new(ReasonCode::QuotaExceeded, why));
        }
        Ok(())
    }

    /// The address a connection is counted for; this machine's own are counted only when a bound was set.
    fn counted_address(&mut self, id: ConnectionId) -> Option<IpAddr> {
        let counts_loopback = self.config.max_connections_per_address.is_some();
        let peer = &self.connection(id)?.peer;
        peer.address.filter(|_| counts_loopback || !peer.is_loopback)
    }

    pub(super) fn count_address_in(&mut self, id: ConnectionId) {
        if let Some(address) = self.counted_address(id) {
            *self.by_address.entry(address).or_default() += 1;
        }
    }

    pub(super) fn count_address_out(&mut self, id: ConnectionId) {
        if let Some(address) = self.counted_address(id)
            && let Entry::Occupied(mut entry) = self.by_address.entry(address)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
