//! The texts between slashes, each kept once and known by a number.

use std::sync::Arc;

use slab::Slab;

use crate::broker::hash::{KeyedMap, Keys};

/// One text between slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LevelId(u32);

/// `+`. No Topic Name has such a level, so it never collides with a text.
pub(super) const PLUS: LevelId = LevelId(u32::MAX);
/// `#`.
pub(super) const HASH: LevelId = LevelId(u32::MAX - 1);

/// Texts in use, with how often.
#[derive(Debug)]
pub(super) struct Levels {
    by_text: KeyedMap<Arc<str>, LevelId>,
    texts: Slab<(Arc<str>, u32)>,
}

impl Levels {
    pub(super) fn new(keys: Keys) -> Self {
        Self { by_text: KeyedMap::with_hasher(keys), texts: Slab::new() }
    }

    pub(super) fn text(&self, id: LevelId) -> &str {
        match id {
            PLUS => "+",
            HASH => "#",
            LevelId(at) => self.texts.get(at as usize).map(|(text, _)| &**text).unwrap_or_default(),
        }
    }

    pub(super) fn find(&self, text: &str) -> Option<LevelId> {
        match text {
            "+" => Some(PLUS),
            "#" => Some(HASH),
            text => self.by_text.get(text).copied(),
        }
    }

    /// The number of a text, which is new when nothing holds it yet: hold it then, or it stays for ever.
    pub(super) fn find_or_new(&mut self, text: &str) -> LevelId {
        if let Some(found) = self.find(text) {
            return found;
        }
        let text: Arc<str> = text.into();
        let id = LevelId(u32::try_from(self.texts.insert((Arc::clone(&text), 0))).unwrap_or(u32::MAX));
        self.by_text.insert(text, id);
        id
    }

    pub(super) fn hold(&mut self, id: LevelId) {
        if let Some((_, uses)) = self.texts.get_mut(id.0 as usize) {
            *uses += 1;
        }
    }

    pub(super) fn release(&mut self, id: LevelId) {
        let Some((text, uses)) = self.texts.get_mut(id.0 as usize) else { return };
        *uses -= 1;
        if *uses == 0 {
            self.by_text.remove(text);
            self.texts.remove(id.0 as usize);
        }
    }
}
