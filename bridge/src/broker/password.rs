//! A user name and a password in CONNECT (3.1.3.5, 3.1.3.6), or a token in the password's place. Whether it fits is worked out
//! elsewhere, because that takes longer than a shard may stand still; here is known whose it is to be and what follows from the
//! answer.

use std::fmt;
use std::sync::Arc;

use mqtt::ReasonCode;
use mqtt::packet::Connect;
use mqtt::scram::prepare;

use super::identity::Identity;
use super::io::Fault;
use super::login::{Method, Next, Proof, Step};
use super::{Broker, ConnectionId};

/// One password or token that is to be checked.
#[derive(Clone)]
pub struct Check {
    /// Whose CONNECT brought it.
    pub connection: ConnectionId,
    /// The check's own number, which its answer names: the connection's may be another's by then.
    pub number: u64,
    /// What the password is checked against, as [`super::User`] has it. None for a token, which is signed.
    pub hash: Option<Arc<str>>,
    /// The password or token.
    pub password: Box<[u8]>,
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    /// It is the password.
    Right,
    /// It is not, or what it was checked against is no hash.
    Wrong,
    /// It was not checked: too many are.
    Busy,
    /// It is a token that says this.
    Token(Arc<Identity>),
    /// It is a token that does not count, for this reason.
    BadToken(String),
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({:?}, {})", self.connection, self.number) // no password ends up in a log
    }
}

impl Broker {
    /// Whether this CONNECT is to prove who it is from: where there are users, who names one has to be it. Who has shown a
    /// certificate is whom that names, until it brings the password of another.
    pub(super) fn needs_password(&mut self, id: ConnectionId, connect: &Connect<'_>) -> bool {
        if let Some(certified) = self.identity(id).filter(Identity::is_of_certificate)
            && (connect.password.is_none() || connect.user_name.is_some_and(|name| *name == *certified.user))
        {
            return false;
        }
        let users = &self.config.users;
        (!users.is_empty() || users.take_tokens())
            && (connect.user_name.is_some() || connect.password.is_some())
    }

    /// Lets the password of a CONNECT be checked.
    pub(super) fn begin_check(&mut self, id: ConnectionId, connect: &Connect<'_>) {
        if let Err(fault) = self.check_attempts(id) {
            return self.refuse_connect(id, connect, fault);
        }
        if let Some(token) = connect.password.filter(|text| self.config.users.take_tokens() && is_token(text))
        {
            self.set_candidate(id, connect, None, Step::Token);
            let next = self.check_token(id, token);
            return self.go_on(id, Ok(next));
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
        let number = self.next_check();
        self.set_candidate(id, connect, None, Step::Checked { number, user });
        self.out.check(Check { connection: id, number, hash: Some(hash), password: password.into() });
    }

    /// Lets a token be checked. Its user is the one it names, whatever CONNECT says.
    pub(super) fn check_token(&mut self, id: ConnectionId, token: &[u8]) -> Next {
        let number = self.next_check();
        self.out.check(Check { connection: id, number, hash: None, password: token.into() });
        Next::Wait(Step::Checked { number, user: None })
    }

    const fn next_check(&mut self) -> u64 {
        self.checks += 1;
        self.checks
    }

    /// A password or token was checked.
    pub(super) fn checked(&mut self, id: ConnectionId, number: u64, checked: Checked) {
        let awaits = |step: Option<&Step>| match step {
            Some(Step::Checked { number: awaited, user }) if *awaited == number => Some(user.clone()),
            _ => None,
        };
        if let Some(candidate) = self.candidate(id) {
            let method = candidate.method;
            let Some(user) = awaits(Some(&candidate.step)) else { return };
            let next = self.outcome(id, checked, (method, user));
            self.go_on(id, next);
        } else if let Some(login) = self.login(id) {
            let method = login.method;
            let Some(user) = awaits(login.step.as_ref()) else { return };
            login.step = None;
            let done = self.outcome(id, checked, (method, user)).and_then(|next| self.go_on_again(id, next));
            if let Err(fault) = done {
                self.end(id, fault);
            }
        }
    }

    /// What follows from a check. Others may have failed meanwhile, and users and keys may have gone.
    fn outcome(
        &mut self,
        id: ConnectionId,
        checked: Checked,
        (method, user): (Option<Method>, Option<Arc<str>>),
    ) -> Result<Next, Fault> {
        self.check_attempts(id)?;
        let users = &self.config.users;
        let done = |who| Ok(Next::Done(Proof { who, method, data: None }));
        let fault = match (checked, user) {
            (Checked::Busy, _) => {
                let why = "too many clients log in at once; try again in a moment";
                return Err(Fault::new(ReasonCode::ServerBusy, why));
            }
            (Checked::Right, Some(user)) if users.has(&user) => return done(Identity::of_user(user)),
            (Checked::Token(who), None) if who.grant.as_ref().is_some_and(|grant| users.vouch_for(grant)) => {
                return done(Arc::unwrap_or_clone(who));
            }
            (Checked::BadToken(why), None) if method.is_some() => Fault::new(ReasonCode::NotAuthorized, why),
            (Checked::BadToken(why), None) => Fault::new(ReasonCode::BadUserNameOrPassword, why),
            _ => wrong(),
        };
        self.count_failed_login(id);
        Err(fault)
    }
}

/// Whether a password is a token by its form: the first of its three parts begins as a JSON object does in base64url.
fn is_token(password: &[u8]) -> bool {
    password.starts_with(b"eyJ") && password.iter().filter(|&&byte| byte == b'.').count() == 2
}

fn wrong() -> Fault {
    Fault::new(ReasonCode::BadUserNameOrPassword, "the user name or the password is wrong")
}
