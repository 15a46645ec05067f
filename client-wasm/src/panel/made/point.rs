//! A place on earth out of a JSON payload, its track and its words. Pure; knows no map.

use std::fmt;
use std::str::FromStr;

use crate::devices::Num;
use crate::devices::json::Json;
use crate::locale;
use crate::tongue::{fill, say};

use super::path::find;

/// Places of a track that are kept.
pub const MAX_TRACK: usize = 200;

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Degrees north of the equator.
    pub latitude: Num,
    /// Degrees east of Greenwich.
    pub longitude: Num,
    /// Metres that it may be beside that.
    pub accuracy: Option<Num>,
}

/// Reads one at a path: `latitude` and `longitude`, as trackers and Home Assistant say it, or `lat` and `lon`.
///
/// # Errors
/// In words.
pub fn read(json: Option<&Json>, path: &str) -> Result<Point, String> {
    let json = json.ok_or_else(|| say("This message is not JSON."))?;
    let json = find(json, path)?;
    let number = |names: &[&str]| names.iter().find_map(|name| Num::read(json.get(name)?.plain()?));
    let north = number(&["latitude", "lat"]);
    let east = number(&["longitude", "lon", "lng", "long"]);
    let accuracy = number(&["accuracy", "gps_accuracy", "acc"]).filter(|n| n.0 >= 0);
    Point::new(north, east, accuracy)
        .ok_or_else(|| say("There are no latitude and longitude in this message."))
}

impl Point {
    fn new(latitude: Option<Num>, longitude: Option<Num>, accuracy: Option<Num>) -> Option<Self> {
        let within = |n: Option<Num>, most| n.filter(|n| n.0.unsigned_abs() <= most);
        let latitude = within(latitude, 90_000_000)?;
        Some(Self { latitude, longitude: within(longitude, 180_000_000)?, accuracy })
    }

    /// `48.20849° N, 16.37208° E`
    #[must_use]
    pub fn words(&self) -> String {
        let side = |n: Num, ahead: &str, behind: &str| {
            let degrees = Num(n.rounded(5).0.abs()).to_string();
            let (whole, places) = degrees.split_once('.').unwrap_or((&degrees, ""));
            let point = if places.is_empty() { String::new() } else { locale::point() };
            format!("{whole}{point}{places}°\u{202f}{}", say(if n.0 < 0 { behind } else { ahead }))
        };
        format!("{}, {}", side(self.latitude, "N", "S"), side(self.longitude, "E", "W"))
    }

    /// `within 12 m`
    #[must_use]
    pub fn accuracy_words(&self) -> Option<String> {
        let metres = u64::try_from(self.accuracy?.to_whole()).ok()?;
        Some(fill("within {}", &[&metres_in_words(metres)]))
    }

    /// Where a map of it is.
    #[must_use]
    pub fn address(&self) -> String {
        let (north, east) = (self.latitude, self.longitude);
        format!("https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=16/{north}/{east}")
    }
}

/// As [`str::parse`] reads it again: degrees north and east, and metres where they are known, with commas.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)?;
        self.accuracy.map_or(Ok(()), |accuracy| write!(f, ",{accuracy}"))
    }
}

impl FromStr for Point {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split(',').map(Num::read);
        let mut next = || numbers.next().flatten();
        Self::new(next(), next(), next()).ok_or(())
    }
}

/// Goes on with a track.
pub fn extend(track: &mut Vec<Point>, point: Point) {
    let is_same = |last: &Point| last.latitude == point.latitude && last.longitude == point.longitude;
    if track.last().is_some_and(is_same) {
        track.pop();
    } else if track.len() == MAX_TRACK {
        // Every other one of the way, and where it is.
        let mut n = 0;
        track.retain(|_| {
            n += 1;
            n % 2 == 0
        });
    }
    track.push(point);
}

/// The track in a box of this size, north up, with the same scale both ways where it is: where each point is.
#[must_use]
pub fn plot(track: &[Point], size: i32) -> Vec<(i32, i32)> {
    let ends = |of: fn(&Point) -> i64| {
        let all = || track.iter().map(of);
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    };
    let (south, north) = ends(|point| point.latitude.0);
    let (west, east) = ends(|point| point.longitude.0);
    let shrink = cosine(i64::midpoint(south, north));
    let flat = |degrees: i64| degrees * shrink / 1_000;
    let span = (north - south).max(flat(east - west)).max(1);
    let share = |part: i64| i32::try_from(part * i64::from(size) / span).unwrap_or(0);
    let (beside, above) = ((size - share(flat(east - west))) / 2, (size - share(north - south)) / 2);
    let place = |point: &Point| {
        (beside + share(flat(point.longitude.0 - west)), above + share(north - point.latitude.0))
    };
    track.iter().map(place).collect()
}

/// Metres along a track. A degree of latitude has 111.2 km; near enough for what is said in words.
#[must_use]
pub fn length(track: &[Point]) -> u64 {
    let leg = |two: &[Point]| {
        let (from, to) = (two[0], two[1]);
        let north = (to.latitude.0 - from.latitude.0).unsigned_abs();
        let shrink = cosine(i64::midpoint(from.latitude.0, to.latitude.0)).unsigned_abs();
        let east = (to.longitude.0 - from.longitude.0).unsigned_abs();
        // Over the date line it is the other way round.
        let east = east.min(360_000_000 - east.min(360_000_000)) * shrink / 1_000;
        (north.pow(2) + east.pow(2)).isqrt()
    };
    track.windows(2).map(leg).sum::<u64>() * 1_112 / 10_000
}

/// `340 m`, `1.4 km`, `23 km`
#[must_use]
pub fn metres_in_words(metres: u64) -> String {
    match metres {
        0..1_000 => format!("{metres}\u{202f}m"),
        1_000..10_000 => {
            let hundreds = (metres + 50) / 100;
            format!("{}{}{}\u{202f}km", hundreds / 10, locale::point(), hundreds % 10)
        }
        _ => format!("{}\u{202f}km", (metres + 500) / 1_000),
    }
}

/// How much narrower a degree of longitude is than one of latitude there, in thousandths: a parabola is near enough for a
/// drawing.
fn cosine(latitude: i64) -> i64 {
    let tenths = latitude.abs() / 100_000;
    (1_000 - tenths * tenths * 1_000 / 810_000).max(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latitude: &str, longitude: &str) -> Point {
        let n = |text| Num::read(text).unwrap();
        Point { latitude: n(latitude), longitude: n(longitude), accuracy: None }
    }

    fn heard(text: &str, path: &str) -> Result<Point, String> {
        read(Json::read(text.as_bytes()).as_ref(), path)
    }

    #[test]
    fn places_are_read_and_said() {
        let found =
            heard(r#"{"p":{"latitude":48.208492,"longitude":-16.37,"gps_accuracy":12.4}}"#, "p").unwrap();
        assert_eq!(found.words(), "48.20849°\u{202f}N, 16.37°\u{202f}W");
        assert_eq!(found.accuracy_words().as_deref(), Some("within 12\u{202f}m"));
        assert!(found.address().ends_with("?mlat=48.208492&mlon=-16.37#map=16/48.208492/-16.37"));
        assert_eq!(found.to_string(), "48.208492,-16.37,12.4");
        assert_eq!(found.to_string().parse(), Ok(found));
        assert_eq!("1,".parse::<Point>(), Err(()));
        let near = heard(r#"{"lat":"-1","lon":"2"}"#, "").unwrap();
        assert_eq!((near.words().as_str(), near.to_string().parse()), ("1°\u{202f}S, 2°\u{202f}E", Ok(near)));
        for (text, words) in [
            ("48,16", "This message is not JSON."),
            ("{}", "There are no latitude and longitude in this message."),
            ("{\"lat\":91,\"lon\":2}", "There are no latitude and longitude in this message."),
            ("{\"lat\":1,\"lon\":181}", "There are no latitude and longitude in this message."),
        ] {
            assert_eq!(heard(text, ""), Err(words.to_owned()), "{text}");
        }
        assert_eq!(heard("{}", "p"), Err("There is no p in this message.".to_owned()));
    }

    #[test]
    fn a_track_is_drawn_north_up_within_its_box() {
        assert_eq!(plot(&[point("1", "1")], 100), [(50, 50)]);
        assert_eq!(plot(&[point("0", "0"), point("1", "1")], 100), [(0, 100), (100, 0)]);
        let north = plot(&[point("60", "0"), point("61", "1")], 100);
        assert!(north[0].0 > 20 && north[1].0 < 80 && north[0].1 == 100 && north[1].1 == 0, "{north:?}");
        let world = plot(&[point("-90", "-180"), point("90", "180")], 100);
        assert!(world.iter().all(|(x, y)| (0..=100).contains(x) && (0..=100).contains(y)), "{world:?}");
    }

    #[test]
    fn a_way_is_as_long_as_it_is() {
        let vienna_to_graz = length(&[point("48.208", "16.372"), point("47.07", "15.439")]);
        assert!((140_000..150_000).contains(&vienna_to_graz), "{vienna_to_graz}");
        let over_the_date_line = length(&[point("0", "179.5"), point("0", "-179.5")]);
        assert!((111_000..111_500).contains(&over_the_date_line), "{over_the_date_line}");
        assert_eq!(length(&[point("1", "1")]), 0);
        let words = [0, 999, 1_000, 1_449, 9_949, 23_499].map(metres_in_words);
        assert_eq!(
            words.map(|it| it.replace('\u{202f}', " ")),
            ["0 m", "999 m", "1.0 km", "1.4 km", "9.9 km", "23 km"]
        );
    }

    #[test]
    fn a_track_is_bounded_and_ends_where_it_is() {
        let mut track = Vec::new();
        for n in 0..5_000 {
            extend(&mut track, Point { latitude: Num(n), longitude: Num(0), accuracy: None });
            assert!(track.len() <= MAX_TRACK && track.last().unwrap().latitude == Num(n));
        }
        let count = track.len();
        extend(&mut track, Point { latitude: Num(4_999), longitude: Num(0), accuracy: Some(Num(1)) });
        assert_eq!((track.len(), track.last().unwrap().accuracy), (count, Some(Num(1))), "it rests there");
    }
}
