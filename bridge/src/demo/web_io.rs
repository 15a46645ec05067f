//! A W&T Web-IO 4.0 Digital as a pure machine: 12 outputs, 12 inputs, 12 counters. It knows no MQTT client and no clock.
//!
//! Like every machine of this house: `handle`, then `poll` until it says `Wait`.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt::{Instant, Rng};

/// Outputs, inputs and counters the device has of each.
pub const POINTS: usize = 12;

/// One terminal of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A contact that is read.
    Input(usize),
    /// A contact that is switched.
    Output(usize),
    /// What an input has counted.
    Counter(usize),
}

/// What a point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `ON` or `OFF`.
    Contact(bool),
    /// Decimal digits.
    Count(u32),
}

/// What happens to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A message on one of its topics, without the device's name: `set/output/3`. Anything that is no command of this
    /// device is ignored, as the device does. Topic and payload are case-sensitive.
    Command {
        /// The topic behind the device's name.
        topic: &'a str,
        /// What it says.
        payload: &'a [u8],
    },
    /// Somebody wants to hear all values.
    ReportAll,
    /// The time that [`Output::Wait`] named has come.
    Tick,
}

/// What the device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Says a value.
    Report(Point, Value),
    /// Nothing before this moment.
    Wait(Instant),
}

/// The device.
#[derive(Clone, Debug)]
pub struct WebIo {
    inputs: [Contact; POINTS],
    outputs: [bool; POINTS],
    counters: [Counter; POINTS],
    /// Commands under way, in the order they take effect.
    commands: Vec<Command>,
    reports: VecDeque<(Point, Value)>,
    rng: Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Contact {
    on: bool,
    changes_at: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    count: u32,
    counts_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Command {
    at: Instant,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Switch { output: usize, to: Switch },
    SetCounter { counter: usize, to: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    On,
    Off,
    Toggle,
}

impl WebIo {
    /// A device that was just switched on: a few inputs closed, the outputs open.
    #[must_use]
    pub fn new(seed: u64, now: Instant) -> Self {
        let mut device = Self {
            inputs: [Contact::default(); POINTS],
            outputs: [false; POINTS],
            counters: [Counter::default(); POINTS],
            commands: Vec::new(),
            reports: VecDeque::new(),
            rng: Rng::new(seed),
        };
        for n in 0..POINTS {
            let changes_at = now + device.about(input_pace(n));
            let counts_at = now + device.about(counter_pace(n));
            device.inputs[n] = Contact { on: n % 3 == 0, changes_at };
            device.counters[n] = Counter { count: 0, counts_at };
        }
        device
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Command { topic, payload } => {
                if let Some(action) = parse(topic, payload) {
                    self.accept(now, action);
                }
            }
            Input::ReportAll => self.report_all(),
            Input::Tick => {}
        }
        self.advance(now);
    }

    /// The next thing it does.
    pub fn poll(&mut self) -> Output {
        match self.reports.pop_front() {
            Some((point, value)) => Output::Report(point, value),
            None => Output::Wait(self.next()),
        }
    }

    /// A relay takes its time: 50 to 300 ms. Commands to the same device never overtake each other.
    fn accept(&mut self, now: Instant, action: Action) {
        let delay = Duration::from_millis(50 + self.rng.up_to(250));
        let after_others = self.commands.last().map_or(now, |last| last.at);
        self.commands.push(Command { at: (now + delay).max(after_others), action });
    }

    fn advance(&mut self, now: Instant) {
        while let Some(command) = self.commands.first().copied().filter(|command| command.at <= now) {
            self.commands.remove(0);
            self.perform(command.action);
        }
        for n in 0..POINTS {
            if self.inputs[n].changes_at <= now {
                let on = !self.inputs[n].on;
                self.inputs[n] = Contact { on, changes_at: now + self.about(input_pace(n)) };
                self.reports.push_back((Point::Input(n), Value::Contact(on)));
            }
            if self.counters[n].counts_at <= now {
                let count = self.counters[n].count.wrapping_add(1);
                self.counters[n] = Counter { count, counts_at: now + self.about(counter_pace(n)) };
                self.reports.push_back((Point::Counter(n), Value::Count(count)));
            }
        }
    }

    /// Reports also what did not change: the report is the answer to the command.
    fn perform(&mut self, action: Action) {
        match action {
            Action::Switch { output, to } => {
                let on = match to {
                    Switch::On => true,
                    Switch::Off => false,
                    Switch::Toggle => !self.outputs[output],
                };
                self.outputs[output] = on;
                self.reports.push_back((Point::Output(output), Value::Contact(on)));
            }
            Action::SetCounter { counter, to } => {
                self.counters[counter].count = to;
                self.reports.push_back((Point::Counter(counter), Value::Count(to)));
            }
        }
    }

    fn report_all(&mut self) {
        self.reports.clear();
        for n in 0..POINTS {
            self.reports.push_back((Point::Input(n), Value::Contact(self.inputs[n].on)));
            self.reports.push_back((Point::Output(n), Value::Contact(self.outputs[n])));
            self.reports.push_back((Point::Counter(n), Value::Count(self.counters[n].count)));
        }
    }

    fn next(&self) -> Instant {
        let inputs = self.inputs.iter().map(|input| input.changes_at);
        let counters = self.counters.iter().map(|counter| counter.counts_at);
        let commands = self.commands.first().map(|command| command.at);
        inputs.chain(counters).chain(commands).min().unwrap_or(Instant::START)
    }

    /// Give or take a quarter, so that nothing beats in step.
    fn about(&mut self, pace: Duration) -> Duration {
        let quarter = pace / 4;
        pace - quarter
            + Duration::from_millis(self.rng.up_to(u64::try_from(quarter.as_millis()).unwrap_or(0) * 2))
    }
}

/// From 3 s for the first input to half a minute for the last.
const fn input_pace(n: usize) -> Duration {
    Duration::from_millis(3_000 + 2_500 * n as u64)
}

/// From 1.5 s for the first counter to a quarter of a minute for the last.
const fn counter_pace(n: usize) -> Duration {
    Duration::from_millis(1_500 + 1_250 * n as u64)
}

fn parse(topic: &str, payload: &[u8]) -> Option<Action> {
    let (kind, n) = topic.strip_prefix("set/")?.split_once('/')?;
    let n = n.parse().ok().filter(|&n: &usize| n < POINTS && topic.ends_with(&format!("/{n}")))?;
    match kind {
        "output" => {
            let to = match payload {
                b"ON" => Switch::On,
                b"OFF" => Switch::Off,
                b"TOGGLE" => Switch::Toggle,
                _ => return None,
            };
            Some(Action::Switch { output: n, to })
        }
        "counter" => {
            let digits =
                std::str::from_utf8(payload).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
            Some(Action::SetCounter { counter: n, to: digits.parse().ok()? })
        }
        _ => None,
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(n) => write!(f, "input/{n}"),
            Self::Output(n) => write!(f, "output/{n}"),
            Self::Counter(n) => write!(f, "counter/{n}"),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Contact(true) => f.write_str("ON"),
            Self::Contact(false) => f.write_str("OFF"),
            Self::Count(n) => n.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        device: WebIo,
        now: Instant,
    }

    impl Bench {
        fn new(seed: u64) -> Self {
            Self { device: WebIo::new(seed, Instant::START), now: Instant::START }
        }

        fn command(&mut self, topic: &str, payload: &str) {
            self.device.handle(self.now, Input::Command { topic, payload: payload.as_bytes() });
        }

        /// What the device says until then, each with its time.
        fn pass(&mut self, time: Duration) -> Vec<(Duration, String)> {
            let (start, end) = (self.now, self.now + time);
            let mut said = Vec::new();
            loop {
                match self.device.poll() {
                    Output::Report(point, value) => {
                        said.push((self.now.since(start), format!("{point} {value}")))
                    }
                    Output::Wait(at) if at > end => break,
                    Output::Wait(at) => {
                        self.now = at;
                        self.device.handle(at, Input::Tick);
                    }
                }
            }
            self.now = end;
            said
        }

        fn outputs_in(&mut self, ms: u64) -> Vec<(Duration, String)> {
            let mut said = self.pass(Duration::from_millis(ms));
            said.retain(|(_, words)| words.starts_with("output"));
            said
        }
    }

    #[test]
    fn an_output_is_confirmed_after_50_to_300_ms() {
        for seed in 0..100 {
            let mut bench = Bench::new(seed);
            bench.command("set/output/3", "ON");
            let said = bench.outputs_in(301);
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].1, "output/3 ON");
            assert!((50..=300).contains(&said[0].0.as_millis()), "{said:?}");
        }
    }

    #[test]
    fn toggle_turns_and_a_repeated_command_is_confirmed_again() {
        let mut bench = Bench::new(1);
        for (payload, answer) in [("TOGGLE", "ON"), ("ON", "ON"), ("TOGGLE", "OFF"), ("OFF", "OFF")] {
            bench.command("set/output/0", payload);
            assert_eq!(bench.outputs_in(301)[0].1, format!("output/0 {answer}"));
        }
    }

    #[test]
    fn commands_do_not_overtake_each_other() {
        for seed in 0..100 {
            let mut bench = Bench::new(seed);
            bench.command("set/output/5", "ON");
            bench.command("set/output/5", "OFF");
            let said: Vec<_> = bench.outputs_in(301).into_iter().map(|(_, words)| words).collect();
            assert_eq!(said, ["output/5 ON", "output/5 OFF"]);
        }
    }

    #[test]
    fn a_counter_is_set_by_digits_and_cleared_by_zero() {
        let mut bench = Bench::new(1);
        for digits in ["1432", "0"] {
            bench.command("set/counter/11", digits);
            let said = bench.pass(Duration::from_millis(301));
            assert!(said.iter().any(|(_, words)| *words == format!("counter/11 {digits}")), "{said:?}");
        }
    }

    #[test]
    fn what_is_no_command_of_the_device_is_ignored() {
        let mut bench = Bench::new(1);
        for (topic, payload) in [
            ("set/output/12", "ON"),
            ("set/output/3", "on"),
            ("set/output/3", "ON "),
            ("set/output/03", "ON"),
            ("set/output/+3", "ON"),
            ("set/output", "ON"),
            ("set/input/3", "ON"),
            ("set/output/3/x", "ON"),
            ("set/counter/1", "-1"),
            ("set/counter/1", "+1"),
            ("set/counter/1", ""),
            ("set/counter/1", "99999999999"),
            ("get/output/3", "ON"),
            ("SET/output/3", "ON"),
        ] {
            bench.command(topic, payload);
        }
        assert!(bench.device.commands.is_empty());
    }

    #[test]
    fn inputs_and_counters_move_by_themselves_at_different_calm_paces() {
        let mut bench = Bench::new(1);
        let said = bench.pass(Duration::from_secs(600));
        let moves =
            |point: String| said.iter().filter(|(_, words)| words.starts_with(&format!("{point} "))).count();
        assert!((150..270).contains(&moves("input/0".into())), "{}", moves("input/0".into()));
        assert!((14..28).contains(&moves("input/11".into())));
        assert!((300..540).contains(&moves("counter/0".into())));
        for n in 0..POINTS {
            assert!(moves(format!("input/{n}")) > 0 && moves(format!("counter/{n}")) > 0);
            assert_eq!(moves(format!("output/{n}")), 0);
        }
        assert!(said.len() < 600 * 4, "calm: {} reports in ten minutes", said.len());
    }

    #[test]
    fn all_values_are_said_when_asked() {
        let mut bench = Bench::new(1);
        bench.device.handle(bench.now, Input::ReportAll);
        let said = bench.pass(Duration::ZERO);
        assert_eq!(said.len(), 36);
        assert!(said.iter().any(|(_, words)| words == "output/11 OFF"));
    }
}
