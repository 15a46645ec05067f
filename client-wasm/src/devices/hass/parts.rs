//! Components of which a tile has several parts.

use std::rc::Rc;

use crate::devices::codec::Codec;
use crate::devices::inside;
use crate::devices::spec::{Form, HOLE, Kind, Range};
use crate::devices::value::Num;

use super::entity::{COMMAND, Entity, STATE};

/// The parts of a lamp.
const BRIGHTNESS: [&str; 3] = ["brightness", "Brightness", "%"];
const COLOUR: [&str; 3] = ["colour", "Colour", ""];
const WHITE: [&str; 3] = ["white", "White", "K"];

const PERCENT: Kind = Kind::Slider(Range::whole(0, 100, 1));
const KELVIN: Kind = Kind::Slider(Range::whole(2_000, 6_500, 100));

impl Entity<'_> {
    pub(super) fn light(&mut self) {
        let percent = Codec::percent(self.number("bri_scl", Num::whole(255)));
        self.main(Kind::Switch).icon = "#i-lamp";
        match self.word("schema", "") {
            "json" => self.json_light(percent),
            "template" => self.is_obscure(),
            _ => {
                self.switch();
                self.option("bri_", BRIGHTNESS, PERCENT, percent);
                self.option("rgb_", COLOUR, Kind::Colour, Codec::Rgb);
                self.option("hs_", ["hs", "Colour", ""], Kind::Colour, Codec::Hs);
                self.option("clr_temp_", WHITE, KELVIN, Codec::Mireds);
            }
        }
    }

    /// The schema of one JSON document each way.
    fn json_light(&mut self, percent: Codec) {
        let modes = self.options("sup_clrm");
        let has = |wanted: &[&str]| modes.iter().any(|mode| wanted.contains(&&**mode));
        let bare = modes.iter().all(|mode| matches!(&**mode, "onoff"));
        self.member("state", &["{\"state\":\"", HOLE, "\"}"], Codec::switch("ON", "OFF"));
        let parts = [
            (!bare || self.config.text("bri") == Some("true"), BRIGHTNESS, PERCENT, percent, "brightness"),
            (has(&["rgb", "rgbw", "rgbww", "hs", "xy"]), COLOUR, Kind::Colour, Codec::ColourJson, "color"),
            (has(&["color_temp"]), WHITE, KELVIN, Codec::Mireds, "color_temp"),
        ];
        for (_, [name, title, unit], kind, codec, member) in parts.into_iter().filter(|(has, ..)| *has) {
            self.part(name, title, kind, unit);
            let (open, close) = if codec == Codec::ColourJson { ("{", "}") } else { ("", "") };
            self.member(member, &["{\"state\":\"ON\",\"", member, "\":", open, HOLE, close, "}"], codec);
        }
    }

    /// It stands there in what the device says, and is asked for in such a document.
    fn member(&mut self, path: &str, form: &[&str], codec: Codec) {
        if let Some(topic) = self.config.topic(STATE) {
            self.reads(&topic, Some(inside::path(path)), codec.clone());
        }
        if !self.is_written(COMMAND, codec, Some(Form::Around(form.concat().into()))) {
            self.is_obscure();
        }
    }

    pub(super) fn cover(&mut self) {
        let states = Codec::translated(&[
            (self.word("stat_open", "open"), "open"),
            (self.word("stat_opening", "opening"), "opening"),
            (self.word("stat_clsd", "closed"), "closed"),
            (self.word("stat_closing", "closing"), "closing"),
            (self.word("stat_stopped", "stopped"), "stopped"),
        ]);
        let ways = Codec::translated(&[
            (self.word("pl_open", "OPEN"), "open"),
            (self.word("pl_cls", "CLOSE"), "close"),
            (self.word("pl_stop", "STOP"), "stop"),
        ]);
        self.main(Kind::Cover).travels = true;
        self.told(STATE, states);
        self.asked(COMMAND, ways);
        if self.has("pos") || self.has("set_pos") {
            let (open, closed) = (self.number("pos_open", Num::whole(100)), self.number("pos_clsd", Num(0)));
            let span = Num(open.0 - closed.0);
            let offset = Num(0_i64.saturating_sub(closed.times(Num::whole(100)).over(span).0));
            let codec = Codec::Number { mul: Num::whole(100), div: span, add: offset, whole: true };
            self.part("position", "Position", PERCENT, "%").travels = true;
            self.told("pos", codec.clone());
            self.asked_if("set_pos", codec);
        }
    }

    pub(super) fn climate(&mut self) {
        let range = Range {
            min: self.number("min_temp", Num::whole(7)),
            max: self.number("max_temp", Num::whole(35)),
            step: self.number("temp_step", Num(500_000)),
        };
        let unit = if self.config.text("temp_unit") == Some("F") { "°F" } else { "°C" };
        let main = self.main(Kind::Stepper(range));
        (main.unit, main.icon, main.rank) = (unit.into(), "#i-thermo", 3);
        self.told("temp_stat", Codec::number());
        self.asked_if("temp_cmd", Codec::number());
        self.reading("curr_temp", ["current", "Now", unit]);
        self.reading("act", ["action", "Action", ""]);
        let mut modes = self.options("modes");
        if modes.is_empty() {
            modes = ["auto", "off", "cool", "heat", "dry", "fan_only"].map(Rc::from).into();
        }
        self.choice("mode_", "mode", "Mode", modes);
        self.preset();
    }

    pub(super) fn fan(&mut self) {
        self.main(Kind::Switch).icon = "#i-fan";
        self.switch();
        let said = self.number("spd_rng_max", Num(0));
        let max = if said.0 > 0 { said } else { Num::whole(100) };
        let step = Num::whole(100).over(max).to_whole().max(1);
        let kind = Kind::Slider(Range::whole(0, 100, step));
        self.option("pct_", ["speed", "Speed", "%"], kind, Codec::percent(max));
        self.preset();
    }

    fn preset(&mut self) {
        self.choice("pr_mode_", "preset", "Preset", self.options("pr_modes"));
    }

    pub(super) fn humidifier(&mut self) {
        self.main(Kind::Switch).icon = "#i-fan";
        self.switch();
        let (min, max) = (self.number("min_hum", Num(0)), self.number("max_hum", Num::whole(100)));
        self.part("target", "Target", Kind::Slider(Range { min, max, step: Num::whole(1) }), "%");
        self.both("hum_", Codec::number());
        self.reading("curr_hum", ["current", "Now", "%"]);
        self.choice("mode_", "mode", "Mode", self.options("modes"));
    }
}
