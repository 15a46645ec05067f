//! Tells people who do not see the tiles what became of what they asked for. Pure; knows no page.

use std::rc::Rc;
use std::time::Duration;

use mqtt::Instant;

use crate::panel::look::{Clock, look};
use crate::panel::state::State;
use crate::panel::tile::{CommandId, Phase};
use crate::text;
use crate::tongue::fill;

/// Nothing is said sooner than this after what was said before: it is summed up.
const PAUSE: Duration = Duration::from_secs(3);

/// Follows wishes to their end.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    watched: Vec<(Rc<str>, Rc<str>, CommandId)>,
    said: Rc<str>,
    /// How many ends are not said yet, and the last of them.
    unsaid: usize,
    last: String,
    quiet_until: Option<Instant>,
    felt: Option<bool>,
}

impl Announcer {
    pub(crate) fn watch(&mut self, device: &str, key: &str, command: CommandId) {
        self.watched.push((device.into(), key.into(), command));
    }

    /// Whether a wish came to a good end since this was asked last; none when no wish came to an end.
    pub(crate) fn take_felt(&mut self) -> Option<bool> {
        self.felt.take()
    }

    /// The last sentence worth saying, after a look at what has come to its end.
    pub(crate) fn say(&mut self, now: Instant, panel: &State, clock: Clock) -> Rc<str> {
        self.watched.retain(|(name, key, command)| {
            let Some(device) = panel.device(name) else { return false };
            let Some(tile) = device.tile(key) else { return false };
            let waits = matches!(tile.phase, Phase::Pending { command: mine, .. } if mine == *command);
            if !waits {
                let look = look(tile, device.presence, clock);
                self.felt = Some(look.state == "confirmed" && !look.otherwise);
                self.last = text::join([&*tile.spec.label, &look.note].into_iter(), ": ");
                self.unsaid += 1;
            }
            waits
        });
        if self.unsaid > 0 && self.quiet_until.is_none_or(|until| until <= now) {
            self.said = match self.unsaid {
                1 => self.last.as_str().into(),
                many => fill("{} answers. {}", &[&many.to_string(), &self.last]).into(),
            };
            (self.unsaid, self.quiet_until) = (0, Some(now + PAUSE));
        }
        Rc::clone(&self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Value;

    const DEVICE: &str = "wut-0a4711";

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    struct Page {
        panel: State,
        announcer: Announcer,
    }

    impl Page {
        fn hear(&mut self, n: u32, payload: &str) {
            self.panel.hear(at(0), &format!("{DEVICE}/get/output/{n}"), payload.as_bytes(), false);
        }

        fn tap(&mut self, n: u32) {
            let key = format!("output/{n}");
            let command = self.panel.wish(at(0), DEVICE, &key, Value::Switch(true)).unwrap();
            self.announcer.watch(DEVICE, &key, command.id);
        }

        fn said(&mut self, ms: u64) -> Rc<str> {
            self.announcer.say(at(ms), &self.panel, Clock { now: at(0), minutes_east: 0 })
        }
    }

    #[test]
    fn ends_are_said_one_at_a_time_and_summed_up_when_there_are_more() {
        let mut page = Page { panel: State::default(), announcer: Announcer::default() };
        (0..9).for_each(|n| page.hear(n, "OFF"));
        assert_eq!(&*page.said(10_000), "", "nobody asked for it");
        (0..4).for_each(|n| page.tap(n));
        page.hear(8, "ON");
        assert_eq!(&*page.said(10_000), "", "what nobody touched is not said");
        page.hear(0, "ON");
        assert_eq!(&*page.said(10_000), "Output 0: On · just now");
        (1..4).for_each(|n| page.hear(n, "ON"));
        assert_eq!(&*page.said(12_999), "Output 0: On · just now", "not so soon after");
        let said = page.said(13_000);
        assert!(said.starts_with("3 answers. Output ") && said.ends_with(": On · just now"), "{said}");
        assert_eq!(page.said(60_000), said, "once");
    }
}
