//! `antivirus::clamd::answer`: two exact answers are clean, and nothing that begins or ends like them, or holds them, is.

use portaria::{antivirus::fuzzing::clamd_answer as parse, policy::verdict::ScanVerdict};

use crate::choices::Choices;

/// The octets are clamd's answer, and they stand before, in and behind a clean one.
pub fn clamd_answer(data: &[u8]) {
    check(data);
    let mut choices = Choices::of(data);
    let clean = choices.one_of(&["stream: OK\0", "fd[10]: OK\0", "fd[4294967295]: OK\0"]).as_bytes();
    assert_eq!(parse(clean), ScanVerdict::Clean);
    for end in 0..clean.len() {
        assert_ne!(parse(&clean[..end]), ScanVerdict::Clean, "cut off");
    }
    let at = choices.below(clean.len() + 1);
    let inside = [&clean[..at], data, &clean[at..]].concat();
    for octets in [&[data, clean].concat(), &[clean, data].concat(), &inside, &[data, b" FOUND\0"].concat()] {
        check(octets);
    }
}

fn check(octets: &[u8]) {
    let verdict = parse(octets);
    assert_eq!(verdict == ScanVerdict::Clean, is_clean(octets), "{}", octets.escape_ascii());
    let (name, text, longest) = match &verdict {
        ScanVerdict::Clean => return,
        ScanVerdict::Infected { signature }
        | ScanVerdict::Encrypted { signature }
        | ScanVerdict::Macro { signature } => {
            assert!(octets.ends_with(b" FOUND\0"), "{}", octets.escape_ascii());
            (true, signature, 128)
        }
        ScanVerdict::NotFullyScanned { reason } => (true, reason, 128),
        ScanVerdict::ScannerError { text } => (false, text, 200),
        other => panic!("no answer of clamd's: {other:?}"),
    };
    let harmless =
        |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet) || !name && (b' '..=b'~').contains(&octet);
    assert!(!text.is_empty() && text.len() <= longest && text.bytes().all(harmless), "{verdict:?}");
}

/// `stream: OK NUL`, `fd[` one to ten digits `]: OK NUL`.
fn is_clean(octets: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(octets) else { return false };
    let number = text.strip_prefix("fd[").and_then(|rest| rest.strip_suffix("]: OK\0"));
    text == "stream: OK\0"
        || number.is_some_and(|number| (1..=10).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit()))
}
