//! Arranging, saving, and many people who do both at once.

use std::collections::VecDeque;

use mqtt::Rng;

use crate::devices::json::Json;

use super::document::{Document, Wrong};
use super::{Desk, Edit, Keep, Layout, MAX_PAGES, MAX_PLACES, MAX_TITLE, Of, Place};

fn place(device: &str, key: &str) -> Place {
    Place { of: Of::Device(device.to_owned()), key: key.to_owned(), ..Place::default() }
}

fn keys(layout: &Layout, page: usize) -> Vec<&str> {
    layout.pages[page].places.iter().map(|place| place.key.as_str()).collect()
}

fn hall() -> Layout {
    let mut layout = Layout::default();
    assert!(layout.apply(Edit::AddPage("  Hall ".to_owned())));
    for key in ["a", "b", "c"] {
        assert!(layout.apply(Edit::Add(0, place("wut", key))));
    }
    layout
}

#[test]
fn steps_arrange_tiles() {
    let mut layout = hall();
    assert_eq!((layout.pages[0].title.as_str(), keys(&layout, 0)), ("Hall", vec!["a", "b", "c"]));
    assert!(layout.apply(Edit::Move(0, 0, 2)));
    assert_eq!(keys(&layout, 0), ["b", "c", "a"]);
    assert!(layout.apply(Edit::Move(0, 2, 1)));
    assert_eq!(keys(&layout, 0), ["b", "a", "c"]);
    assert!(layout.apply(Edit::AddPage("Yard".to_owned())) && layout.apply(Edit::Hand(0, 1, 1)));
    assert_eq!((keys(&layout, 0), keys(&layout, 1)), (vec!["b", "c"], vec!["a"]));
    assert!(layout.apply(Edit::Widen(0, 1)) && layout.pages[0].places[1].wide);
    assert!(layout.apply(Edit::Spread(0, 1, "Web-IO".to_owned())));
    assert_eq!(layout.pages[0].places[1].of, Of::Model("Web-IO".to_owned()));
    assert!(layout.apply(Edit::MovePage(1, 0)) && layout.pages[0].title == "Yard");
    assert!(layout.apply(Edit::Rename(0, "Garden".to_owned())) && layout.pages[0].title == "Garden");
    assert!(layout.apply(Edit::Remove(1, 0)) && layout.apply(Edit::RemovePage(0)));
    assert_eq!((layout.pages.len(), keys(&layout, 0)), (1, vec!["c"]));
}

#[test]
fn steps_that_lead_nowhere_change_nothing() {
    let mut layout = hall();
    let before = layout.clone();
    for edit in [
        Edit::AddPage(" \n ".to_owned()),
        Edit::Rename(0, "Hall".to_owned()),
        Edit::Rename(0, String::new()),
        Edit::RemovePage(1),
        Edit::MovePage(0, 1),
        Edit::Add(0, place("wut", "a")),
        Edit::Add(1, place("wut", "d")),
        Edit::Remove(0, 3),
        Edit::Move(0, 1, 1),
        Edit::Move(0, 0, 3),
        Edit::Hand(0, 0, 0),
        Edit::Hand(0, 0, 1),
        Edit::Widen(0, 9),
        Edit::Spread(0, 3, "Web-IO".to_owned()),
    ] {
        assert!(!layout.apply(edit.clone()), "{edit:?}");
        assert_eq!(layout, before, "{edit:?}");
    }
    for n in 0..MAX_PLACES + 5 {
        layout.apply(Edit::Add(0, place("other", &n.to_string())));
        layout.apply(Edit::AddPage(n.to_string().repeat(90)));
    }
    assert_eq!((layout.pages.len(), layout.pages[0].places.len()), (MAX_PAGES, MAX_PLACES));
    assert!(layout.pages.iter().all(|page| page.title.chars().count() <= MAX_TITLE));
}

#[test]
fn a_document_is_read_as_it_was_written() {
    let mut layout = hall();
    layout.apply(Edit::AddPage("\"Küche\" \\ 2".to_owned()));
    layout.apply(Edit::Add(1, place("zigbee2mqtt/Colour \"lamp\"", "color")));
    layout.apply(Edit::Widen(1, 0));
    layout.apply(Edit::Spread(0, 2, "Web-IO 4.0".to_owned()));
    let document = Document { version: 7, id: u64::MAX, parent: 3, author: "A \"phone\"".into(), layout };
    assert_eq!(Document::read(document.write().as_bytes()), Ok(document.clone()));
    let later = document.write().replace("layout 1", "layout 2");
    assert_eq!(Document::read(later.as_bytes()), Err(Wrong::Newer));
    for other in ["", "ON", "{}", "[]", "{\"switchboard\":\"else\"}", "\u{fffd}"] {
        assert_eq!(Document::read(other.as_bytes()), Err(Wrong::Other), "{other}");
    }
    let odd = r#"{"switchboard":"layout 1","pages":[{"title":""},{"title":"A","tiles":[{"key":"k"},{"device":"d"},
        {"device":"d","key":"k"},{"device":"d","key":"k","wide":true},7,null]},{"tiles":[]}]}"#;
    let odd = Document::read(odd.as_bytes()).unwrap();
    assert_eq!((odd.version, odd.layout.pages.len(), keys(&odd.layout, 0)), (0, 1, vec!["k"]));
}

#[test]
fn what_a_later_page_says_is_written_back() {
    let text = r#"{"switchboard":"layout 1","version":7,"id":"0000000000000009","parent":"0000000000000003","author":"A",
        "pages":[{"title":"A","tiles":[{"device":"d","key":"k","wide":true,"alarm":{"above":30,"sound":"bell"},"glow":{"by":[1,null,"\u0009"]}},
        {"kind":"hologram","key":"h1","topic":"a/b","depth":3},{"kind":"orb","of":["x"]}],"night":true}],"theme":{"x":"y"}}"#;
    let json = |text: &str| Json::read(text.as_bytes()).unwrap();
    let read = Document::read(text.as_bytes()).unwrap();
    let written = read.write();
    assert_eq!(Document::read(written.as_bytes()).as_ref(), Ok(&read));
    let tiles = |text: &str| json(text).at("pages/0/tiles").unwrap().items().to_vec();
    for name in ["glow", "alarm"] {
        assert_eq!(tiles(&written)[0].at(name), tiles(text)[0].at(name));
    }
    for name in ["kind", "key", "topic", "depth"] {
        assert_eq!(tiles(&written)[1].text(name), tiles(text)[1].text(name), "{name}");
    }
    assert_eq!(tiles(&written)[2].at("of/0"), tiles(text)[2].at("of/0"));
    assert_eq!(json(&written).at("pages/0/night"), Some(&Json::Bool(true)));
    assert_eq!(json(&written).at("theme/x"), json(text).at("theme/x"));
    // Also when it was arranged here meanwhile.
    let mut desk = Desk::default();
    desk.hear(text.as_bytes());
    desk.begin();
    assert!(desk.edit(Edit::Move(0, 2, 0)) && desk.edit(Edit::Widen(0, 1)));
    let saved = desk.save(10, "B").unwrap().write();
    assert!(
        saved.contains("\"sound\":\"bell\"")
            && saved.contains("\"depth\":3")
            && saved.contains("\"of\":[\"x\"]")
            && saved.contains("\"theme\"")
    );
}

#[test]
fn a_tile_becomes_another_in_its_place() {
    let mut layout = hall();
    let made =
        |key: &str| Place { of: Of::Made("gauge".to_owned()), key: key.to_owned(), ..Place::default() };
    assert!(layout.apply(Edit::Put(0, 1, made("x"))) && !layout.apply(Edit::Put(0, 1, made("x"))));
    assert!(!layout.apply(Edit::Put(0, 2, made("x"))), "it stands there already");
    assert!(!layout.apply(Edit::Put(0, 3, made("y"))) && !layout.apply(Edit::Put(1, 0, made("y"))));
    assert_eq!(keys(&layout, 0), ["a", "x", "c"]);
}

#[test]
fn what_was_done_is_taken_back_and_done_again() {
    let mut desk = Desk::default();
    assert!(!desk.edit(Edit::AddPage("A".to_owned())), "nothing is changed before it is begun");
    desk.begin();
    for n in 0..5 {
        assert!(desk.edit(Edit::AddPage(n.to_string())));
    }
    let done = desk.shown().cloned();
    assert_eq!(desk.can_undo(), (true, false));
    while desk.undo() {}
    assert_eq!((desk.shown(), desk.is_changed()), (Some(&Layout::default()), false));
    assert_eq!(desk.draft(), None, "there is nothing to keep");
    while desk.redo() {}
    assert_eq!(desk.shown(), done.as_ref());
    desk.undo();
    desk.edit(Edit::RemovePage(0));
    assert_eq!(desk.can_undo(), (true, false), "another way was taken");
}

/// A desk that has saved a hall, and what the broker keeps.
fn saved() -> (Desk, Vec<u8>) {
    let mut desk = Desk::default();
    desk.begin();
    desk.replace(hall());
    let document = desk.save(1, "me").unwrap();
    assert_eq!((document.version, document.parent, desk.is_saving()), (1, 0, true));
    assert_eq!(desk.save(2, "me"), None, "one at a time");
    let kept = document.write().into_bytes();
    assert!(desk.hear(&kept) && !desk.is_saving() && !desk.is_changed());
    assert!(!desk.hear(&kept), "the same again is no news");
    (desk, kept)
}

#[test]
fn whoever_saves_on_top_of_something_unseen_is_asked_before() {
    let (mut mine, kept) = saved();
    let mut other = Desk::default();
    other.hear(&kept);
    other.begin();
    mine.edit(Edit::Rename(0, "Mine".to_owned()));
    other.edit(Edit::Rename(0, "Theirs".to_owned()));
    let theirs = other.save(5, "other").unwrap();
    mine.hear(theirs.write().as_bytes());
    assert_eq!(mine.shown().unwrap().pages[0].title, "Mine", "a draft is not taken from under the hand");
    assert_eq!(mine.save(6, "me"), None);
    let conflict = mine.conflict().unwrap();
    assert_eq!((conflict.theirs.author.as_str(), &conflict.theirs), ("other", &theirs));
    let mut same = mine.clone();
    let settled = mine.settle(Keep::Mine, 7, "me").unwrap();
    assert_eq!((settled.version, settled.parent, settled.layout.pages[0].title.as_str()), (3, 5, "Mine"));
    assert_eq!(same.settle(Keep::Theirs, 7, "me"), None, "the broker has it already");
    assert_eq!((same.shown().unwrap().pages[0].title.as_str(), same.conflict()), ("Theirs", None));
    assert!(same.undo() && same.shown().unwrap().pages[0].title == "Mine", "one's own can be had back");
}

#[test]
fn who_has_nothing_to_save_goes_along_with_what_others_save() {
    let (mut mine, kept) = saved();
    let mut other = Desk::default();
    other.hear(&kept);
    other.begin();
    other.edit(Edit::Rename(0, "Theirs".to_owned()));
    let theirs = other.save(5, "other").unwrap();
    assert!(mine.is_open() && mine.hear(theirs.write().as_bytes()));
    assert_eq!(mine.shown().unwrap().pages[0].title, "Theirs");
    assert!(mine.is_open() && !mine.is_changed());
    mine.edit(Edit::Rename(0, "Both".to_owned()));
    let both = mine.save(6, "me").expect("nothing unseen is written over");
    assert_eq!((both.version, both.parent), (3, 5));
}

#[test]
fn of_two_saves_that_cross_the_later_one_is_asked_after() {
    let (mut first, kept) = saved();
    let mut second = Desk::default();
    second.hear(&kept);
    second.begin();
    first.edit(Edit::Rename(0, "First".to_owned()));
    second.edit(Edit::Rename(0, "Second".to_owned()));
    let a = first.save(10, "first").unwrap().write().into_bytes();
    let b = second.save(11, "second").unwrap().write().into_bytes();
    // The broker has an order, and everyone hears it in that.
    for desk in [&mut first, &mut second] {
        desk.hear(&a);
        desk.hear(&b);
    }
    assert_eq!(first.conflict(), None);
    assert_eq!(second.conflict().unwrap().theirs.author, "first");
    let back = second.settle(Keep::Theirs, 12, "second").unwrap();
    assert_eq!((back.version, back.parent, back.layout.pages[0].title.as_str()), (3, 11, "First"));
}

#[test]
fn a_save_that_fails_leaves_the_draft() {
    let (mut desk, _) = saved();
    desk.edit(Edit::AddPage("More".to_owned()));
    assert!(desk.save(3, "me").is_some());
    desk.refused();
    assert!(!desk.is_saving() && desk.is_changed() && desk.save(4, "me").is_some());
    desk.leave();
    desk.refused();
    assert!(desk.is_changed(), "also when its draft was closed meanwhile");
    let kept = desk.draft().unwrap();
    let mut later = Desk::default();
    later.resume(&Document::read(kept.write().as_bytes()).unwrap());
    assert_eq!(later.shown(), desk.shown(), "and for the next visit");
}

#[test]
fn what_a_later_program_wrote_is_not_written_over() {
    let (mut desk, kept) = saved();
    desk.leave();
    let later = String::from_utf8(kept).unwrap().replace("layout 1", "layout 2");
    assert!(desk.hear(later.as_bytes()) && desk.is_newer());
    desk.begin();
    assert!(!desk.is_open() && desk.save(9, "me").is_none());
}

/// Many people arrange and save; their messages cross.
struct House {
    desks: Vec<Desk>,
    /// What each has not heard yet.
    queues: Vec<VecDeque<Document>>,
    kept: Vec<Document>,
    ids: u64,
}

impl House {
    fn publish(&mut self, sent: Option<Document>) {
        let Some(document) = sent else { return };
        self.queues.iter_mut().for_each(|queue| queue.push_back(document.clone()));
        self.kept.push(document);
    }

    fn step(&mut self, who: usize, rng: &mut Rng) {
        let n = |rng: &mut Rng, below: u64| usize::try_from(rng.up_to(below - 1)).unwrap();
        self.ids += 1;
        let (id, author) = (self.ids, format!("desk {who}"));
        let desk = &mut self.desks[who];
        desk.begin();
        let mut sent = None;
        match n(rng, 16) {
            0..4 => {
                if let Some(heard) = self.queues[who].pop_front() {
                    let may_ask = desk.is_saving() || desk.conflict().is_some();
                    desk.hear(heard.write().as_bytes());
                    if desk.conflict().is_some() {
                        assert!(may_ask, "only a save of one's own brings a question by itself");
                    }
                }
            }
            4 => drop(desk.undo()),
            5 => drop(desk.redo()),
            6 => sent = desk.save(id, &author),
            7 => {
                let keep = if n(rng, 2) == 0 { Keep::Mine } else { Keep::Theirs };
                sent = desk.settle(keep, id, &author);
            }
            _ => {
                let (a, b, c) = (n(rng, 4), n(rng, 4), n(rng, 4));
                let edit = match n(rng, 10) {
                    0 => Edit::AddPage(format!("page {a}")),
                    1 => Edit::RemovePage(a),
                    2 => Edit::Rename(a, format!("name {b}")),
                    3 => Edit::MovePage(a, b),
                    4 | 5 => Edit::Add(a, place("d", &b.to_string())),
                    6 => Edit::Remove(a, b),
                    7 => Edit::Move(a, b, c),
                    8 => Edit::Hand(a, b, c),
                    _ => Edit::Widen(a, b),
                };
                let before = desk.shown().cloned();
                let changed = desk.edit(edit);
                if changed {
                    let after = desk.shown().cloned();
                    assert!(desk.undo() && desk.shown() == before.as_ref());
                    assert!(desk.redo() && desk.shown() == after.as_ref());
                }
                assert_eq!(changed, desk.shown() != before.as_ref());
            }
        }
        let layout = desk.shown().unwrap();
        for page in &layout.pages {
            let twice = page.places.iter().any(|p| page.places.iter().filter(|q| q.key == p.key).count() > 1);
            assert!(!page.title.is_empty() && !twice, "{layout:?}");
        }
        self.publish(sent);
    }

    /// All is heard, and every question answered.
    fn settle(&mut self) {
        for _ in 0..1000 {
            let mut quiet = true;
            for who in 0..self.desks.len() {
                while let Some(heard) = self.queues[who].pop_front() {
                    self.desks[who].hear(heard.write().as_bytes());
                    quiet = false;
                }
                self.ids += 1;
                let sent = self.desks[who].settle(Keep::Theirs, self.ids, "settled");
                quiet &= sent.is_none();
                self.publish(sent);
            }
            if quiet {
                return;
            }
        }
        panic!("it goes on for ever");
    }
}

#[test]
fn nobody_writes_over_what_they_have_not_seen_without_being_asked() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut house = House {
            desks: vec![Desk::default(); 3],
            queues: vec![VecDeque::new(); 3],
            kept: Vec::new(),
            ids: 0,
        };
        for _ in 0..200 {
            let who = usize::try_from(rng.up_to(2)).unwrap();
            house.step(who, &mut rng);
        }
        house.settle();
        let last = house.kept.last();
        for desk in &house.desks {
            assert_eq!(desk.saved(), last, "seed {seed}: all see the same in the end");
            assert!(!desk.is_saving() && desk.conflict().is_none(), "seed {seed}");
        }
        // Whoever wrote over something they had not seen had sent it before they heard of it: then they were asked.
        for pair in house.kept.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let crossed = after.parent != before.id;
            assert!(!crossed || after.author != before.author, "seed {seed}: {before:?}, {after:?}");
        }
    }
}
