//! Shelly, second generation and first.

use super::*;

const SECOND: &str = r#"
shellyplus1pm-a8/online true
me/shellyplus1pm-a8/rpc {"id":1,"src":"shellyplus1pm-a8","dst":"me/shellyplus1pm-a8","result":{"ble":{},"cloud":{"connected":false},"input:0":{"id":0,"state":false},"mqtt":{"connected":true},"switch:0":{"id":0,"source":"init","output":false,"apower":0.0,"voltage":231.4,"aenergy":{"total":1204.5},"temperature":{"tC":41.2}},"sys":{"mac":"A8032ABE54DC"}}}
"#;
const SECOND_SHOWS: &str = "switch:0 OFF\ninput:0 OFF\nswitch:0/aenergy/total 1204.5 Wh\nswitch:0/apower 0 W\nswitch:0/voltage 231.4 V";
const PLUS: &str = "shellyplus1pm-a8";

#[test]
fn the_second_generation_is_asked_what_it_is() {
    let mut site = Site::hears("shellyplus1pm-a8/online true");
    assert_eq!(
        site.questions(),
        [r#"shellyplus1pm-a8/rpc {"id":1,"src":"me/shellyplus1pm-a8","method":"Shelly.GetStatus"}"#]
    );
    assert_eq!(site.questions(), [""; 0], "once");
    site.hear(SECOND);
    site.shows(PLUS, SECOND_SHOWS);
}

#[test]
fn an_answer_is_accepted_and_a_notification_confirms() {
    let mut site = Site::hears(SECOND);
    assert_eq!(
        site.asks(PLUS, "switch:0", Value::Switch(true)),
        r#"shellyplus1pm-a8/rpc {"id":1,"src":"me/shellyplus1pm-a8/switch:0","method":"Switch.Set","params":{"id":0,"on":true}}"#
    );
    site.hear(
        r#"me/shellyplus1pm-a8/switch:0/rpc {"id":1,"src":"shellyplus1pm-a8","result":{"was_on":false}}"#,
    );
    accepted(&site.phase(PLUS, "switch:0"));
    site.hear(r#"shellyplus1pm-a8/events/rpc {"src":"shellyplus1pm-a8","dst":"shellyplus1pm-a8/events","method":"NotifyStatus","params":{"ts":1630000000.12,"switch:0":{"id":0,"output":true,"source":"mqtt","apower":12.4}}}"#);
    assert_eq!(site.phase(PLUS, "switch:0"), SETTLED);
    site.shows(PLUS, &SECOND_SHOWS.replacen("OFF", "ON", 1).replace("apower 0", "apower 12.4"));
}

#[test]
fn an_error_is_a_refusal_in_the_devices_words() {
    let mut site = Site::hears(SECOND);
    site.asks(PLUS, "switch:0", Value::Switch(true));
    site.hear(r#"me/shellyplus1pm-a8/switch:0/rpc {"id":1,"src":"shellyplus1pm-a8","error":{"code":-114,"message":"Resource unavailable: Overtemperature"}}"#);
    let reason = "Resource unavailable: Overtemperature".into();
    assert_eq!(site.phase(PLUS, "switch:0"), Phase::Refused { reason });
}

#[test]
fn a_component_may_say_its_status_by_itself() {
    let mut site = Site::hears(SECOND);
    site.hear(r#"shellyplus1pm-a8/status/switch:0 {"id":0,"source":"mqtt","output":true,"apower":12.4,"voltage":231.0,"temperature":{"tC":41.2}}"#);
    assert!(site.tiles(PLUS).starts_with("switch:0 ON"));
}

#[test]
fn a_cover_and_a_lamp_of_colours() {
    let mut site = Site::hears(
        r#"
        shellyplus2pm-01/online true
        me/shellyplus2pm-01/rpc {"id":1,"result":{"cover:0":{"id":0,"source":"limit_switch","state":"open","apower":0.0,"current_pos":100,"pos_control":true}}}
        shellyplusrgbw-02/events/rpc {"src":"shellyplusrgbw-02","method":"NotifyStatus","params":{"ts":1.0}}
        me/shellyplusrgbw-02/rpc {"id":1,"result":{"rgb:0":{"id":0,"output":true,"brightness":50,"rgb":[255,0,0]}}}
    "#,
    );
    site.shows("shellyplus2pm-01", "cover:0 open\ncover:0/pos 100 %\ncover:0/apower 0 W");
    let close = site.asks("shellyplus2pm-01", "cover:0", word("close"));
    assert!(close.contains(r#""method":"Cover.Close","params":{"id":0}"#), "{close}");
    let go = site.asks("shellyplus2pm-01", "cover:0/pos", n("30"));
    assert!(go.contains(r#""method":"Cover.GoToPosition","params":{"id":0,"pos":30}"#), "{go}");
    site.shows("shellyplusrgbw-02", "rgb:0 ON\nrgb:0/brightness 50 %\nrgb:0/rgb 0,100");
    let blue = site.asks("shellyplusrgbw-02", "rgb:0/rgb", Value::Colour(240, 100));
    assert!(blue.contains(r#""params":{"id":0,"rgb":[0,0,255]}"#), "{blue}");
}

#[test]
fn the_first_generation_speaks_for_itself() {
    let mut site = Site::hears(
        r#"
        shellies/shelly1-483FDA91BCEF/online true
        shellies/shelly1-483FDA91BCEF/relay/0 off
        shellies/shelly1-483FDA91BCEF/input/0 0
        shellies/shelly1-483FDA91BCEF/relay/0/power 12.34
        shellies/shelly1-483FDA91BCEF/relay/0/energy 98765
        shellies/shelly1-483FDA91BCEF/input_event/0 {"event":"S","event_cnt":73}
        shellies/shelly1-483FDA91BCEF/info {"wifi_sta":{}}
    "#,
    );
    let id = "shelly1-483FDA91BCEF";
    site.shows(id, "relay/0 OFF\ninput:0 OFF\nrelay/0/energy 98765 Wmin\nrelay/0/power 12.34 W");
    assert_eq!(
        site.asks(id, "relay/0", Value::Switch(true)),
        "shellies/shelly1-483FDA91BCEF/relay/0/command on"
    );
    site.hear("shellies/shelly1-483FDA91BCEF/relay/0 overpower");
    assert!(site.tiles(id).starts_with("relay/0 -"), "neither on nor off");
    site.hear("shellies/shelly1-483FDA91BCEF/relay/0 on");
    assert_eq!(site.phase(id, "relay/0"), SETTLED);
    site.hear("shellies/shelly1-483FDA91BCEF/online false");
    assert!(matches!(site.presence(id), Presence::Offline { .. }));
}

#[test]
fn rollers_and_bulbs_of_the_first_generation() {
    let mut site = Site::hears(
        r#"
        shellies/shellyswitch25-01/roller/0 stop
        shellies/shellyswitch25-01/roller/0/pos 55
        shellies/ShellyBulbDuo-02/light/0 on
        shellies/ShellyBulbDuo-02/light/0/status {"ison":true,"source":"mqtt","mode":"white","brightness":30,"temp":4000}
        shellies/shellyht-03/sensor/temperature 21.25
        shellies/shellyht-03/sensor/humidity 40.5
        shellies/shellyht-03/sensor/battery 98
    "#,
    );
    site.shows("shellyswitch25-01", "roller/0 stopped\nroller/0/pos 55 %");
    assert_eq!(
        site.asks("shellyswitch25-01", "roller/0/pos", n("10")),
        "shellies/shellyswitch25-01/roller/0/command/pos 10"
    );
    site.shows("ShellyBulbDuo-02", "light/0 ON\nlight/0/brightness 30 %\nlight/0/temp 4000 K");
    assert_eq!(
        site.asks("ShellyBulbDuo-02", "light/0/brightness", n("80")),
        r#"shellies/ShellyBulbDuo-02/light/0/set {"brightness":80}"#
    );
    site.shows("shellyht-03", "sensor/battery 98 %\nsensor/humidity 40.5 %\nsensor/temperature 21.25 °C");
}
