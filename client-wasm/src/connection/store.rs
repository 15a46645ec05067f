//! Where a Session outlives its page: one row of IndexedDB, and the tab's claim to it. Knows bytes and names, not what they
//! mean.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbObjectStore, IdbOpenDbRequest, IdbTransaction, IdbTransactionMode, Storage};

use super::window;

const DATABASE: &str = "switchboard-sessions";
const TABLE: &str = "sessions";
/// A storage that answers nothing for so long has failed.
const TIMEOUT_MS: i32 = 5_000;

/// The row of one Session.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Rc<Database>,
    row: String,
}

/// An open database, closed when nobody needs it any more.
#[derive(Debug)]
struct Database {
    raw: IdbDatabase,
    /// Another page wants to change or delete it: this one must not be in the way.
    _yields: Closure<dyn FnMut()>,
}

impl Database {
    fn new(raw: IdbDatabase) -> Rc<Self> {
        let closing = raw.clone();
        let yields = Closure::new(move || closing.close());
        raw.set_onversionchange(Some(yields.as_ref().unchecked_ref()));
        Rc::new(Self { raw, _yields: yields })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.raw.set_onversionchange(None);
        self.raw.close(); // what is being written is written
    }
}

impl Store {
    /// Opens the database and makes it where there is none. Browsers refuse in some private modes.
    pub(super) async fn open(row: &str) -> Result<Self, String> {
        let global = js_sys::global();
        let factory = Reflect::get(&global, &"indexedDB".into()).map_err(words)?;
        let factory: web_sys::IdbFactory =
            factory.dyn_into().map_err(|_| "the browser has no IndexedDB here".to_owned())?;
        let request = factory.open_with_u32(DATABASE, 1).map_err(words)?;
        let upgrading = request.clone();
        let upgrade = Closure::once(move || {
            if let Ok(database) = upgrading.result().map(IdbDatabase::unchecked_from_js) {
                // Fails where the table is already.
                let _ = database.create_object_store(TABLE);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let database = settled(request.as_ref(), "success", |request| {
            request.unchecked_ref::<IdbOpenDbRequest>().result().unwrap_or_default()
        });
        let database: IdbDatabase = database.await?.dyn_into().map_err(|_| "no database came".to_owned())?;
        Ok(Self { database: Database::new(database), row: row.to_owned() })
    }

    /// What was kept last; nothing when nothing was.
    pub(super) async fn load(&self) -> Result<Vec<u8>, String> {
        let (table, _transaction) = self.table(IdbTransactionMode::Readonly)?;
        let request = table.get(&self.row.as_str().into()).map_err(words)?;
        let row = settled(request.as_ref(), "success", |request| {
            request.unchecked_ref::<web_sys::IdbRequest>().result().unwrap_or_default()
        });
        Ok(row.await?.dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec()).unwrap_or_default())
    }

    /// Keeps this in place of what was kept before. Answers when it is safe from a crash of the page.
    pub(super) async fn save(&self, bytes: &[u8]) -> Result<(), String> {
        let (table, transaction) = self.table(IdbTransactionMode::Readwrite)?;
        let bytes = Uint8Array::from(bytes);
        table.put_with_key(&bytes, &self.row.as_str().into()).map_err(words)?;
        settled(transaction.as_ref(), "complete", |_| JsValue::UNDEFINED).await.map(drop)
    }

    fn table(&self, mode: IdbTransactionMode) -> Result<(IdbObjectStore, IdbTransaction), String> {
        let transaction = self.database.raw.transaction_with_str_and_mode(TABLE, mode).map_err(words)?;
        Ok((transaction.object_store(TABLE).map_err(words)?, transaction))
    }
}

/// Waits for an event of a request or transaction, its failure, or the end of patience.
async fn settled(
    target: &web_sys::EventTarget,
    success: &'static str,
    result: fn(&JsValue) -> JsValue,
) -> Result<JsValue, String> {
    let failed = target.clone();
    let promise = Promise::new(&mut |resolve: Function, reject: Function| {
        let source = target.clone();
        let done = Closure::once_into_js(move || {
            let _ = resolve.call1(&JsValue::UNDEFINED, &result(&source));
        });
        let _ = target.add_event_listener_with_callback(success, done.unchecked_ref());
        for failure in ["error", "abort", "blocked"] {
            let _ = target.add_event_listener_with_callback(failure, &reject);
        }
        if let Some(window) = window::own() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&reject, TIMEOUT_MS);
        }
    });
    JsFuture::from(promise).await.map_err(|_| {
        let error = Reflect::get(&failed, &"error".into()).unwrap_or_default();
        if error.is_object() { words(error) } else { "the storage does not answer".to_owned() }
    })
}

/// A quicker storage for the moment in which a page ends: it takes little, but at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quick;

impl Quick {
    pub(super) fn take(row: &str) -> Option<Vec<u8>> {
        let storage = local()?;
        let text = storage.get_item(&key(row)).ok()??;
        let _ = storage.remove_item(&key(row));
        Some(text.chars().map(|c| u8::try_from(c).unwrap_or_default()).collect())
    }

    /// Whether it has room for that.
    pub(super) fn put(row: &str, bytes: &[u8]) -> bool {
        let text: String = bytes.iter().copied().map(char::from).collect();
        local().is_some_and(|storage| storage.set_item(&key(row), &text).is_ok())
    }
}

fn key(row: &str) -> String {
    format!("{DATABASE}/{row}")
}

pub(super) fn local() -> Option<Storage> {
    window::own()?.local_storage().ok()?
}

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`, which there is on secure pages only.
    type Locks;
    #[wasm_bindgen(method)]
    fn request(this: &Locks, name: &str, options: &Object, granted: &JsValue) -> Promise;
}

/// A name that no other page of this browser has until this is dropped.
#[derive(Debug)]
pub(super) struct Claim(Function);

/// Why a name is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoClaim {
    /// Another page has it.
    Taken,
    /// This browser, or a page that is not secure, cannot say.
    Unknown,
}

impl Claim {
    pub(super) async fn get(name: &str) -> Result<Self, NoClaim> {
        let navigator = window::own().ok_or(NoClaim::Unknown)?.navigator();
        let locks = Reflect::get(&navigator, &"locks".into()).ok().filter(JsValue::is_object);
        let locks: Locks = locks.ok_or(NoClaim::Unknown)?.unchecked_into();
        let options = Object::new();
        let _ = Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE);
        let release: Rc<Cell<Option<Function>>> = Rc::default();
        let name = format!("{DATABASE}/{name}");
        let answer = Promise::new(&mut |resolve: Function, reject: Function| {
            let (release, refuse) = (Rc::clone(&release), reject.clone());
            let granted = Closure::once_into_js(move |lock: JsValue| {
                if lock.is_null() {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::FALSE);
                    return JsValue::UNDEFINED;
                }
                // The lock is ours until this promise is kept.
                let held = Promise::new(&mut |resolve, _| release.set(Some(resolve)));
                let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
                held.into()
            });
            let _ = locks.request(&name, &options, &granted).catch(&Closure::once(move |_| {
                let _ = refuse.call0(&JsValue::UNDEFINED);
            }));
        });
        let granted = JsFuture::from(answer).await.map_err(|_| NoClaim::Unknown)?;
        if granted.is_falsy() {
            return Err(NoClaim::Taken);
        }
        release.take().map(Self).ok_or(NoClaim::Unknown)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn words(error: JsValue) -> String {
    let message = Reflect::get(&error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| "the browser refused it".to_owned())
}
