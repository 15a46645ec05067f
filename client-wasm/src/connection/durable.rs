//! The Session of a tab: found, claimed and read before the link opens, kept while it lives.
//!
//! The client identifier is one per device, with a number per tab. A tab claims its number by a Web Lock, so two never have
//! the same; a tab that is duplicated finds its number taken and claims another. Where there are no locks (a page that is
//! not secure) each tab has an identifier of its own, which it hands on over a reload in the tab's storage.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use mqtt::client::Input;
use wasm_bindgen_futures::spawn_local;

use super::driver::{Driver, Keeper};
use super::identity;
use super::store::{Claim, NoClaim, Quick, Store};

/// Tabs of one device that can have a number. More get an identifier that nobody had before.
const MAX_TABS: u32 = 64;

/// A Session that outlives its page, for [`Link::durable`](super::Link::durable).
#[derive(Debug)]
pub struct Durable {
    pub(super) id: RefCell<String>,
    pub(super) saved: Vec<u8>,
    pub(super) store: RefCell<Option<Store>>,
    /// Why there is no storage.
    pub(super) why: Option<String>,
    claim: RefCell<Option<Claim>>,
    /// The page has handed over to the quick storage what the store does not have.
    handed_over: Cell<bool>,
}

impl Durable {
    /// Finds the Session of this tab: the one of before a reload, or of a tab that was closed or has crashed, or a new one.
    /// `prefix` is the beginning of the client identifier, of at most 12 letters and digits to stay within what every broker
    /// takes. Never fails: without a storage the Session lives in memory, and the link tells
    /// [`Event::NotStored`](mqtt::client::Event::NotStored).
    pub async fn open(prefix: &str) -> Self {
        let (id, claim) = claim(prefix).await;
        let (store, kept) = match read(&id).await {
            Ok(found) => found,
            Err(why) => return Self::of(id, claim, None, Vec::new(), Some(why)),
        };
        // What the page before had no time to store is newer.
        let quick = Quick::take(&id);
        let handed_over = quick.is_some();
        let durable = Self::of(id, claim, Some(store), quick.unwrap_or(kept), None);
        if handed_over {
            // Until the store has it, it stays where it was: this page may end as quickly.
            Quick::put(&durable.id.borrow(), &durable.saved);
            durable.handed_over.set(true);
        }
        durable
    }

    fn of(
        id: String,
        claim: Option<Claim>,
        store: Option<Store>,
        saved: Vec<u8>,
        why: Option<String>,
    ) -> Self {
        Self {
            id: RefCell::new(id),
            saved,
            store: RefCell::new(store),
            why,
            claim: RefCell::new(claim),
            handed_over: Cell::new(false),
        }
    }

    /// The client identifier.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.id.borrow().clone()
    }

    /// Begins to keep a Session.
    fn save(&self) -> Saving {
        Saving { store: self.store.borrow().clone(), handed_over: self.handed_over.take() }
    }

    /// What is kept is of no use: the page after this one begins anew.
    pub(super) fn forget(&self) {
        let saving = self.save();
        Quick::take(&self.id.borrow());
        spawn_local(async move {
            // Fails where it can do no harm: the next page finds the same and does the same.
            let _ = saving.run(&[]).await;
        });
    }

    /// It is kept. What was handed over before that is older, and goes.
    fn saved(&self, saving: &Saving) {
        if saving.handed_over && !self.handed_over.get() {
            Quick::take(&self.id.borrow());
        }
    }
}

impl Keeper for Rc<Durable> {
    fn keep(&self, driver: Weak<Driver>, saved: Vec<u8>) {
        // Who drops the link while it is stored ends it, and its claim, at once.
        let (saving, durable) = (self.save(), Self::downgrade(self));
        spawn_local(async move {
            let stored = saving.run(&saved).await;
            let (Some(driver), Some(durable)) = (driver.upgrade(), durable.upgrade()) else { return };
            durable.saved(&saving);
            driver.handle(match stored {
                Ok(()) => Input::Stored,
                Err(why) => Input::NotStored { why },
            });
        });
    }

    /// The page is left: what the store does not have yet goes where it is safe at once, and the number is free for the
    /// page that comes. A lock would keep the page out of the back/forward cache, too.
    fn leave(&self, unsaved: Option<&[u8]>) {
        if let Some(unsaved) = unsaved {
            self.handed_over.set(Quick::put(&self.id.borrow(), unsaved));
        }
        let claimed = self.claim.take();
        if claimed.is_none() {
            identity::keep(&self.id.borrow());
        }
    }

    fn come_back(&self, driver: Rc<Driver>) {
        let durable = Self::clone(self);
        spawn_local(async move {
            if let Some(id) = durable.claim_again().await {
                driver.turn(|client, _| client.rename(&id));
            }
            driver.start();
        });
    }
}

impl Durable {
    /// The page is shown again: the number is claimed anew. Another tab may have taken it, and its Session: then this is the
    /// identifier of a new one.
    async fn claim_again(&self) -> Option<String> {
        let id = self.id.borrow().clone();
        match Claim::get(&id).await {
            Ok(claim) => {
                self.claim.replace(Some(claim));
                None
            }
            Err(NoClaim::Unknown) => {
                let _ = identity::take(&id); // this page lives: a duplicate must not find it
                None
            }
            Err(NoClaim::Taken) => {
                let prefix = id.split('-').next().unwrap_or_default();
                let (id, claim) = claim(prefix).await;
                self.store.replace(Store::open(&id).await.ok());
                self.id.replace(id.clone());
                self.claim.replace(claim);
                Some(id)
            }
        }
    }
}

/// A Session on its way to the store.
#[derive(Debug)]
pub(super) struct Saving {
    store: Option<Store>,
    /// Something older was handed over to the quick storage.
    handed_over: bool,
}

impl Saving {
    pub(super) async fn run(&self, bytes: &[u8]) -> Result<(), String> {
        match &self.store {
            Some(store) => store.save(bytes).await,
            None => Err("there is no storage".to_owned()),
        }
    }
}

async fn read(id: &str) -> Result<(Store, Vec<u8>), String> {
    let store = Store::open(id).await?;
    let kept = store.load().await?;
    Ok((store, kept))
}

/// The identifier of this tab and the claim to it; none where tabs cannot claim.
async fn claim(prefix: &str) -> (String, Option<Claim>) {
    let device = identity::device();
    let before = identity::tab();
    for number in before.into_iter().chain(0..MAX_TABS) {
        let id = format!("{prefix}-{device}-{number}");
        match Claim::get(&id).await {
            Ok(claim) => {
                identity::set_tab(number);
                return (id, Some(claim));
            }
            Err(NoClaim::Taken) => {}
            Err(NoClaim::Unknown) => return (identity::take(&format!("{prefix}-")), None),
        }
    }
    (identity::fresh(&format!("{prefix}-")), None)
}
