//! Machines that are told what to do by words: each word is a button, beside what the machine says of itself.

use crate::devices::codec::Codec;
use crate::devices::inside;
use crate::devices::json::Json;
use crate::devices::spec::{Form, HOLE, Kind};

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

impl<'a> Entity<'a> {
    pub(super) fn vacuum(&mut self) {
        self.state("state");
        let features = self.features(&["start", "stop", "return_home", "clean_spot"]);
        self.orders(&VACUUM, &features, false);
        let speeds = self.options("fanspd_lst");
        if self.has("set_fan_spd") && !speeds.is_empty() {
            let codec = Codec::one_of(&speeds);
            self.part("speed", "Speed", Kind::Select(speeds), "");
            if let Some(state) = self.config.topic(STATE) {
                self.reads(&state, Some(inside::path("fan_speed")), codec.clone());
            }
            self.is_written("set_fan_spd", codec, Some(Form::Around(HOLE.into())));
        }
    }

    /// One that wants a code is not told anything from here: who has the panel in hand need not know it.
    pub(super) fn alarm(&mut self) {
        self.main(Kind::Reading);
        self.told(STATE, Codec::Text);
        let wants_code = ["code", "cmd_tpl"].iter().any(|name| self.config.get(name).is_some());
        if !wants_code {
            let mut features = self.features(&["arm_home", "arm_away", "arm_night"]);
            features.push("");
            self.orders(&ALARM, &features, true);
        }
    }

    pub(super) fn mower(&mut self) {
        self.main(Kind::Reading);
        self.told("act_stat", Codec::Text);
        for (asked, payload, words) in MOWER {
            if self.has(asked) {
                self.part(payload, words, Kind::Button, "");
                self.asked(asked, Codec::switch(payload, ""));
            }
        }
    }

    /// Which version of its program a device has, which there is, and a button that is held.
    pub(super) fn update(&mut self) {
        if self.has("l_ver") {
            self.main(Kind::Reading);
            self.told(STATE, Codec::Text);
            self.reading("l_ver", ["latest", "Latest", ""]);
        } else {
            self.state("installed_version");
        }
        if let Some(install) = self.config.text("pl_inst")
            && self.has(COMMAND)
        {
            self.part("install", "Install", Kind::Button, "").held = true;
            self.asked(COMMAND, Codec::switch(install, ""));
        }
    }

    /// What it says of itself: where no template says where that stands, it is a member of this name, or all there is.
    pub(super) fn state(&mut self, member: &str) {
        self.main(Kind::Reading);
        if self.config.template(STATE).is_some() {
            return self.told(STATE, Codec::Text);
        }
        let Some(topic) = self.config.topic(STATE) else { return self.is_obscure() };
        let at = inside::template(&["{{ value_json.", member, " | default(value) }}"].concat());
        self.reads(&topic, at, Codec::Text);
    }

    fn features(&self, usual: &[&'static str]) -> Vec<&'a str> {
        match self.config.get("sup_feat").map(Json::items) {
            Some(said) => said.iter().filter_map(Json::plain).collect(),
            None => usual.to_vec(),
        }
    }

    fn orders(&mut self, orders: &[Order], features: &[&str], held: bool) {
        for &(name, payload, words, feature) in orders {
            if features.contains(&feature) {
                self.part(payload, words, Kind::Button, "").held = held;
                if !self.is_asked(COMMAND, Codec::switch(self.word(name, payload), "")) {
                    self.without_last();
                }
            }
        }
    }
}
