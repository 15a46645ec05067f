//! Zigbee2MQTT with a lamp of all colours and a plug that lies: asked to switch on, it says that it is off.

use super::{Machine, Said, Stage};

const DEVICES: &str = r#"[{"ieee_address":"0xde00000000000004","type":"Router","friendly_name":"Colour lamp","definition":{"model":"LCA001","vendor":"Philips","exposes":[{"type":"light","features":[{"type":"binary","name":"state","property":"state","value_on":"ON","value_off":"OFF","access":7},{"type":"numeric","name":"brightness","property":"brightness","value_min":0,"value_max":254,"access":7},{"type":"numeric","name":"color_temp","property":"color_temp","value_min":153,"value_max":500,"access":7},{"type":"composite","name":"color_hs","property":"color","features":[]}]},{"type":"numeric","name":"linkquality","property":"linkquality","unit":"lqi","access":1,"category":"diagnostic"}]}},{"ieee_address":"0xde00000000000005","type":"Router","friendly_name":"Lying plug","definition":{"model":"ZNCZ02LM","vendor":"Xiaomi","exposes":[{"type":"switch","features":[{"type":"binary","name":"state","property":"state","value_on":"ON","value_off":"OFF","access":7}]},{"type":"numeric","name":"power","property":"power","unit":"W","access":5}]}}]"#;

pub(super) struct Network {
    on: bool,
    brightness: String,
    white: String,
    colour: String,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            on: true,
            brightness: "163".into(),
            white: "370".into(),
            colour: r#"{"r":255,"g":160,"b":60}"#.into(),
        }
    }
}

impl Network {
    fn lamp(&self, stage: &mut Stage, ms: u64) {
        let (on, quality) = (if self.on { "ON" } else { "OFF" }, stage.near(1_200));
        let Self { brightness, white, colour, .. } = self;
        let state = format!(
            r#"{{"state":"{on}","brightness":{brightness},"color_temp":{white},"color":{colour},"linkquality":{quality}}}"#
        );
        stage.later(ms, "zigbee2mqtt/Colour lamp", state, false);
    }
}

impl Machine for Network {
    fn id(&self) -> &'static str {
        "zigbee2mqtt-demo"
    }

    fn will(&self) -> Said {
        Said {
            topic: "zigbee2mqtt/bridge/state".into(),
            payload: r#"{"state":"offline"}"#.into(),
            retain: true,
        }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["zigbee2mqtt/+/set", "zigbee2mqtt/+/get"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep("zigbee2mqtt/bridge/state", r#"{"state":"online"}"#);
        stage.keep("zigbee2mqtt/bridge/devices", DEVICES);
    }

    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str) {
        let wait = stage.relay();
        if topic.contains("Lying plug") {
            stage.later(wait, "zigbee2mqtt/Lying plug", r#"{"state":"OFF","power":0}"#, false);
            return;
        }
        if topic.ends_with("/set") {
            // One property in each command of the panel.
            let value = payload.split_once(':').map_or("", |(_, rest)| rest.trim_end_matches('}'));
            match payload.split('"').nth(1).unwrap_or_default() {
                "state" => self.on = value.contains("ON"),
                "brightness" => (self.on, self.brightness) = (true, value.into()),
                "color_temp" => (self.on, self.white) = (true, value.into()),
                "color" => (self.on, self.colour) = (true, format!("{value}}}")),
                _ => return,
            }
        }
        self.lamp(stage, wait);
    }

    fn live(&mut self, stage: &mut Stage) {
        self.lamp(stage, 0);
    }
}
