//! All that was recorded for the tests beside this one, in any order, cut off, said twice and taken back: a panel goes on.

use mqtt::Rng;

use super::*;

const RECORDED: [&str; 5] = [
    include_str!("hass.rs"),
    include_str!("homie.rs"),
    include_str!("shelly.rs"),
    include_str!("tasmota.rs"),
    include_str!("zigbee.rs"),
];

/// Topics that look like points by themselves, until somebody describes them.
const PAIRS: &str = "
    c/state ON
    c/set ON
    garden/pump/state OFF
    garden/pump/set ON
    robo/state docked
    robo/cmd start
    bath/set 21";

/// Lines of a topic and a payload, as they stand in the sources.
fn messages() -> Vec<(&'static str, &'static str)> {
    let is_topic = |text: &str| text.contains('/') && !text.contains(['(', '"', ';', '=', '&', '\'']);
    let lines = RECORDED.iter().chain(&[PAIRS]).flat_map(|text| text.lines());
    let split = lines.filter_map(|line| line.trim().split_once(' '));
    split.filter(|(topic, _)| is_topic(topic) && !topic.starts_with("//")).collect()
}

fn one<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[usize::try_from(rng.up_to(of.len() as u64 - 1)).unwrap()]
}

fn step(site: &mut Site, rng: &mut Rng, messages: &[(&str, &str)]) {
    let (topic, mut payload) = *one(rng, messages);
    site.now = site.now + std::time::Duration::from_millis(rng.up_to(900));
    match rng.up_to(9) {
        0 => payload = "",
        1 => payload = payload.get(..payload.len() / 2).unwrap_or_default(),
        2 => site.state.recall(site.now, &[(site.now, topic, payload)]),
        3 => {
            let tiles = site.state.shown().flat_map(|device| {
                device.tiles.iter().map(|tile| (device.name.clone(), tile.spec.key.clone()))
            });
            let tiles: Vec<_> = tiles.collect();
            if !tiles.is_empty() {
                let (device, key) = one(rng, &tiles);
                site.state.wish(site.now, device, key, Value::Switch(true));
            }
        }
        4 => {
            site.state.tick(site.now);
            site.state.questions(site.now);
            site.state.take_listen();
        }
        _ => {}
    }
    site.state.hear(site.now, topic, payload.as_bytes(), rng.up_to(1) == 0);
}

#[test]
fn messages_of_all_conventions_come_in_any_order() {
    let messages = messages();
    assert!(messages.len() > 100, "{} were found", messages.len());
    for seed in 0..400 {
        let (mut rng, mut site) = (Rng::new(seed), Site::hears(""));
        for _ in 0..120 {
            step(&mut site, &mut rng, &messages);
            let names: Vec<_> = site.state.shown().map(|device| &device.name).collect();
            assert!(names.is_sorted(), "seed {seed}: {names:?}");
        }
        for device in site.state.shown() {
            let mut keys: Vec<_> = device.tiles.iter().map(|tile| &tile.spec.key).collect();
            keys.sort();
            assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}: {keys:?}");
        }
    }
}
