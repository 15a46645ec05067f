//! Tasmota.

use super::*;

const PLUG: &str = r#"
tasmota/discovery/DC4F22ABCDEF/config {"ip":"192.168.0.9","dn":"Coffee","fn":["Machine",null],"hn":"coffee-1234","mac":"DC4F22ABCDEF","md":"Sonoff POW","ty":0,"if":0,"ofln":"Offline","onln":"Online","state":["OFF","ON","TOGGLE","HOLD"],"sw":"13.4.0","t":"coffee","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[1,0,0,0],"so":{"4":0},"lk":0,"lt_st":0,"ver":1}
tasmota/discovery/DC4F22ABCDEF/sensors {"sn":{"Time":"2024-01-01T00:00:00","ENERGY":{"TotalStartTime":"2023-01-01T00:00:00","Total":12.5,"Power":3,"Voltage":230},"TempUnit":"C"},"ver":1}
tele/coffee/LWT Online
"#;

#[test]
fn a_plug_that_describes_itself() {
    let mut site = Site::hears(PLUG);
    site.shows("coffee", "power -\nenergy/power - W\nenergy/total - kWh\nenergy/voltage - V");
    assert_eq!(site.state.take_listen(), ["stat/coffee/+", "tele/coffee/+"]);
    assert_eq!(site.questions(), ["cmnd/coffee/STATE ", "cmnd/coffee/STATUS 10"]);
    site.hear(
        r#"
        stat/coffee/RESULT {"Time":"2024-05-01T10:00:00","POWER":"OFF","Wifi":{"AP":1,"RSSI":100}}
        stat/coffee/STATUS10 {"StatusSNS":{"Time":"2024-05-01T10:00:00","ENERGY":{"Total":12.6,"Power":4,"Voltage":231}}}
    "#,
    );
    site.shows("coffee", "power OFF\nenergy/power 4 W\nenergy/total 12.6 kWh\nenergy/voltage 231 V");
    assert_eq!(site.asks("coffee", "power", Value::Switch(true)), "cmnd/coffee/POWER ON");
    site.hear(r#"stat/coffee/RESULT {"POWER":"ON"}"#);
    assert_eq!(site.phase("coffee", "power"), SETTLED);
    site.hear(
        r#"tele/coffee/SENSOR {"Time":"2024-05-01T10:05:00","ENERGY":{"Total":12.7,"Power":1204,"Voltage":229}}"#,
    );
    site.shows("coffee", "power ON\nenergy/power 1204 W\nenergy/total 12.7 kWh\nenergy/voltage 229 V");
    site.hear("tele/coffee/LWT Offline");
    assert!(matches!(site.presence("coffee"), Presence::Offline { .. }));
}

#[test]
fn topics_are_composed_as_the_device_was_set() {
    let mut site = Site::hears(
        r#"tasmota/discovery/A1B2C3D4E5F6/config {"dn":"Hall","fn":["One","Two"],"hn":"hall","mac":"A1B2C3D4E5F6","state":["aus","an"],"t":"hall","ft":"home/%topic%/%id%/%prefix%","tp":["do","is","says"],"rl":[1,1],"lt_st":0,"ver":1}
        home/hall/D4E5F6/is/POWER2 an"#,
    );
    site.shows("hall", "power1 -\npower2 ON");
    assert_eq!(site.asks("hall", "power1", Value::Switch(false)), "home/hall/D4E5F6/do/POWER1 aus");
    site.hear("tasmota/discovery/A1B2C3D4E5F6/config");
    site.shows("hall", "no device");
}

#[test]
fn one_relay_may_call_itself_the_first() {
    let mut site = Site::hears(
        r#"tasmota/discovery/A1B2C3D4E5F6/config {"t":"x","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[1],"state":["OFF","ON"],"ver":1}"#,
    );
    site.hear("stat/x/POWER1 ON");
    site.shows("x", "power ON");
}

#[test]
fn a_lamp_of_five_channels_is_one_tile() {
    let mut site = Site::hears(
        r#"tasmota/discovery/AABBCCDDEEFF/config {"dn":"Lamp","fn":["Lamp"],"t":"lamp","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[2],"state":["OFF","ON"],"lt_st":5,"ver":1}
        tele/lamp/STATE {"POWER":"ON","Dimmer":40,"Color":"66,0,0,0,0","HSBColor":"0,100,40","CT":250,"Fade":"OFF"}"#,
    );
    site.shows("lamp", "power ON\npower/brightness 40 %\npower/white 4000 K\npower/colour 0,100");
    let cards: Vec<_> =
        site.state.device("lamp").unwrap().tiles.iter().map(|t| t.spec.card.to_string()).collect();
    assert!(cards.iter().all(|card| card == "power"));
    assert_eq!(site.asks("lamp", "power/brightness", n("75")), "cmnd/lamp/Dimmer 75");
    assert_eq!(site.asks("lamp", "power/colour", Value::Colour(120, 100)), "cmnd/lamp/Color2 0,255,0");
    assert_eq!(site.asks("lamp", "power/white", n("2700")), "cmnd/lamp/CT 370");
    site.hear(r#"stat/lamp/RESULT {"POWER":"ON","Dimmer":75,"HSBColor":"120,100,75","CT":370}"#);
    assert_eq!(site.phase("lamp", "power/brightness"), SETTLED);
    assert_eq!(site.phase("lamp", "power/colour"), SETTLED);
    assert_eq!(site.phase("lamp", "power/white"), SETTLED, "2703 K are as near to 2700 as mireds go");
}

#[test]
fn a_shutter_opens_stops_and_travels() {
    let mut site = Site::hears(
        r#"tasmota/discovery/AABBCCDDEE00/config {"dn":"Blind","fn":["Blind"],"t":"blind","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[3,3],"state":["OFF","ON"],"ver":1}
        stat/blind/RESULT {"Shutter1":{"Position":100,"Direction":0,"Target":100}}"#,
    );
    site.shows("blind", "shutter1 stopped\nshutter1/position 100 %");
    assert_eq!(site.asks("blind", "shutter1", word("close")), "cmnd/blind/Backlog ShutterClose1");
    assert_eq!(site.asks("blind", "shutter1/position", n("40")), "cmnd/blind/ShutterPosition1 40");
    site.hear(r#"stat/blind/RESULT {"Shutter1":{"Position":80,"Direction":-1,"Target":40}}"#);
    assert_eq!(site.phase("blind", "shutter1"), SETTLED);
    assert!(matches!(site.phase("blind", "shutter1/position"), Phase::Pending { .. }), "it is on its way");
    site.hear(r#"stat/blind/RESULT {"Shutter1":{"Position":40,"Direction":0,"Target":40}}"#);
    assert_eq!(site.phase("blind", "shutter1/position"), SETTLED);
}

#[test]
fn an_error_is_the_devices_refusal() {
    let mut site = Site::hears(PLUG);
    site.asks("coffee", "power", Value::Switch(true));
    site.hear(r#"stat/coffee/RESULT {"Command":"Error"}"#);
    assert_eq!(site.phase("coffee", "power"), Phase::Refused { reason: "The device says: error".into() });
}

#[test]
fn devices_without_description_are_known_by_what_they_say() {
    let mut site = Site::hears(
        r#"
        tele/tasmota_switch/LWT Online
        tele/tasmota_switch/STATE {"Time":"2019-10-31T11:14:59","Uptime":"0T18:36:12","POWER":"OFF","Wifi":{"AP":1,"SSId":"Tasmota","RSSI":100}}
        tele/tasmota_switch/SENSOR {"Time":"2017-02-16T10:13:52","DS18B20":{"Temperature":20.6}}
    "#,
    );
    site.shows("tasmota_switch", "power OFF\nds18b20/temperature 20.6 °C");
    assert_eq!(site.asks("tasmota_switch", "power", Value::Switch(true)), "cmnd/tasmota_switch/POWER ON");
    site.hear("stat/tasmota_switch/POWER ON");
    assert_eq!(site.phase("tasmota_switch", "power"), SETTLED);
}

#[test]
fn other_peoples_topics_make_no_device() {
    let site = Site::hears(
        r#"
        tele/x/LWT gone
        tele/x/y/LWT Online
        tasmota/discovery/AABBCCDDEE01/config {"t":"","ft":"%prefix%/%topic%/","tp":["a","b","c"]}
        tasmota/discovery/AABBCCDDEE02/config {"t":"t","ft":"%topic%/","tp":["a","b","c"]}
        tasmota/discovery/AABBCCDDEE03/config {"t":"t","ft":"%prefix%/%topic%/"}
        tasmota/discovery/AABBCCDDEE04/config nonsense
        tasmota/discovery/AABBCCDDEE05/sensors {"sn":{"A":{"B":1}}}
    "#,
    );
    assert_eq!(site.state.shown().count(), 0);
}
