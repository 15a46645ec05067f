//! Machines that are told what to do by words: each word is a button, beside what the machine says of itself.

use crate::devices::codec::Codec;
use crate::devices::inside;
use crate::devices::json::Json;
use crate::devices::spec::{Kind, Range, Spec};
use crate::devices::value::Num;

use super::entity::{COMMAND, Entity, STATE};

/// The name of a command's payload, the payload where none is said, the button's words, and the feature it belongs to.
type Order = (&'static str, &'static str, &'static str, &'static str);

const VACUUM: [Order; 6] = [
    ("pl_strt", "start", "Start", "start"),
    ("pl_paus", "pause", "Pause", "pause"),
    ("pl_stop", "stop", "Stop", "stop"),
    ("pl_ret", "return_to_base", "Dock", "return_home"),
    ("pl_cln_sp", "clean_spot", "Clean spot", "clean_spot"),
    ("pl_loc", "locate", "Locate", "locate"),
];

const ALARM: [Order; 4] = [
    ("pl_disarm", "DISARM", "Disarm", ""),
    ("pl_arm_home", "ARM_HOME", "Arm home", "arm_home"),
    ("pl_arm_away", "ARM_AWAY", "Arm away", "arm_away"),
    ("pl_arm_nite", "ARM_NIGHT", "Arm night", "arm_night"),
];

/// A mower has a topic for each of its commands.
const MOWER: [(&str, &str, &str); 3] = [
    ("strt_mw_cmd", "start_mowing", "Start"),
    ("paus_mw_cmd", "pause", "Pause"),
    ("dock_cmd", "dock", "Dock"),
];

impl Entity<'_> {
    pub(super) fn vacuum(&self, title: &str) -> Option<Vec<Spec>> {
        let main = self.state(title, "state")?;
        let mut points = vec![main.clone()];
        let features = self.features(&["start", "stop", "return_home", "clean_spot"]);
        self.orders(&mut points, &main, &VACUUM, &features, false);
        let speeds = self.options("fanspd_lst");
        let topic = self.config.topic("set_fan_spd");
        if let Some(topic) = topic.filter(|_| !speeds.is_empty()) {
            let codec = Codec::one_of(&speeds);
            let mut spec = self.part(&main, "speed", "Speed", Kind::Select(speeds));
            if let Some(state) = self.config.topic(STATE) {
                spec = spec.path(&state, "fan_speed", codec.clone());
            }
            points.push(spec.ask(&topic, codec, crate::devices::spec::HOLE));
        }
        Some(points)
    }

    /// One that wants a code is not told anything from here: who has the panel in hand need not know it.
    pub(super) fn alarm(&self, title: &str) -> Option<Vec<Spec>> {
        let main = self.told(Spec::new(&self.key, title, Kind::Reading), STATE, Codec::Text)?;
        let mut points = vec![main.clone()];
        let wants_code = ["code", "cmd_tpl"].iter().any(|name| self.config.get(name).is_some());
        if !wants_code {
            let mut features = self.features(&["arm_home", "arm_away", "arm_night"]);
            features.push("");
            self.orders(&mut points, &main, &ALARM, &features, true);
        }
        Some(points)
    }

    pub(super) fn mower(&self, title: &str) -> Option<Vec<Spec>> {
        let told = "act_stat";
        let main = self.told(Spec::new(&self.key, title, Kind::Reading), told, Codec::Text)?;
        let mut points = vec![main.clone()];
        for (asked, payload, words) in MOWER {
            if self.config.topic(asked).is_some() {
                let spec = self.part(&main, payload, words, Kind::Button);
                points.push(self.asked(spec, asked, Codec::switch(payload, ""))?);
            }
        }
        Some(points)
    }

    pub(super) fn humidifier(&self, title: &str) -> Option<Vec<Spec>> {
        let config = self.config;
        let main = self.switch(Spec::new(&self.key, title, Kind::Switch).icon("#i-fan"))?;
        let mut points = vec![main.clone()];
        let number = |name, other| config.text(name).and_then(Num::read).unwrap_or_else(|| Num::whole(other));
        let range = Range { min: number("min_hum", 0), max: number("max_hum", 100), step: Num::whole(1) };
        let asked = "hum_cmd";
        let told = "hum_stat";
        let spec = self.part(&main, "target", "Target", Kind::Slider(range)).unit("%");
        points.push(self.asked(self.told(spec, told, Codec::number())?, asked, Codec::number())?);
        let now = "curr_hum";
        if config.topic(now).is_some() {
            let spec = self.part(&main, "current", "Now", Kind::Reading).unit("%");
            points.push(self.told(spec, now, Codec::Text)?);
        }
        self.choice(
            &mut points,
            self.part(&main, "mode", "Mode", Kind::Select(self.options("modes"))),
            "mode_stat",
            "mode_cmd",
        )?;
        Some(points)
    }

    /// Which version of its program a device has, which there is, and a button that is held.
    pub(super) fn update(&self, title: &str) -> Option<Vec<Spec>> {
        let latest = "l_ver";
        let has_latest = self.config.topic(latest).is_some();
        let main = match has_latest {
            true => self.told(Spec::new(&self.key, title, Kind::Reading), STATE, Codec::Text)?,
            false => self.state(title, "installed_version")?,
        };
        let mut points = vec![main.clone()];
        if has_latest {
            let spec = self.part(&main, "latest", "Latest", Kind::Reading);
            points.push(self.told(spec, latest, Codec::Text)?);
        }
        if let Some(install) = self.config.text("pl_inst")
            && self.config.topic(COMMAND).is_some()
        {
            let spec = self.part(&main, "install", "Install", Kind::Button);
            points.push(self.asked(spec.held(), COMMAND, Codec::switch(install, ""))?);
        }
        Some(points)
    }

    /// What it says of itself: where no template says where that stands, it is a member of this name, or all there is.
    pub(super) fn state(&self, title: &str, member: &str) -> Option<Spec> {
        let spec = Spec::new(&self.key, title, Kind::Reading);
        if self.config.template(STATE).is_some() {
            return self.told(spec, STATE, Codec::Text);
        }
        let topic = self.config.topic(STATE)?;
        let at = inside::template(&format!("{{{{ value_json.{member} | default(value) }}}}"))?;
        Some(spec.read(&topic, at, Codec::Text))
    }

    fn features(&self, usual: &[&'static str]) -> Vec<&str> {
        match self.config.get("sup_feat").map(Json::items) {
            Some(said) => said.iter().filter_map(Json::plain).collect(),
            None => usual.to_vec(),
        }
    }

    fn orders(&self, points: &mut Vec<Spec>, main: &Spec, orders: &[Order], features: &[&str], held: bool) {
        for (name, payload, words, feature) in orders {
            if features.contains(feature) {
                let mut spec = self.part(main, payload, words, Kind::Button);
                spec.held = held;
                let payload = self.config.text(name).unwrap_or(payload);
                points.extend(self.asked(spec, COMMAND, Codec::switch(payload, "")));
            }
        }
    }
}
