//! The panel in virtual time.

use std::time::Duration;

use mqtt::Instant;

use super::state::{Command, Presence, State};
use super::tile::{Phase, Reading, Tile};
use crate::devices::Value;

mod conventions;

const ON: Value = Value::Switch(true);
const OFF: Value = Value::Switch(false);
const DEVICE: &str = "wut-0a4711";

/// A panel with a clock that is set by hand.
struct Panel {
    state: State,
    now: Instant,
}

impl Panel {
    fn new() -> Self {
        Self { state: State::default(), now: Instant::from_millis(1_000_000) }
    }

    fn with_output(payload: &str) -> Self {
        let mut panel = Self::new();
        panel.retained("get/output/3", payload);
        panel
    }

    fn wait(&mut self, ms: u64) -> bool {
        self.now = self.now + Duration::from_millis(ms);
        self.state.tick(self.now)
    }

    fn live(&mut self, rest: &str, payload: &str) {
        self.state.hear(self.now, &format!("{DEVICE}/{rest}"), payload.as_bytes(), false);
    }

    fn retained(&mut self, rest: &str, payload: &str) {
        self.state.hear(self.now, &format!("{DEVICE}/{rest}"), payload.as_bytes(), true);
    }

    fn tap(&mut self, kind: &str) -> Option<Command> {
        let wanted = self.tile(kind).next_wish()?;
        self.state.wish(self.now, DEVICE, &format!("{kind}/3"), wanted)
    }

    fn tile(&self, kind: &str) -> Tile {
        self.state.device(DEVICE).unwrap().tile(&format!("{kind}/3")).unwrap().clone()
    }

    fn output(&self) -> Tile {
        self.tile("output")
    }

    fn reading(&self) -> Reading {
        self.output().reading.unwrap()
    }
}

fn settled(otherwise: bool) -> Phase {
    Phase::Settled { otherwise }
}

#[test]
fn a_wish_is_not_a_value_until_the_device_says_so() {
    let mut panel = Panel::with_output("OFF");
    let command = panel.tap("output").unwrap();
    assert_eq!((command.topic.as_str(), command.payload.as_str()), ("wut-0a4711/set/output/3", "ON"));
    assert!(matches!(panel.output().phase, Phase::Pending { wanted: ON, .. }));
    assert_eq!(panel.reading().value, OFF);
    panel.wait(200);
    panel.live("get/output/3", "ON");
    assert_eq!(panel.output().phase, settled(false));
    assert_eq!((panel.reading().value, panel.reading().since), (ON, panel.now));
    assert_eq!(panel.state.deadline(), None);
}

#[test]
fn a_device_that_says_otherwise_is_believed_and_it_shows() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    panel.live("get/output/3", "OFF");
    assert_eq!(panel.output().phase, settled(true));
    assert_eq!(panel.reading().value, OFF);
    panel.live("get/output/3", "ON");
    assert_eq!(panel.output().phase, settled(false));
}

#[test]
fn the_brokers_memory_does_not_answer_a_wish() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    panel.retained("get/output/3", "OFF");
    assert!(matches!(panel.output().phase, Phase::Pending { .. }));
    panel.retained("get/output/3", "ON");
    assert_eq!(panel.output().phase, settled(false), "but it may know that the wish came true");
}

#[test]
fn silence_becomes_a_timeout_at_the_deadline_and_a_tap_tries_the_same_again() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    assert_eq!(panel.state.deadline(), Some(panel.now + Duration::from_secs(5)));
    assert!(!panel.wait(4_999));
    assert!(panel.wait(1));
    assert_eq!(panel.output().phase, Phase::TimedOut { wanted: ON });
    assert_eq!(panel.reading().value, OFF);
    assert_eq!(panel.tap("output").unwrap().payload, "ON");
    assert!(matches!(panel.output().phase, Phase::Pending { .. }));
}

#[test]
fn a_late_answer_after_the_timeout_is_still_the_truth() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    panel.wait(6_000);
    panel.live("get/output/3", "ON");
    assert_eq!((panel.output().phase, panel.reading().value), (settled(false), ON));
}

#[test]
fn a_refusal_says_why_and_only_ends_its_own_wish() {
    let mut panel = Panel::with_output("OFF");
    let first = panel.tap("output").unwrap();
    assert!(panel.state.refuse(first.id, "Not allowed for you"));
    assert_eq!(panel.output().phase, Phase::Refused { reason: "Not allowed for you".into() });
    let second = panel.tap("output").unwrap();
    assert!(!panel.state.refuse(first.id, "late"), "the first wish is over");
    assert!(matches!(panel.output().phase, Phase::Pending { command, .. } if command == second.id));
}

#[test]
fn a_second_tap_while_pending_asks_for_nothing() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    assert_eq!(panel.tap("output"), None);
    assert_eq!(panel.state.wish(panel.now, DEVICE, "output/3", ON), None);
}

#[test]
fn inputs_and_strangers_cannot_be_asked() {
    let mut panel = Panel::new();
    panel.live("get/input/3", "ON");
    assert_eq!(panel.tap("input"), None);
    let key = "output/9";
    assert_eq!(panel.state.wish(panel.now, DEVICE, key, ON), None);
    assert_eq!(panel.state.wish(panel.now, "nobody", key, ON), None);
}

#[test]
fn a_device_that_goes_offline_keeps_its_values_and_its_time() {
    let mut panel = Panel::with_output("ON");
    panel.retained("status", "online");
    panel.tap("output").unwrap();
    panel.wait(100);
    panel.live("status", "offline");
    let offline = Presence::Offline { since: panel.now, longer: false };
    assert_eq!(panel.state.device(DEVICE).unwrap().presence, offline);
    assert!(matches!(panel.output().phase, Phase::Refused { .. }), "nothing waits for a device that is gone");
    assert_eq!(panel.tap("output"), None);
    panel.wait(100);
    panel.live("status", "offline");
    assert_eq!(panel.state.device(DEVICE).unwrap().presence, offline, "still since the first word of it");
}

#[test]
fn a_device_that_returns_is_doubted_until_it_speaks() {
    let mut panel = Panel::with_output("ON");
    panel.live("status", "offline");
    panel.wait(1_000);
    panel.live("status", "online");
    assert!(panel.output().is_stale());
    panel.live("get/output/3", "ON");
    assert!(!panel.output().is_stale());
    assert!(panel.reading().longer, "it may have been off in between");
}

#[test]
fn offline_from_the_brokers_memory_was_so_for_longer() {
    let mut panel = Panel::with_output("ON");
    panel.retained("status", "offline");
    let presence = panel.state.device(DEVICE).unwrap().presence;
    assert_eq!(presence, Presence::Offline { since: panel.now, longer: true });
}

#[test]
fn after_a_lost_link_values_are_stale_until_each_is_heard_again() {
    let mut panel = Panel::with_output("ON");
    panel.retained("get/input/3", "OFF");
    panel.state.lose();
    assert!(panel.output().is_stale() && panel.tile("input").is_stale());
    panel.wait(3_000);
    panel.retained("get/output/3", "ON");
    assert!(!panel.output().is_stale());
    assert!(panel.tile("input").is_stale(), "not heard yet");
    assert_eq!(panel.reading().heard, panel.now);
}

#[test]
fn a_wish_outlives_a_lost_link_up_to_its_deadline() {
    let mut panel = Panel::with_output("OFF");
    panel.tap("output").unwrap();
    panel.state.lose();
    assert!(matches!(panel.output().phase, Phase::Pending { .. }));
    panel.wait(5_000);
    assert_eq!(panel.output().phase, Phase::TimedOut { wanted: ON });
}

#[test]
fn a_change_is_dated_when_it_was_heard_live_and_open_when_it_was_not() {
    let mut panel = Panel::with_output("OFF");
    assert!(panel.reading().longer);
    panel.wait(60_000);
    panel.live("get/output/3", "ON");
    let changed = panel.now;
    panel.wait(60_000);
    panel.live("get/output/3", "ON");
    let reading = panel.reading();
    assert_eq!((reading.since, reading.heard, reading.longer), (changed, panel.now, false));
}

#[test]
fn a_payload_without_meaning_makes_the_value_unknown() {
    let mut panel = Panel::with_output("ON");
    panel.live("get/output/3", "");
    assert_eq!(panel.output().reading, None);
    assert_eq!(panel.output().next_wish(), Some(ON));
}

#[test]
fn a_counter_that_counts_on_does_not_answer_its_reset() {
    let mut panel = Panel::new();
    panel.live("get/counter/3", "1432");
    assert_eq!(panel.tap("counter").unwrap().payload, "0");
    panel.live("get/counter/3", "1433");
    assert!(matches!(panel.tile("counter").phase, Phase::Pending { .. }));
    panel.live("get/counter/3", "1");
    assert_eq!(panel.tile("counter").phase, settled(false), "set back, and counted one since");
}

#[test]
fn a_stranger_needs_two_signals_to_be_shown() {
    let mut panel = Panel::new();
    for (topic, payload, shown) in [
        ("shop/status", "online", 0),
        ("chat/get/output/1", "hello", 0),
        ("shop/get/output/1", "ON", 1),
        ("mill/get/output/1", "ON", 1),
        ("mill/get/output/1", "OFF", 1),
        ("mill/get/input/1", "ON", 2),
        ("wut-0a4711/get/output/0", "ON", 3),
    ] {
        panel.state.hear(panel.now, topic, payload.as_bytes(), false);
        assert_eq!(panel.state.shown().count(), shown, "after {topic} {payload}");
    }
}

#[test]
fn tiles_stand_in_the_order_of_the_page() {
    let mut panel = Panel::new();
    for key in ["counter/0", "output/10", "input/1", "output/2"] {
        panel.live(&format!("get/{key}"), if key.starts_with('c') { "7" } else { "ON" });
    }
    let order: Vec<String> =
        panel.state.device(DEVICE).unwrap().tiles.iter().map(|tile| tile.spec.key.to_string()).collect();
    assert_eq!(order, ["output/2", "output/10", "input/1", "counter/0"]);
}

#[test]
fn only_a_device_that_changed_is_copied() {
    let mut panel = Panel::with_output("ON");
    panel.state.hear(panel.now, "wut-000001/get/output/0", b"ON", false);
    let before: Vec<_> = panel.state.shown().cloned().collect();
    panel.live("get/output/3", "OFF");
    let after: Vec<_> = panel.state.shown().cloned().collect();
    assert!(std::rc::Rc::ptr_eq(&before[0], &after[0]));
    assert!(!std::rc::Rc::ptr_eq(&before[1], &after[1]));
}

mod recalled {
    //! What was heard in an earlier visit.

    use super::*;
    use crate::devices::others;

    const EARLIER: Instant = Instant::from_millis(500_000);

    fn panel() -> Panel {
        let mut panel = Panel::new();
        panel.state.recall(
            panel.now,
            &[(EARLIER, "wut-0a4711/get/input/3", "OFF"), (EARLIER, "wut-0a4711/get/output/3", "ON")],
        );
        panel
    }

    #[test]
    fn it_is_shown_as_what_was_and_gives_way_to_what_is() {
        let mut panel = panel();
        let reading = panel.reading();
        assert_eq!((&reading.value, reading.heard, reading.stale), (&ON, EARLIER, true));
        panel.retained("get/output/3", "OFF");
        assert_eq!((panel.reading().value, panel.reading().stale), (OFF, false));
        assert!(panel.tile("input").is_stale(), "the other was not heard again");
    }

    #[test]
    fn it_never_takes_the_place_of_what_is_heard_now() {
        let mut panel = Panel::with_output("OFF");
        panel.state.recall(panel.now, &[(EARLIER, "wut-0a4711/get/output/3", "ON")]);
        assert_eq!((panel.reading().value, panel.reading().stale), (OFF, false));
    }

    #[test]
    fn a_convention_that_comes_later_hears_it_as_what_was_too() {
        let mut state = State::new("me", 1);
        let config = r#"{"ip":"1.2.3.4","dn":"Plug","fn":["Plug"],"hn":"plug","mac":"AABBCCDDEEFF","md":"Plug","ty":0,"if":0,
            "ofln":"Offline","onln":"Online","state":["OFF","ON","TOGGLE","HOLD"],"sw":"12","t":"plug","ft":"%prefix%/%topic%/",
            "tp":["cmnd","stat","tele"],"rl":[1,0,0,0,0,0,0,0],"swc":[-1],"btn":[0],"so":{"4":0},"lk":0,"lt_st":0,"ver":1}"#;
        let now = Instant::from_millis(1_000_000);
        state.recall(
            now,
            &[(EARLIER, "stat/plug/POWER", "ON"), (EARLIER, "tasmota/discovery/AABBCCDDEEFF/config", config)],
        );
        assert!(state.needs_others() && state.shown().next().is_none());
        state.meet(now, others("me"));
        let device = state.shown().next().expect("a plug");
        let tile = device.tiles.iter().find(|tile| tile.value() == Some(&ON)).expect("its switch");
        assert!(tile.is_stale());
    }
}

#[test]
fn what_another_page_asks_is_shown_and_is_no_value() {
    let mut panel = Panel::with_output("OFF");
    let hear = |panel: &mut Panel, said: &str| panel.state.hear_page(panel.now, said);
    let until = |panel: &Panel| panel.output().elsewhere.map(|until| until.since(panel.now).as_secs());
    hear(&mut panel, "3 wut-0a4711/output/3");
    assert_eq!((until(&panel), panel.reading().value, panel.output().wanted()), (Some(3), OFF, None));
    assert_eq!(panel.state.deadline(), Some(panel.now + Duration::from_secs(3)));
    assert!(panel.output().may_ask(), "nobody's switch is taken away");
    panel.retained("get/output/3", "OFF");
    assert!(until(&panel).is_some(), "the broker's memory is no answer");
    panel.live("get/output/3", "OFF");
    assert_eq!((until(&panel), panel.output().phase), (None, settled(false)), "the device's word is");
    hear(&mut panel, "3 wut-0a4711/output/3");
    hear(&mut panel, "0 wut-0a4711/output/3");
    assert_eq!(until(&panel), None, "or that it waits no longer");
    hear(&mut panel, "999 wut-0a4711/output/3");
    assert_eq!(until(&panel), Some(5), "and no longer than a page waits");
    panel.wait(4_999);
    assert!(until(&panel).is_some());
    panel.wait(1);
    assert_eq!((until(&panel), panel.state.deadline()), (None, None));
    for odd in ["", "5", "x wut-0a4711/output/3", "-1 wut-0a4711/output/3", "5 wut-0a4711/output/99", "5 x"] {
        hear(&mut panel, odd);
        assert_eq!(until(&panel), None, "{odd}");
    }
}
