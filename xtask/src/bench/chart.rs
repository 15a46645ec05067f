//! Curves over a common axis as SVG, both axes in powers of ten. Knows numbers and labels, not what they mean. The picture
//! follows the dark or light of whoever shows it.

use std::fmt::Write as _;

/// The axis that all panels share.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) label: String,
}

/// One curve.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    /// Both greater than zero.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 300.0;
/// Room for labels: left, right, above, below.
const ROOM: (f64, f64, f64, f64) = (64.0, 20.0, 40.0, 52.0);

const STYLE: &str = "\
    :root{--ink:#1b2321;--soft:#66706d;--line:#dfe4e2;--curve:#0f766e;--ground:#ffffff}\
    @media (prefers-color-scheme:dark){:root{--ink:#e8eeec;--soft:#9aa5a1;--line:#2b3331;--curve:#45cfb5;--ground:#0f1312}}\
    text{font:12px system-ui,sans-serif;fill:var(--soft)}.title{font-size:13px;font-weight:600;fill:var(--ink)}\
    line{stroke:var(--line)}polyline{fill:none;stroke:var(--curve);stroke-width:2}circle{fill:var(--curve)}\
    .value{font-size:11px;fill:var(--ink);text-anchor:middle}";

/// The picture, its panels side by side.
pub(super) fn render(axis: &Axis, panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" height=\"{HEIGHT}\">\
         <style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"var(--ground)\"/>\n"
    );
    for (n, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({} 0)\">", WIDTH * n as f64);
        draw(&mut svg, axis, panel);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// From a value to a place between two ends; both in powers of ten.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Over all values. A curve that hardly moves gets room above and below, so that it looks as flat as it is.
    fn over(values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Self {
        let logs: Vec<f64> = values.map(f64::log10).filter(|log| log.is_finite()).collect();
        if logs.is_empty() {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        Self { low, high: high.max(low + 1.0), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - self.low) / (self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    /// The powers of ten, each with its place.
    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> {
        let powers = (self.low as i32)..=(self.high as i32);
        powers.map(|power| 10f64.powi(power)).map(|value| (value, self.place(value)))
    }
}

fn draw(svg: &mut String, axis: &Axis, panel: &Panel) {
    let (left, right, above, below) = ROOM;
    let across = Scale::over(panel.points.iter().map(|point| point.0), (left, WIDTH - right));
    let up = Scale::over(panel.points.iter().map(|point| point.1), (HEIGHT - below, above));
    let _ = writeln!(svg, "<text class=\"title\" x=\"{left}\" y=\"22\">{}</text>", panel.title);
    for (value, y) in up.ticks() {
        let _ = writeln!(svg, "<line x1=\"{left}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - right);
        let (x, y) = (left - 8.0, y + 4.0);
        let _ = writeln!(svg, "<text text-anchor=\"end\" x=\"{x}\" y=\"{y:.1}\">{}</text>", number(value));
    }
    for (value, x) in across.ticks() {
        let y = HEIGHT - below + 18.0;
        let _ = writeln!(svg, "<text text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y}\">{}</text>", number(value));
    }
    let (middle, bottom) = (f64::midpoint(left, WIDTH - right), HEIGHT - 12.0);
    let _ = writeln!(svg, "<text text-anchor=\"middle\" x=\"{middle}\" y=\"{bottom}\">{}</text>", axis.label);
    let places: Vec<(f64, f64, f64)> =
        panel.points.iter().map(|&(x, y)| (across.place(x), up.place(y), y)).collect();
    let line: Vec<String> = places.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline points=\"{}\"/>", line.join(" "));
    for (x, y, value) in places {
        let over = y - 8.0;
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        let _ = writeln!(svg, "<text class=\"value\" x=\"{x:.1}\" y=\"{over:.1}\">{}</text>", number(value));
    }
}

/// Short enough for a label.
fn number(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", trimmed(v / 1e6)),
        v if v >= 1e3 => format!("{} k", trimmed(v / 1e3)),
        v => trimmed(v),
    }
}

/// Two digits that say something, without zeros behind them.
fn trimmed(value: f64) -> String {
    let digits = if value >= 10.0 {
        0
    } else if value >= 1.0 {
        1
    } else if value >= 0.1 {
        2
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.001, 0.125, 1.0, 3.25, 20.0, 1_000.0, 50_000.0, 1_000_000.0].map(number);
        assert_eq!(numbers, ["0.001", "0.12", "1", "3.2", "20", "1 k", "50 k", "1 M"]);
    }

    #[test]
    fn a_scale_ends_at_powers_of_ten_and_rises_from_one_end_to_the_other() {
        let scale = Scale::over([20.0, 4_000.0].into_iter(), (0.0, 300.0));
        assert_eq!(
            scale.ticks().collect::<Vec<_>>(),
            [(10.0, 0.0), (100.0, 100.0), (1000.0, 200.0), (10000.0, 300.0)]
        );
        let flat = Scale::over([10.0, 10.0].into_iter(), (0.0, 300.0));
        assert_eq!(flat.ticks().count(), 2, "there is always something to see");
        let nothing = Scale::over([0.0].into_iter(), (0.0, 300.0));
        assert_eq!(nothing.ticks().count(), 2, "zero has no place on it");
    }

    #[test]
    fn a_picture_is_one_element_with_all_its_labels() {
        let points = vec![(1.0, 0.2), (10.0, 0.4)];
        let svg = render(&Axis { label: "more".into() }, &[Panel { title: "price".into(), points }]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(">more<") && svg.contains(">price<") && svg.contains(">0.4<"), "{svg}");
    }
}
