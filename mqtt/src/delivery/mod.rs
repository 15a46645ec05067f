//! The delivery of QoS 1 and 2 (4.3), seen from either end. Client and Server use the same two halves: a [`Sender`]
//! for what goes out on a Session and a [`Receiver`] for what comes in. They know neither packets nor topics nor time.

mod receiver;
mod sender;

pub use receiver::{Receiver, Reception};
pub use sender::{InFlight, Sender, Unknown};
