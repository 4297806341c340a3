//! A line or a few of them as SVG: axes, units, a title, readable on light and dark pages.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 56.0;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below the horizontal axis, with its unit.
    pub across: String,
    /// Above the vertical axis, with its unit. It begins at 0, or what differs little would look as if it grew.
    pub up: String,
    /// Equal steps across are equal factors; what lies at 0 is put a step before the first.
    pub is_logarithmic: bool,
    /// Name and points of each line, in order of the points' first numbers.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Plot {
    /// The file.
    pub fn svg(&self) -> String {
        let most = self.points().map(|(_, y)| y).fold(0.0, f64::max);
        let step = round_step(most);
        let top = (most / step).floor().mul_add(step, step);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut out = self.frame();
        let mut at = 0.0;
        while at <= top + step / 2.0 {
            let (y, right) = (y(at), WIDTH - RIGHT);
            // Writes to a String cannot fail.
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                number(at, step)
            );
            at += step;
        }
        self.marks_across(&mut out);
        for (nth, (name, points)) in self.lines.iter().enumerate() {
            let path: Vec<String> =
                points.iter().map(|(across, up)| format!("{:.1} {:.1}", self.x(*across), y(*up))).collect();
            let _ = writeln!(out, "<path class=\"line l{nth}\" d=\"M{}\"/>", path.join("L"));
            // Many points are a line by themselves.
            for (across, up) in points.iter().filter(|_| points.len() <= 20) {
                let _ = write!(
                    out,
                    "<circle class=\"l{nth}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>",
                    self.x(*across),
                    y(*up)
                );
            }
            if self.lines.len() > 1 {
                let x = LEFT + 12.0 + nth as f64 * 180.0;
                let _ = writeln!(
                    out,
                    "<circle class=\"l{nth}\" cx=\"{x}\" cy=\"42\" r=\"4\"/><text x=\"{}\" y=\"46\">{}</text>",
                    x + 10.0,
                    escaped(name)
                );
            }
        }
        out.push_str("\n</svg>\n");
        out
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|(_, points)| points.iter().copied())
    }

    fn frame(&self) -> String {
        let label_x = (LEFT + WIDTH - RIGHT) / 2.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>text{{font:12px system-ui,sans-serif;fill:#444}}.title{{font-size:15px;font-weight:600;fill:#111}}\
             .back{{fill:#fff}}.grid{{stroke:#ddd;fill:none}}.line{{fill:none;stroke-width:2}}\
             .l0{{stroke:#0b62a8;fill:#0b62a8}}.l1{{stroke:#b4530a;fill:#b4530a}}.l2{{stroke:#3f7d20;fill:#3f7d20}}.line{{fill:none}}\
             @media(prefers-color-scheme:dark){{text{{fill:#bbb}}.title{{fill:#eee}}.back{{fill:#14171a}}.grid{{stroke:#333}}\
             .l0{{stroke:#6cb6f5;fill:#6cb6f5}}.l1{{stroke:#f0a35e;fill:#f0a35e}}.l2{{stroke:#8fcf6f;fill:#8fcf6f}}.line{{fill:none}}}}</style>\n\
             <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n<text class=\"title\" x=\"12\" y=\"24\">{title}</text>\n\
             <text x=\"12\" y=\"{label_y}\">{up}</text>\n<text x=\"{label_x}\" y=\"{bottom}\" text-anchor=\"middle\">{across}</text>\n",
            title = escaped(&self.title),
            up = escaped(&self.up),
            across = escaped(&self.across),
            label_y = if self.lines.len() > 1 { TOP + 4.0 } else { TOP - 12.0 },
            bottom = HEIGHT - 12.0,
        )
    }

    /// Where a number lies across.
    fn x(&self, value: f64) -> f64 {
        let (first, last) = self.span();
        let share = if last > first { (self.place(value) - first) / (last - first) } else { 0.5 };
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn place(&self, value: f64) -> f64 {
        if !self.is_logarithmic {
            return value;
        }
        let least = self.points().map(|(x, _)| x).filter(|x| *x > 0.0).fold(f64::INFINITY, f64::min);
        if value > 0.0 { value.log10() } else { least.log10() - 1.0 }
    }

    fn span(&self) -> (f64, f64) {
        let places = || self.points().map(|(x, _)| self.place(x));
        (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Each point has its number when they are few and apart; else five even ones.
    fn marks_across(&self, out: &mut String) {
        let mut numbers: Vec<f64> =
            self.lines.first().map_or(Vec::new(), |(_, points)| points.iter().map(|point| point.0).collect());
        if numbers.len() > 12 {
            let last = numbers.last().copied().unwrap_or_default();
            numbers = (0..=4).map(|quarter| last * f64::from(quarter) / 4.0).collect();
        }
        let mut free = f64::NEG_INFINITY;
        for value in numbers {
            let (x, text) = (self.x(value.max(if self.is_logarithmic { value } else { 0.0 })), thousands(value));
            let half = text.len() as f64 * 3.5;
            if x - half < free {
                continue;
            }
            free = x + half + 4.0;
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                HEIGHT - BOTTOM + 20.0
            );
        }
    }
}

/// 1, 2 or 5 of some power of ten: four to ten of them make the whole.
fn round_step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf((most / 4.0).log10().floor());
    [5.0, 2.0, 1.0].map(|factor| factor * power).into_iter().find(|step| most / step >= 4.0).unwrap_or(power)
}

/// As many decimals as the step has.
fn number(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    format!("{value:.decimals$}")
}

fn thousands(value: f64) -> String {
    match value {
        1_000_000.0.. => format!("{} M", value / 1_000_000.0),
        10_000.0.. => format!("{} k", value / 1_000.0),
        _ => format!("{value}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
