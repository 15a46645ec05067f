//! Alarms in virtual time.

use super::*;
use crate::panel::layout::{Document, Edit};

const DEVICE: &str = "wut-0a4711";

struct Watch {
    now: Instant,
    panel: State,
    alarms: Alarms,
    layout: Layout,
}

impl Watch {
    fn new(alarm: Alarm) -> Self {
        let mut layout = Layout::default();
        let place = Place {
            of: Of::Device(DEVICE.to_owned()),
            key: "counter/0".to_owned(),
            alarm,
            ..Place::default()
        };
        assert!(layout.apply(Edit::AddPage("Hall".to_owned())) && layout.apply(Edit::Add(0, place)));
        Self {
            now: Instant::from_millis(1_000_000),
            panel: State::default(),
            alarms: Alarms::default(),
            layout,
        }
    }

    fn hear(&mut self, rest: &str, payload: &str) {
        self.panel.hear(self.now, &format!("{DEVICE}/{rest}"), payload.as_bytes(), false);
    }

    /// So many seconds later.
    fn after(&mut self, s: u64) -> Option<String> {
        self.now = self.now + Duration::from_secs(s);
        self.alarms.watch(self.now, &self.layout, &self.panel)
    }

    fn count(&mut self, n: &str) -> usize {
        self.hear("get/counter/0", n);
        self.after(0);
        self.alarms.on().len()
    }
}

fn above(n: i64, margin: i64) -> Alarm {
    Alarm { above: Some(Num::whole(n)), margin: Num::whole(margin), ..Alarm::default() }
}

#[test]
fn a_limit_raises_it_and_the_margin_keeps_it_from_flapping() {
    let mut watch = Watch::new(above(30, 5));
    assert_eq!((watch.after(0), watch.count("30")), (None, 0), "nothing was heard, and 30 is not above 30");
    assert_eq!(watch.count("31"), 1);
    assert!(watch.alarms.is_on(DEVICE, "counter/0") && watch.alarms.past().is_empty());
    for (n, on) in [("30", 1), ("26", 1), ("25", 0), ("30", 0), ("31", 1)] {
        assert_eq!(watch.count(n), on, "{n}");
    }
    let mut watch =
        Watch::new(Alarm { below: Some(Num::whole(5)), margin: Num::whole(2), ..Alarm::default() });
    for (n, on) in [("5", 0), ("4", 1), ("6", 1), ("7", 0)] {
        assert_eq!(watch.count(n), on, "{n}");
    }
}

#[test]
fn it_ends_by_itself_and_its_times_are_kept_until_a_person_closes_it() {
    let mut watch = Watch::new(above(30, 0));
    watch.count("31");
    let began = watch.now;
    watch.now = watch.now + Duration::from_secs(600);
    assert_eq!(watch.count("3"), 0);
    let (old, ended) = watch.alarms.past()[0].clone();
    assert_eq!((old.since, ended, watch.alarms.on().len()), (began, watch.now, 0));
    assert_eq!(old.past_words("14:02", "14:12"), "wut-0a4711: Counter 0 was above 30 from 14:02 to 14:12");
    watch.alarms.close();
    assert!(watch.alarms.past().is_empty());
    watch.count("31");
    watch.alarms.close();
    assert!(
        watch.alarms.on().is_empty() && watch.alarms.is_on(DEVICE, "counter/0"),
        "the tile keeps its mark"
    );
    for n in 0..20 {
        watch.count(if n % 2 == 0 { "3" } else { "31" });
    }
    assert_eq!(watch.alarms.past().len(), MAX_PAST);
}

#[test]
fn it_is_said_once_and_many_at_once_are_summed_up() {
    let mut watch = Watch::new(Alarm { silent: true, ..above(30, 0) });
    watch.hear("status", "online");
    watch.hear("get/counter/0", "31");
    assert_eq!(watch.after(0).as_deref(), Some("wut-0a4711: Counter 0 is above 30"));
    assert_eq!(watch.after(1), None, "once");
    for n in ["3", "31", "3", "31"] {
        watch.count(n);
    }
    watch.hear("status", "offline");
    assert_eq!(watch.after(1), None, "not so soon after");
    let said = watch.after(3).expect("five seconds after");
    assert!(said.starts_with("3 alarms: ") && said.contains("wut-0a4711 is offline"), "{said}");
    assert_eq!((watch.after(60), watch.alarms.said()), (None, said.as_str()));
}

#[test]
fn what_nobody_knows_neither_raises_nor_ends_it() {
    let mut watch = Watch::new(Alarm { silent: true, ..above(30, 0) });
    watch.hear("status", "online");
    watch.count("31");
    watch.panel.lose();
    watch.after(1);
    assert!(watch.alarms.is_on(DEVICE, "counter/0"));
    assert_eq!(watch.count("3"), 0);
    watch.hear("status", "offline");
    watch.after(1);
    assert_eq!(watch.alarms.on()[0].cause, Cause::Silent);
    watch.hear("status", "online");
    watch.after(1);
    assert!(watch.alarms.on().is_empty());
    let mut stale = Watch::new(above(30, 0));
    stale.hear("get/counter/0", "31");
    stale.panel.lose();
    stale.after(0);
    assert!(stale.alarms.on().is_empty(), "a value of before");
}

#[test]
fn an_alarm_that_is_wanted_no_more_goes_without_a_word() {
    let mut watch = Watch::new(above(30, 0));
    watch.count("31");
    watch.layout.apply(Edit::Alarm(0, 0, Alarm::default()));
    watch.after(1);
    assert!(watch.alarms.on().is_empty() && watch.alarms.past().is_empty());
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, n) in
        [("30", "30"), ("21,5", "21.5"), (" 21.5 ", "21.5"), ("\u{2212}3", "-3"), ("1 200", "1200")]
    {
        assert_eq!(read_number(text).map(|n| n.to_string()).as_deref(), Some(n), "{text}");
    }
    assert_eq!((read_number(""), read_number("warm"), read_number("1.200,5")), (None, None, None));
}

#[test]
fn a_layout_carries_them_and_older_ones_are_read() {
    let alarm = Alarm { below: Num::read("-2.5"), silent: true, ..above(30, 1) };
    let document =
        Document { version: 1, id: 2, parent: 3, author: "A".to_owned(), layout: Watch::new(alarm).layout };
    let text = document.write();
    let alarms = "\"alarm\":{\"above\":30,\"below\":-2.5,\"margin\":1,\"offline\":true}";
    assert!(text.contains(alarms), "{text}");
    assert_eq!(Document::read(text.as_bytes()), Ok(document));
    let older = Document::read(text.replace(&format!(",{alarms}"), "").as_bytes()).unwrap();
    assert_eq!(older.layout, Watch::new(Alarm::default()).layout);
    let odd = Document::read(text.replace(alarms, "\"alarm\":{\"above\":\"warm\"}").as_bytes()).unwrap();
    assert_eq!(odd.layout, older.layout, "what is no limit is none");
}
