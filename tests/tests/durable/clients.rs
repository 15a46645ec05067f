//! Clients that come to a program which keeps their Session, or to one that does not.

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, SessionExpiry, Version};
use tests::{Bridge, Client, Wire};

/// One whose Session outlives its connection.
pub(crate) fn lasting(client_id: &str) -> Connect<'_> {
    let mut connect = Connect::new(Version::V5, client_id);
    connect.clean_start = false;
    connect.properties.session_expiry = SessionExpiry::After(1000);
    connect
}

/// Comes in over TCP.
pub(crate) fn client(bridge: &Bridge, connect: &Connect<'_>) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), connect.version);
    assert_eq!(client.connect(connect).reason, ReasonCode::Success);
    client
}

/// One that leaves nothing behind.
pub(crate) fn plain(bridge: &Bridge, client_id: &str) -> Client {
    client(bridge, &Connect::new(Version::V5, client_id))
}

/// Leaves a Session that keeps what is published to `kept`.
pub(crate) fn leave_keeper(bridge: &Bridge) {
    let mut keeper = client(bridge, &lasting("keeper"));
    assert_eq!(keeper.subscribe("kept", Qos::ExactlyOnce), ReasonCode::GrantedQos2);
    keeper.disconnect();
}
