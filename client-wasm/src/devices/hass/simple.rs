//! Components that are one point.

use std::rc::Rc;

use crate::devices::codec::Codec;
use crate::devices::spec::{Kind, Range};
use crate::devices::value::Num;

use super::entity::{COMMAND, Entity, STATE};

impl Entity<'_> {
    pub(super) fn simple(&mut self, component: &str) {
        match component {
            "switch" | "siren" => {
                self.main(Kind::Switch);
                self.switch();
            }
            "binary_sensor" => {
                self.main(Kind::Indicator);
                self.told(STATE, self.words(("pl_on", "ON"), ("pl_off", "OFF")));
            }
            "lock" => {
                self.main(Kind::Lock);
                self.told(STATE, self.words(("stat_locked", "LOCKED"), ("stat_unlocked", "UNLOCKED")));
                self.asked(COMMAND, self.words(("pl_lock", "LOCK"), ("pl_unlk", "UNLOCK")));
            }
            "button" => {
                self.main(Kind::Button).held = self.config.text("dev_cla") == Some("restart");
                self.asked(COMMAND, Codec::switch(self.word("pl_prs", "PRESS"), ""));
            }
            "scene" => {
                self.main(Kind::Button);
                self.asked(COMMAND, Codec::switch(self.word("pl_on", "ON"), ""));
            }
            "number" => self.amount(),
            "select" => {
                let options = self.options("ops");
                self.main(Kind::Select(Rc::clone(&options)));
                self.both("", Codec::one_of(&options));
            }
            "text" => {
                self.main(Kind::Text);
                self.both("", Codec::Text);
            }
            // Those that are not known here still tell their state.
            _ if self.has(STATE) => {
                self.main(Kind::Reading);
                self.told(STATE, Codec::Text);
            }
            _ => self.is_obscure(),
        }
    }

    /// The last point is on or off.
    pub(super) fn switch(&mut self) {
        let (on, off) = (self.word("pl_on", "ON"), self.word("pl_off", "OFF"));
        let state = |name, other| self.config.text(name).unwrap_or(other);
        self.told(STATE, Codec::switch(state("stat_on", on), state("stat_off", off)));
        self.asked(COMMAND, Codec::switch(on, off));
    }

    fn amount(&mut self) {
        let step = self.number("step", Num(0));
        let range = Range {
            min: self.number("min", Num::whole(1)),
            max: self.number("max", Num::whole(100)),
            step: if step.0 > 0 { step } else { Num::whole(1) },
        };
        let steps = (range.max.0 - range.min.0) / range.step.0;
        let boxed = self.config.text("mode") == Some("box") || !(4..=1_000).contains(&steps);
        self.main(if boxed { Kind::Stepper(range) } else { Kind::Slider(range) });
        self.both("", Codec::number());
    }
}
