//! One configuration becomes points: what each component means.

use std::rc::Rc;

use crate::devices::codec::Codec;
use crate::devices::inside;
use crate::devices::json::Json;
use crate::devices::label;
use crate::devices::spec::{At, Form, HOLE, Kind, Range, Spec, Write};
use crate::devices::value::Num;

use super::Config;

/// The points of a configuration; none when a template of it is not understood.
pub(super) fn points(component: &str, id: &str, config: Config<'_>, device: &str) -> Option<Vec<Spec>> {
    let here = Entity { key: format!("{component}/{id}"), config };
    let title = match config.own.get("name") {
        Some(Json::Null) if !device.is_empty() => device.to_owned(),
        Some(Json::Text(name)) => name.clone(),
        _ => match config.text("dev_cla") {
            Some(class) => label(class),
            None => label(id.rsplit('/').next().unwrap_or(id)),
        },
    };
    let mut points = match component {
        "light" => here.light(&title)?,
        "cover" | "valve" => here.cover(&title)?,
        "climate" | "water_heater" => here.climate(&title)?,
        "fan" => here.fan(&title)?,
        "humidifier" => here.humidifier(&title)?,
        "vacuum" => here.vacuum(&title)?,
        "lawn_mower" => here.mower(&title)?,
        "alarm_control_panel" => here.alarm(&title)?,
        "update" => here.update(&title)?,
        "event" => vec![here.state(&title, "event_type")?],
        _ => vec![here.simple(component, &title)?],
    };
    let is_behind = config.text("ent_cat").is_some() || config.text("en") == Some("false");
    for point in &mut points {
        point.rank += if is_behind { 20 } else { 0 };
        if let Some(unit) = config.text("unit_of_meas") {
            point.unit = unit.into();
        }
    }
    Some(points)
}

pub(super) struct Entity<'a> {
    pub(super) key: String,
    pub(super) config: Config<'a>,
}

/// What names begin with that are about the main value, and about its command.
pub(super) const STATE: &str = "stat";
pub(super) const COMMAND: &str = "cmd";

impl Entity<'_> {
    fn simple(&self, component: &str, title: &str) -> Option<Spec> {
        let config = self.config;
        let word = |name, other| config.text(name).unwrap_or(other).to_owned();
        let number = |name| config.text(name).and_then(Num::read);
        let spec = |kind| Spec::new(&self.key, title, kind);
        match component {
            "switch" | "siren" => self.switch(spec(Kind::Switch)),
            "binary_sensor" => {
                let codec = Codec::switch(&word("pl_on", "ON"), &word("pl_off", "OFF"));
                self.told(spec(Kind::Indicator), STATE, codec)
            }
            "lock" => {
                let (on, off) = (word("pl_lock", "LOCK"), word("pl_unlk", "UNLOCK"));
                let (locked, open) = (word("stat_locked", "LOCKED"), word("stat_unlocked", "UNLOCKED"));
                let spec = self.told(spec(Kind::Lock), STATE, Codec::switch(&locked, &open))?;
                self.asked(spec, COMMAND, Codec::switch(&on, &off))
            }
            "button" => {
                let press = word("pl_prs", "PRESS");
                let mut spec = spec(Kind::Button);
                spec.held = self.config.text("dev_cla") == Some("restart");
                self.asked(spec, COMMAND, Codec::switch(&press, ""))
            }
            "scene" => {
                let on = word("pl_on", "ON");
                self.asked(spec(Kind::Button), COMMAND, Codec::switch(&on, ""))
            }
            "number" => {
                let range = Range {
                    min: number("min").unwrap_or(Num::whole(1)),
                    max: number("max").unwrap_or(Num::whole(100)),
                    step: number("step").filter(|step| step.0 > 0).unwrap_or(Num::whole(1)),
                };
                let steps = (range.max.0 - range.min.0) / range.step.0;
                let boxed = config.text("mode") == Some("box") || !(4..=1_000).contains(&steps);
                let spec = spec(if boxed { Kind::Stepper(range) } else { Kind::Slider(range) });
                let spec = self.told(spec, STATE, Codec::number())?;
                self.asked(spec, COMMAND, Codec::number())
            }
            "select" => {
                let options = self.options("ops");
                let spec = self.told(spec(Kind::Select(Rc::clone(&options))), STATE, chosen(&options))?;
                self.asked(spec, COMMAND, chosen(&options))
            }
            "text" => {
                let spec = self.told(spec(Kind::Text), STATE, Codec::Text)?;
                self.asked(spec, COMMAND, Codec::Text)
            }
            // Those that are not known here still tell their state.
            _ => {
                config.topic("stat")?;
                self.told(spec(Kind::Reading), STATE, Codec::Text)
            }
        }
    }

    pub(super) fn switch(&self, spec: Spec) -> Option<Spec> {
        let word = |name, other: &str| self.config.text(name).unwrap_or(other).to_owned();
        let (on, off) = (word("pl_on", "ON"), word("pl_off", "OFF"));
        let states = Codec::switch(&word("stat_on", &on), &word("stat_off", &off));
        let spec = self.told(spec, STATE, states)?;
        self.asked(spec, COMMAND, Codec::switch(&on, &off))
    }

    fn light(&self, title: &str) -> Option<Vec<Spec>> {
        let config = self.config;
        let main = Spec::new(&self.key, title, Kind::Switch).icon("#i-lamp");
        let part = |name: &str, title: &str, kind| self.part(&main, name, title, kind);
        let scale = config.text("bri_scl").and_then(Num::read).unwrap_or(Num::whole(255));
        let level = || part("brightness", "Brightness", Kind::Slider(Range::whole(0, 100, 1))).unit("%");
        let white = || part("white", "White", Kind::Slider(Range::whole(2_000, 6_500, 100))).unit("K");
        let (percent, mireds) = (Codec::percent(scale), Codec::Mireds);
        if config.text("schema") == Some("json") {
            return self.json_light(&main, level(), white(), part("colour", "Colour", Kind::Colour), percent);
        }
        if config.text("schema") == Some("template") {
            return None;
        }
        let mut points = vec![self.switch(main.clone())?];
        let mut add = |spec: Spec, read: &str, write: &str, codec: Codec| {
            if config.topic(write).is_some() {
                points.push(
                    self.told(spec, read, codec.clone()).and_then(|spec| self.asked(spec, write, codec))?,
                );
            }
            Some(())
        };
        add(level(), "bri_stat", "bri_cmd", percent)?;
        add(part("colour", "Colour", Kind::Colour), "rgb_stat", "rgb_cmd", Codec::Rgb)?;
        add(part("hs", "Colour", Kind::Colour), "hs_stat", "hs_cmd", Codec::Hs)?;
        add(white(), "clr_temp_stat", "clr_temp_cmd", mireds)?;
        Some(points)
    }

    /// The schema of one JSON document each way.
    fn json_light(
        &self,
        main: &Spec,
        level: Spec,
        white: Spec,
        colour: Spec,
        percent: Codec,
    ) -> Option<Vec<Spec>> {
        let modes = self.options("sup_clrm");
        let has = |wanted: &[&str]| modes.iter().any(|mode| wanted.contains(&&**mode));
        let bare = modes.iter().all(|mode| matches!(&**mode, "onoff"));
        let state = self.config.topic("stat");
        let command = self.config.topic("cmd")?;
        let bind = |spec: Spec, path: &str, codec: Codec, form: &str| {
            let spec = match &state {
                Some(topic) => spec.path(topic, path, codec.clone()),
                None => spec,
            };
            spec.ask(&command, codec, form)
        };
        let mut points = vec![bind(
            main.clone(),
            "state",
            Codec::switch("ON", "OFF"),
            &format!("{{\"state\":\"{HOLE}\"}}"),
        )];
        let on = |rest: &str| format!("{{\"state\":\"ON\",{rest}}}");
        if !bare || self.config.text("bri") == Some("true") {
            points.push(bind(level, "brightness", percent, &on(&format!("\"brightness\":{HOLE}"))));
        }
        if has(&["rgb", "rgbw", "rgbww", "hs", "xy"]) {
            points.push(bind(colour, "color", Codec::ColourJson, &on(&format!("\"color\":{{{HOLE}}}"))));
        }
        if has(&["color_temp"]) {
            points.push(bind(white, "color_temp", Codec::Mireds, &on(&format!("\"color_temp\":{HOLE}"))));
        }
        Some(points)
    }

    fn cover(&self, title: &str) -> Option<Vec<Spec>> {
        let config = self.config;
        let word = |name, other: &str| config.text(name).unwrap_or(other).to_owned();
        let ways = Codec::translated(&[
            (&word("pl_open", "OPEN"), "open"),
            (&word("pl_cls", "CLOSE"), "close"),
            (&word("pl_stop", "STOP"), "stop"),
        ]);
        let states = Codec::translated(&[
            (&word("stat_open", "open"), "open"),
            (&word("stat_opening", "opening"), "opening"),
            (&word("stat_clsd", "closed"), "closed"),
            (&word("stat_closing", "closing"), "closing"),
            (&word("stat_stopped", "stopped"), "stopped"),
        ]);
        let mut main = self.told(Spec::new(&self.key, title, Kind::Cover), STATE, states)?;
        main.travels = true;
        let main = self.asked(main, COMMAND, ways)?;
        let mut points = vec![main.clone()];
        if config.topic("pos").is_some() || config.topic("set_pos").is_some() {
            let end =
                |name, other| config.text(name).and_then(Num::read).unwrap_or_else(|| Num::whole(other));
            let (open, closed) = (end("pos_open", 100), end("pos_clsd", 0));
            let span = Num(open.0 - closed.0);
            let offset = Num(0_i64.saturating_sub(closed.times(Num::whole(100)).over(span).0));
            let codec = Codec::Number { mul: Num::whole(100), div: span, add: offset, whole: true };
            let spec = Spec::new(
                &format!("{}/position", self.key),
                "Position",
                Kind::Slider(Range::whole(0, 100, 1)),
            );
            let spec = spec.within(&main).unit("%");
            let mut spec = self.told(spec, "pos", codec.clone())?;
            spec.travels = true;
            let asked = "set_pos";
            points.push(self.asked_if(spec, asked, codec)?);
        }
        Some(points)
    }

    fn climate(&self, title: &str) -> Option<Vec<Spec>> {
        let config = self.config;
        let number = |name, other| config.text(name).and_then(Num::read).unwrap_or(other);
        let range = Range {
            min: number("min_temp", Num::whole(7)),
            max: number("max_temp", Num::whole(35)),
            step: number("temp_step", Num(500_000)),
        };
        let unit = if config.text("temp_unit") == Some("F") { "°F" } else { "°C" };
        let mut main = Spec::new(&self.key, title, Kind::Stepper(range)).unit(unit).icon("#i-thermo");
        main.rank = 3;
        let main = self.told(main, "temp_stat", Codec::number())?;
        let main = self.asked_if(main, "temp_cmd", Codec::number())?;
        let part = |name: &str, title: &str, kind| self.part(&main, name, title, kind);
        let mut points = vec![main.clone()];
        let now = "curr_temp";
        if config.topic(now).is_some() {
            points.push(self.told(part("current", "Now", Kind::Reading).unit(unit), now, Codec::Text)?);
        }
        let action = "act";
        if config.topic(action).is_some() {
            points.push(self.told(part("action", "Action", Kind::Reading), action, Codec::Text)?);
        }
        let modes = match self.options("modes") {
            modes if modes.is_empty() => {
                ["auto", "off", "cool", "heat", "dry", "fan_only"].map(Rc::from).into()
            }
            modes => modes,
        };
        self.choice(&mut points, part("mode", "Mode", Kind::Select(modes)), "mode_stat", "mode_cmd")?;
        self.choice(
            &mut points,
            part("preset", "Preset", Kind::Select(self.options("pr_modes"))),
            "pr_mode_stat",
            "pr_mode_cmd",
        )?;
        Some(points)
    }

    fn fan(&self, title: &str) -> Option<Vec<Spec>> {
        let config = self.config;
        let main = self.switch(Spec::new(&self.key, title, Kind::Switch).icon("#i-fan"))?;
        let mut points = vec![main.clone()];
        let part = |name: &str, title: &str, kind| self.part(&main, name, title, kind);
        let asked = "pct_cmd";
        if config.topic(asked).is_some() {
            let max = config.text("spd_rng_max").and_then(Num::read).filter(|n| n.0 > 0);
            let codec = Codec::percent(max.unwrap_or(Num::whole(100)));
            let step = Num::whole(100).over(max.unwrap_or(Num::whole(100))).to_whole().max(1);
            let spec = part("speed", "Speed", Kind::Slider(Range::whole(0, 100, step))).unit("%");
            let told = "pct_stat";
            points
                .push(self.told(spec, told, codec.clone()).and_then(|spec| self.asked(spec, asked, codec))?);
        }
        self.choice(
            &mut points,
            part("preset", "Preset", Kind::Select(self.options("pr_modes"))),
            "pr_mode_stat",
            "pr_mode_cmd",
        )?;
        Some(points)
    }

    /// A part that is one of several words, where the configuration has it.
    pub(super) fn choice(&self, points: &mut Vec<Spec>, spec: Spec, read: &str, write: &str) -> Option<()> {
        let Kind::Select(options) = &spec.kind else { return None };
        if options.is_empty() || self.config.topic(write).is_none() {
            return Some(());
        }
        let codec = chosen(options);
        points.push(self.told(spec, read, codec.clone()).and_then(|spec| self.asked(spec, write, codec))?);
        Some(())
    }

    /// A part of the tile of another.
    pub(super) fn part(&self, main: &Spec, name: &str, title: &str, kind: Kind) -> Spec {
        Spec::new(&format!("{}/{name}", self.key), title, kind).within(main)
    }

    /// With the topic that tells its value, where there is one. None when its template is not understood.
    pub(super) fn told(&self, spec: Spec, stem: &str, codec: Codec) -> Option<Spec> {
        let Some(topic) = self.config.topic(stem) else { return Some(spec) };
        let at = match self.config.template(stem) {
            None => At::Whole,
            Some(text) => inside::template(text)?,
        };
        Some(spec.read(&topic, at, codec))
    }

    /// With the topic that asks for it. None when it has none, or its template is not understood.
    pub(super) fn asked(&self, mut spec: Spec, stem: &str, codec: Codec) -> Option<Spec> {
        let topic = self.config.topic(stem)?;
        let form = match self.config.template(stem) {
            None => Form::Around(HOLE.into()),
            Some(text) => inside::made(text)?,
        };
        spec.write = Some(Write { topic: topic.into(), codec, form });
        Some(spec)
    }

    fn asked_if(&self, spec: Spec, stem: &str, codec: Codec) -> Option<Spec> {
        if self.config.topic(stem).is_some() { self.asked(spec, stem, codec) } else { Some(spec) }
    }

    pub(super) fn options(&self, name: &str) -> Rc<[Rc<str>]> {
        let items = self.config.get(name).map(Json::items).unwrap_or_default();
        items.iter().filter_map(Json::plain).map(Rc::from).collect()
    }
}

fn chosen(options: &[Rc<str>]) -> Codec {
    Codec::one_of(options)
}
