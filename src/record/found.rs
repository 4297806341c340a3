//! The names under which scanners found something, whatever it was that decided.

use super::{Item, Record};
use crate::policy::verdict::ScanVerdict;

impl Record {
    /// Of every report: what it says, an ignored find among it, and each of the scanner's rules that matched.
    pub fn signatures(&self) -> impl Iterator<Item = &str> {
        self.scanners.iter().flat_map(|report| {
            let said = match &report.verdict {
                ScanVerdict::Ignored { signature, .. } => Some(signature.as_str()),
                verdict => verdict.signature(),
            };
            said.into_iter().chain(report.findings.iter().map(|finding| finding.rule.as_str()))
        })
    }
}

impl Item {
    /// The one that it is held for, if it is held for one: by its reason, which begins with the verdict's name.
    pub fn signature(&self) -> Option<&str> {
        let (verdict, name) = self.reason.split_once(' ')?;
        ["infected", "encrypted", "macro", "ignored"].contains(&verdict).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::finding::{Class, Finding},
        record::sample,
    };

    #[test]
    fn what_was_found_has_names_and_what_was_not_looked_at_has_none() {
        let mut record = sample::record(1);
        let finding = Finding {
            rule: "YARA.Note".to_owned(),
            class: Class::Malware,
            severity: None,
            action: None,
            ignored: Some("T-1".to_owned()),
        };
        record.scanners[0].findings = vec![finding];
        let ignored = ScanVerdict::Ignored { signature: "Win.Old".to_owned(), ticket: "T-1".to_owned() };
        record.scanners[1].verdict = ignored;
        let names: Vec<&str> = record.signatures().collect();
        assert_eq!(names, ["Heuristics.OLE2.ContainsMacros", "YARA.Note", "Win.Old"]);
        for (reason, name) in [
            ("infected Win.Test.EICAR_HDB-1", Some("Win.Test.EICAR_HDB-1")),
            ("macro Heuristics.Eicar", Some("Heuristics.Eicar")),
            ("rule EICAR", None),
            ("not_fully_scanned (eicar)", None),
            ("", None),
        ] {
            let item = Item { reason: reason.to_owned(), ..sample::item(1, b"", b"x") };
            assert_eq!(item.signature(), name, "{reason}");
        }
    }
}
