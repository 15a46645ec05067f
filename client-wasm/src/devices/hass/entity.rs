//! The points of one configuration, as they are gathered. What each component means stands in [`simple`](super::simple),
//! [`parts`](super::parts) and [`rest`](super::rest).

use std::rc::Rc;

use crate::devices::codec::Codec;
use crate::devices::inside;
use crate::devices::json::Json;
use crate::devices::label;
use crate::devices::spec::{At, Form, HOLE, Kind, Spec, Write};
use crate::devices::value::Num;

use super::Config;

/// The points of a configuration; none when something of it is not understood.
pub(super) fn points(component: &str, id: &str, config: Config<'_>, device: &str) -> Option<Vec<Spec>> {
    let title = match config.own.get("name") {
        Some(Json::Null) if !device.is_empty() => device.to_owned(),
        Some(Json::Text(name)) => name.clone(),
        _ => match config.text("dev_cla") {
            Some(class) => label(class),
            None => label(id.rsplit('/').next().unwrap_or(id)),
        },
    };
    let key = format!("{component}/{id}");
    let mut here = Entity { key, title, config, points: Vec::new(), is_understood: true };
    match component {
        "light" => here.light(),
        "cover" | "valve" => here.cover(),
        "climate" | "water_heater" => here.climate(),
        "fan" => here.fan(),
        "humidifier" => here.humidifier(),
        "vacuum" => here.vacuum(),
        "lawn_mower" => here.mower(),
        "alarm_control_panel" => here.alarm(),
        "update" => here.update(),
        "event" => here.state("event_type"),
        _ => here.simple(component),
    }
    here.finished()
}

/// What names begin with that are about the main value, and about its command.
pub(super) const STATE: &str = "stat";
pub(super) const COMMAND: &str = "cmd";

/// A configuration, and the points that were made of it so far: its own first, whose tile the others share.
///
/// What is said of a point is said of the last one.
pub(super) struct Entity<'a> {
    key: String,
    title: String,
    pub(super) config: Config<'a>,
    points: Vec<Spec>,
    is_understood: bool,
}

impl<'a> Entity<'a> {
    fn finished(mut self) -> Option<Vec<Spec>> {
        let is_behind = self.config.text("ent_cat").is_some() || self.config.text("en") == Some("false");
        for point in &mut self.points {
            point.rank += if is_behind { 20 } else { 0 };
            if let Some(unit) = self.config.text("unit_of_meas") {
                point.unit = unit.into();
            }
        }
        Some(self.points).filter(|_| self.is_understood)
    }

    /// Its own point.
    pub(super) fn main(&mut self, kind: Kind) -> &mut Spec {
        let spec = Spec::new(&self.key, &self.title, kind);
        self.add(spec)
    }

    /// A point that shares the tile of its own.
    pub(super) fn part(&mut self, name: &str, title: &str, kind: Kind, unit: &str) -> &mut Spec {
        let mut spec = Spec::new(&[&self.key, "/", name].concat(), title, kind).unit(unit);
        if let Some(main) = self.points.first() {
            spec = spec.within(main);
        }
        self.add(spec)
    }

    fn add(&mut self, spec: Spec) -> &mut Spec {
        self.points.push(spec);
        let last = self.points.len() - 1;
        &mut self.points[last]
    }

    /// With the topic that tells its value, where there is one.
    pub(super) fn told(&mut self, stem: &str, codec: Codec) {
        if let Some(topic) = self.config.topic(stem) {
            let at = match self.config.template(stem) {
                None => Some(At::Whole),
                Some(text) => inside::template(text),
            };
            self.reads(&topic, at, codec);
        }
    }

    /// With the topic that tells its value, at a place that is understood or not.
    pub(super) fn reads(&mut self, topic: &str, at: Option<At>, codec: Codec) {
        match (self.points.pop(), at) {
            (Some(spec), Some(at)) => self.points.push(spec.read(topic, at, codec)),
            _ => self.is_understood = false,
        }
    }

    /// With the topic that asks for it: without, the point is of no use.
    pub(super) fn asked(&mut self, stem: &str, codec: Codec) {
        self.is_understood &= self.is_asked(stem, codec);
    }

    /// The same, and whether it has such a topic, with a template that is understood.
    pub(super) fn is_asked(&mut self, stem: &str, codec: Codec) -> bool {
        let form = match self.config.template(stem) {
            None => Some(Form::Around(HOLE.into())),
            Some(text) => inside::made(text),
        };
        self.is_written(stem, codec, form)
    }

    /// Asked for there in this form, and whether it has such a topic.
    pub(super) fn is_written(&mut self, stem: &str, codec: Codec, form: Option<Form>) -> bool {
        let (Some(spec), Some(topic), Some(form)) = (self.points.last_mut(), self.config.topic(stem), form)
        else {
            return false;
        };
        spec.write = Some(Write { topic: topic.into(), codec, form });
        true
    }

    /// With the topic that asks for it, where there is one.
    pub(super) fn asked_if(&mut self, stem: &str, codec: Codec) {
        if self.has(stem) {
            self.asked(stem, codec);
        }
    }

    /// With the topics that tell it and ask for it, written in the same way.
    pub(super) fn both(&mut self, stem: &str, codec: Codec) {
        self.told(&[stem, STATE].concat(), codec.clone());
        self.asked(&[stem, COMMAND].concat(), codec);
    }

    /// A part that is set, where the configuration has it.
    pub(super) fn option(&mut self, stem: &str, [name, title, unit]: [&str; 3], kind: Kind, codec: Codec) {
        if self.has(&[stem, COMMAND].concat()) {
            self.part(name, title, kind, unit);
            self.both(stem, codec);
        }
    }

    /// A part that is one of several words, where the configuration has it.
    pub(super) fn choice(&mut self, stem: &str, name: &str, title: &str, options: Rc<[Rc<str>]>) {
        if !options.is_empty() {
            let codec = Codec::one_of(&options);
            self.option(stem, [name, title, ""], Kind::Select(options), codec);
        }
    }

    /// A part that only tells, where the configuration has it.
    pub(super) fn reading(&mut self, stem: &str, [name, title, unit]: [&str; 3]) {
        if self.has(stem) {
            self.part(name, title, Kind::Reading, unit);
            self.told(stem, Codec::Text);
        }
    }

    /// Something of it is not understood.
    pub(super) const fn is_obscure(&mut self) {
        self.is_understood = false;
    }

    /// Takes the last point back.
    pub(super) fn without_last(&mut self) {
        self.points.pop();
    }

    /// Whether there is a topic whose name begins like this.
    pub(super) fn has(&self, stem: &str) -> bool {
        self.config.topic(stem).is_some()
    }

    pub(super) fn word(&self, name: &str, other: &'static str) -> &'a str {
        self.config.text(name).unwrap_or(other)
    }

    /// Words for on and off, by their names.
    pub(super) fn words(&self, on: (&str, &'static str), off: (&str, &'static str)) -> Codec {
        Codec::switch(self.word(on.0, on.1), self.word(off.0, off.1))
    }

    pub(super) fn number(&self, name: &str, other: Num) -> Num {
        self.config.text(name).and_then(Num::read).unwrap_or(other)
    }

    pub(super) fn options(&self, name: &str) -> Rc<[Rc<str>]> {
        let items = self.config.get(name).map(Json::items).unwrap_or_default();
        items.iter().filter_map(Json::plain).map(Rc::from).collect()
    }
}
