//! What the explorer watches and has seen. Pure: messages, choices and the time come in.
//!
//! Knows no page and no connection; whoever holds it subscribes to [`filters`](State::filters) while it is shown.

use mqtt::{Instant, Message, ReasonCode, TopicError, TopicFilter};

use crate::tongue::fill;
use crate::words;

use super::history::{Entry, History};
use super::tree::{NodeId, Tree};

/// Filters that may be watched at once.
const MAX_FILTERS: usize = 20;

/// The explorer's memory.
#[derive(Debug)]
pub struct State {
    /// All topics that were heard.
    pub tree: Tree,
    /// The last messages.
    pub history: History,
    filters: Vec<Chip>,
    selected: Option<Selected>,
    paused: bool,
    passed: u64,
}

/// A filter that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// The filter.
    pub filter: TopicFilter,
    /// What the broker said against it.
    pub refused: Option<String>,
}

/// What is looked at closely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// A level of the tree with its last message.
    Node(NodeId),
    /// One message of the past.
    Message(Entry),
}

impl Default for State {
    fn default() -> Self {
        let all = TopicFilter::new("#".into()).ok().map(|filter| Chip { filter, refused: None });
        Self {
            tree: Tree::default(),
            history: History::default(),
            filters: all.into_iter().collect(),
            selected: None,
            paused: false,
            passed: 0,
        }
    }
}

impl State {
    /// Takes a message; while paused only counts it.
    pub fn hear(&mut self, now: Instant, message: &Message) {
        if self.paused {
            self.passed += 1;
            return;
        }
        let topic = message.topic.as_str();
        self.tree.hear(now, topic, &message.payload, message.retain);
        self.history.hear(now, topic, &message.payload, message.retain);
    }

    /// What is watched.
    #[must_use]
    pub fn filters(&self) -> &[Chip] {
        &self.filters
    }

    /// Watches a filter too.
    ///
    /// # Errors
    /// Why the text is no filter to add, as a sentence.
    pub fn add(&mut self, text: &str) -> Result<TopicFilter, String> {
        let text = text.trim();
        let filter: TopicFilter = text.parse().map_err(words::sentence::<TopicError>)?;
        if self.filters.iter().any(|chip| chip.filter == filter) {
            return Err(fill("{} is watched already.", &[text]));
        }
        if self.filters.len() >= MAX_FILTERS {
            return Err(fill(
                "{} filters are watched already; remove one first.",
                &[&MAX_FILTERS.to_string()],
            ));
        }
        self.filters.push(Chip { filter: filter.clone(), refused: None });
        Ok(filter)
    }

    /// Watches a filter no longer. What was heard stays.
    pub fn remove(&mut self, filter: &TopicFilter) {
        self.filters.retain(|chip| chip.filter != *filter);
    }

    /// The broker's answer for a filter.
    pub fn answered(&mut self, filter: &TopicFilter, reason: ReasonCode) {
        if let Some(chip) = self.filters.iter_mut().find(|chip| chip.filter == *filter) {
            chip.refused = reason.is_error().then(|| reason.text().to_owned());
        }
    }

    /// Looks closely at something, or at nothing.
    pub fn select(&mut self, selected: Option<Selected>) {
        self.selected = selected;
    }

    /// What is looked at.
    #[must_use]
    pub const fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// The node that is looked at, if it is one.
    #[must_use]
    pub const fn selected_node(&self) -> Option<NodeId> {
        match self.selected {
            Some(Selected::Node(id)) => Some(id),
            _ => None,
        }
    }

    /// The topic that is looked at.
    #[must_use]
    pub fn selected_topic(&self) -> Option<String> {
        match self.selected.as_ref()? {
            Selected::Node(id) => Some(self.tree.topic(*id)),
            Selected::Message(entry) => Some(entry.topic.to_string()),
        }
    }

    /// Holds the picture, or lets it go on.
    pub const fn pause(&mut self, paused: bool) {
        self.paused = paused;
        self.passed = 0;
    }

    /// How many messages passed unseen since the pause; none when there is no pause.
    #[must_use]
    pub fn passed(&self) -> Option<u64> {
        self.paused.then_some(self.passed)
    }

    /// Forgets all that was heard.
    pub fn clear(&mut self) {
        self.tree.clear();
        self.history.clear();
        self.selected = None;
    }

    /// Moves the selection over the open rows, or opens and closes the selected one.
    pub fn walk(&mut self, step: Step) {
        let chosen = self.selected_node();
        let rows = self.tree.rows();
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return };
        let place = chosen.and_then(|id| rows.iter().position(|&row| row == id));
        let (at, id) = match (place.zip(chosen), step) {
            (_, Step::Last) => return self.select(Some(Selected::Node(last))),
            (None, _) | (_, Step::First) => return self.select(Some(Selected::Node(first))),
            (Some(chosen), _) => chosen,
        };
        let bottom = rows.len() - 1;
        let expanded = self.tree.node(id).and_then(super::tree::Node::expanded);
        let to = match step {
            Step::By(rows) => at.saturating_add_signed(rows).min(bottom),
            Step::In if expanded == Some(false) => return self.tree.open(id, true),
            Step::In if expanded == Some(true) => at + 1,
            Step::Out if expanded == Some(true) => return self.tree.open(id, false),
            Step::Out => {
                let parent = self.tree.node(id).and_then(super::tree::Node::parent);
                return parent.into_iter().for_each(|id| self.select(Some(Selected::Node(id))));
            }
            Step::In | Step::First | Step::Last => at,
        };
        let id = self.tree.rows().get(to).copied();
        self.select(id.map(Selected::Node));
    }
}

/// A key's way through the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This many rows down, or up.
    By(isize),
    /// Open, or to the first child.
    In,
    /// Close, or to the parent.
    Out,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(state: &mut State, topics: &[&str]) {
        for topic in topics {
            state.hear(Instant::START, &Message::new(topic.parse().unwrap(), "1"));
        }
    }

    fn walk(state: &mut State, steps: &[Step]) -> String {
        steps.iter().for_each(|&step| state.walk(step));
        state.selected_topic().unwrap_or_default()
    }

    #[test]
    fn filters_are_checked_and_kept_once() {
        let mut state = State::default();
        assert_eq!(state.filters().len(), 1);
        assert!(state.add(" a/+ ").is_ok());
        assert_eq!(state.add("a/+"), Err("a/+ is watched already.".into()));
        assert!(state.add("a/#/b").unwrap_err().starts_with("In a topic filter"));
        assert!(state.add("").is_err());
        let filter = "a/+".parse().unwrap();
        state.answered(&filter, ReasonCode::NotAuthorized);
        assert_eq!(state.filters()[1].refused.as_deref(), Some("not authorized"));
        state.remove(&filter);
        assert_eq!(state.filters().len(), 1);
        for i in 1..MAX_FILTERS {
            state.add(&i.to_string()).unwrap();
        }
        assert!(state.add("x").unwrap_err().contains("remove one"));
    }

    #[test]
    fn a_pause_holds_the_picture_and_counts() {
        let mut state = State::default();
        hear(&mut state, &["a"]);
        state.pause(true);
        hear(&mut state, &["b", "c"]);
        assert_eq!((state.passed(), state.tree.topics(), state.history.len()), (Some(2), 1, 1));
        state.pause(false);
        hear(&mut state, &["b"]);
        assert_eq!((state.passed(), state.tree.topics()), (None, 2));
    }

    #[test]
    fn keys_walk_the_tree() {
        let mut state = State::default();
        assert_eq!(walk(&mut state, &[Step::By(1)]), "", "there is nothing yet");
        hear(&mut state, &["a/1", "a/2", "b/1/2/3"]);
        assert_eq!(walk(&mut state, &[Step::By(1)]), "a");
        assert_eq!(walk(&mut state, &[Step::In]), "a/1");
        assert_eq!(walk(&mut state, &[Step::By(1), Step::By(1)]), "b");
        assert_eq!(walk(&mut state, &[Step::By(-2), Step::Out]), "a");
        assert_eq!(walk(&mut state, &[Step::Out, Step::By(1)]), "b", "a is closed now");
        assert_eq!(walk(&mut state, &[Step::Last]), "b/1/2/3");
        assert_eq!(walk(&mut state, &[Step::Out, Step::Out]), "b/1/2", "now closed");
        assert_eq!(walk(&mut state, &[Step::In, Step::By(9)]), "b/1/2/3");
        assert_eq!(walk(&mut state, &[Step::By(-99)]), "a");
        assert_eq!(walk(&mut state, &[Step::In, Step::First]), "a");
    }
}
