//! Home Assistant's discovery.

use super::*;

#[test]
fn a_switch_with_a_base_topic() {
    let mut site = Site::hears(
        r#"homeassistant/switch/irrigation/config {"~":"garden/pump","name":"Pump","cmd_t":"~/set","stat_t":"~/state"}
        garden/pump/state OFF"#,
    );
    site.shows("irrigation", "switch/irrigation OFF");
    assert_eq!(site.state.take_listen(), ["garden/pump/state"]);
    assert_eq!(site.asks("irrigation", "switch/irrigation", Value::Switch(true)), "garden/pump/set ON");
    site.hear("homeassistant/switch/irrigation/config");
    site.shows("irrigation", "no device");
}

#[test]
fn entities_of_one_device_stand_together() {
    let site = Site::hears(
        r#"
        homeassistant/binary_sensor/garden/config {"name":null,"device_class":"motion","state_topic":"homeassistant/binary_sensor/garden/state","unique_id":"motion01ad","device":{"identifiers":["01ad"],"name":"Garden"}}
        homeassistant/sensor/garden/lux/config {"name":"Light","unit_of_meas":"lx","stat_t":"garden/lux","val_tpl":"{{ value_json.lux | float | round(1) }}","uniq_id":"lux01ad","dev":{"ids":"01ad"}}
        homeassistant/binary_sensor/garden/state ON
        garden/lux {"lux":123.456}
    "#,
    );
    site.shows("01ad", "binary_sensor/garden ON\nsensor/garden/lux 123.5 lx");
    let device = site.state.device("01ad").unwrap();
    assert_eq!(&*device.tiles[0].spec.label, "Garden");
    assert_eq!(device.called(), "Garden", "the one that names itself by its id alone takes no name away");
}

#[test]
fn a_device_in_one_document() {
    let mut site = Site::hears(
        r#"homeassistant/device/ea334450945afc/config {"dev":{"ids":"ea334450945afc","name":"Kitchen","mf":"Bla electronics","mdl":"xya"},"o":{"name":"bla2mqtt","sw":"2.1"},"cmps":{"t1":{"p":"sensor","device_class":"temperature","unit_of_measurement":"°C","value_template":"{{ value_json.temperature}}","unique_id":"temp01ae_t"},"h1":{"p":"sensor","device_class":"humidity","unit_of_measurement":"%","value_template":"{{ value_json.humidity}}","unique_id":"temp01ae_h"},"gone":{"p":"sensor"}},"state_topic":"sensorBedroom/state","qos":2}
        sensorBedroom/state {"temperature":23.20,"humidity":43.70}"#,
    );
    site.shows("ea334450945afc", "sensor/h1 43.7 %\nsensor/t1 23.2 °C");
    let device = site.state.device("ea334450945afc").unwrap();
    assert_eq!((device.called(), &*device.model), ("Kitchen", "Bla electronics xya"));
    site.hear(r#"homeassistant/device/ea334450945afc/config {"dev":{"ids":"ea334450945afc","name":"Kitchen"},"o":{"name":"b"},"cmps":{"t1":{"p":"sensor","unit_of_measurement":"°C","stat_t":"t"}}}"#);
    site.shows("ea334450945afc", "sensor/t1 23.2 °C");
}

#[test]
fn esphome_announces_itself_with_abbreviations() {
    let mut site = Site::hears(
        r#"
        homeassistant/light/livingroom/strip/config {"schema":"json","color_mode":true,"brightness":true,"supported_color_modes":["rgb"],"name":"Strip","stat_t":"livingroom/light/strip/state","cmd_t":"livingroom/light/strip/command","avty_t":"livingroom/status","uniq_id":"ESPlightstrip","dev":{"ids":"a4cf12f0c1d2","name":"livingroom","sw":"esphome v2024.2.0","mdl":"d1_mini","mf":"espressif"}}
        homeassistant/sensor/livingroom/uptime/config {"unit_of_meas":"s","ent_cat":"diagnostic","name":"Uptime","stat_t":"livingroom/sensor/uptime/state","avty_t":"livingroom/status","uniq_id":"ESPuptime","dev":{"ids":"a4cf12f0c1d2"}}
        livingroom/status online
        livingroom/light/strip/state {"color_mode":"rgb","state":"ON","brightness":255,"color":{"r":255,"g":0,"b":0}}
        livingroom/sensor/uptime/state 120
    "#,
    );
    let id = "a4cf12f0c1d2";
    site.shows(
        id,
        "light/livingroom/strip ON
        light/livingroom/strip/brightness 100 %
        light/livingroom/strip/colour 0,100
        sensor/livingroom/uptime 120 s",
    );
    assert_eq!(site.presence(id), Presence::Online);
    assert_eq!(
        site.asks(id, "light/livingroom/strip", Value::Switch(false)),
        r#"livingroom/light/strip/command {"state":"OFF"}"#
    );
    assert_eq!(
        site.asks(id, "light/livingroom/strip/colour", Value::Colour(240, 100)),
        r#"livingroom/light/strip/command {"state":"ON","color":{"r":0,"g":0,"b":255}}"#
    );
    site.hear("livingroom/status offline");
    assert!(matches!(site.presence(id), Presence::Offline { .. }));
}

#[test]
fn a_thermostat_with_templates_both_ways() {
    let mut site = Site::hears(
        r#"
        homeassistant/climate/bath/config {"name":"Bath","modes":["off","heat"],"mode_cmd_t":"bath/mode/set","mode_stat_t":"bath","mode_stat_tpl":"{{ value_json.mode }}","temp_cmd_t":"bath/set","temp_cmd_tpl":"{\"target\":{{ value }}}","temp_stat_t":"bath","temp_stat_tpl":"{{ value_json.target }}","curr_temp_t":"bath","curr_temp_tpl":"{{ value_json.now }}","act_t":"bath","act_tpl":"{{ 'heating' if value_json.valve > 0 else 'idle' }}","min_temp":5,"max_temp":28,"temp_step":0.5,"dev":{"ids":["bath"],"name":"Bath"}}
        bath {"mode":"heat","target":21,"now":19.6,"valve":40}
    "#,
    );
    site.shows(
        "bath",
        "climate/bath 21 °C\nclimate/bath/mode heat\nclimate/bath/action heating\nclimate/bath/current 19.6 °C",
    );
    assert_eq!(site.asks("bath", "climate/bath", n("21.5")), r#"bath/set {"target":21.5}"#);
    assert_eq!(site.asks("bath", "climate/bath/mode", word("off")), "bath/mode/set off");
}

#[test]
fn covers_fans_locks_buttons_numbers_and_selects() {
    let mut site = Site::hears(
        r#"
        homeassistant/cover/x/gate/config {"name":"Gate","cmd_t":"g/c","stat_t":"g/s","pos_t":"g/p","set_pos_t":"g/sp","pos_open":0,"pos_clsd":100,"dev":{"ids":"x"}}
        homeassistant/fan/x/vent/config {"name":"Vent","cmd_t":"v/c","stat_t":"v/s","pct_cmd_t":"v/pc","pct_stat_t":"v/ps","spd_rng_max":4,"dev":{"ids":"x"}}
        homeassistant/lock/x/door/config {"name":"Door","cmd_t":"d/c","stat_t":"d/s","dev":{"ids":"x"}}
        homeassistant/button/x/boot/config {"name":"Restart","cmd_t":"b/c","ent_cat":"config","dev":{"ids":"x"}}
        homeassistant/number/x/delay/config {"name":"Delay","cmd_t":"n/c","stat_t":"n/s","min":0,"max":60,"unit_of_meas":"s","dev":{"ids":"x"}}
        homeassistant/select/x/song/config {"name":"Song","cmd_t":"s/c","stat_t":"s/s","ops":["Jingle","Bell"],"dev":{"ids":"x"}}
        homeassistant/vacuum/x/robot/config {"name":"Robot","cmd_t":"r/c","stat_t":"r/s","dev":{"ids":"x"}}
        g/s open
        g/p 0
        v/s ON
        v/ps 2
        d/s LOCKED
        n/s 30
        s/s Bell
        r/s docked
    "#,
    );
    site.shows(
        "x",
        "fan/x/vent ON
        fan/x/vent/speed 50 %
        lock/x/door ON
        cover/x/gate open
        cover/x/gate/position 100 %
        number/x/delay 30 s
        select/x/song Bell
        vacuum/x/robot docked
        vacuum/x/robot/clean_spot -
        vacuum/x/robot/return_to_base -
        vacuum/x/robot/start -
        vacuum/x/robot/stop -
        button/x/boot -",
    );
    assert_eq!(site.asks("x", "cover/x/gate/position", n("25")), "g/sp 75");
    assert_eq!(site.asks("x", "fan/x/vent/speed", n("75")), "v/pc 3");
    assert_eq!(site.asks("x", "lock/x/door", Value::Switch(false)), "d/c UNLOCK");
    assert_eq!(site.asks("x", "select/x/song", word("Jingle")), "s/c Jingle");
    assert_eq!(site.asks("x", "select/x/song", word("Ode")), "nothing");
    let boot = site.state.wish(site.now, "x", "button/x/boot", Value::Switch(true)).unwrap();
    assert_eq!((boot.topic.as_str(), boot.payload.as_str()), ("b/c", "PRESS"));
    site.state.sent(boot.id);
    assert_eq!(site.phase("x", "button/x/boot"), Phase::Assumed { value: Value::Switch(true) });
}

#[test]
fn a_light_of_separate_topics() {
    let mut site = Site::hears(
        r#"
        homeassistant/light/l/config {"name":"L","cmd_t":"l/set","stat_t":"l","bri_cmd_t":"l/b/set","bri_stat_t":"l/b","bri_scl":100,"rgb_cmd_t":"l/rgb/set","rgb_stat_t":"l/rgb","clr_temp_cmd_t":"l/ct/set","clr_temp_stat_t":"l/ct"}
        l ON
        l/b 42
        l/rgb 0,255,0
        l/ct 200
    "#,
    );
    site.shows("l", "light/l ON\nlight/l/brightness 42 %\nlight/l/white 5000 K\nlight/l/colour 120,100");
    assert_eq!(site.asks("l", "light/l/colour", Value::Colour(0, 100)), "l/rgb/set 255,0,0");
}

#[test]
fn what_is_not_understood_is_counted_once_and_never_guessed() {
    let mut site = Site::hears(
        r#"
        homeassistant/sensor/odd/a/config {"name":"A","stat_t":"odd/a","val_tpl":"{{ value | regex_findall('x') }}","dev":{"ids":"odd"}}
        homeassistant/light/odd/b/config {"name":"B","schema":"template","cmd_t":"odd/b","dev":{"ids":"odd"}}
        homeassistant/switch/odd/c/config {"name":"No command topic","stat_t":"odd/c","dev":{"ids":"odd"}}
        homeassistant/switch/odd/d/config not JSON
        homeassistant/device_automation/odd/e/config {"topic":"x","dev":{"ids":"odd"}}
    "#,
    );
    let counted = |site: &Site| {
        let device = site.state.device("odd").unwrap();
        (device.obscure.len(), device.tiles.len())
    };
    assert_eq!(counted(&site), (3, 0));
    // Heard again, as from the broker's memory, described better, and taken back.
    let odd = |n: &str, config: &str| format!("homeassistant/switch/odd/{n}/config {config}");
    site.hear(&odd("c", r#"{"name":"No command topic","stat_t":"odd/c","dev":{"ids":"odd"}}"#));
    assert_eq!(counted(&site), (3, 0));
    site.hear(&odd("c", r#"{"name":"C","cmd_t":"odd/c","dev":{"ids":"odd"}}"#));
    assert_eq!(counted(&site), (2, 1));
    site.hear(&odd("c", r#"{"name":"C","schema":"x","dev":{"ids":"odd"}}"#));
    assert_eq!(counted(&site), (3, 0));
    site.hear(&odd("c", ""));
    assert_eq!(counted(&site), (2, 0));
}

#[test]
fn one_device_of_two_conventions_is_one_device() {
    let config = r#"homeassistant/switch/0x00158d00018255df/switch/config {"cmd_t":"zigbee2mqtt/plug/set","stat_t":"zigbee2mqtt/plug","val_tpl":"{{ value_json.state }}","dev":{"ids":["zigbee2mqtt_0x00158d00018255df"],"name":"plug"}}"#;
    let native = r#"zigbee2mqtt/bridge/devices [{"ieee_address":"0x00158d00018255df","friendly_name":"plug","definition":{"model":"M","vendor":"V","exposes":[{"type":"switch","features":[{"type":"binary","name":"state","property":"state","value_on":"ON","value_off":"OFF","access":7}]}]}}]"#;
    for order in [[config, native], [native, config]] {
        let mut site = Site::hears(&order.join("\n"));
        site.hear(r#"zigbee2mqtt/plug {"state":"ON"}"#);
        let names: Vec<_> = site.state.shown().map(|device| device.name.to_string()).collect();
        assert_eq!(names, ["zigbee2mqtt/plug"]);
        site.shows("zigbee2mqtt/plug", "state ON");
    }
}

#[test]
fn a_flood_of_configurations_has_an_end() {
    let mut site = Site::hears("");
    for n in 0..1_200 {
        site.hear(&format!(r#"homeassistant/switch/n{n}/config {{"cmd_t":"c/{n}","stat_t":"s/{n}"}}"#));
    }
    assert_eq!(site.state.shown().count(), 1_000);
    for n in 0..400 {
        site.hear(&format!(r#"homeassistant/switch/many/n{n}/config {{"cmd_t":"c/{n}","stat_t":"s/{n}","dev":{{"ids":"n1"}}}}"#));
    }
    assert_eq!(site.state.device("n1").unwrap().tiles.len(), 300);
}

#[test]
fn machines_that_are_told_by_words_have_a_button_for_each() {
    let mut site = Site::hears(
        r#"
        homeassistant/vacuum/robo/config {"name":"Robo","stat_t":"robo/state","cmd_t":"robo/cmd","sup_feat":["start","pause","return_home","fan_speed"],"set_fan_spd_t":"robo/speed","fanspd_lst":["min","max"],"pl_ret":"home"}
        robo/state {"state":"docked","fan_speed":"min","battery_level":90}
        homeassistant/lawn_mower/goat/config {"name":"Goat","act_stat_t":"goat/activity","dock_cmd_t":"goat/dock","strt_mw_cmd_t":"goat/start"}
        goat/activity mowing
        homeassistant/scene/movie/config {"name":"Movie","cmd_t":"movie/set"}
        homeassistant/event/bell/config {"name":"Bell","stat_t":"bell","event_types":["press","hold"]}
        bell {"event_type":"press"}
    "#,
    );
    site.shows(
        "robo",
        "vacuum/robo docked\nvacuum/robo/speed min\nvacuum/robo/pause -\nvacuum/robo/return_to_base -\nvacuum/robo/start -",
    );
    assert_eq!(site.asks("robo", "vacuum/robo/return_to_base", Value::Switch(true)), "robo/cmd home");
    assert_eq!(site.asks("robo", "vacuum/robo/speed", Value::Text("max".into())), "robo/speed max");
    site.shows("goat", "lawn_mower/goat mowing\nlawn_mower/goat/dock -\nlawn_mower/goat/start_mowing -");
    assert_eq!(site.asks("goat", "lawn_mower/goat/dock", Value::Switch(true)), "goat/dock dock");
    assert_eq!(site.asks("movie", "scene/movie", Value::Switch(true)), "movie/set ON");
    site.shows("bell", "event/bell press");
}

#[test]
fn an_alarm_is_set_by_what_is_held_and_only_where_no_code_is_wanted() {
    let mut site = Site::hears(
        r#"
        homeassistant/alarm_control_panel/house/config {"name":"House","stat_t":"house","cmd_t":"house/set","sup_feat":["arm_away"]}
        house armed_away
        homeassistant/alarm_control_panel/safe/config {"name":"Safe","stat_t":"safe","cmd_t":"safe/set","code":"REMOTE_CODE"}
        safe disarmed
    "#,
    );
    site.shows(
        "house",
        "alarm_control_panel/house armed_away\nalarm_control_panel/house/ARM_AWAY -\nalarm_control_panel/house/DISARM -",
    );
    assert!(site.state.device("house").unwrap().tile("alarm_control_panel/house/DISARM").unwrap().spec.held);
    assert_eq!(
        site.asks("house", "alarm_control_panel/house/DISARM", Value::Switch(true)),
        "house/set DISARM"
    );
    site.shows("safe", "alarm_control_panel/safe disarmed");
}

#[test]
fn a_humidifier_a_boiler_and_an_update() {
    let mut site = Site::hears(
        r#"
        homeassistant/humidifier/cellar/config {"name":"Cellar","cmd_t":"c/set","stat_t":"c/state","hum_cmd_t":"c/hum/set","hum_stat_t":"c/hum","min_hum":30,"max_hum":80,"curr_hum_t":"c/now"}
        c/state ON
        c/hum 55
        c/now 61
        homeassistant/water_heater/boiler/config {"name":"Boiler","modes":["off","eco"],"mode_cmd_t":"b/mode/set","mode_stat_t":"b/mode","temp_cmd_t":"b/t/set","temp_stat_t":"b/t","curr_temp_t":"b/now"}
        b/mode eco
        b/t 55
        homeassistant/update/plug/config {"name":"Firmware","stat_t":"z/plug","val_tpl":"{{ value_json['update']['installed_version'] }}","l_ver_t":"z/plug","l_ver_tpl":"{{ value_json['update']['latest_version'] }}","cmd_t":"z/ota","pl_inst":"{\"id\":\"0x01\"}","ent_cat":"config"}
        z/plug {"update":{"installed_version":7,"latest_version":9}}
        homeassistant/update/hub/config {"name":"Hub","stat_t":"hub/v"}
        hub/v {"installed_version":"1.2","latest_version":"1.3"}
    "#,
    );
    site.shows(
        "cellar",
        "humidifier/cellar ON\nhumidifier/cellar/target 55 %\nhumidifier/cellar/current 61 %",
    );
    let to = Value::Number(Num::whole(60));
    assert_eq!(site.asks("cellar", "humidifier/cellar/target", to), "c/hum/set 60");
    site.shows(
        "boiler",
        "water_heater/boiler 55 °C\nwater_heater/boiler/mode eco\nwater_heater/boiler/current - °C",
    );
    site.shows("plug", "update/plug 7\nupdate/plug/install -\nupdate/plug/latest 9");
    assert_eq!(site.asks("plug", "update/plug/install", Value::Switch(true)), r#"z/ota {"id":"0x01"}"#);
    site.shows("hub", "update/hub 1.2");
}

#[test]
fn what_was_heard_before_its_description_becomes_one_device() {
    let mut site = Site::hears(
        r#"
        c/state ON
        c/set ON
        c/hum 55
        c/hum/set 55
        robo/state {"state":"docked"}
        robo/set x
        homeassistant/humidifier/cellar/config {"name":"Cellar","cmd_t":"c/set","stat_t":"c/state","hum_cmd_t":"c/hum/set","hum_stat_t":"c/hum","dev":{"ids":"x"}}
        homeassistant/vacuum/robo/config {"name":"Robo","stat_t":"robo/state","cmd_t":"robo/set","dev":{"ids":"z"}}
        c/state ON
        c/hum 55
    "#,
    );
    site.shows("x", "humidifier/cellar ON\nhumidifier/cellar/target 55 %");
    let names: Vec<_> = site.state.shown().map(|device| device.name.to_string()).collect();
    assert_eq!(names, ["x", "z"], "no pair of topics is left beside it");
    assert_eq!(site.asks("x", "humidifier/cellar", Value::Switch(false)), "c/set OFF");
}
