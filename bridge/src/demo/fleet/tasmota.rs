//! A Tasmota plug that is slow: three seconds from command to answer.

use super::{Machine, Said, Stage};

const CONFIG: &str = r#"{"ip":"127.0.0.1","dn":"Slow plug","fn":["Coffee machine"],"hn":"demo","mac":"DE0000000001","md":"Sonoff POW","ty":0,"if":0,"ofln":"Offline","onln":"Online","state":["OFF","ON","TOGGLE","HOLD"],"sw":"13.4.0","t":"tasmota_DEMO01","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[1],"so":{},"lk":0,"lt_st":0,"ver":1}"#;

#[derive(Default)]
pub(super) struct Plug {
    on: bool,
}

impl Plug {
    const fn word(&self) -> &'static str {
        if self.on { "ON" } else { "OFF" }
    }

    fn energy(&self, stage: &mut Stage) -> String {
        let power = if self.on { stage.near(8_500) } else { "0".to_owned() };
        format!(
            r#"{{"Time":"2026-01-01T00:00:00","ENERGY":{{"Power":{power},"Voltage":230,"Total":12.417}}}}"#
        )
    }
}

impl Machine for Plug {
    fn id(&self) -> &'static str {
        "tasmota_DEMO01"
    }

    fn will(&self) -> Said {
        Said { topic: "tele/tasmota_DEMO01/LWT".into(), payload: "Offline".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["cmnd/tasmota_DEMO01/+"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep("tele/tasmota_DEMO01/LWT", "Online");
        stage.keep("tasmota/discovery/DE0000000001/config", CONFIG);
        let sensors = format!(r#"{{"sn":{},"ver":1}}"#, self.energy(stage));
        stage.keep("tasmota/discovery/DE0000000001/sensors", sensors);
        stage.say("tele/tasmota_DEMO01/STATE", format!(r#"{{"POWER":"{}"}}"#, self.word()));
    }

    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str) {
        match topic.rsplit('/').next().unwrap_or_default() {
            "POWER" => {
                self.on = match payload {
                    "ON" => true,
                    "OFF" => false,
                    _ => !self.on,
                };
                stage.later(
                    3_000,
                    "stat/tasmota_DEMO01/RESULT",
                    format!(r#"{{"POWER":"{}"}}"#, self.word()),
                    false,
                );
                stage.later(3_000, "stat/tasmota_DEMO01/POWER", self.word(), false);
            }
            "STATE" => stage.later(
                80,
                "stat/tasmota_DEMO01/RESULT",
                format!(r#"{{"POWER":"{}"}}"#, self.word()),
                false,
            ),
            "STATUS" => {
                let energy = self.energy(stage);
                stage.later(
                    120,
                    "stat/tasmota_DEMO01/STATUS10",
                    format!(r#"{{"StatusSNS":{energy}}}"#),
                    false,
                );
            }
            _ => stage.say("stat/tasmota_DEMO01/RESULT", r#"{"Command":"Unknown"}"#),
        }
    }

    fn live(&mut self, stage: &mut Stage) {
        let energy = self.energy(stage);
        stage.say("tele/tasmota_DEMO01/SENSOR", energy);
    }
}
