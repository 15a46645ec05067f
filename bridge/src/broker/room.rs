//! How many Clients there may be, here and of one address.

use core::net::IpAddr;
use std::collections::hash_map::Entry;

use mqtt::ReasonCode;

use super::io::Fault;
use super::limit::Limit;
use super::shard::{DOOR, Told};
use super::{Broker, Config, ConnectionId, Ended};

const TOO_MANY_OF_ADDRESS: &str = "as many clients of your address are connected as are allowed";

/// What there is of one address.
#[derive(Debug, Default)]
pub(super) struct OfAddress {
    connected: u32,
    /// Connections that have not shown yet who they are.
    waiting: u32,
}

impl Broker {
    /// A connection was opened. One too many is not listened to: it has no CONNECT to answer yet.
    pub(super) fn count_opened(&mut self, id: ConnectionId) {
        let Some(address) = self.counted_address(id) else { return };
        let limit = self.connections_per_address(id).map(|limit| limit.max(Config::CONNECTIONS_PER_ADDRESS));
        let of = self.by_address.entry(address).or_default();
        of.waiting += 1;
        if limit.is_some_and(|limit| of.waiting > limit) {
            self.counters.reached.count(Limit::ConnectionsPerAddress);
            let why = "too many connections of its address are to say who they are";
            self.finish(id, Ended::ByServer(ReasonCode::ConnectionRateExceeded, why.into()), false);
        }
    }

    /// A Client was let in.
    pub(super) fn count_let_in(&mut self, id: ConnectionId) {
        self.count(id, |of| {
            of.waiting = of.waiting.saturating_sub(1);
            of.connected += 1;
        });
    }

    /// The most at once. Of several shards the door counts them all, those too that are only on their way to another one.
    pub(super) fn count_most(&mut self) {
        if self.place.shard == DOOR {
            let most = &mut self.counters.connections_maximum;
            *most = u64::from(self.connected + self.given_away).max(*most);
        }
    }

    /// A connection is over before a Client was let in.
    pub(super) fn count_turned_away(&mut self, id: ConnectionId) {
        if !self.tell_door(id) {
            self.count(id, |of| of.waiting = of.waiting.saturating_sub(1));
        }
    }

    /// A Client is gone.
    pub(super) fn count_gone(&mut self, id: ConnectionId) {
        if !self.tell_door(id) {
            self.count(id, |of| of.connected = of.connected.saturating_sub(1));
        }
    }

    /// A connection goes to another shard. It counts here until that one says that it is over. Gives the limit that leaves no room
    /// for it: whether it takes the place of another is known there.
    pub(super) fn count_given_away(&mut self, id: ConnectionId) -> Option<Limit> {
        let limit = self.connections_per_address(id);
        let of_address = self.counted_address(id).and_then(|address| self.by_address.get(&address));
        let crowd = if self.connected + self.given_away >= self.config.max_connections {
            Some(Limit::Connections)
        } else if of_address.is_some_and(|of| limit.is_some_and(|limit| of.connected >= limit)) {
            Some(Limit::ConnectionsPerAddress)
        } else {
            None
        };
        self.given_away += 1;
        self.count_most();
        self.count_let_in(id);
        crowd
    }

    /// One that was given away is over.
    pub(super) fn count_gone_elsewhere(&mut self, address: Option<IpAddr>) {
        self.given_away = self.given_away.saturating_sub(1);
        self.count_at(address, |of| of.connected = of.connected.saturating_sub(1));
    }

    /// Tells the shard that let a connection in that it is over. False when that was this one.
    fn tell_door(&mut self, id: ConnectionId) -> bool {
        let Some(moved) = self.connection(id).and_then(|connection| connection.moved) else { return false };
        let address = self.address(id);
        self.out.peer(DOOR, Told::Gone { address });
        if let Some(name) = moved.name {
            self.guest_is_less(name);
        }
        true
    }

    fn count(&mut self, id: ConnectionId, change: impl FnOnce(&mut OfAddress)) {
        let address = self.counted_address(id);
        self.count_at(address, change);
    }

    fn count_at(&mut self, address: Option<IpAddr>, change: impl FnOnce(&mut OfAddress)) {
        if let Some(address) = address
            && let Entry::Occupied(mut entry) = self.by_address.entry(address)
        {
            change(entry.get_mut());
            if matches!(entry.get(), OfAddress { connected: 0, waiting: 0 }) {
                entry.remove();
            }
        }
    }

    /// How many Clients there may be of this one's address. This machine's own are bound only when a number was set.
    fn connections_per_address(&mut self, id: ConnectionId) -> Option<u32> {
        let set = self.config.max_connections_per_address;
        let is_loopback = self.connection(id)?.peer.is_loopback;
        set.or_else(|| (!is_loopback).then_some(Config::CONNECTIONS_PER_ADDRESS))
    }

    /// Whether one more Client may come, here and from its address. One that takes over a connection adds none.
    pub(super) fn check_room(&mut self, id: ConnectionId, client_id: &str) -> Result<(), Fault> {
        let held = self.by_client.get(client_id).copied();
        let held = held.and_then(|session| self.session(session)?.connection);
        let moved = self.connection(id).and_then(|connection| connection.moved);
        let reached = match moved {
            Some(moved) => moved.crowd.filter(|_| held.is_none()),
            None => {
                let others = self.connected + self.given_away - u32::from(held.is_some());
                (others >= self.config.max_connections).then_some(Limit::Connections)
            }
        };
        if let Some(limit) = reached {
            let why = match limit {
                Limit::ConnectionsPerAddress => TOO_MANY_OF_ADDRESS,
                _ => "as many clients are connected as are allowed",
            };
            return Err(Fault::new(ReasonCode::QuotaExceeded, why).over(limit));
        }
        let Some(address) = self.counted_address(id) else { return Ok(()) };
        let is_same = held.is_some_and(|held| self.counted_address(held) == Some(address));
        let connected = self.by_address.get(&address).map_or(0, |of| of.connected);
        let limit = self.connections_per_address(id);
        if limit.is_some_and(|limit| connected.saturating_sub(u32::from(is_same)) >= limit) {
            let fault = Fault::new(ReasonCode::QuotaExceeded, TOO_MANY_OF_ADDRESS);
            return Err(fault.over(Limit::ConnectionsPerAddress));
        }
        Ok(())
    }

    /// The address a connection is counted for here; none where another shard counts it.
    fn counted_address(&mut self, id: ConnectionId) -> Option<IpAddr> {
        self.address(id).filter(|_| self.connection(id).is_some_and(|connection| connection.moved.is_none()))
    }

    /// Its address, if that is counted; those of trusted proxies are not.
    fn address(&mut self, id: ConnectionId) -> Option<IpAddr> {
        let peer = &self.connection(id)?.peer;
        peer.address.filter(|_| !peer.is_proxy)
    }
}
