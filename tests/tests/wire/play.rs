//! Plays scripts to running programs, several at a time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

use tests::Transport;

use crate::link::Link;
use crate::pattern::{self, Node};
use crate::profile::Profile;
use crate::script::{Script, Step, Verb};

/// Threads that wait for brokers most of their time.
const THREADS: usize = 16;
/// After so many failures the rest is not tried: each may wait to its deadline.
const ENOUGH: usize = 40;

/// Plays all over both transports, and says what went wrong.
pub(crate) fn all(scripts: &[Script], profiles: &BTreeMap<String, Profile>) -> Vec<String> {
    let runs: Vec<_> = scripts
        .iter()
        .flat_map(|script| [Transport::Tcp, Transport::WebSocket].map(|transport| (script, transport)))
        .filter(|(script, transport)| script.only.is_none_or(|only| only == *transport))
        .collect();
    let bystander = |profile: &Profile| Some(Mutex::new(Bystander::new(profile, profile.bystander?)));
    let bystanders: BTreeMap<_, _> =
        profiles.iter().map(|(name, profile)| (name, bystander(profile))).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(script, transport)) = runs.get(n) else { break };
                    let Some(profile) = profiles.get(&script.profile) else { break };
                    let bystander = bystanders.get(&script.profile).and_then(Option::as_ref);
                    let played = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                        Play::new(script, transport, profile, n).run(bystander)
                    }));
                    let failure = match played {
                        Ok(Ok(())) => continue,
                        Ok(Err(failure)) => failure,
                        Err(_) => format!("{} over {transport:?} panicked", script.name),
                    };
                    let mut failures = failures.lock().expect("no one panics with it");
                    failures.push(failure);
                    if failures.len() >= ENOUGH {
                        break;
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no one panics with it")
}

struct Play<'a> {
    script: &'a Script,
    transport: Transport,
    profile: &'a Profile,
    /// What `{n}` stands for: four characters that no other run has.
    mark: String,
    links: BTreeMap<char, Link>,
    code: Option<u16>,
    /// The broker has ended a connection.
    was_closed: bool,
}

impl<'a> Play<'a> {
    fn new(script: &'a Script, transport: Transport, profile: &'a Profile, n: usize) -> Self {
        let mark = format!("{:04x}", 0xa000 + n);
        Self { script, transport, profile, mark, links: BTreeMap::new(), code: None, was_closed: false }
    }

    fn run(mut self, bystander: Option<&Mutex<Bystander>>) -> Result<(), String> {
        for step in &self.script.steps {
            self.step(step).map_err(|came| {
                format!(
                    "{}:{}: {}\n  over {:?}, line {}: {} {:?} {}\n  {came}",
                    self.script.file,
                    self.script.line,
                    self.script.name,
                    self.transport,
                    step.line,
                    step.connection,
                    step.verb,
                    step.text
                )
            })?;
        }
        let failed = |what: &str, came| {
            let Script { file, line, name, .. } = self.script;
            Err(format!("{file}:{line}: {name}\n  over {:?}, {what}\n  {came}", self.transport))
        };
        for (name, link) in self.links.iter_mut().filter(|(_, link)| link.is_accepted) {
            if let Err(came) = link.silence() {
                return failed(&format!("at the end connection {name} is silent"), came);
            }
        }
        if self.was_closed
            && let Some(bystander) = bystander
            && let Err(came) = bystander.lock().expect("no one panics with it").go_on()
        {
            return failed("a bystander does not notice", came);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let nodes = pattern::parse(&step.text.replace("{n}", &self.mark))?;
        let pieces = || pattern::encode(&nodes);
        let (transport, profile) = (self.transport, self.profile);
        let is_5 = self.script.version == "5.0";
        let hello = connect(&self.script.version, &format!("{}{}", self.mark, step.connection));
        let link = self.links.entry(step.connection).or_insert_with(|| Link::open(transport, profile));
        match step.verb {
            Verb::Connect => {
                link.send(&[hello]);
                link.expect(&connack(is_5, 0), true)?;
            }
            Verb::Send => link.send(&pieces()?),
            Verb::Raw => drop(link.wire.send_raw(&pieces()?.concat())),
            Verb::Frame => {
                let bytes = pieces()?.concat();
                let (first, payload) = bytes.split_first().ok_or("a frame has a first byte")?;
                link.wire.send_raw(&tests::mask(*first, payload));
            }
            Verb::Expect => link.expect(&nodes, true)?,
            Verb::Exactly => link.expect(&nodes, false)?,
            Verb::Accepted => link.expect(&connack(is_5, 0), true)?,
            Verb::Resumed => link.expect(&connack(is_5, 1), true)?,
            Verb::Silence => link.silence()?,
            Verb::Close => {
                if !nodes.is_empty() {
                    link.expect(&nodes, true)?;
                }
                link.expect_end()?;
                self.code = link.code;
                self.was_closed = true;
                self.links.remove(&step.connection);
            }
            Verb::Code => {
                let wanted = u16::from_str_radix(&step.text, 16).map_err(|e| e.to_string())?;
                if self.transport == Transport::WebSocket && self.code != Some(wanted) {
                    return Err(format!("came     {:x?}", self.code));
                }
                self.links.remove(&step.connection);
            }
            Verb::Cut => {
                link.wire.cut();
                self.links.remove(&step.connection);
            }
        }
        Ok(())
    }
}

/// A client that must not notice anything. One for each program, so that a script may count on no other.
struct Bystander(Link);

impl Bystander {
    fn new(profile: &Profile, version: &str) -> Self {
        let mut link = Link::open(Transport::Tcp, profile);
        link.send(&[connect(version, "bystander")]);
        link.expect(&connack(version == "5.0", 0), true).expect("a bystander is let in");
        Self(link)
    }

    fn go_on(&mut self) -> Result<(), String> {
        self.0.silence()
    }
}

/// A CONNECT with a clean start and nothing else.
fn connect(version: &str, client_id: &str) -> Vec<u8> {
    let head = match version {
        "3.1" => "'MQIsdp' 03 02 0000",
        "3.1.1" => "'MQTT' 04 02 0000",
        _ => "'MQTT' 05 02 0000 []",
    };
    let nodes = pattern::parse(&format!("10 [ {head} '{client_id}' ]"));
    nodes.and_then(|nodes| pattern::encode(&nodes)).expect("a good line").concat()
}

/// A CONNACK that lets a client in, whatever it grants.
fn connack(is_5: bool, session_present: u8) -> Vec<Node> {
    if is_5 {
        vec![
            Node::Bytes(vec![0x20]),
            Node::Group(vec![Node::Bytes(vec![session_present, 0]), Node::Group(vec![Node::Rest])]),
        ]
    } else {
        vec![Node::Bytes(vec![0x20, 2, session_present, 0])]
    }
}
