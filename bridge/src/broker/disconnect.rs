//! DISCONNECT from a Client (3.14).

use mqtt::packet::Disconnect;
use mqtt::{ReasonCode, SessionExpiry};

use super::io::Fault;
use super::limit::Limit;
use super::{Broker, ConnectionId, Ended};

impl Broker {
    pub(super) fn disconnect(&mut self, id: ConnectionId, disconnect: &Disconnect<'_>) -> Result<(), Fault> {
        if disconnect.server_reference.is_some() {
            return Err(Fault::protocol("DISCONNECT of a client has a server reference (3.14.2.2.5)"));
        }
        let limit = self.config.max_session_expiry_s;
        let Some((session, _)) = self.client(id) else { return Ok(()) };
        if let (Some(session), Some(expiry)) = (self.session(session), disconnect.session_expiry) {
            if session.expiry == SessionExpiry::AtDisconnect && expiry != SessionExpiry::AtDisconnect {
                return Err(Fault::protocol(
                    "DISCONNECT asks to keep a session that CONNECT did not (3.14.2.2.2)",
                ));
            }
            session.expiry = SessionExpiry::from_secs(expiry.as_secs().min(limit));
            if session.expiry != expiry {
                self.counters.reached.count(Limit::SessionExpiry);
            }
        }
        let with_will = disconnect.reason != ReasonCode::Success; // [MQTT-3.14.4-3]
        self.finish(id, Ended::ByClient(disconnect.reason), with_will);
        Ok(())
    }
}
