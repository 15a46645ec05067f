//! A button that is held before it does anything, so that nothing happens by a touch in passing. Pure; the time comes in.
//!
//! ```text
//!   Rest ── down ──▶ Held ── a second ──▶ done, Rest
//!    ▲                │ up: a finger ──▶ Rest      a key ──▶ Asks ── again within four seconds ──▶ done, Rest
//!    └──────────────────────────────────────────────────────── and after that time ◀─┘
//! ```

use std::time::Duration;

use mqtt::Instant;

/// How long it is held.
pub const HOLD: Duration = Duration::from_millis(1_000);
/// How long it waits for the second press.
pub const AGAIN: Duration = Duration::from_secs(4);

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// Nothing happens.
    #[default]
    Rest,
    /// It is held, since then.
    Held(Instant),
    /// Pressed once by the keyboard or by a tool; until then it waits for the second press.
    Asks(Instant),
}

impl Hold {
    /// A finger, a mouse or a key goes down. Says whether it is to be done now.
    pub fn down(&mut self, now: Instant) -> bool {
        self.tick(now);
        match *self {
            Self::Asks(_) => {
                *self = Self::Rest;
                true
            }
            // A key that stays down says so again and again.
            Self::Held(_) => false,
            Self::Rest => {
                *self = Self::Held(now);
                false
            }
        }
    }

    /// Time goes by. Says whether it is to be done now.
    pub fn tick(&mut self, now: Instant) -> bool {
        match *self {
            Self::Held(since) if now.since(since) >= HOLD => {
                *self = Self::Rest;
                true
            }
            Self::Asks(until) if until <= now => {
                *self = Self::Rest;
                false
            }
            _ => false,
        }
    }

    /// The finger or the mouse goes up, or away: too early, or it was done already.
    pub fn leave(&mut self) {
        if matches!(self, Self::Held(_)) {
            *self = Self::Rest;
        }
    }

    /// A key goes up, or a tool that knows no holding pressed: a second press is waited for. Says whether it is to be done now.
    pub fn press(&mut self, now: Instant) -> bool {
        self.tick(now);
        match *self {
            Self::Held(_) | Self::Rest => {
                *self = Self::Asks(now + AGAIN);
                false
            }
            Self::Asks(_) => {
                *self = Self::Rest;
                true
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Rest => None,
            Self::Held(since) => Some(since + HOLD),
            Self::Asks(until) => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use mqtt::Rng;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn it_is_done_when_it_was_held_to_the_end() {
        let mut hold = Hold::default();
        assert!(!hold.down(at(0)) && !hold.tick(at(999)));
        assert_eq!(hold.deadline(), Some(at(1_000)));
        assert!(hold.tick(at(1_000)) && !hold.tick(at(1_001)), "once");
        hold.leave();
        assert_eq!(hold, Hold::Rest);
    }

    #[test]
    fn letting_go_before_the_end_does_nothing() {
        let mut hold = Hold::default();
        assert!(!hold.down(at(0)));
        hold.leave();
        assert!(!hold.tick(at(5_000)) && !hold.down(at(5_000)), "the next one begins anew");
    }

    #[test]
    fn a_key_is_held_or_pressed_twice() {
        let mut hold = Hold::default();
        assert!(
            !hold.down(at(0)) && !hold.down(at(500)) && hold.tick(at(1_000)),
            "it repeats while it is down"
        );
        assert!(!hold.down(at(2_000)) && !hold.press(at(2_100)) && hold.down(at(6_000)), "again");
        assert!(!hold.down(at(7_000)) && !hold.press(at(7_100)));
        assert!(!hold.tick(at(11_100)) && hold == Hold::Rest && !hold.down(at(11_200)), "too late");
        hold.leave();
        assert!(!hold.press(at(20_000)) && hold.press(at(20_900)), "a tool that only presses");
    }

    #[test]
    fn nothing_is_done_by_a_single_short_touch_whatever_comes() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let (mut hold, mut now) = (Hold::default(), 0);
            let (mut held_since, mut presses) = (None, Vec::new());
            for _ in 0..300 {
                now += rng.up_to(700);
                let done = match rng.up_to(3) {
                    0 => {
                        let done = hold.down(at(now));
                        if !done && held_since.is_none() {
                            held_since = Some(now);
                        }
                        done
                    }
                    1 => {
                        hold.leave();
                        held_since = None;
                        false
                    }
                    2 => {
                        let done = hold.press(at(now));
                        held_since = None;
                        presses.push(now);
                        done
                    }
                    _ => hold.tick(at(now)),
                };
                if done {
                    let long = held_since.is_some_and(|since| now - since >= 1_000);
                    let twice = presses.iter().any(|press| now - press <= 4_000);
                    assert!(long || twice, "seed {seed} at {now}");
                    held_since = None;
                }
            }
        }
    }
}
