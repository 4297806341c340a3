//! A clamd that says the verdicts of a script, one after the other, when the script says them.

use std::sync::{
    Mutex,
    mpsc::{self, Sender},
};

use portaria::policy::verdict::ScanVerdict;

use super::{
    PATIENCE,
    honest::{
        self, ClamdAddress,
        fake_clamd::{Answer, Asked, FakeClamd},
    },
};

/// A running one, and how it is told.
pub struct Scanner {
    clamd: FakeClamd,
    verdicts: Option<Sender<ScanVerdict>>,
}

impl Scanner {
    pub fn start() -> Self {
        let (verdicts, told) = mpsc::channel();
        let told = Mutex::new(told);
        let clamd = FakeClamd::start(move |asked| {
            let scans = ["INSTREAM", "FILDES"].contains(&asked.command.as_str()) && !asked.content.is_empty();
            if !scans || honest::fake_clamd::is_self_test(&asked.content) {
                return None;
            }
            Some(told.lock().unwrap().recv_timeout(PATIENCE).map_or(Answer::Hang, |verdict| answer(asked, &verdict)))
        });
        Self { clamd, verdicts: Some(verdicts) }
    }

    pub fn address(&self) -> ClamdAddress {
        self.clamd.address()
    }

    /// The scan that is under way ends so.
    pub fn say(&self, verdict: ScanVerdict) {
        let _ = self.verdicts.as_ref().map(|verdicts| verdicts.send(verdict));
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.verdicts = None;
    }
}

/// In clamd's words. `Unavailable` has none: it hangs until the gateway gives up.
fn answer(asked: &Asked, verdict: &ScanVerdict) -> Answer {
    let under = |class: &str, name: &str| {
        let name = name.replace(' ', "");
        if name.starts_with(class) { format!("{name} FOUND") } else { format!("{class}.{name} FOUND") }
    };
    let words = match verdict {
        ScanVerdict::Infected { signature } => format!("{signature} FOUND"),
        ScanVerdict::Encrypted { signature } => under("Heuristics.Encrypted", signature),
        ScanVerdict::Macro { signature } => under("Heuristics.OLE2.ContainsMacros", signature),
        ScanVerdict::NotFullyScanned { reason } => under("Heuristics.Limits.Exceeded", reason),
        ScanVerdict::ScannerError { text } => format!("{text} ERROR"),
        ScanVerdict::Unavailable { .. } => return Answer::Hang,
        _ => "OK".to_owned(),
    };
    let prefix = if asked.command == "FILDES" { "fd[12]" } else { "stream" };
    Answer::Say(format!("{prefix}: {words}\0").into_bytes())
}
