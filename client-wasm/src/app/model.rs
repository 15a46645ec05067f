//! All that the page knows, and what it does about each event of the link. Draws nothing.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use mqtt::client::{Connected, Ended, Event, Offline, Outcome, PublishId, Received, RequestId};
use mqtt::packet::SubscriptionOptions;
use mqtt::{Instant, Message, Qos, ReasonCode, TopicFilter};

use crate::connection::address::Address;
use crate::connection::reason::{Place, Probe};
use crate::connection::trouble::{self, Trouble};
use crate::connection::{Link, now, unix_now};
use crate::devices::{Others, Value};
use crate::explorer;
use crate::panel::memory::Memory;
use crate::panel::state::{Command, State as Panel};
use crate::panel::tile::CommandId;

use crate::tongue::{fill, say};

use super::announce::Announcer;
use super::asked::{self, Asked};
use super::desk::Slot;
use super::parts::{DrawPages, Extras, Pages, Part, Screens};
use super::recall::{FILTERS, Recalled};

/// How long a page has been connected before it fetches what only adds to its tiles.
const REST: Duration = Duration::from_secs(3);

/// Subscription identifiers tell whose message it is.
const FOR_PANEL: u32 = 1;
const FOR_EXPLORER: u32 = 2;

/// How the link is, as `data-link` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkState {
    #[default]
    Connecting,
    Online,
    Reconnecting,
    Refused,
    Offline,
}

/// The page's memory.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) address: Result<Address, String>,
    pub(crate) page_is_secure: bool,
    /// The server of the page is the broker's: it can be asked by HTTP.
    pub(crate) is_own_broker: bool,
    pub(crate) link_state: LinkState,
    pub(crate) facts: Option<Arc<Connected>>,
    pub(crate) ended: Option<Ended>,
    pub(crate) probe: Probe,
    pub(crate) connected_at: Option<Instant>,
    pub(crate) was_connected: bool,
    pub(crate) panel: Panel,
    /// For visits without a broker.
    pub(crate) memory: Memory,
    pub(crate) remembered_at: Instant,
    pub(crate) explorer: explorer::state::State,
    pub(crate) announcer: Announcer,
    /// What the other pages are told.
    pub(crate) asked: Asked,
    /// The alarms, of which only the part knows that looks at them.
    pub(crate) alarms: Option<Box<dyn Any>>,
    /// The conventions that come later.
    pub(crate) conventions: Part<()>,
    /// The screens beside the panel, and whether one is wanted.
    pub(crate) screens: Part<Screens>,
    pub(crate) wants_screens: bool,
    /// The layout of the panel, and the part that draws it.
    pub(crate) desk: Slot,
    pub(crate) pages: Part<Pages>,
    /// What comes later to its cards, and whether there is something of it.
    pub(crate) extras: Part<Extras>,
    has_extras: bool,
    /// What the broker may remember of these is to be asked for; none when it is not ours, or remembers nothing.
    recalls: Option<Vec<String>>,
    is_recalling: bool,
    /// What the publish form has to say.
    pub(crate) form_says: Option<Result<String, String>>,
    has_network: bool,
    watching: bool,
    publishing: Vec<(PublishId, Origin)>,
    subscribing: Vec<(RequestId, Vec<TopicFilter>)>,
}

/// Who published.
#[derive(Debug)]
enum Origin {
    Tile(CommandId),
    Form { clears: Option<String> },
    Layout,
}

/// What has to be done after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Draw,
    /// The link failed: ask its server by HTTP what is wrong.
    Probe,
}

impl Model {
    pub(crate) fn new(
        address: Result<Address, String>,
        page_is_secure: bool,
        is_own_broker: bool,
        panel: Panel,
        desk: Slot,
    ) -> Self {
        let recalls = is_own_broker.then(|| panel.filters());
        let link_state = if address.is_ok() { LinkState::Connecting } else { LinkState::Refused };
        Self {
            address,
            page_is_secure,
            is_own_broker,
            link_state,
            facts: None,
            ended: None,
            probe: Probe::NotAsked,
            connected_at: None,
            was_connected: false,
            panel,
            memory: Memory::default(),
            remembered_at: now(),
            explorer: explorer::state::State::default(),
            announcer: Announcer::default(),
            asked: Asked::default(),
            alarms: None,
            conventions: Part::new(),
            screens: Part::new(),
            wants_screens: false,
            desk,
            pages: Part::new(),
            extras: Part::new(),
            has_extras: false,
            recalls,
            is_recalling: false,
            form_says: None,
            has_network: true,
            watching: false,
            publishing: Vec::new(),
            subscribing: Vec::new(),
        }
    }

    /// Asks for all that the panel needs. The link keeps it up.
    pub(crate) fn subscribe_panel(&mut self, link: &Link) {
        self.asked.subscribing = Some(link.subscribe(&at_qos_1(self.filters()), Some(FOR_PANEL)));
    }

    fn filters(&self) -> Vec<String> {
        let mut filters = self.panel.filters();
        filters.push(self.desk.topic.clone());
        filters.push(asked::FILTER.to_owned());
        filters
    }

    /// Takes an event of the link. `link` is none while it is being opened.
    pub(crate) fn event(&mut self, event: Event, link: Option<&Link>) -> Next {
        match event {
            Event::Message(received) => {
                self.message(&received);
                self.listen(link);
            }
            Event::Connected(facts) => self.connected(facts, link),
            Event::Ended { why, retry_at } => return self.ended(why, retry_at.is_some()),
            Event::Published { id, outcome } => self.published(id, outcome),
            Event::Subscribed { id, reasons } => self.subscribed(id, &reasons, link),
            Event::SubscriptionLost { filter, reason } => {
                self.asked.lost(&filter);
                self.explorer.answered(&filter, reason);
            }
            Event::Unsubscribed { .. }
            | Event::Remark { .. }
            | Event::InDoubt { .. }
            | Event::NotStored { .. }
            | Event::Reauthenticated => {}
        }
        Next::Draw
    }

    /// A person asks a tile for a value.
    pub(crate) fn wish(&mut self, link: Option<&Link>, device: &str, key: &str, wanted: Value) {
        let Some(command) = self.panel.wish(unix_now(), device, key, wanted) else { return };
        self.announcer.watch(device, key, command.id);
        let (id, life_s) = (command.id, life_s(&command));
        // Without a link it is refused at once: a command that is kept for later is a ghost.
        let sent = match link.filter(|link| link.is_connected()) {
            Some(link) => send(link, command),
            None => Err(say("Not connected")),
        };
        match sent {
            Ok(publish) => {
                self.publishing.push((publish, Origin::Tile(id)));
                self.asked.begin(id, format!("{device}/{key}"), life_s);
                self.work(link);
            }
            Err(reason) => {
                self.panel.refuse(id, &reason);
            }
        }
    }

    /// The explorer comes or goes: what it watches is only subscribed to while it is seen.
    pub(crate) fn watch(&mut self, link: Option<&Link>, watching: bool) {
        if self.watching == watching {
            return;
        }
        self.watching = watching;
        let filters: Vec<_> = self.explorer.filters().iter().map(|chip| chip.filter.clone()).collect();
        // Without its screen it would hear nothing.
        let can = !filters.is_empty() && self.screens.here().is_some();
        let Some(link) = link.filter(|_| can) else { return };
        if watching {
            self.subscribe_explorer(link, filters);
        } else {
            link.unsubscribe(&filters);
        }
    }

    pub(crate) fn add_filter(&mut self, link: Option<&Link>, text: &str) -> Result<(), String> {
        let filter = self.explorer.add(text)?;
        if let Some(link) = link {
            self.subscribe_explorer(link, vec![filter]);
        }
        Ok(())
    }

    pub(crate) fn remove_filter(&mut self, link: Option<&Link>, filter: &TopicFilter) {
        self.explorer.remove(filter);
        if let Some(link) = link {
            link.unsubscribe(std::slice::from_ref(filter));
        }
    }

    /// Publishes for a person; `clears` names the topic whose retained message this removes.
    pub(crate) fn publish(&mut self, link: Option<&Link>, message: Message, clears: Option<String>) {
        let id = match link.filter(|link| link.is_connected()) {
            Some(link) => link.publish(message, Offline::FailNow).map_err(|error| error.to_string()),
            None => Err("there is no connection".to_owned()),
        };
        match id {
            Ok(id) => {
                self.form_says = None;
                self.publishing.push((id, Origin::Form { clears }));
            }
            Err(why) => self.form_says = Some(Err(fill("Not sent: {}.", &[&why]))),
        }
    }

    /// Saves the layout, for everyone and for good; what becomes of it is said in the [`Slot`].
    pub(crate) fn save_layout(&mut self, link: Option<&Link>, payload: String) -> Result<(), String> {
        let link = link.filter(|link| link.is_connected()).ok_or("there is no connection")?;
        let topic = self.desk.topic.parse().map_err(|error: mqtt::TopicError| error.to_string())?;
        let mut message = Message::new(topic, payload).with_qos(Qos::AtLeastOnce);
        message.retain = true;
        let id = link.publish(message, Offline::FailNow).map_err(|error| error.to_string())?;
        self.publishing.push((id, Origin::Layout));
        Ok(())
    }

    /// Lets wishes time out and asks devices that are silent; gives the time of [`now`] when the next of these is due.
    pub(crate) fn tick(&mut self, link: Option<&Link>) -> Option<Instant> {
        let unix = unix_now();
        self.panel.tick(unix);
        // What the first glance does without comes when the page is at rest.
        let rests = self.connected_at.is_some_and(|at| unix.since(at) >= REST);
        self.has_extras |= rests && self.panel.has_extras();
        if rests && self.link_state == LinkState::Online && self.desk.forget() {
            self.memory.keep(unix, &self.desk.topic, b"");
        }
        self.work(link);
        if let Some(link) = link.filter(|link| link.is_connected()) {
            for (topic, payload) in self.panel.questions(unix) {
                if let Ok(topic) = topic.parse() {
                    // Not sent: the device may still speak by itself, and is asked anew with the next connection.
                    let _unsent =
                        link.publish(Message::new(topic, payload).with_expiry(10), Offline::FailNow);
                }
            }
        }
        self.panel.deadline().map(|deadline| now() + deadline.since(unix))
    }

    /// Hears and tells what pages ask for, and looks at the alarms: before it is drawn, and when a second is over, not with
    /// each message. The parts for it are fetched when there is something.
    pub(crate) fn work(&mut self, link: Option<&Link>) {
        if let Some(pages) = self.pages.here().copied() {
            (pages.watch)(self, link);
        }
        if let Some(extras) = self.extras.here().copied() {
            (extras.work)(self, link);
        }
    }

    /// Whether the part is wanted that draws lines and talks to other pages.
    pub(crate) fn wants_extras(&self) -> bool {
        self.desk.is_wanted() || self.asked.is_any() || self.has_extras
    }

    /// What draws pages, when all is there that they are drawn with.
    pub(crate) fn draws_pages(&self) -> Option<DrawPages> {
        self.pages.here().filter(|_| self.extras.here().is_some()).map(|pages| pages.draw)
    }

    /// The browser's word about its network: the link's state follows it while there is no connection.
    pub(crate) fn network(&mut self, online: bool) {
        self.has_network = online;
        self.link_state = match self.link_state {
            LinkState::Connecting | LinkState::Reconnecting if !online => LinkState::Offline,
            LinkState::Offline if online => LinkState::Reconnecting,
            state => state,
        };
    }

    /// What keeps the page from showing what is, in words.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.link_trouble().or_else(|| {
            let lacks = self.screens.is_missing() || self.pages.is_missing() || self.extras.is_missing();
            let what = match (self.conventions.is_missing(), lacks) {
                (true, _) => "Not all devices can be shown: a part of this page did not load.",
                (_, true) => "A part of this page did not load.",
                _ => return None,
            };
            let cure = say("It is tried again by itself.");
            Some(Trouble { reason: None, what: say(what), cure })
        })
    }

    /// Why there is no connection; none when there is one or the first attempt runs.
    fn link_trouble(&self) -> Option<Trouble> {
        let address = match &self.address {
            Ok(address) => address,
            Err(why) => {
                return Some(Trouble { reason: None, what: why.clone(), cure: say("Set it in Settings.") });
            }
        };
        let online = self.link_state != LinkState::Offline;
        let ended = match &self.ended {
            _ if self.link_state == LinkState::Online => return None,
            Some(ended) => ended,
            None if online => return None,
            None => &Ended::Stopped,
        };
        let place = Place {
            page_is_secure: self.page_is_secure,
            online,
            was_connected: self.was_connected,
            probe: self.probe,
            ..Place::at(address)
        };
        Some(trouble::explain(ended, address, place))
    }

    /// The other conventions came.
    pub(crate) fn meet(&mut self, others: Box<dyn Others>, link: Option<&Link>) {
        let missed = self.panel.meet(unix_now(), others);
        if let Some(link) = link.filter(|_| missed) {
            self.subscribe_panel(link);
        }
        self.listen(link);
    }

    /// What is to be asked of the broker's memory now: one question at a time, as devices name their topics one after another.
    pub(crate) fn take_recalls(&mut self) -> Option<Vec<String>> {
        let recalls = self.recalls.as_mut().filter(|recalls| !recalls.is_empty() && !self.is_recalling)?;
        self.is_recalling = true;
        Some(recalls.drain(..recalls.len().min(FILTERS)).collect())
    }

    /// What the broker remembers, or that it does not.
    pub(crate) fn recalled(&mut self, recalled: Option<Recalled>, link: Option<&Link>) {
        self.is_recalling = false;
        let Some(recalled) = recalled else {
            self.recalls = None;
            return;
        };
        let now = unix_now();
        let said_at = |age_ms: u64| Instant::from_millis(now.as_millis().saturating_sub(age_ms));
        let messages = recalled.messages.iter();
        let messages: Vec<_> =
            messages.map(|(topic, payload, age)| (said_at(*age), &**topic, payload)).collect();
        messages.iter().for_each(|(at, topic, payload)| self.memory.keep(*at, topic, payload));
        self.panel.recall(now, &messages);
        self.recalls = self.recalls.take().filter(|_| recalled.remembers);
        self.listen(link);
    }

    /// Topics of tiles that people made: they are subscribed to, and what was heard there in earlier visits is told.
    pub(crate) fn begin_hearing(&mut self, topics: &[String], link: Option<&Link>) {
        let known = topics
            .iter()
            .filter_map(|topic| self.memory.last(topic).map(|(at, payload)| (at, topic.as_str(), payload)));
        let known: Vec<_> = known.collect();
        self.panel.recall(unix_now(), &known);
        self.listen(link);
    }

    /// The screens came: what could not be watched without them is now.
    pub(crate) fn meet_screens(&mut self, link: Option<&Link>) {
        if std::mem::take(&mut self.watching) {
            self.watch(link, true);
        }
    }

    fn message(&mut self, received: &Received) {
        let (message, ids) = (&received.message, &received.subscription_ids);
        let at = unix_now();
        let for_explorer = ids.contains(&FOR_EXPLORER);
        if !self.asked.hear(message) && (ids.is_empty() || ids.contains(&FOR_PANEL)) {
            // The explorer asks for the flag as published; where it shares the message, the flag tells nothing.
            let retained = message.retain && !for_explorer;
            let topic = message.topic.as_str();
            if !self.desk.hear(topic, &message.payload) {
                self.panel.hear(at, topic, &message.payload, retained);
            }
            if !topic.starts_with(self.panel.me()) {
                self.memory.keep(at, topic, &message.payload);
            }
        }
        if self.watching
            && (for_explorer || (ids.is_empty() && self.is_watched(message)))
            && let Some(screens) = self.screens.here()
        {
            (screens.hear)(&mut self.explorer, at, message);
        }
    }

    /// Subscribes to what was named by the devices that were found.
    fn listen(&mut self, link: Option<&Link>) {
        let Some(link) = link else { return };
        let filters = self.panel.take_listen();
        if let Some(recalls) = &mut self.recalls {
            for filter in &filters {
                if !recalls.contains(filter) {
                    recalls.push(filter.clone());
                }
            }
        }
        let named = self.facts.as_ref().is_none_or(|facts| facts.subscription_id_available);
        // A packet of them all could be larger than the broker takes.
        for filters in filters.chunks(200) {
            link.subscribe(&at_qos_1(filters.to_vec()), named.then_some(FOR_PANEL));
        }
    }

    fn is_watched(&self, message: &Message) -> bool {
        let name = message.topic.borrowed();
        self.explorer.filters().iter().any(|chip| chip.filter.matches(&name))
    }

    fn connected(&mut self, facts: Arc<Connected>, link: Option<&Link>) {
        self.link_state = LinkState::Online;
        self.ended = None;
        self.probe = Probe::NotAsked;
        self.connected_at = Some(unix_now());
        self.was_connected = true;
        // A broker that still has the session sends no retained messages again: ask anew, so that values are heard.
        if let Some(link) = link.filter(|_| facts.session_present) {
            self.subscribe_panel(link);
        }
        self.panel.connected(unix_now());
        self.facts = Some(facts);
    }

    fn ended(&mut self, why: Ended, retries: bool) -> Next {
        self.panel.lose();
        if why == Ended::Stopped {
            // The page is left; it connects again when it is shown.
            return Next::Draw;
        }
        let asks = self.is_own_broker && matches!(why, Ended::TransportClosed { .. } | Ended::ConnectTimeout);
        self.ended = Some(why);
        self.link_state = match (retries, self.has_network) {
            (false, _) => LinkState::Refused,
            (true, true) => LinkState::Reconnecting,
            (true, false) => LinkState::Offline,
        };
        if asks { Next::Probe } else { Next::Draw }
    }

    fn published(&mut self, id: PublishId, outcome: Outcome) {
        match take(&mut self.publishing, id) {
            Some(Origin::Tile(command)) => self.tile_published(command, outcome),
            Some(Origin::Form { clears }) => {
                let success = outcome.is_success();
                if let Some(topic) = clears.as_ref().filter(|_| success) {
                    self.explorer.tree.clear_mark(topic);
                }
                self.form_says = Some(form_words(&outcome, clears.is_some()));
            }
            Some(Origin::Layout) => {
                let is_there = matches!(outcome, Outcome::Sent | Outcome::Acknowledged(_));
                self.desk.said = Some(if is_there { Ok(()) } else { form_words(&outcome, false).map(drop) });
            }
            None => {}
        }
    }

    fn tile_published(&mut self, command: CommandId, outcome: Outcome) {
        let refusal = match outcome {
            Outcome::Acknowledged(reason @ ReasonCode::NoMatchingSubscribers) => trouble::refusal(reason),
            Outcome::Refused { reason, reason_string } => {
                reason_string.unwrap_or_else(|| trouble::refusal(reason))
            }
            Outcome::LinkLost => say("The connection was lost"),
            Outcome::Impossible(error) => error.to_string(),
            Outcome::Acknowledged(_) => return self.panel.sent(command),
            // On its way, or nobody knows: the device has the word, and its deadline stands.
            Outcome::Sent | Outcome::Cancelled | Outcome::Expired | Outcome::SessionLost => return,
        };
        self.panel.refuse(command, &refusal);
    }

    fn subscribe_explorer(&mut self, link: &Link, filters: Vec<TopicFilter>) {
        let options = SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::default() };
        let asked: Vec<_> = filters.iter().map(|filter| (filter.clone(), options)).collect();
        let named = self.facts.as_ref().is_none_or(|facts| facts.subscription_id_available);
        let id = link.subscribe(&asked, named.then_some(FOR_EXPLORER));
        self.subscribing.push((id, filters));
    }

    fn subscribed(&mut self, id: RequestId, reasons: &[ReasonCode], link: Option<&Link>) {
        self.asked.subscribed(id, reasons);
        let nameless = reasons.contains(&ReasonCode::SubscriptionIdentifiersNotSupported);
        match (take(&mut self.subscribing, id), link) {
            (Some(filters), Some(link)) if nameless => self.subscribe_explorer(link, filters),
            (Some(filters), _) => {
                for (filter, reason) in filters.iter().zip(reasons) {
                    self.explorer.answered(filter, *reason);
                }
            }
            (None, Some(link)) if nameless => {
                self.asked.subscribing = Some(link.subscribe(&at_qos_1(self.filters()), None));
            }
            (None, _) => {}
        }
    }
}

impl LinkState {
    /// The word of `data-link`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Reconnecting => "reconnecting",
            Self::Refused => "refused",
            Self::Offline => "offline",
        }
    }

    /// The word for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Online => "Live",
            Self::Reconnecting => "Reconnecting",
            Self::Refused => "Refused",
            Self::Offline => "Offline",
        }
    }
}

/// Takes out what belongs to an answer. There are never many under way.
fn take<I: PartialEq, T>(list: &mut Vec<(I, T)>, id: I) -> Option<T> {
    let at = list.iter().position(|(other, _)| *other == id)?;
    Some(list.swap_remove(at).1)
}

fn at_qos_1(filters: Vec<String>) -> Vec<(TopicFilter, SubscriptionOptions)> {
    let parsed = filters.into_iter().filter_map(|text| text.parse().ok());
    parsed.map(|filter| (filter, SubscriptionOptions::at(Qos::AtLeastOnce))).collect()
}

/// QoS 1, so that the broker answers; never retained; worth nothing once the tile has given up.
fn send(link: &Link, command: Command) -> Result<PublishId, String> {
    let topic = command.topic.parse().map_err(|error: mqtt::TopicError| error.to_string())?;
    let life_s = life_s(&command);
    let message = Message::new(topic, command.payload).with_qos(Qos::AtLeastOnce).with_expiry(life_s);
    link.publish(message, Offline::WaitUntil(now() + command.life)).map_err(|error| error.to_string())
}

fn life_s(command: &Command) -> u32 {
    u32::try_from(command.life.as_secs()).unwrap_or(u32::MAX)
}

fn form_words(outcome: &Outcome, clears: bool) -> Result<String, String> {
    match outcome {
        Outcome::Sent | Outcome::Acknowledged(_) if clears => Ok(say("Cleared.")),
        Outcome::Sent => Ok(say("Sent.")),
        Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers) => {
            Ok(say("The broker has it; nobody subscribes to it at present."))
        }
        Outcome::Acknowledged(_) => Ok(say("The broker has it.")),
        Outcome::Refused { reason, reason_string } => {
            let words =
                reason_string.as_deref().map(|words| fill(" It says: “{}”.", &[words])).unwrap_or_default();
            Err(fill("The broker refused it: {}.", &[reason.text()]) + &words)
        }
        Outcome::Cancelled => Err(say("Not sent: it was taken back.")),
        Outcome::Expired => Err(say("Not sent: its time was over.")),
        Outcome::LinkLost => Err(say("Not sent: the connection was lost.")),
        Outcome::SessionLost => Err(say("The connection was lost; nobody can say whether it arrived.")),
        Outcome::Impossible(error) => Err(fill("Not sent: {}.", &[&error.to_string()])),
    }
}
