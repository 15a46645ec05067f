//! A user name and a password in CONNECT (3.1.3.5, 3.1.3.6). Whether a password fits is worked out elsewhere, because that takes
//! longer than a shard may stand still; here is known whose it is to be and what follows from the answer.

use std::fmt;
use std::sync::Arc;

use mqtt::ReasonCode;
use mqtt::packet::Connect;
use mqtt::scram::prepare;

use super::io::Fault;
use super::login::{Next, Proof, Step};
use super::{Broker, ConnectionId};

/// One password that is to be checked.
#[derive(Clone)]
pub struct Check {
    /// Whose CONNECT brought it.
    pub connection: ConnectionId,
    /// The check's own number, which its answer names: the connection's may be another's by then.
    pub number: u64,
    /// What it is checked against, as [`super::User`] has it.
    pub hash: Arc<str>,
    /// The password.
    pub password: Box<[u8]>,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is the password.
    Right,
    /// It is not, or what it was checked against is no hash.
    Wrong,
    /// It was not checked: too many are.
    Busy,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({:?}, {})", self.connection, self.number) // no password ends up in a log
    }
}

impl Broker {
    /// Whether this CONNECT is to prove who it is from: where there are users, who names one has to be it.
    pub(super) fn needs_password(&self, connect: &Connect<'_>) -> bool {
        !self.config.users.is_empty() && (connect.user_name.is_some() || connect.password.is_some())
    }

    /// Lets the password of a CONNECT be checked.
    pub(super) fn begin_check(&mut self, id: ConnectionId, connect: &Connect<'_>) {
        if let Err(fault) = self.check_attempts(id) {
            return self.refuse_connect(id, connect, fault);
        }
        let (Some(name), Some(password)) = (connect.user_name, connect.password) else {
            self.count_failed_login(id);
            return self.refuse_connect(id, connect, wrong());
        };
        // A name that cannot be one is nobody's, and is checked like any other.
        let name = prepare(name).unwrap_or_default();
        let Some((hash, user)) = self.config.users.password(&name, self.keys) else {
            self.count_failed_login(id);
            return self.refuse_connect(id, connect, wrong());
        };
        self.checks += 1;
        let number = self.checks;
        self.set_candidate(id, connect, Step::Checked { number, user });
        self.out.check(Check { connection: id, number, hash, password: password.into() });
    }

    /// A password was checked.
    pub(super) fn checked(&mut self, id: ConnectionId, number: u64, checked: Checked) {
        let Some(candidate) = self.candidate(id) else { return };
        let user = match &candidate.step {
            Step::Checked { number: awaited, user } if *awaited == number => user.clone(),
            Step::Checked { .. } | Step::Name | Step::Proof { .. } => return,
        };
        // Others may have failed meanwhile, and users may have gone.
        let next = self.check_attempts(id).and_then(|()| match (checked, user) {
            (Checked::Busy, _) => {
                let why = "too many clients log in at once; try again in a moment";
                Err(Fault::new(ReasonCode::ServerBusy, why))
            }
            (Checked::Right, Some(user)) if self.config.users.has(&user) => {
                Ok(Next::Done(Proof { user, data: None }))
            }
            (Checked::Right | Checked::Wrong, _) => {
                self.count_failed_login(id);
                Err(wrong())
            }
        });
        self.go_on(id, next);
    }
}

fn wrong() -> Fault {
    Fault::new(ReasonCode::BadUserNameOrPassword, "the user name or the password is wrong")
}
