//! How a cost grows with a number: flat, logarithmic or linear, whichever line through the points explains more of them.

/// Below that share two costs are the same: CPU comes in ticks, and the machine is shared.
const SAME: f64 = 0.15;
/// A line that explains less of what differs says nothing.
const EXPLAINS: f64 = 0.5;

/// Flat, logarithmic or linear: what a line through the points says, and through the same points with a logarithmic axis.
/// `spread`: by how much costs of the same number differ among themselves.
pub fn shape(points: &[(f64, f64)], spread: f64) -> String {
    let costs = || points.iter().map(|(_, cost)| *cost);
    let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    let linear = Line::through(points.iter().copied());
    let logarithmic = Line::through(points.iter().map(|(value, cost)| (value.max(1.0).log10(), *cost)));
    if most - least <= (SAME * most).max(spread) {
        format!("flat ({least:.3} to {most:.3} ms, runs of one value differ by {spread:.3})")
    } else if linear.explains < EXPLAINS && logarithmic.explains < EXPLAINS {
        format!("no trend ({least:.3} to {most:.3} ms, runs of one value differ by {spread:.3})")
    } else if linear.slope < 0.0 && logarithmic.slope < 0.0 {
        format!("it falls ({most:.3} to {least:.3} ms)")
    } else if linear.explains >= logarithmic.explains {
        format!("linear, {:.4} ms for each one more", linear.slope)
    } else {
        format!("logarithmic, {:.3} ms for each ten times more", logarithmic.slope)
    }
}

struct Line {
    slope: f64,
    /// The share of what differs that the line explains (R²).
    explains: f64,
}

impl Line {
    /// By least squares.
    fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let count = points.clone().count().max(1) as f64;
        let (mean_x, mean_y) = (
            points.clone().map(|point| point.0).sum::<f64>() / count,
            points.clone().map(|point| point.1).sum::<f64>() / count,
        );
        let sum = |of: fn(f64, f64) -> f64| points.clone().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        if xx == 0.0 || yy == 0.0 {
            return Self { slope: 0.0, explains: 0.0 };
        }
        Self { slope: xy / xx, explains: xy * xy / (xx * yy) }
    }
}
