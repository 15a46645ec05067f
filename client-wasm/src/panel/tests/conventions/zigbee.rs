//! Zigbee2MQTT.

use super::*;

const PLUG: &str = r#"{"ieee_address":"0x00158d00018255df","type":"Router","friendly_name":"hall/plug","definition":{"model":"ZNCZ02LM","vendor":"Xiaomi","exposes":[{"type":"switch","features":[{"type":"binary","name":"state","label":"State","property":"state","value_on":"ON","value_off":"OFF","value_toggle":"TOGGLE","access":7}]},{"type":"numeric","name":"power","label":"Power","property":"power","unit":"W","access":5},{"type":"numeric","name":"linkquality","property":"linkquality","unit":"lqi","access":1,"category":"diagnostic"}]}}"#;
const BULB: &str = r#"{"ieee_address":"0x0017880104e45517","type":"Router","friendly_name":"bulb","definition":{"model":"9290012573A","vendor":"Philips","exposes":[{"type":"light","features":[{"type":"binary","name":"state","property":"state","value_on":"ON","value_off":"OFF","access":7},{"type":"numeric","name":"brightness","property":"brightness","value_min":0,"value_max":254,"access":7},{"type":"numeric","name":"color_temp","property":"color_temp","unit":"mired","value_min":153,"value_max":500,"access":7},{"type":"composite","name":"color_xy","property":"color","features":[{"type":"numeric","name":"x","property":"x","access":7},{"type":"numeric","name":"y","property":"y","access":7}]}]},{"type":"enum","name":"effect","property":"effect","values":["blink","okay"],"access":2},{"type":"list","name":"scenes","property":"scenes","access":7}]}}"#;
const VALVE: &str = r#"{"ieee_address":"0x842e14fffe000001","type":"EndDevice","friendly_name":"valve","definition":{"model":"TS0601","vendor":"Tuya","exposes":[{"type":"climate","features":[{"type":"numeric","name":"occupied_heating_setpoint","property":"occupied_heating_setpoint","value_min":5,"value_max":30,"value_step":0.5,"unit":"°C","access":3},{"type":"numeric","name":"local_temperature","property":"local_temperature","unit":"°C","access":1},{"type":"enum","name":"system_mode","property":"system_mode","values":["off","auto","heat"],"access":3},{"type":"enum","name":"running_state","property":"running_state","values":["idle","heat"],"access":1}]},{"type":"binary","name":"child_lock","property":"child_lock","value_on":"LOCK","value_off":"UNLOCK","access":3},{"type":"binary","name":"window","property":"window","value_on":true,"value_off":false,"access":1}]}}"#;
const HALL: &str = "zigbee2mqtt/hall/plug";
const LAMP: &str = "zigbee2mqtt/bulb";
const HEAT: &str = "zigbee2mqtt/valve";

fn site() -> Site {
    Site::hears(&format!(
        r#"
        zigbee2mqtt/bridge/devices [{{"type":"Coordinator","friendly_name":"Coordinator","definition":null}},{PLUG},{BULB},{VALVE}]
        zigbee2mqtt/bridge/state {{"state":"online"}}
        zigbee2mqtt/hall/plug {{"state":"ON","power":12,"linkquality":120}}
    "#
    ))
}

#[test]
fn one_list_describes_all_devices() {
    let mut site = site();
    site.shows(HALL, "state ON\npower 12 W\nlinkquality 120 lqi");
    assert_eq!(site.state.shown().count(), 3);
    let listen = site.state.take_listen();
    for filter in [HALL, "zigbee2mqtt/valve/availability"] {
        assert!(listen.iter().any(|other| other == filter), "{listen:?}");
    }
    assert_eq!(
        site.asks(HALL, "state", Value::Switch(false)),
        r#"zigbee2mqtt/hall/plug/set {"state":"OFF"}"#
    );
    site.hear(r#"zigbee2mqtt/hall/plug {"state":"OFF","power":0}"#);
    assert_eq!(site.phase(HALL, "state"), SETTLED);
}

#[test]
fn only_what_was_not_heard_is_asked_for() {
    assert_eq!(site().questions(), [r#"zigbee2mqtt/bulb/get {"state":""}"#]);
}

#[test]
fn a_bulb_is_one_tile_of_brightness_white_and_colour() {
    let mut site = site();
    site.hear(r#"zigbee2mqtt/bulb {"state":"ON","brightness":127,"color_temp":250,"color":{"x":0.7006,"y":0.2993},"color_mode":"xy"}"#);
    site.shows(LAMP, "state ON\nbrightness 50 %\ncolor_temp 4000 K\ncolor 0,100\neffect -");
    assert_eq!(site.asks(LAMP, "brightness", n("100")), r#"zigbee2mqtt/bulb/set {"brightness":254}"#);
    assert_eq!(site.asks(LAMP, "color_temp", n("2700")), r#"zigbee2mqtt/bulb/set {"color_temp":370}"#);
    assert_eq!(
        site.asks(LAMP, "color", Value::Colour(240, 100)),
        r#"zigbee2mqtt/bulb/set {"color":{"r":0,"g":0,"b":255}}"#
    );
    site.hear(r#"zigbee2mqtt/bulb {"state":"ON","brightness":254,"color_temp":370,"color":{"hue":241,"saturation":99}}"#);
    for key in ["brightness", "color_temp", "color"] {
        assert_eq!(site.phase(LAMP, key), SETTLED, "{key}");
    }
    assert_eq!(site.state.device(LAMP).unwrap().obscure.len(), 1, "a list is not understood");
}

#[test]
fn a_valve_is_one_tile_of_set_point_temperature_and_mode() {
    let mut site = site();
    site.hear(r#"zigbee2mqtt/valve {"occupied_heating_setpoint":21.5,"local_temperature":19.8,"system_mode":"auto","running_state":"heat","child_lock":"UNLOCK","window":false}"#);
    site.shows(
        HEAT,
        "child_lock OFF
        occupied_heating_setpoint 21.5 °C
        system_mode auto
        local_temperature 19.8 °C
        running_state heat
        window OFF",
    );
    assert_eq!(
        site.asks(HEAT, "occupied_heating_setpoint", n("22")),
        r#"zigbee2mqtt/valve/set {"occupied_heating_setpoint":22}"#
    );
    assert_eq!(
        site.asks(HEAT, "system_mode", word("heat")),
        r#"zigbee2mqtt/valve/set {"system_mode":"heat"}"#
    );
    assert_eq!(
        site.asks(HEAT, "child_lock", Value::Switch(true)),
        r#"zigbee2mqtt/valve/set {"child_lock":"LOCK"}"#
    );
    site.hear(r#"zigbee2mqtt/valve {"occupied_heating_setpoint":21}"#);
    assert_eq!(site.phase(HEAT, "occupied_heating_setpoint"), Phase::Settled { otherwise: true }, "it lies");
}

#[test]
fn two_gangs_covers_and_locks() {
    let mut site = Site::hears(
        r#"zigbee2mqtt/bridge/devices [{"friendly_name":"two","definition":{"exposes":[{"type":"switch","endpoint":"left","features":[{"type":"binary","name":"state","endpoint":"left","property":"state_left","value_on":"ON","value_off":"OFF","access":7}]},{"type":"switch","endpoint":"right","features":[{"type":"binary","name":"state","endpoint":"right","property":"state_right","value_on":"ON","value_off":"OFF","access":7}]}]}},{"friendly_name":"blind","definition":{"exposes":[{"type":"cover","features":[{"type":"enum","name":"state","property":"state","values":["OPEN","CLOSE","STOP"],"access":3},{"type":"numeric","name":"position","property":"position","value_min":0,"value_max":100,"unit":"%","access":7}]}]}},{"friendly_name":"door","definition":{"exposes":[{"type":"lock","features":[{"type":"binary","name":"state","property":"state","value_on":"LOCK","value_off":"UNLOCK","access":7},{"type":"enum","name":"lock_state","property":"lock_state","values":["not_fully_locked","locked","unlocked"],"access":1}]}]}}]
        zigbee2mqtt/two {"state_left":"ON","state_right":"OFF"}
        zigbee2mqtt/blind {"state":"OPEN","position":100}
        zigbee2mqtt/door {"state":"LOCK","lock_state":"locked"}"#,
    );
    site.shows("zigbee2mqtt/two", "state_left ON\nstate_right OFF");
    site.shows("zigbee2mqtt/blind", "state open\nposition 100 %");
    assert_eq!(
        site.asks("zigbee2mqtt/blind", "state", word("stop")),
        r#"zigbee2mqtt/blind/set {"state":"STOP"}"#
    );
    site.shows("zigbee2mqtt/door", "state ON\nlock_state locked");
    assert_eq!(
        site.asks("zigbee2mqtt/door", "state", Value::Switch(false)),
        r#"zigbee2mqtt/door/set {"state":"UNLOCK"}"#
    );
    assert_eq!(&*site.state.device("zigbee2mqtt/two").unwrap().tiles[1].spec.label, "Switch right");
}

#[test]
fn a_device_is_there_when_its_bridge_and_itself_are() {
    let mut site = site();
    site.hear("zigbee2mqtt/hall/plug/availability online");
    assert_eq!(site.presence(HALL), Presence::Online);
    site.hear(r#"zigbee2mqtt/hall/plug/availability {"state":"offline"}"#);
    assert!(matches!(site.presence(HALL), Presence::Offline { .. }));
    site.hear("zigbee2mqtt/hall/plug/availability online");
    site.hear("zigbee2mqtt/bridge/state offline");
    assert!(matches!(site.presence(HALL), Presence::Offline { .. }));
}
