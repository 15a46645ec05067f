//! Homie: a lamp of version 5 that fades to its target, and a sensor of version 4.

use super::{Machine, Said, Stage};

const DESCRIPTION: &str = r#"{"homie":"5.0","version":1,"name":"Desk lamp","nodes":{"light":{"properties":{"power":{"name":"Desk lamp","datatype":"boolean","settable":true},"brightness":{"name":"Brightness","datatype":"integer","format":"0:100:5","unit":"%","settable":true}}}}}"#;

#[derive(Default)]
pub(super) struct Lamp {
    on: bool,
    brightness: u8,
}

impl Machine for Lamp {
    fn id(&self) -> &'static str {
        "homie-desk-lamp"
    }

    fn will(&self) -> Said {
        Said { topic: "homie/5/desk-lamp/$state".into(), payload: "lost".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &["homie/5/desk-lamp/+/+/set"]
    }

    fn greet(&mut self, stage: &mut Stage) {
        stage.keep("homie/5/desk-lamp/$state", "ready");
        stage.keep("homie/5/desk-lamp/$description", DESCRIPTION);
        stage.keep("homie/5/desk-lamp/light/power", self.on.to_string());
        stage.keep("homie/5/desk-lamp/light/brightness", self.brightness.to_string());
    }

    fn hear(&mut self, stage: &mut Stage, topic: &str, payload: &str) {
        let Some(property) = topic.strip_suffix("/set") else { return };
        let wait = stage.relay();
        stage.later(wait, format!("{property}/$target"), payload, true);
        if property.ends_with("/power") {
            self.on = payload == "true";
            return stage.later(wait + 100, property, payload, true);
        }
        let to = payload.parse().unwrap_or(self.brightness).min(100);
        stage.due.retain(|(_, said)| said.topic != property);
        for n in 1..=4_u16 {
            let (from, way) = (i16::from(self.brightness), i16::from(to) - i16::from(self.brightness));
            let level = from + way * i16::try_from(n).unwrap_or(4) / 4;
            stage.later(wait + u64::from(n) * 400, property, level.to_string(), true);
        }
        self.brightness = to;
    }
}

pub(super) struct Sensor;

impl Machine for Sensor {
    fn id(&self) -> &'static str {
        "homie-garden"
    }

    fn will(&self) -> Said {
        Said { topic: "homie/garden/$state".into(), payload: "lost".into(), retain: true }
    }

    fn listens(&self) -> &'static [&'static str] {
        &[]
    }

    fn greet(&mut self, stage: &mut Stage) {
        for (attribute, value) in [
            ("$homie", "4.0.0"),
            ("$name", "Garden"),
            ("$nodes", "air"),
            ("$state", "ready"),
            ("air/$properties", "temperature,rain"),
            ("air/temperature/$name", "Temperature"),
            ("air/temperature/$datatype", "float"),
            ("air/temperature/$unit", "°C"),
            ("air/rain/$name", "Rain"),
            ("air/rain/$datatype", "boolean"),
            ("air/rain", "false"),
        ] {
            stage.keep(format!("homie/garden/{attribute}"), value);
        }
        self.live(stage);
    }

    fn hear(&mut self, _stage: &mut Stage, _topic: &str, _payload: &str) {}

    fn live(&mut self, stage: &mut Stage) {
        let now = stage.near(128);
        stage.keep("homie/garden/air/temperature", now);
    }
}
