//! The tree of Topic Filters. It knows who is subscribed at each, and nothing of what they asked for.
//!
//! A row of levels in which nothing branches off is one node: the first level leads to it, and the rest stands in it as
//! text. So a filter adds at most two nodes, however many levels it has, and a small packet makes no large tree
//! (CVE-2021-33175).
//!
//! ```text
//!   a/b/c ┐                     ┌─ "c"
//!   a/b/d ├─ root ── "a", "/b" ─┤
//!   x/y/# ┘       │             └─ "d"
//!                 └─ "x", "/y/#"
//! ```

use mqtt::{TopicFilter, TopicName};
use slab::Slab;

use super::audience::Found;
use super::levels::{HASH, LevelId, Levels, PLUS};
use super::subscribers::Subscribers;
use crate::broker::hash::{KeyedMap, Keys};

/// A Topic Filter's place in the tree. It stays as long as somebody is subscribed to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::broker) struct FilterId(u32);

const ROOT: FilterId = FilterId(0);

/// Topic Filters by their levels.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) levels: Levels,
    edges: KeyedMap<(FilterId, LevelId), FilterId>,
    nodes: Slab<Node>,
}

#[derive(Debug)]
struct Node {
    parent: FilterId,
    level: LevelId,
    /// The levels after that one, each behind a slash, up to where filters part or end.
    tail: Box<str>,
    children: u32,
    /// The numbers of all children, added without carry: of a single child it is the number.
    children_sum: u32,
    subscribers: Subscribers,
}

impl Tree {
    pub(super) fn new(keys: Keys) -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(ROOT, PLUS, ""));
        Self { levels: Levels::new(keys), edges: KeyedMap::with_hasher(keys), nodes }
    }

    pub(super) fn subscribers_mut(&mut self, at: FilterId) -> Option<&mut Subscribers> {
        self.node_mut(at).map(|node| &mut node.subscribers)
    }

    /// Where a filter stands, if anything is subscribed to it or below it.
    pub(super) fn place(&self, filter: TopicFilter<&str>) -> Option<FilterId> {
        let (mut at, (mut level, mut rest)) = (ROOT, first(filter.text()));
        loop {
            at = *self.edges.get(&(at, self.levels.find(level)?))?;
            let after = rest.strip_prefix(&*self.node(at)?.tail)?;
            if after.is_empty() {
                return Some(at);
            }
            (level, rest) = first(after.strip_prefix('/')?);
        }
    }

    /// The filter that stands there.
    pub(super) fn text(&self, mut at: FilterId) -> String {
        let mut parts = Vec::new();
        while at != ROOT
            && let Some(node) = self.node(at)
        {
            parts.push((self.levels.text(node.level), &*node.tail));
            at = node.parent;
        }
        let parts: Vec<String> =
            parts.into_iter().rev().map(|(level, tail)| format!("{level}{tail}")).collect();
        parts.join("/")
    }

    /// Where a filter stands, from now on. Somebody has to be subscribed to it then, or it must be pruned.
    pub(super) fn place_or_new(&mut self, filter: TopicFilter<&str>) -> FilterId {
        let (mut at, (mut level, mut rest)) = (ROOT, first(filter.text()));
        loop {
            let level_id = self.levels.find_or_new(level);
            let Some(&child) = self.edges.get(&(at, level_id)) else {
                return self.add(Node::new(at, level_id, rest));
            };
            let tail = self.node(child).map_or("", |node| &node.tail);
            let common = common(tail, rest);
            at = if common < tail.len() { self.split(child, common) } else { child };
            let after = rest.get(common..).unwrap_or_default();
            let Some(after) = after.strip_prefix('/') else { return at };
            (level, rest) = first(after);
        }
    }

    /// Removes what serves nobody, from here upwards.
    pub(super) fn prune(&mut self, mut at: FilterId) {
        while at != ROOT
            && let Some(node) = self.node(at)
            && node.subscribers.is_empty()
        {
            let parent = node.parent;
            match node.children {
                0 => self.remove(at),
                1 => return self.join(at),
                _ => return,
            }
            at = parent;
        }
    }

    /// Everyone who is subscribed to this topic, and nobody else [MQTT-3.3.2-3]. Levels are compared as they are [MQTT-4.7.3-4].
    pub(super) fn find(&self, topic: TopicName<&str>) -> Found {
        let mut found = Found::default();
        let levels: Vec<_> = topic.text().split('/').map(|level| (level, self.levels.find(level))).collect();
        self.walk(ROOT, &levels, topic.is_reserved(), &mut found);
        found
    }

    /// Goes on below a node with the levels that are left. On the first level `reserved` keeps wildcards off
    /// [MQTT-4.7.2-1].
    fn walk(&self, at: FilterId, levels: &[(&str, Option<LevelId>)], reserved: bool, found: &mut Found) {
        found.visited += 1;
        let Some(node) = self.node(at) else { return };
        if levels.is_empty() {
            node.subscribers.add_to(found);
        }
        if node.children == 0 {
            return;
        }
        if !reserved && let Some(&rest) = self.edges.get(&(at, HASH)) {
            self.enter(rest, levels, found); // also the parent of what # takes (4.7.1.2)
        }
        let Some((&(_, level), below)) = levels.split_first() else { return };
        if !reserved && let Some(&any) = self.edges.get(&(at, PLUS)) {
            self.enter(any, below, found);
        }
        if let Some(&exact) = level.and_then(|level| self.edges.get(&(at, level))) {
            self.enter(exact, below, found);
        }
    }

    /// Passes the tail of a node whose first level has been taken.
    fn enter(&self, at: FilterId, mut levels: &[(&str, Option<LevelId>)], found: &mut Found) {
        let Some(node) = self.node(at) else { return };
        if node.level == HASH {
            found.visited += 1;
            return node.subscribers.add_to(found);
        }
        for wanted in node.tail.split('/').skip(1) {
            if wanted == "#" {
                found.visited += 1;
                return node.subscribers.add_to(found);
            }
            match levels.split_first() {
                Some(((level, _), below)) if wanted == "+" || wanted == *level => levels = below,
                _ => {
                    found.visited += 1;
                    return;
                }
            }
        }
        self.walk(at, levels, false, found);
    }

    /// Cuts a node in two after so many bytes of its tail; the upper one is new.
    fn split(&mut self, lower: FilterId, at: usize) -> FilterId {
        let Some(node) = self.node(lower) else { return lower };
        let (parent, level) = (node.parent, node.level);
        let (head, rest) = node.tail.split_at_checked(at).unwrap_or_default();
        let head: Box<str> = head.into();
        let (next, tail) = first(rest.get(1..).unwrap_or_default());
        let (next, tail): (Box<str>, Box<str>) = (next.into(), tail.into());
        let next = self.levels.find_or_new(&next);
        self.detach(lower);
        let upper = self.add(Node { tail: head, ..Node::new(parent, level, "") });
        if let Some(node) = self.node_mut(lower) {
            (node.parent, node.level, node.tail) = (upper, next, tail);
        }
        self.attach(lower);
        self.levels.release(level); // the upper one holds it now
        upper
    }

    /// Makes a node with a single child one with it; the child keeps its number.
    fn join(&mut self, upper: FilterId) {
        self.detach(upper);
        let Some(node) = self.nodes.try_remove(upper.0 as usize) else { return };
        let lower = FilterId(node.children_sum);
        let Some(below) = self.node(lower) else { return };
        let level = below.level;
        let tail = format!("{}/{}{}", node.tail, self.levels.text(level), below.tail);
        self.edges.remove(&(upper, level));
        self.levels.release(level);
        if let Some(below) = self.node_mut(lower) {
            (below.parent, below.level, below.tail) = (node.parent, node.level, tail.into());
        }
        self.attach_held(lower);
    }

    fn add(&mut self, node: Node) -> FilterId {
        let id = FilterId(u32::try_from(self.nodes.insert(node)).unwrap_or(u32::MAX));
        self.attach(id);
        id
    }

    fn remove(&mut self, at: FilterId) {
        self.detach(at);
        if let Some(node) = self.nodes.try_remove(at.0 as usize) {
            self.levels.release(node.level);
        }
    }

    /// Makes a node known to its parent, and holds its level.
    fn attach(&mut self, at: FilterId) {
        if let Some(level) = self.node(at).map(|node| node.level) {
            self.levels.hold(level);
        }
        self.attach_held(at);
    }

    fn attach_held(&mut self, at: FilterId) {
        let Some((parent, level)) = self.node(at).map(|node| (node.parent, node.level)) else { return };
        self.edges.insert((parent, level), at);
        if let Some(parent) = self.node_mut(parent) {
            parent.children += 1;
            parent.children_sum ^= at.0;
        }
    }

    /// Makes a node unknown to its parent.
    fn detach(&mut self, at: FilterId) {
        let Some((parent, level)) = self.node(at).map(|node| (node.parent, node.level)) else { return };
        self.edges.remove(&(parent, level));
        if let Some(parent) = self.node_mut(parent) {
            parent.children -= 1;
            parent.children_sum ^= at.0;
        }
    }

    fn node(&self, at: FilterId) -> Option<&Node> {
        self.nodes.get(at.0 as usize)
    }

    fn node_mut(&mut self, at: FilterId) -> Option<&mut Node> {
        self.nodes.get_mut(at.0 as usize)
    }

    /// Nodes and edges, the root left out.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.nodes.len() - 1, self.edges.len())
    }
}

impl Node {
    fn new(parent: FilterId, level: LevelId, tail: &str) -> Self {
        let subscribers = Subscribers::Nobody;
        Self { parent, level, tail: tail.into(), children: 0, children_sum: 0, subscribers }
    }
}

/// The first level, and the rest with the slash before it.
fn first(text: &str) -> (&str, &str) {
    text.find('/').and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// Bytes of the levels that two rests have in common.
fn common(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let is_end = |text: &str| text.as_bytes().get(same).is_none_or(|&byte| byte == b'/');
    if is_end(a) && is_end(b) {
        return same;
    }
    a.as_bytes().get(..same).and_then(|same| same.iter().rposition(|&byte| byte == b'/')).unwrap_or(0)
}
