//! Homie, versions 5 and 4.

use super::*;

const FIVE: &str = r#"
homie/5/kitchen-light/$description {"homie":"5.0","version":7,"name":"Kitchen light","nodes":{"light":{"name":"Light","properties":{"power":{"name":"Power","datatype":"boolean","settable":true},"brightness":{"name":"Brightness","datatype":"integer","format":"0:100","unit":"%","settable":true},"scene":{"name":"Scene","datatype":"enum","format":"day,night","settable":true},"identify":{"name":"Identify","datatype":"boolean","settable":true,"retained":false},"temperature":{"name":"Temperature","datatype":"float","unit":"°C"}}}}}
homie/5/kitchen-light/$state ready
homie/5/kitchen-light/light/power false
homie/5/kitchen-light/light/brightness 20
homie/5/kitchen-light/light/scene day
homie/5/kitchen-light/light/temperature 41.5
"#;
const LIGHT: &str = "homie/5/kitchen-light";

#[test]
fn version_5_describes_itself_in_one_document() {
    let mut site = Site::hears(FIVE);
    site.shows(
        LIGHT,
        "light/power OFF
        light/brightness 20 %
        light/scene day
        light/identify -
        light/temperature 41.5 °C",
    );
    assert_eq!(site.state.device(LIGHT).unwrap().called(), "Kitchen light");
    assert_eq!(site.state.take_listen(), ["homie/5/kitchen-light/#"]);
    assert_eq!(site.presence(LIGHT), Presence::Online);
}

#[test]
fn the_target_is_accepted_and_only_the_value_confirms() {
    let mut site = Site::hears(FIVE);
    assert_eq!(
        site.asks(LIGHT, "light/brightness", n("100")),
        "homie/5/kitchen-light/light/brightness/set 100"
    );
    site.hear("homie/5/kitchen-light/light/brightness/$target 100");
    accepted(&site.phase(LIGHT, "light/brightness"));
    site.hear("homie/5/kitchen-light/light/brightness 40");
    accepted(&site.phase(LIGHT, "light/brightness"));
    site.hear("homie/5/kitchen-light/light/brightness 100");
    assert_eq!(site.phase(LIGHT, "light/brightness"), SETTLED);
    assert_eq!(site.asks(LIGHT, "light/scene", word("night")), "homie/5/kitchen-light/light/scene/set night");
    assert_eq!(
        site.asks(LIGHT, "light/identify", Value::Switch(true)),
        "homie/5/kitchen-light/light/identify/set true"
    );
    assert_eq!(site.asks(LIGHT, "light/temperature", n("1")), "nothing");
}

#[test]
fn a_lost_device_is_offline_and_a_removed_one_is_gone() {
    let mut site = Site::hears(FIVE);
    site.hear("homie/5/kitchen-light/$state lost");
    assert!(matches!(site.presence(LIGHT), Presence::Offline { .. }));
    site.hear("homie/5/kitchen-light/$state ready");
    assert_eq!(site.presence(LIGHT), Presence::Online);
    site.hear("homie/5/kitchen-light/$description");
    site.shows(LIGHT, "no device");
}

#[test]
fn version_4_describes_itself_attribute_by_attribute() {
    let mut site = Site::hears(
        r#"
        homie/super-car/$homie 4.0.0
        homie/super-car/$name Super car
        homie/super-car/$nodes wheels,engine,lights
        homie/super-car/$state ready
        homie/super-car/engine/temperature/$name Engine temperature
        homie/super-car/engine/temperature/$unit °C
        homie/super-car/engine/temperature/$datatype float
        homie/super-car/engine/temperature/$format -20:120
        homie/super-car/engine/temperature 21.5
        homie/super-car/lights/intensity/$datatype integer
        homie/super-car/lights/intensity/$format 0:100
        homie/super-car/lights/intensity/$settable true
        homie/super-car/lights/intensity 30
        homie/super-car/lights/color/$datatype color
        homie/super-car/lights/color/$format rgb
        homie/super-car/lights/color/$settable true
        homie/super-car/lights/color 0,0,255
        homie/super-car/lights/on/$datatype boolean
        homie/super-car/lights/on true
    "#,
    );
    let car = "homie/super-car";
    site.shows(car, "lights/color 240,100\nlights/intensity 30\nlights/on ON\nengine/temperature 21.5 °C");
    assert_eq!(site.state.device(car).unwrap().called(), "Super car");
    assert_eq!(
        site.asks(car, "lights/color", Value::Colour(0, 100)),
        "homie/super-car/lights/color/set 255,0,0"
    );
    assert_eq!(site.asks(car, "lights/intensity", n("31")), "homie/super-car/lights/intensity/set 31");
    site.hear("homie/super-car/$state disconnected");
    assert!(matches!(site.presence(car), Presence::Offline { .. }));
}
