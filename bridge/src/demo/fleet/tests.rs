//! The fleet in virtual time.

use super::*;

/// What a device says within so many milliseconds after a command.
fn answers(
    device: &mut dyn Machine,
    stage: &mut Stage,
    command: (&str, &str),
    ms: u64,
) -> Vec<(u64, String)> {
    let start = stage.now;
    device.hear(stage, command.0, command.1);
    let mut said = Vec::new();
    while let Some((at, _)) =
        stage.due.front().cloned().filter(|(at, _)| at.since(start).as_millis() <= u128::from(ms))
    {
        stage.now = at.max(stage.now);
        if let Some(Said { topic, payload, .. }) = stage.take_due() {
            said.push((
                u64::try_from(stage.now.since(start).as_millis()).unwrap(),
                format!("{topic} {payload}"),
            ));
        }
    }
    stage.now = start + Duration::from_millis(ms);
    said
}

#[test]
fn every_device_has_a_will_and_greets_with_its_opposite() {
    for mut device in all() {
        let mut stage = Stage::new(1);
        device.greet(&mut stage);
        let will = device.will();
        let greeted = stage
            .due
            .iter()
            .any(|(_, said)| said.topic == will.topic && said.payload != will.payload && said.retain);
        assert!(greeted && will.retain, "{}", device.id());
        for topic in stage.due.iter().map(|(_, said)| said.topic.clone()).chain([will.topic]) {
            assert!(TopicName::new(topic.as_str()).is_ok(), "{topic}");
        }
        for filter in device.listens() {
            assert!(TopicFilter::new(*filter).is_ok(), "{filter}");
        }
    }
}

#[test]
fn the_slow_plug_takes_three_seconds() {
    let (mut plug, mut stage) = (tasmota::Plug::default(), Stage::new(1));
    assert_eq!(answers(&mut plug, &mut stage, ("cmnd/tasmota_DEMO01/POWER", "ON"), 2_999), []);
    stage.now = Instant::START;
    let said = answers(&mut plug, &mut stage, ("cmnd/tasmota_DEMO01/STATE", ""), 3_000);
    assert!(said.contains(&(3_000, r#"stat/tasmota_DEMO01/RESULT {"POWER":"ON"}"#.into())), "{said:?}");
}

#[test]
fn one_refuses_and_one_lies() {
    let (mut plus, mut stage) = (shelly::Plus, Stage::new(1));
    let command = r#"{"id":1,"src":"me/x/switch:0","method":"Switch.Set","params":{"id":0,"on":true}}"#;
    let said = answers(&mut plus, &mut stage, ("shellyplus1pm-demo02/rpc", command), 300);
    assert!(
        said.len() == 1 && said[0].1.starts_with("me/x/switch:0/rpc ") && said[0].1.contains("\"error\""),
        "{said:?}"
    );
    let (mut network, mut stage) = (zigbee::Network::default(), Stage::new(1));
    let said = answers(&mut network, &mut stage, ("zigbee2mqtt/Lying plug/set", r#"{"state":"ON"}"#), 300);
    assert_eq!(said[0].1, r#"zigbee2mqtt/Lying plug {"state":"OFF","power":0}"#);
}

#[test]
fn the_lamp_takes_its_colour_and_the_blind_its_time() {
    let (mut network, mut stage) = (zigbee::Network::default(), Stage::new(1));
    let colour = r#"{"color":{"r":0,"g":0,"b":255}}"#;
    let said = answers(&mut network, &mut stage, ("zigbee2mqtt/Colour lamp/set", colour), 300);
    assert!(said[0].1.contains(r#""color":{"r":0,"g":0,"b":255},"#), "{said:?}");
    let (mut house, mut stage) = (esphome::House::default(), Stage::new(1));
    let said = answers(&mut house, &mut stage, ("living-room/blind/command", "CLOSE"), 6_000);
    let words: Vec<_> = said.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(words[0], "living-room/blind/state closing");
    assert!(
        words.contains(&"living-room/blind/position 50") && words.contains(&"living-room/blind/state closed")
    );
}

#[test]
fn a_stopped_blind_stays_where_it_is() {
    let (mut house, mut stage) = (esphome::House::default(), Stage::new(1));
    answers(&mut house, &mut stage, ("living-room/blind/command", "CLOSE"), 1_500);
    let said = answers(&mut house, &mut stage, ("living-room/blind/command", "STOP"), 6_000);
    let words: Vec<_> = said.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(words, ["living-room/blind/state open", "living-room/blind/position 60"]);
}

#[test]
fn a_homie_lamp_says_its_target_and_then_the_way_to_it() {
    let (mut lamp, mut stage) = (homie::Lamp::default(), Stage::new(1));
    let said = answers(&mut lamp, &mut stage, ("homie/5/desk-lamp/light/brightness/set", "100"), 2_500);
    let words: Vec<_> = said.iter().map(|(_, words)| words.rsplit('/').next().unwrap()).collect();
    assert_eq!(words, ["$target 100", "brightness 25", "brightness 50", "brightness 75", "brightness 100"]);
}
