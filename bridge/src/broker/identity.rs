//! Who somebody has proved to be by other means than a user name and a password in CONNECT: by a login in the browser, by a
//! token that another server has signed, or by a certificate. It knows none of these, only what they say.

use std::sync::Arc;

use mqtt::{Instant, Qos, TopicFilter};

use super::rules::{Action, Ends, Rule, Rules, Subject};

/// Who somebody is, for how long, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The user.
    pub user: Arc<str>,
    /// The login in a browser that this comes of: when it is revoked, its connections end. Zero for none.
    pub login: u64,
    /// When this ends, and with it the connection.
    pub until: Option<Instant>,
    /// What a token brings; none for one of [`super::Users`].
    pub grant: Option<Arc<Grant>>,
}

/// What a token says of its user. The table of users counts for nothing then.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The key that vouches for it: one of [`super::Users::vouchers`], or it counts no more.
    pub key: u64,
    /// The groups of its user.
    pub groups: Vec<Arc<str>>,
    publish: Option<Rules>,
    subscribe: Option<Rules>,
}

impl Identity {
    /// That of a user of the table, without an end.
    #[must_use]
    pub const fn of_user(user: Arc<str>) -> Self {
        Self { user, login: 0, until: None, grant: None }
    }

    /// That of whoever has shown a certificate with this name.
    #[must_use]
    pub fn of_certificate(user: Arc<str>) -> Self {
        Self { user, login: 0, until: None, grant: Some(Arc::new(Grant::of_certificate())) }
    }

    pub(super) fn is_of_certificate(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.is_of_certificate())
    }
}

impl Grant {
    /// The key of all certificates: who may give them is found out below MQTT.
    pub const CERTIFICATE: u64 = 0;

    /// A certificate's word: nothing but the name of its user, who has the groups of the table if it stands there.
    #[must_use]
    pub const fn of_certificate() -> Self {
        Self { key: Self::CERTIFICATE, groups: Vec::new(), publish: None, subscribe: None }
    }

    pub(super) const fn is_of_certificate(&self) -> bool {
        self.key == Self::CERTIFICATE
    }

    /// A token's word. With filters nothing else may be published or read, whatever the rules allow; `%u` and `%c` stand for
    /// the user and the Client Identifier.
    #[must_use]
    pub fn new(
        key: u64,
        groups: Vec<Arc<str>>,
        publish: Option<Vec<TopicFilter>>,
        subscribe: Option<Vec<TopicFilter>>,
    ) -> Self {
        Self { key, groups, publish: publish.map(limit), subscribe: subscribe.map(limit) }
    }

    /// Whether the token itself leaves room for this. `fits` says whether a topic is among those of a rule.
    pub(super) fn leaves(&self, action: Action, fits: impl Fn(&Rule, &[Ends]) -> bool) -> bool {
        let limit = match action {
            Action::Publish => &self.publish,
            Action::Read => &self.subscribe,
        };
        limit.as_ref().is_none_or(|limit| limit.first_fits(fits))
    }
}

impl<'a> Subject<'a> {
    /// A user of the table, or whoever comes without one.
    #[must_use]
    pub const fn new(user: Option<&'a str>, client_id: &'a str) -> Self {
        Self { user, client_id, grant: None }
    }
}

fn limit(topics: Vec<TopicFilter>) -> Rules {
    let (user, group, client_id) = (None, None, None);
    let max_qos = Qos::ExactlyOnce;
    let rule = Rule {
        allows: true,
        publish: true,
        subscribe: true,
        user,
        group,
        client_id,
        topics,
        max_qos,
        retain: true,
        line: 0,
    };
    Rules::new(vec![rule])
}
