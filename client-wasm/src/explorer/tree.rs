//! The topic tree: every level a node, every topic its last message. Pure: messages and the time come in, rows come out.
//!
//! Knows no page. Nodes live in one vector and point to each other by number; the children of a node are sorted, so that
//! a topic is found by a search per level. The rows that are open are remembered until the shape of the tree changes:
//! a flood of messages on known topics costs a lookup each and nothing per frame.

use std::cmp::Ordering;

use bytes::Bytes;
use mqtt::Instant;

/// Topics that are kept; what comes beyond is counted.
pub const MAX_NODES: usize = 250_000;
/// Bytes that are kept of a topic's last payload.
pub const MAX_KEPT: usize = 4_096;

/// The number of a node; its parents have smaller ones.
pub type NodeId = u32;

const ROOT: NodeId = 0;

/// The tree. Its root is nameless and never shown.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    rows: Vec<NodeId>,
    reshaped: bool,
    left_out: u64,
}

/// One level of a topic.
#[derive(Debug)]
pub struct Node {
    name: Box<str>,
    parent: NodeId,
    level: u16,
    is_open: bool,
    children: Vec<NodeId>,
    topics: u32,
    messages: u64,
    last: Option<Last>,
}

/// The last message of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its first bytes, at most [`MAX_KEPT`].
    pub payload: Bytes,
    /// All of its bytes, counted.
    pub size: usize,
    /// The broker keeps it.
    pub retained: bool,
    /// When it came.
    pub at: Instant,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node {
            name: Box::default(),
            parent: ROOT,
            level: 0,
            is_open: true,
            children: Vec::new(),
            topics: 0,
            messages: 0,
            last: None,
        };
        Self { nodes: vec![root], rows: Vec::new(), reshaped: false, left_out: 0 }
    }
}

impl Tree {
    /// Takes a message.
    pub fn hear(&mut self, now: Instant, topic: &str, payload: &Bytes, retain: bool) {
        let Some(id) = self.reach(topic) else {
            self.left_out += 1;
            return;
        };
        let Some(node) = self.nodes.get_mut(id as usize) else { return };
        // Without the flag a message says nothing about what the broker keeps; an empty one with it clears that.
        let kept = if retain { !payload.is_empty() } else { node.last.as_ref().is_some_and(|l| l.retained) };
        let is_new = node.last.is_none();
        node.messages += 1;
        let last = Last { payload: shortened(payload), size: payload.len(), retained: kept, at: now };
        node.last = Some(last);
        if is_new {
            self.count_topic(id);
        }
    }

    /// What was published from here: an empty retained message clears the mark even where the broker does not send it back
    /// with its flag.
    pub fn clear_mark(&mut self, topic: &str) {
        let found = self.find(topic).and_then(|id| self.nodes.get_mut(id as usize));
        if let Some(last) = found.and_then(|node| node.last.as_mut()) {
            last.retained = false;
        }
    }

    /// Forgets everything but what is open and closed in later trees: nothing.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rows that are open, in their order.
    pub fn rows(&mut self) -> &[NodeId] {
        if self.reshaped {
            self.rows.clear();
            flatten(&self.nodes, ROOT, &mut self.rows);
            self.reshaped = false;
        }
        &self.rows
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The topic that a node stands for.
    #[must_use]
    pub fn topic(&self, id: NodeId) -> String {
        let mut levels = Vec::new();
        let mut at = id;
        while let Some(node) = self.node(at).filter(|_| at != ROOT) {
            levels.push(&*node.name);
            at = node.parent;
        }
        levels.reverse();
        levels.join("/")
    }

    /// The node of a topic.
    #[must_use]
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        topic.split('/').try_fold(ROOT, |at, name| {
            let children = &self.node(at)?.children;
            self.position(children, name).ok().and_then(|i| children.get(i)).copied()
        })
    }

    /// Opens or closes a node.
    pub fn open(&mut self, id: NodeId, open: bool) {
        if let Some(node) = self.nodes.get_mut(id as usize)
            && node.is_open != open
            && !node.children.is_empty()
        {
            node.is_open = open;
            self.reshaped = true;
        }
    }

    /// Opens or closes all of them.
    pub fn open_all(&mut self, open: bool) {
        for node in self.nodes.iter_mut().skip(1) {
            node.is_open = open;
        }
        self.reshaped = true;
    }

    /// Topics that have had a message.
    #[must_use]
    pub fn topics(&self) -> u32 {
        self.nodes.first().map_or(0, |root| root.topics)
    }

    /// Messages whose topics found no place.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The node of a topic, made if need be.
    fn reach(&mut self, topic: &str) -> Option<NodeId> {
        let mut at = ROOT;
        for name in topic.split('/') {
            let children = &self.node(at)?.children;
            at = match self.position(children, name) {
                Ok(i) => *children.get(i)?,
                Err(i) => self.add(at, i, name)?,
            };
        }
        Some(at)
    }

    fn position(&self, children: &[NodeId], name: &str) -> Result<usize, usize> {
        children.binary_search_by(|&id| natural(self.node(id).map_or("", |node| &node.name), name))
    }

    fn add(&mut self, parent: NodeId, position: usize, name: &str) -> Option<NodeId> {
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let id = NodeId::try_from(self.nodes.len()).ok()?;
        let above = self.nodes.get_mut(parent as usize)?;
        above.children.insert(position, id);
        let level = above.level.saturating_add(1);
        self.nodes.push(Node {
            name: name.into(),
            parent,
            level,
            // A small tree is open; of a large one only few levels are, so that it is first seen as a whole.
            is_open: level < OPEN_LEVELS || self.nodes.len() < SMALL,
            children: Vec::new(),
            topics: 0,
            messages: 0,
            last: None,
        });
        self.reshaped = true;
        Some(id)
    }

    fn count_topic(&mut self, id: NodeId) {
        let mut at = id;
        while let Some(node) = self.nodes.get_mut(at as usize) {
            node.topics += 1;
            if at == ROOT {
                break;
            }
            at = node.parent;
        }
    }
}

const OPEN_LEVELS: u16 = 3;
const SMALL: usize = 300;

impl Node {
    /// Its level's name; may be empty, as topics like `/a` have it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 1 for the first level of a topic.
    #[must_use]
    pub const fn level(&self) -> u16 {
        self.level
    }

    /// The node above; the root for first levels.
    #[must_use]
    pub fn parent(&self) -> Option<NodeId> {
        (self.parent != ROOT).then_some(self.parent)
    }

    /// Whether its children are shown; none when it has none.
    #[must_use]
    pub fn expanded(&self) -> Option<bool> {
        (!self.children.is_empty()).then_some(self.is_open)
    }

    /// Topics from here downwards.
    #[must_use]
    pub const fn topics(&self) -> u32 {
        self.topics
    }

    /// Messages of exactly this topic.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Its last message, if the level is a topic itself.
    #[must_use]
    pub const fn last(&self) -> Option<&Last> {
        self.last.as_ref()
    }
}

/// Numbers in their order, then everything else: `2` before `10` before `a`.
fn natural(a: &str, b: &str) -> Ordering {
    let rank = |name: &str| match !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
        true => (0, name.len()),
        false => (1, 0),
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// What is kept: a payload too long is copied in part, because a slice would keep all of it.
fn shortened(payload: &Bytes) -> Bytes {
    payload.get(..MAX_KEPT).map_or_else(|| payload.clone(), Bytes::copy_from_slice)
}

fn flatten(nodes: &[Node], id: NodeId, rows: &mut Vec<NodeId>) {
    let Some(node) = nodes.get(id as usize).filter(|node| node.is_open) else { return };
    for &child in &node.children {
        rows.push(child);
        flatten(nodes, child, rows); // not deeper than a topic has levels, of which the codec allows 128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn tree(topics: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for topic in topics {
            tree.hear(at(0), topic, &Bytes::from_static(b"x"), false);
        }
        tree
    }

    fn shown(tree: &mut Tree) -> Vec<String> {
        let rows = tree.rows().to_vec();
        rows.into_iter().map(|id| tree.topic(id)).collect()
    }

    fn last(tree: &Tree, topic: &str) -> Last {
        tree.node(tree.find(topic).unwrap()).unwrap().last().unwrap().clone()
    }

    #[test]
    fn topics_become_levels_in_order() {
        let mut tree = tree(&["b/2", "a", "b/1", "/x", "b"]);
        assert_eq!(shown(&mut tree), ["", "/x", "a", "b", "b/1", "b/2"]);
        assert_eq!(tree.topics(), 5);
        let b = tree.node(tree.find("b").unwrap()).unwrap();
        assert_eq!(
            (b.name(), b.level(), b.topics(), b.expanded(), b.parent()),
            ("b", 1, 3, Some(true), None)
        );
    }

    #[test]
    fn numbers_stand_in_their_order() {
        let mut tree = tree(&["o/10", "o/x", "o/2", "o/1", "o/02", "o/"]);
        assert_eq!(shown(&mut tree), ["o", "o/1", "o/2", "o/02", "o/10", "o/", "o/x"]);
    }

    #[test]
    fn closed_nodes_hide_what_is_below_and_open_again() {
        let mut tree = tree(&["a/b/c/d", "a/b/c/e"]);
        assert_eq!(shown(&mut tree).len(), 5, "a small tree is open");
        tree.open(tree.find("a/b/c").unwrap(), false);
        assert_eq!(shown(&mut tree), ["a", "a/b", "a/b/c"]);
        tree.open(tree.find("a/b/c").unwrap(), true);
        assert_eq!(shown(&mut tree).len(), 5);
        tree.open(tree.find("a").unwrap(), false);
        assert_eq!(shown(&mut tree), ["a"]);
        tree.open_all(true);
        assert_eq!(shown(&mut tree).len(), 5);
    }

    #[test]
    fn the_retained_mark_follows_what_the_broker_keeps() {
        let mut tree = Tree::default();
        let mut hear = |payload: &'static str, retain| {
            tree.hear(at(0), "a", &Bytes::from_static(payload.as_bytes()), retain);
            last(&tree, "a").retained
        };
        assert!(hear("1", true));
        assert!(hear("2", false), "a live message leaves what is kept");
        assert!(!hear("", true), "an empty one clears it");
        assert!(!hear("3", false));
        assert!(hear("4", true));
        tree.clear_mark("a");
        assert!(!last(&tree, "a").retained);
    }

    #[test]
    fn long_payloads_are_cut_but_their_size_is_told() {
        let mut tree = Tree::default();
        tree.hear(at(7), "a", &Bytes::from(vec![b'x'; 300_000]), false);
        let last = last(&tree, "a");
        assert_eq!((last.payload.len(), last.size, last.at), (MAX_KEPT, 300_000, at(7)));
    }

    #[test]
    fn known_topics_do_not_reshape_the_tree() {
        let mut tree = tree(&["a/b"]);
        tree.rows();
        tree.hear(at(1), "a/b", &Bytes::from_static(b"y"), false);
        assert!(!tree.reshaped);
        assert_eq!(tree.node(tree.find("a/b").unwrap()).unwrap().messages(), 2);
    }

    #[test]
    fn ten_thousand_topics_are_counted_and_shown_in_an_instant() {
        let mut tree = Tree::default();
        let payload = Bytes::from_static(b"21.5");
        for round in 0..10 {
            for i in 0..10_000 {
                let topic = format!("site/{}/sensor/{i}", i % 10);
                tree.hear(at(round), &topic, &payload, false);
            }
            tree.rows();
        }
        assert_eq!(tree.topics(), 10_000);
        tree.open_all(true);
        let rows = tree.rows();
        assert_eq!(rows.len(), 10_000 + 10 + 10 + 1);
        assert!(rows.len() < MAX_NODES);
    }

    #[test]
    fn a_full_tree_counts_what_it_leaves_out() {
        let mut tree = Tree::default();
        for i in 0..MAX_NODES {
            tree.hear(at(0), &i.to_string(), &Bytes::new(), false);
        }
        assert_eq!((tree.topics() as usize, tree.left_out()), (MAX_NODES - 1, 1));
    }
}
