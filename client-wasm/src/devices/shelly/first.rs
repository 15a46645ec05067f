//! Shelly's first generation: every value has a topic that speaks for itself below `shellies/<id>`.

use crate::devices::codec::Codec;
use crate::devices::json::Json;
use crate::devices::presence;
use crate::devices::spec::{Found, HOLE, Kind, Range, Spec};

/// `rest` is the topic behind `shellies/`.
pub(super) fn recognise(rest: &str, payload: &[u8]) -> Option<Found> {
    let (id, path) = rest.split_once('/')?;
    let base = format!("shellies/{id}");
    let topic = format!("{base}/{path}");
    let points = match path.split('/').collect::<Vec<_>>()[..] {
        ["online"] => Vec::new(),
        [what @ ("relay" | "light" | "white" | "color"), n] => vec![output(&base, what, n)],
        [what @ ("light" | "white" | "color"), n, "status"] => lamp(&base, what, n, &Json::read(payload)?),
        ["roller", n] | ["roller", n, "pos"] => roller(&base, n),
        ["input", n] => {
            let spec = Spec::new(&format!("input:{n}"), &format!("Input {n}"), Kind::Indicator);
            vec![spec.whole(&topic, Codec::switch("1", "0"))]
        }
        [
            "relay" | "light" | "emeter" | "roller",
            n,
            what @ ("power" | "energy" | "voltage" | "total" | "current"),
        ]
        | ["sensor" | "ext_temperature", n, what] => vec![reading(&topic, path, what, n)],
        [what @ ("temperature" | "humidity")] | ["sensor", what] => vec![reading(&topic, path, what, "0")],
        _ => return None,
    };
    Some(Found {
        id: id.into(),
        model: "Shelly".into(),
        weight: 2,
        family: 2,
        sure: id.starts_with("shelly"),
        points,
        presence: vec![presence(&format!("{base}/online"), "true", "false")],
        asks: vec![
            (format!("{base}/command"), "announce".to_owned()),
            (format!("{base}/command"), "update".to_owned()),
        ],
        ..Found::default()
    })
}

fn output(base: &str, what: &str, n: &str) -> Spec {
    let codec = Codec::switch("on", "off");
    let (word, icon) = if what == "relay" { ("Relay", "#i-power") } else { ("Light", "#i-lamp") };
    let key = format!("{what}/{n}");
    Spec::new(&key, &numbered(word, n), Kind::Switch)
        .icon(icon)
        .whole(&format!("{base}/{key}"), codec.clone())
        .ask(&format!("{base}/{key}/command"), codec, HOLE)
}

fn lamp(base: &str, what: &str, n: &str, status: &Json) -> Vec<Spec> {
    let key = format!("{what}/{n}");
    let (told, set) = (format!("{base}/{key}/status"), format!("{base}/{key}/set"));
    let main = output(base, what, n).path(&told, "ison", Codec::switch("true", "false"));
    let mut points = vec![main.clone()];
    let level = if what == "color" { "gain" } else { "brightness" };
    if status.get(level).is_some() {
        let spec = Spec::new(&format!("{key}/{level}"), "Brightness", Kind::Slider(Range::whole(0, 100, 1)))
            .unit("%");
        let spec = spec.within(&main).path(&told, level, Codec::number());
        points.push(spec.ask(&set, Codec::number(), &format!("{{\"{level}\":{HOLE}}}")));
    }
    if status.get("temp").is_some() {
        let spec = Spec::new(&format!("{key}/temp"), "White", Kind::Slider(Range::whole(2_700, 6_500, 100)))
            .unit("K");
        let spec = spec.within(&main).path(&told, "temp", Codec::number());
        points.push(spec.ask(&set, Codec::number(), &format!("{{\"temp\":{HOLE}}}")));
    }
    points
}

fn roller(base: &str, n: &str) -> Vec<Spec> {
    let key = format!("roller/{n}");
    let command = format!("{base}/{key}/command");
    let states = Codec::translated(&[("open", "opening"), ("close", "closing"), ("stop", "stopped")]);
    let ways = Codec::translated(&[("open", "open"), ("close", "close"), ("stop", "stop")]);
    let mut main = Spec::new(&key, &numbered("Roller", n), Kind::Cover)
        .whole(&format!("{base}/{key}"), states)
        .ask(&command, ways, HOLE);
    main.travels = true;
    let spec = Spec::new(&format!("{key}/pos"), "Position", Kind::Slider(Range::whole(0, 100, 1)))
        .unit("%")
        .within(&main);
    let mut position = spec.whole(&format!("{base}/{key}/pos"), Codec::number()).ask(
        &format!("{command}/pos"),
        Codec::number(),
        HOLE,
    );
    position.travels = true;
    vec![main, position]
}

fn reading(topic: &str, path: &str, what: &str, n: &str) -> Spec {
    let (word, unit) = match what {
        "power" => ("Power", "W"),
        "energy" => ("Energy", "Wmin"),
        "voltage" => ("Voltage", "V"),
        "current" => ("Current", "A"),
        "total" => ("Total", "Wh"),
        "temperature" | "temp" => ("Temperature", "°C"),
        "humidity" => ("Humidity", "%"),
        "battery" => ("Battery", "%"),
        "lux" => ("Light", "lx"),
        other => (other, ""),
    };
    Spec::new(path, &numbered(&super::super::label(word), n), Kind::Reading)
        .unit(unit)
        .whole(topic, Codec::Text)
}

fn numbered(word: &str, n: &str) -> String {
    if n == "0" { word.to_owned() } else { format!("{word} {n}") }
}
