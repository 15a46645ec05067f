//! Two Shellys: one of the second generation that refuses to switch on, and one of the first that goes away now and then.

use std::time::Duration;

use super::{Machine, Said, Stage};

const PLUS: &str = "shellyplus1pm-demo02";

pub(super) struct Plus;

impl Machine for Plus {
    fn id(&self) -> &'static str {
        PLUS
    }

    fn will(&self) -> Said {
        Said { topic: format!("{PLUS}/online"), payload: "false".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["shellyplus1pm-demo02/rpc"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep(format!("{PLUS}/online"), "true");
    }

    fn hear(&mut self, stage: &mut Stage, _topic: &str, payload: &str) {
        let Some(src) = payload.split("\"src\":\"").nth(1).and_then(|rest| rest.split('"').next()) else {
            return;
        };
        let wait = stage.relay();
        let answer = if payload.contains("Shelly.GetStatus") {
            r#""result":{"input:0":{"id":0,"state":false},"switch:0":{"id":0,"output":false,"apower":0.0,"voltage":231.2},"temperature:100":{"id":100,"tC":88.4},"sys":{"mac":"DE0000000002"}}"#
        } else if payload.contains("\"on\":true") {
            r#""error":{"code":-114,"message":"Too hot: 88 °C"}"#
        } else {
            r#""result":{"was_on":false}"#
        };
        stage.later(wait, format!("{src}/rpc"), format!(r#"{{"id":1,"src":"{PLUS}",{answer}}}"#), false);
        if payload.contains("\"on\":false") {
            let status = r#"{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":false}}}"#;
            stage.later(wait + 20, format!("{PLUS}/events/rpc"), status, false);
        }
    }
}

#[derive(Default)]
pub(super) struct First {
    on: bool,
}

const FIRST: &str = "shellies/shelly1-DE0003";

impl First {
    const fn word(&self) -> &'static str {
        if self.on { "on" } else { "off" }
    }

    fn tell(&self, stage: &mut Stage, ms: u64) {
        stage.later(ms, format!("{FIRST}/relay/0"), self.word(), true);
        stage.later(ms, format!("{FIRST}/input/0"), "0", true);
    }
}

impl Machine for First {
    fn id(&self) -> &'static str {
        "shelly1-DE0003"
    }

    fn will(&self) -> Said {
        Said { topic: format!("{FIRST}/online"), payload: "false".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["shellies/shelly1-DE0003/command", "shellies/shelly1-DE0003/relay/0/command"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep(format!("{FIRST}/online"), "true");
        self.tell(stage, 0);
    }

    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str) {
        if topic.ends_with("/relay/0/command") {
            self.on = match payload {
                "on" => true,
                "off" => false,
                _ => !self.on,
            };
        }
        let wait = stage.relay();
        self.tell(stage, wait);
    }

    fn stays(&self) -> Option<Duration> {
        Some(Duration::from_secs(60))
    }
}
