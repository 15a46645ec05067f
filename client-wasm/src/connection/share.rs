//! Subscriptions that several parts of a page have in common: made with the first, ended with the last. Knows no component.

use std::cell::RefCell;
use std::rc::Rc;

use mqtt::TopicFilter;
use mqtt::packet::SubscriptionOptions;

use super::link::Link;

/// How many want each filter.
pub(super) type Shares = Rc<RefCell<Vec<(TopicFilter, usize)>>>;

/// One who wants a filter, until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    link: Link,
    shares: Shares,
    filter: TopicFilter,
}

impl Share {
    pub(super) fn of(
        link: &Link,
        shares: &Shares,
        filter: TopicFilter,
        options: SubscriptionOptions,
    ) -> Self {
        let share = Self { link: link.clone(), shares: Rc::clone(shares), filter };
        if share.count(1) == 1 {
            link.subscribe(&[(share.filter.clone(), options)], None);
        }
        share
    }

    /// Adds to those who want it; gives how many they are then.
    fn count(&self, change: isize) -> usize {
        let mut shares = self.shares.borrow_mut();
        let before = shares.iter().find(|(filter, _)| *filter == self.filter).map_or(0, |(_, count)| *count);
        let after = before.saturating_add_signed(change);
        shares.retain(|(filter, _)| *filter != self.filter);
        if after > 0 {
            shares.push((self.filter.clone(), after));
        }
        after
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.count(-1) == 0 {
            self.link.unsubscribe(std::slice::from_ref(&self.filter));
        }
    }
}
