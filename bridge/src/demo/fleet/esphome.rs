//! A device as ESPHome announces it, by Home Assistant's discovery: a thermostat, a blind that takes its time, a door.

use super::{Machine, Said, Stage};

const DEVICE: &str = r#""dev":{"ids":"de0000000006","name":"Living room","mf":"espressif","mdl":"esp32"},"avty_t":"living-room/status""#;
const CONFIGS: [(&str, &str); 5] = [
    (
        "climate/living-room/heating",
        r#""name":"Heating","modes":["off","heat","auto"],"mode_cmd_t":"living-room/mode/command","mode_stat_t":"living-room/climate","mode_stat_tpl":"{{ value_json.mode }}","temp_cmd_t":"living-room/target/command","temp_stat_t":"living-room/climate","temp_stat_tpl":"{{ value_json.target }}","curr_temp_t":"living-room/climate","curr_temp_tpl":"{{ value_json.now | round(1) }}","act_t":"living-room/climate","act_tpl":"{{ 'heating' if value_json.target > value_json.now and value_json.mode != 'off' else 'idle' }}","min_temp":5,"max_temp":28,"temp_step":0.5"#,
    ),
    (
        "cover/living-room/blind",
        r#""name":"Blind","cmd_t":"living-room/blind/command","stat_t":"living-room/blind/state","pos_t":"living-room/blind/position","set_pos_t":"living-room/blind/position/command""#,
    ),
    (
        "lock/living-room/door",
        r#""name":"Terrace door","cmd_t":"living-room/door/command","stat_t":"living-room/door/state""#,
    ),
    (
        "select/living-room/scene",
        r#""name":"Scene","ops":["Day","Evening","Night"],"cmd_t":"living-room/scene/command","stat_t":"living-room/scene/state""#,
    ),
    ("button/living-room/restart", r#""name":"Restart","cmd_t":"living-room/restart/command""#),
];

pub(super) struct House {
    mode: String,
    target: String,
    position: u8,
    locked: bool,
    scene: String,
}

impl Default for House {
    fn default() -> Self {
        Self { mode: "heat".into(), target: "21".into(), position: 100, locked: true, scene: "Day".into() }
    }
}

impl House {
    fn climate(&self, stage: &mut Stage, ms: u64) {
        let now = stage.near(202);
        let Self { mode, target, .. } = self;
        let climate = format!(r#"{{"mode":"{mode}","target":{target},"now":{now}}}"#);
        stage.later(ms, "living-room/climate", climate, true);
    }

    /// A tenth of its way each 400 ms.
    fn travel(&mut self, stage: &mut Stage, to: u8) {
        stage.due.retain(|(_, said)| !said.topic.starts_with("living-room/blind/"));
        let opens = to > self.position;
        let way = if opens { "opening" } else { "closing" };
        let mut ms = stage.relay();
        if to != self.position {
            stage.later(ms, "living-room/blind/state", way, true);
        }
        while self.position != to {
            let step = self.position.abs_diff(to).min(10);
            self.position = if opens { self.position + step } else { self.position - step };
            ms += 400;
            stage.later(ms, "living-room/blind/position", self.position.to_string(), true);
        }
        let end = if to == 0 { "closed" } else { "open" };
        stage.later(ms, "living-room/blind/state", end, true);
        stage.later(ms, "living-room/blind/position", to.to_string(), true);
    }

    fn door(&self) -> &'static str {
        if self.locked { "LOCKED" } else { "UNLOCKED" }
    }

    /// It stands where its last report said.
    fn stop(&mut self, stage: &mut Stage) {
        let reports = |said: &Said| said.topic == "living-room/blind/position";
        let next =
            stage.due.iter().find(|(_, said)| reports(said)).and_then(|(_, said)| said.payload.parse().ok());
        self.position = next.unwrap_or(self.position);
        let to = self.position;
        self.travel(stage, to);
    }
}

impl Machine for House {
    fn id(&self) -> &'static str {
        "living-room"
    }

    fn will(&self) -> Said {
        Said { topic: "living-room/status".into(), payload: "offline".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["living-room/+/command", "living-room/+/+/command"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep("living-room/status", "online");
        for (name, config) in CONFIGS {
            stage.keep(format!("homeassistant/{name}/config"), format!("{{{config},{DEVICE}}}"));
        }
        self.climate(stage, 0);
        stage.keep("living-room/blind/state", if self.position == 0 { "closed" } else { "open" });
        stage.keep("living-room/blind/position", self.position.to_string());
        stage.keep("living-room/door/state", self.door());
        stage.keep("living-room/scene/state", self.scene.clone());
    }

    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str) {
        let wait = stage.relay();
        match topic {
            "living-room/target/command" => self.target = payload.into(),
            "living-room/mode/command" => self.mode = payload.into(),
            "living-room/blind/command" => match payload {
                "OPEN" => return self.travel(stage, 100),
                "CLOSE" => return self.travel(stage, 0),
                _ => return self.stop(stage),
            },
            "living-room/blind/position/command" => {
                return self.travel(stage, payload.parse().unwrap_or(self.position).min(100));
            }
            "living-room/door/command" => {
                self.locked = payload == "LOCK";
                return stage.later(800, "living-room/door/state", self.door(), true);
            }
            "living-room/scene/command" => {
                self.scene = payload.into();
                return stage.later(wait, "living-room/scene/state", payload, true);
            }
            _ => return,
        }
        self.climate(stage, wait);
    }

    fn live(&mut self, stage: &mut Stage) {
        self.climate(stage, 0);
    }
}
