//! What is saved, what is being arranged, and what happens when two people save at once. Pure.
//!
//! ```text
//!             begin ─▶ draft ─ edit, undo, redo ─▶ draft ─ save ─▶ sending ─ heard back ─▶ saved
//!                        ▲                                  │
//!                        └─ refused ────────────────────────┤
//!      somebody saved meanwhile: nothing is sent, a person decides ◀┘
//! ```
//!
//! A broker has no "only if nobody else did". So each save names what it was made from: whoever is about to save on top of
//! something unseen is asked before; and when two saves cross, the later one, which is what the broker keeps, is asked after.

use super::document::{Document, Wrong};
use super::{Edit, Layout};

/// Steps that can be taken back.
const MAX_UNDO: usize = 100;

/// The layouts of one name: the saved one and the draft.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    saved: Option<Document>,
    draft: Option<Draft>,
    /// Ours, not heard back yet.
    sending: Option<Document>,
    /// Somebody else's, heard while ours was under way and made from the same.
    crossed: Option<Document>,
    conflict: Option<Conflict>,
    /// What is kept there is from a later program.
    newer: bool,
}

/// An arrangement that is not saved.
#[derive(Clone, Debug, PartialEq)]
struct Draft {
    /// What it was made from; 0 for nothing.
    base: u64,
    layout: Layout,
    before: Vec<Layout>,
    after: Vec<Layout>,
}

/// Two arrangements made from the same; a person decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// This page's.
    pub mine: Layout,
    /// The other's.
    pub theirs: Document,
}

/// Which of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// This page's.
    Mine,
    /// The other's.
    Theirs,
}

impl Desk {
    /// What is to be drawn.
    #[must_use]
    pub fn shown(&self) -> Option<&Layout> {
        let draft = self.draft.as_ref().map(|draft| &draft.layout);
        draft.or_else(|| self.saved.as_ref().map(|saved| &saved.layout))
    }

    /// What the broker keeps.
    #[must_use]
    pub const fn saved(&self) -> Option<&Document> {
        self.saved.as_ref()
    }

    /// Whether something is being arranged.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.draft.is_some()
    }

    /// Whether there is anything to save.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let saved = self.saved.as_ref().map(|saved| &saved.layout);
        let is_same = |draft: &Draft| {
            saved.map_or_else(|| draft.layout.pages.is_empty(), |saved| *saved == draft.layout)
        };
        self.draft.as_ref().is_some_and(|draft| !is_same(draft))
    }

    /// Whether a save is under way.
    #[must_use]
    pub const fn is_saving(&self) -> bool {
        self.sending.is_some()
    }

    /// Whether what is kept there must not be written over: a later program wrote it.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        self.newer
    }

    /// What a person has to decide.
    #[must_use]
    pub const fn conflict(&self) -> Option<&Conflict> {
        self.conflict.as_ref()
    }

    /// Whether there is a step to take back, and one to do again.
    #[must_use]
    pub fn can_undo(&self) -> (bool, bool) {
        self.draft.as_ref().map_or((false, false), |d| (!d.before.is_empty(), !d.after.is_empty()))
    }

    /// The broker's word about what it keeps; empty when it keeps nothing any more. Says whether it changed anything.
    pub fn hear(&mut self, payload: &[u8]) -> bool {
        if payload.is_empty() {
            self.newer = false;
            return self.saved.take().is_some();
        }
        let heard = match Document::read(payload) {
            Ok(document) => document,
            Err(wrong) => return wrong == Wrong::Newer && !std::mem::replace(&mut self.newer, true),
        };
        self.newer = false;
        if self.saved.as_ref() == Some(&heard) && self.sending.is_none() {
            return false;
        }
        match self.sending.take_if(|sending| sending.id == heard.id) {
            Some(mine) => {
                self.conflict = self.crossed.take().map(|theirs| Conflict { mine: mine.layout, theirs });
                // What was arranged since it was sent stays, on top of it.
                if let Some(draft) = &mut self.draft {
                    draft.base = heard.id;
                }
            }
            None => {
                if self.sending.as_ref().is_some_and(|mine| mine.parent == heard.parent) {
                    self.crossed = Some(heard.clone());
                }
                // Who has nothing to save goes along.
                if self.sending.is_none()
                    && self.conflict.is_none()
                    && !self.is_changed()
                    && self.draft.is_some()
                {
                    let (base, layout) = (heard.id, heard.layout.clone());
                    self.draft = Some(Draft { base, layout, before: Vec::new(), after: Vec::new() });
                }
                // While somebody thinks about it, the other goes on.
                if let Some(conflict) = self.conflict.as_mut().filter(|c| c.theirs.id == heard.parent) {
                    conflict.theirs = heard.clone();
                }
            }
        }
        self.saved = Some(heard);
        true
    }

    /// Begins to arrange what is saved.
    pub fn begin(&mut self) {
        if self.draft.is_none() && !self.newer {
            let (base, layout) =
                self.saved.as_ref().map_or_else(Default::default, |saved| (saved.id, saved.layout.clone()));
            self.draft = Some(Draft { base, layout, before: Vec::new(), after: Vec::new() });
        }
    }

    /// Goes on with a draft from an earlier visit.
    pub fn resume(&mut self, draft: &Document) {
        self.draft = Some(Draft {
            base: draft.parent,
            layout: draft.layout.clone(),
            before: Vec::new(),
            after: Vec::new(),
        });
    }

    /// The draft, to be kept for a later visit.
    #[must_use]
    pub fn draft(&self) -> Option<Document> {
        let draft = self.draft.as_ref().filter(|_| self.is_changed())?;
        let (parent, layout) = (draft.base, draft.layout.clone());
        Some(Document { version: 0, id: 0, parent, author: String::new(), layout })
    }

    /// Leaves off; what was not saved is gone.
    pub fn leave(&mut self) {
        self.draft = None;
        self.conflict = None;
    }

    /// Does a step. Says whether it changed anything.
    pub fn edit(&mut self, edit: Edit) -> bool {
        let Some(draft) = &mut self.draft else { return false };
        let before = draft.layout.clone();
        // Two pages that look the same may change places: then there is nothing to take back.
        draft.layout.apply(edit) && draft.layout != before && draft.done(before)
    }

    /// Puts a whole layout, from a file, in place of the draft.
    pub fn replace(&mut self, layout: Layout) -> bool {
        self.begin();
        let Some(draft) = &mut self.draft else { return false };
        let before = std::mem::replace(&mut draft.layout, layout);
        draft.done(before)
    }

    /// Takes the last step back.
    pub fn undo(&mut self) -> bool {
        let Some(draft) = &mut self.draft else { return false };
        let Some(before) = draft.before.pop() else { return false };
        draft.after.push(std::mem::replace(&mut draft.layout, before));
        true
    }

    /// Does it again.
    pub fn redo(&mut self) -> bool {
        let Some(draft) = &mut self.draft else { return false };
        let Some(after) = draft.after.pop() else { return false };
        draft.before.push(std::mem::replace(&mut draft.layout, after));
        true
    }

    /// What is to be published to save the draft, under a random `id`. None when there is nothing to save, and when
    /// somebody saved meanwhile: then there is a [conflict](Self::conflict).
    pub fn save(&mut self, id: u64, author: &str) -> Option<Document> {
        if self.sending.is_some() || self.conflict.is_some() || self.newer || !self.is_changed() {
            return None;
        }
        let draft = self.draft.as_ref()?;
        if let Some(saved) = self.saved.as_ref().filter(|saved| saved.id != draft.base) {
            self.conflict = Some(Conflict { mine: draft.layout.clone(), theirs: saved.clone() });
            return None;
        }
        let layout = draft.layout.clone();
        Some(self.send(id, author, layout))
    }

    /// A person has decided. Gives what is to be published, when the broker keeps the other one.
    pub fn settle(&mut self, keep: Keep, id: u64, author: &str) -> Option<Document> {
        let Conflict { mine, theirs } = self.conflict.take_if(|_| self.sending.is_none())?;
        let layout = match keep {
            Keep::Mine => mine,
            Keep::Theirs => theirs.layout,
        };
        if let Some(draft) = &mut self.draft {
            let before = std::mem::replace(&mut draft.layout, layout.clone());
            if before != draft.layout {
                draft.done(before);
            }
            draft.base = self.saved.as_ref().map_or(0, |saved| saved.id);
        }
        let is_kept = self.saved.as_ref().is_some_and(|saved| saved.layout == layout);
        (!is_kept).then(|| self.send(id, author, layout))
    }

    /// The save did not get through: the draft stays.
    pub fn refused(&mut self) {
        if let Some(mine) = self.sending.take()
            && self.draft.is_none()
        {
            self.resume(&mine);
        }
        self.crossed = None;
    }

    fn send(&mut self, id: u64, author: &str, layout: Layout) -> Document {
        let (version, parent) = self.saved.as_ref().map_or((1, 0), |saved| (saved.version + 1, saved.id));
        let document = Document { version, id, parent, author: author.to_owned(), layout };
        self.crossed = None;
        self.sending = Some(document.clone());
        document
    }
}

impl Draft {
    fn done(&mut self, before: Layout) -> bool {
        if self.before.len() == MAX_UNDO {
            self.before.remove(0);
        }
        self.before.push(before);
        self.after.clear();
        true
    }
}
