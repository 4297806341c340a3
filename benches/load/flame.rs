//! Where the time goes: stacks as `perf script` prints them, folded, and drawn as a flame graph.
//!
//! In: text. Out: SVG, the callers below, each frame as wide as its share of all samples; what is narrower than 0.6 % is left out, so
//! that the file stays small.

use std::{collections::BTreeMap, fmt::Write as _};

const WIDTH: f64 = 1200.0;
const ROW: f64 = 17.0;
const TOP: f64 = 48.0;
/// Share of all samples below which a frame is not drawn.
const NARROW: f64 = 0.006;
/// Frames of the kernel in a stack that are drawn: which call it is, and what that is about.
const KERNEL: usize = 5;
/// Pixels of a letter.
const LETTER: f64 = 6.6;

/// Frames that every stack has and that say nothing: how a thread, a runtime and a closure call what is meant.
const PLUMBING: [&str; 16] = [
    "core::ops::function",
    "std::panicking",
    "std::panic",
    "core::panic",
    "__rust_try",
    "tokio::runtime",
    "std::sys",
    "std::thread",
    "clone3",
    "start_thread",
    "tokio::loom",
    "std::io::impls",
    "[unknown]",
    "entry_SYSCALL",
    "do_syscall",
    "tracing::",
];

/// A frame, and what it called.
#[derive(Debug, Default)]
pub struct Frame {
    samples: u64,
    called: BTreeMap<String, Frame>,
}

impl Frame {
    /// All stacks of a `perf script -F comm,ip,sym`: a thread's name, its frames from the innermost on, an empty line.
    pub fn read(script: &str) -> Self {
        let mut root = Self::default();
        for stack in script.split("\n\n") {
            let mut lines = stack.lines().filter(|line| !line.is_empty());
            let Some(thread) = lines.next() else { continue };
            // A frame is an address and a name; the thread's line has no indent.
            let frames: Vec<String> = lines.filter_map(|line| Some(short(line.trim().split_once(' ')?.1))).collect();
            if frames.is_empty() {
                continue;
            }
            let mut at = &mut root;
            at.samples += 1;
            let told = frames.into_iter().rev().filter(|name| !is_plumbing(name));
            let (mut last, mut of_kernel) = (String::new(), 0);
            for name in [thread.trim().to_owned()].into_iter().chain(told) {
                // A function that calls itself, or a part of it that was given its name, is one.
                of_kernel += usize::from(kind(&name) == "k");
                if name != last && of_kernel <= KERNEL {
                    at = at.called.entry(name.clone()).or_default();
                    at.samples += 1;
                    last = name;
                }
            }
        }
        root
    }

    /// How many stacks there are.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The drawing.
    pub fn svg(&self, title: &str) -> String {
        let depth = self.depth(self.least());
        let height = ROW.mul_add(depth as f64, TOP + 12.0);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
             <style>text{{font:11px monospace;fill:#222}}.t{{font:600 15px system-ui,sans-serif}}.b{{fill:#fff}}.k{{fill:#c9d6e8}}.o{{fill:#f6c77d}}.d{{fill:#ddd6c8}}\
             @media(prefers-color-scheme:dark){{text{{fill:#eee}}.b{{fill:#14171a}}.k{{fill:#34495e}}.o{{fill:#8a5a12}}.d{{fill:#4a463d}}}}</style>\n\
             <rect class=\"b\" width=\"{WIDTH}\" height=\"{height}\"/><text class=\"t\" x=\"8\" y=\"20\">{}</text>\n\
             <text x=\"8\" y=\"38\">callers below; orange: our own code, blue: the kernel, grey: libraries; {} samples</text>\n",
            escaped(title),
            self.samples
        );
        self.draw(&mut out, (0.0, height - 8.0), self.least(), WIDTH / self.samples.max(1) as f64);
        out.push_str("</svg>\n");
        out
    }

    fn least(&self) -> u64 {
        ((self.samples as f64 * NARROW) as u64).max(1)
    }

    fn depth(&self, least: u64) -> usize {
        let called = self.called.values().filter(|frame| frame.samples >= least);
        called.map(|frame| 1 + frame.depth(least)).max().unwrap_or(0)
    }

    /// What this frame called, from here to the right and up.
    fn draw(&self, out: &mut String, (left, bottom): (f64, f64), least: u64, scale: f64) {
        let mut x = left;
        for (name, frame) in &self.called {
            let width = frame.samples as f64 * scale;
            if frame.samples >= least {
                let (y, letters) = (bottom - ROW, (width / LETTER) as usize);
                let share = width * 100.0 / WIDTH;
                // Writes to a String cannot fail.
                let _ = write!(
                    out,
                    "<g><title>{} {share:.1} %</title><rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"16\"/>",
                    escaped(name),
                    kind(name),
                    (width - 0.5).max(0.5),
                );
                if letters > 4 {
                    // Whose it is, the colour says.
                    let name = name.trim_start_matches("portaria::").trim_end_matches("_[k]");
                    let text: String = name.chars().take(letters - 1).collect();
                    let _ = write!(out, "<text x=\"{:.1}\" y=\"{:.0}\">{}</text>", x + 2.0, y + 12.0, escaped(&text));
                }
                out.push_str("</g>\n");
                frame.draw(out, (x, y), least, scale);
            }
            x += width;
        }
    }
}

/// Ours, the kernel's (whose names have no path), or a library's.
fn kind(name: &str) -> &'static str {
    if name.contains("portaria::") {
        "o"
    } else if name.ends_with("_[k]") {
        "k"
    } else {
        "d"
    }
}

fn is_plumbing(name: &str) -> bool {
    let bare = name.trim_start_matches(['<', '&']);
    PLUMBING.iter().any(|plumbing| bare.starts_with(plumbing))
}

/// Without the compiler's hash, the offset, the parameters of types; a function of the kernel is marked.
fn short(name: &str) -> String {
    let (name, object) = name.rsplit_once(" (").unwrap_or((name, ""));
    let name = name.split("+0x").next().unwrap_or(name).trim();
    let name = name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16).map_or(name, |(name, _)| name);
    let mut out = String::new();
    let (mut depth, mut before) = (0_usize, ' ');
    for char in name.chars() {
        let is_arrow = char == '>' && before == '-';
        match char {
            // `<impl X for Y>::f` begins so; what stands behind a name is a parameter.
            '<' if !out.is_empty() && (before.is_alphanumeric() || before == ':') => depth += 1,
            '>' if depth > 0 && !is_arrow => depth -= 1,
            _ if depth == 0 => out.push(char),
            _ => {}
        }
        before = char;
    }
    let out = out.replace("::{{closure}}", "").replace("::{closure#0}", "").replace("::::", "::");
    if object.contains("kernel") { out + "_[k]" } else { out }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
