//! The conversation as lines, near to the scripts of `tests/conversations`: what is fed and what comes of it, line by line.

use portaria::relay::event::{Input, Output};

use super::World;

impl World {
    pub(super) fn trace_input(&self, input: &Input) {
        let Some(listener) = self.listener else { return };
        match input {
            Input::ClientOctets(octets) => lines(listener, 'C', octets),
            Input::NextHopOctets(octets) => lines(listener, 'N', octets),
            Input::ClientGone => listener("C! gone"),
            Input::ClientBroke => listener("C! resets"),
            Input::TlsEstablished(_) => listener("C! secured"),
            Input::NextHopReady(ready) if ready.reused && ready.capabilities.pipelining => {
                listener("N! ready reused owes-reset (all extensions)");
            }
            Input::NextHopReady(ready) if ready.reused => listener("N! ready reused owes-reset (no extensions)"),
            Input::NextHopReady(ready) if ready.capabilities.limits.transactions.is_some() => {
                listener("N! ready (one transaction, two recipients)");
            }
            Input::NextHopReady(_) => listener("N! ready (all extensions)"),
            Input::NextHopFailed(failure) => listener(&format!("N! fails {failure:?}")),
            Input::NextHopGone(_) => listener("N! gone"),
            Input::NextHopWanted => listener("N! wanted"),
            Input::NextHopDrained => listener("N! drains"),
            Input::Held(result) => listener(&format!("H! {result:?}")),
            Input::HoldOctets(Ok(octets)) => listener(&format!("H! gives {}", octets.len())),
            Input::HoldOctets(Err(fault)) => listener(&format!("H! unreadable {fault:?}")),
            Input::Scanned(reports) => {
                let verdicts: Vec<&str> = reports.iter().map(|report| report.verdict.name()).collect();
                listener(&format!("V: {}", verdicts.join(" ")));
            }
            Input::Quarantined(result) => listener(&format!("Q! {result:?}")),
            Input::Journaled(result) => listener(&format!("J! {result:?}")),
            Input::Verified(verified) => listener(&format!("A! {verified:?}")),
            Input::Recounted(counted) => listener(&format!("C! counted {counted}")),
            Input::Drain => listener("D! drain"),
            Input::Policy(_) => listener("P! later"),
            Input::DiskLow(low) => listener(&format!("D! low {low}")),
            Input::TimePassed => {
                let passed = self.now.wall.duration_since(super::house::began()).unwrap_or_default();
                listener(&format!("T: {} s since the beginning", passed.as_secs()));
            }
            Input::Accepted => listener("C! connects"),
        }
    }

    pub(super) fn trace_output(&self, output: &Output) {
        let Some(listener) = self.listener else { return };
        match output {
            Output::ToClient(octets) => lines(listener, 'S', octets),
            Output::ToNextHop(octets) => lines(listener, 'R', octets),
            Output::Recount(client) => listener(&format!("S! counts as {client}")),
            Output::Verify(_) => listener("A= verify"),
            Output::StartTls => listener("S! starts TLS"),
            Output::CloseClient { .. } => listener("S! closes"),
            Output::OpenNextHop(wanted) => listener(&format!("R! opens {}", wanted.name.0)),
            Output::ReleaseNextHop { .. } => listener("R! releases"),
            Output::DropNextHop => listener("R! drops"),
            Output::CancelNextHop => listener("R! cancels"),
            Output::Hold(octets) => listener(&format!("H= holds {}", octets.len())),
            Output::ReadHold { offset, max } => listener(&format!("H= read from {offset}, {max}")),
            Output::Scan { .. } => listener("V= scan"),
            Output::CancelScan => listener("V! cancelled"),
            Output::Quarantine(item) => {
                listener(&format!("Q= item for {:?} state={:?}", item.recipients, item.state));
            }
            Output::SettleItem(_, state) => listener(&format!("Q= settled={state:?}")),
            Output::Intent(_) => listener("J= intent"),
            Output::Record { record, .. } => {
                let fates: Vec<_> = record.recipients.iter().map(|recipient| recipient.fate).collect();
                listener(&format!("= ending={:?} cause={:?} fates={fates:?}", record.ending, record.cause));
            }
            Output::Forget => listener("H= forget"),
            Output::Wait(_) => {}
        }
    }
}

/// `C: LINE` for each whole line, `C< OCTETS` for what is none.
fn lines(listener: fn(&str), who: char, octets: &[u8]) {
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(whole) => listener(&format!("{who}: {}", whole.escape_ascii())),
            None => listener(&format!("{who}< {}", line.escape_ascii())),
        }
    }
}
