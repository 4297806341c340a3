//! What people and scripts read of a probe.

use jiff::tz::TimeZone;

use super::*;
use crate::language::Language;

fn findings() -> Vec<Finding> {
    let heard = |text: &str| Text { en: text.to_owned(), pt: text.to_owned() };
    let finding = |key, outcome, heard| Finding { key, outcome, tried: "EHLO".to_owned(), heard };
    vec![
        finding("message_size", Outcome::Pass, heard("SIZE 1")),
        finding("login", Outcome::NotTried, heard("later")),
        finding("sender", Outcome::Fail, heard("550 \u{1b}[2Jno")),
    ]
}

fn said(json: bool, language: Language, findings: &[Finding]) -> Rendering {
    rendered("pje", "mx:25", findings, &Style { json, language, time_zone: TimeZone::UTC })
}

#[test]
fn a_failure_is_the_exit_code_and_acts_on_no_terminal() {
    for (language, words) in
        [(Language::En, ["pass", "not tried", "FAIL"]), (Language::PtBr, ["passa", "não testado", "FALHA"])]
    {
        let table = said(false, language, &findings());
        assert_eq!(table.exit_code, 1);
        assert!(words.iter().all(|word| table.text.contains(word)), "{}", table.text);
        assert!(!table.text.contains('\u{1b}'), "{}", table.text);
    }
    let without = &findings()[..2];
    assert_eq!(said(true, Language::En, without).exit_code, 0, "what is not tried has not failed");
    assert_eq!(said(true, Language::En, &findings()).text.lines().count(), 3);
}

#[test]
fn what_is_no_sheet_says_how_to_make_one() {
    let what = parsed("{}").unwrap_err();
    assert!(what.en.contains("application sheet ID --json"), "{what:?}");
}
