//! How values are written in payloads: words, scaled numbers, texts, colours. Each way there has its way back.

use std::rc::Rc;

use super::json::Json;
use super::spec::Heard;
use super::value::{Num, Value};

/// A way of writing values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Exactly these words for these values.
    Words(Rc<[(Rc<str>, Value)]>),
    /// A number; what is shown is `raw * mul / div + add`.
    Number {
        /// Numerator.
        mul: Num,
        /// Denominator.
        div: Num,
        /// What is added.
        add: Num,
        /// Commands have no fraction.
        whole: bool,
    },
    /// Colour temperature in mireds, shown in kelvin; or the other way round.
    Mireds,
    /// Digits without sign and fraction.
    Digits,
    /// The text itself. As a reading, a number is shown as a number.
    Text,
    /// `255,0,127`
    Rgb,
    /// `359,100,50`: hue, saturation, brightness.
    Hsb,
    /// `359.5,100`
    Hs,
    /// A JSON object or list of `r g b`, `h s`, `hue saturation` or `x y`; asked for by `r g b`.
    ColourJson,
}

impl Codec {
    /// A switch of these words.
    #[must_use]
    #[inline(never)]
    pub fn switch(on: &str, off: &str) -> Self {
        Self::words(&[(on, Value::Switch(true)), (off, Value::Switch(false))])
    }

    /// These words.
    #[must_use]
    #[inline(never)]
    pub fn words(words: &[(&str, Value)]) -> Self {
        Self::Words(words.iter().map(|(word, value)| ((*word).into(), value.clone())).collect())
    }

    /// Words for words.
    #[must_use]
    #[inline(never)]
    pub fn translated(words: &[(&str, &str)]) -> Self {
        Self::Words(words.iter().map(|(word, value)| ((*word).into(), Value::word(value))).collect())
    }

    /// One of these words.
    #[must_use]
    #[inline(never)]
    pub fn one_of(words: &[Rc<str>]) -> Self {
        Self::Words(words.iter().map(|word| (Rc::clone(word), Value::Text(Rc::clone(word)))).collect())
    }

    /// The number as it is.
    #[must_use]
    pub const fn number() -> Self {
        Self::Number { mul: Num::whole(1), div: Num::whole(1), add: Num(0), whole: false }
    }

    /// Percent of a whole, which the device counts to `max`.
    #[must_use]
    pub const fn percent(max: Num) -> Self {
        Self::Number { mul: Num::whole(100), div: max, add: Num(0), whole: true }
    }

    /// What is heard of a payload.
    #[must_use]
    #[inline(never)]
    pub fn hear(&self, json: Option<&Json>) -> Heard {
        json.and_then(|json| self.read(json)).map_or(Heard::Meaningless, Heard::Value)
    }

    /// The value of a payload; none when it has no meaning here.
    #[must_use]
    pub fn read(&self, json: &Json) -> Option<Value> {
        if let Self::ColourJson = self {
            return colour_of(json);
        }
        let text = json.plain()?;
        match self {
            Self::Words(words) => {
                words.iter().find(|(word, _)| **word == *text).map(|(_, value)| value.clone())
            }
            Self::Number { mul, div, add, .. } => {
                let n = Num::read(text)?.times(*mul).over(*div);
                Some(Value::Number(Num(n.rounded(if mul == div { 6 } else { 1 }).0.checked_add(add.0)?)))
            }
            Self::Mireds => {
                let mireds = Num::read(text).filter(|n| n.0 > 0)?;
                Some(Value::Number(Num::whole(1_000_000).over(mireds).rounded(0)))
            }
            Self::Digits => {
                let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                Num::read(text).filter(|_| plain).map(Value::Number)
            }
            Self::Text => Some(match json {
                Json::Bool(on) => Value::Switch(*on),
                _ => match Num::read(text) {
                    Some(n) => Value::Number(n),
                    None => Value::word(text.get(..200).unwrap_or(text)),
                },
            }),
            Self::Rgb => {
                let [r, g, b] = numbers(text)?;
                Some(of_rgb(r.to_whole(), g.to_whole(), b.to_whole()))
            }
            Self::Hsb => {
                let [h, s, _] = numbers(text)?;
                Some(of_hs(h, s))
            }
            Self::Hs => {
                let [h, s] = numbers(text)?;
                Some(of_hs(h, s))
            }
            Self::ColourJson => None,
        }
    }

    /// How a value is written; none when it cannot be.
    #[must_use]
    pub fn write(&self, value: &Value) -> Option<String> {
        Some(match (self, value) {
            (Self::Words(words), _) => words.iter().find(|(_, other)| other == value)?.0.to_string(),
            (Self::Number { mul, div, add, whole }, Value::Number(n)) => {
                let raw = Num(n.0 - add.0).times(*div).over(*mul);
                if *whole { raw.rounded(0).to_string() } else { raw.to_string() }
            }
            (Self::Mireds, Value::Number(kelvin)) => {
                Num::whole(1_000_000).over(*kelvin).rounded(0).to_string()
            }
            (Self::Rgb, Value::Colour(hue, saturation)) => {
                let (r, g, b) = rgb(*hue, *saturation);
                format!("{r},{g},{b}")
            }
            (Self::Hsb, Value::Colour(hue, saturation)) => format!("{hue},{saturation},100"),
            (Self::Hs, Value::Colour(hue, saturation)) => format!("{hue},{saturation}"),
            (Self::ColourJson, Value::Colour(hue, saturation)) => {
                let (r, g, b) = rgb(*hue, *saturation);
                format!("\"r\":{r},\"g\":{g},\"b\":{b}")
            }
            (Self::Digits | Self::Text, value) => value.to_string(),
            _ => return None,
        })
    }
}

/// The colour at full brightness.
#[must_use]
pub fn rgb(hue: u16, saturation: u8) -> (u8, u8, u8) {
    let (hue, saturation) = (i64::from(hue % 360), i64::from(saturation.min(100)));
    let part = |shift: i64| {
        let k = (shift * 60 + hue) % 360;
        let far = (k.min(240 - k)).clamp(0, 60);
        let level = 255 - 255 * saturation * far / 6_000;
        u8::try_from(level.clamp(0, 255)).unwrap_or(0)
    };
    (part(5), part(3), part(1))
}

/// The value of a colour.
#[must_use]
pub fn of_rgb(r: i64, g: i64, b: i64) -> Value {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let span = max - min;
    if span <= 0 {
        return Value::Colour(0, 0);
    }
    let hue = match max {
        _ if max == r => 60 * (g - b) / span,
        _ if max == g => 120 + 60 * (b - r) / span,
        _ => 240 + 60 * (r - g) / span,
    };
    of_hs(Num::whole(hue.rem_euclid(360)), Num::whole(100 * span / max))
}

fn of_hs(hue: Num, saturation: Num) -> Value {
    let hue = u16::try_from(hue.to_whole().rem_euclid(360)).unwrap_or(0);
    Value::Colour(hue, u8::try_from(saturation.to_whole().clamp(0, 100)).unwrap_or(0))
}

fn numbers<const N: usize>(text: &str) -> Option<[Num; N]> {
    let parts: Vec<Num> = text.split(',').map(Num::read).collect::<Option<_>>()?;
    parts.get(..N)?.try_into().ok()
}

fn colour_of(json: &Json) -> Option<Value> {
    let n = |name: &str| Num::read(json.get(name)?.plain()?);
    if let [r, g, b, ..] = json.items() {
        let whole = |part: &Json| part.plain().and_then(Num::read).map(Num::to_whole);
        return Some(of_rgb(whole(r)?, whole(g)?, whole(b)?));
    }
    if let (Some(r), Some(g), Some(b)) = (n("r"), n("g"), n("b")) {
        return Some(of_rgb(r.to_whole(), g.to_whole(), b.to_whole()));
    }
    if let (Some(h), Some(s)) = (n("h").or_else(|| n("hue")), n("s").or_else(|| n("saturation"))) {
        return Some(of_hs(h, s));
    }
    of_xy(n("x")?, n("y")?)
}

/// From the CIE diagram by the sRGB matrix; without the curve of a screen, as lamps have none.
fn of_xy(x: Num, y: Num) -> Option<Value> {
    if y.0 <= 0 {
        return None;
    }
    let (big_x, big_z) = (x.over(y), Num(1_000_000 - x.0 - y.0).over(y));
    let part = |x: i64, y: i64, z: i64| {
        let sum = big_x.times(Num(x)).0 + y + big_z.times(Num(z)).0;
        sum.max(0) / 1_000
    };
    Some(of_rgb(
        part(1_656_492, -354_851, -255_038),
        part(-707_196, 1_655_397, 36_152),
        part(51_713, -121_364, 1_011_530),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Json {
        Json::Text(text.into())
    }

    #[test]
    fn each_way_has_its_way_back() {
        let n = |text| Value::Number(Num::read(text).unwrap());
        for (codec, raw, value) in [
            (Codec::switch("ON", "OFF"), "ON", Value::Switch(true)),
            (Codec::number(), "21.5", n("21.5")),
            (Codec::percent(Num::whole(254)), "127", n("50")),
            (Codec::Mireds, "250", n("4000")),
            (Codec::Digits, "1432", n("1432")),
            (Codec::Text, "heat", Value::word("heat")),
            (Codec::Rgb, "255,0,0", Value::Colour(0, 100)),
            (Codec::Hsb, "120,50,100", Value::Colour(120, 50)),
            (Codec::Hs, "359,100", Value::Colour(359, 100)),
        ] {
            assert_eq!(codec.read(&text(raw)), Some(value.clone()), "{codec:?}");
            assert_eq!(codec.write(&value).as_deref(), Some(raw), "{codec:?}");
        }
    }

    #[test]
    fn what_has_no_meaning_has_none() {
        for (codec, raw) in [
            (Codec::switch("ON", "OFF"), "on"),
            (Codec::number(), "warm"),
            (Codec::Mireds, "0"),
            (Codec::Digits, "-1"),
            (Codec::Digits, "1.5"),
            (Codec::Rgb, "1,2"),
            (Codec::ColourJson, "1,2,3"),
        ] {
            assert_eq!(codec.read(&text(raw)), None, "{codec:?} {raw}");
        }
    }

    #[test]
    fn colours_of_all_forms_are_the_same_colour() {
        for json in [
            r#"{"r":0,"g":0,"b":255}"#,
            r#"{"h":240,"s":100}"#,
            r#"{"hue":240.2,"saturation":99.9}"#,
            "[0,0,255]",
        ] {
            assert_eq!(
                Codec::ColourJson.read(&Json::read(json.as_bytes()).unwrap()),
                Some(Value::Colour(240, 100)),
                "{json}"
            );
        }
        let Some(Value::Colour(hue, saturation)) =
            Codec::ColourJson.read(&Json::read(br#"{"x":0.7006,"y":0.2993}"#).unwrap())
        else {
            panic!("a red bulb has a colour")
        };
        assert!(!(10..=350).contains(&hue) && saturation > 95, "{hue} {saturation}");
        for hue in (0..360).step_by(15) {
            let (r, g, b) = rgb(hue, 100);
            let Value::Colour(back, 100) = of_rgb(r.into(), g.into(), b.into()) else {
                panic!("{r} {g} {b}")
            };
            assert!(back.abs_diff(hue) <= 1, "{hue} {back}");
        }
        assert_eq!(
            (rgb(0, 0), rgb(60, 100), rgb(240, 50)),
            ((255, 255, 255), (255, 255, 0), (128, 128, 255))
        );
    }
}
