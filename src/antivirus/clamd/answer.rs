//! What clamd answers to a scan, as a verdict.
//!
//! In: every octet that clamd sent until it closed the connection. Out: a [`ScanVerdict`]. It refuses to know how the
//! content was handed over, and it refuses to guess: only the two exact answers `stream: OK` and `fd[N]: OK` are clean;
//! whatever it cannot read is a scanner error (promise 8). The crate clamav-client takes any answer that contains `OK`
//! for clean, so its own reading is never asked.

use crate::policy::verdict::ScanVerdict;

/// An answer longer than this is none, octets. clamd's longest honest one is a signature's name and some words.
pub const LONGEST: usize = 1024;

/// A signature's name is cut to this, octets: its author may write anything (promise 9).
const LONGEST_SIGNATURE: usize = 128;

/// The words of an error are cut to this, octets ([`ScanVerdict::ScannerError`]).
const LONGEST_WORDS: usize = 200;

/// Reads the answer to INSTREAM or FILDES in the `z` form: one line, ended by one NUL, with nothing behind it.
///
/// The NUL belongs to the answer: without it a connection cut after `fd[12]: OK` could not be told from an answer that
/// was to become `fd[12]: OK but …`.
pub fn parse(octets: &[u8]) -> ScanVerdict {
    if octets.is_empty() {
        return error("no answer");
    }
    if octets.len() > LONGEST {
        return error("answer too long");
    }
    let Some((&0, line)) = octets.split_last() else { return cut(octets) };
    if line.contains(&0) {
        return junk(line);
    }
    // No prefix: clamd says it before it knows what it is about.
    if line == b"INSTREAM size limit exceeded. ERROR" {
        return ScanVerdict::NotFullyScanned { reason: "StreamMaxLength".to_owned() };
    }
    match after_prefix(line) {
        Some(b"OK") => ScanVerdict::Clean,
        Some(b"INSTREAM size limit exceeded. ERROR") => {
            ScanVerdict::NotFullyScanned { reason: "StreamMaxLength".to_owned() }
        }
        Some(rest) => match rest.strip_suffix(b" FOUND") {
            Some(name) => found(name).unwrap_or_else(|| junk(line)),
            None => junk(line),
        },
        None => junk(line),
    }
}

/// What stands behind `stream: ` or `fd[N]: `.
fn after_prefix(line: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = line.strip_prefix(b"stream: ") {
        return Some(rest);
    }
    let rest = line.strip_prefix(b"fd[")?;
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    if number.is_empty() || number.len() > 10 { None } else { rest.strip_prefix(b"]: ") }
}

/// A name that stands for a limit, for encryption or for a macro is no malware (measured with 1.4.6: with
/// `AlertExceedsMax`, `AlertEncrypted` and `AlertOLE2Macros` clamd says them as if they were).
/// `(null) FOUND` comes when clamd lost the name: something went wrong inside it, so it is an error and not a verdict.
fn found(name: &[u8]) -> Option<ScanVerdict> {
    if name.is_empty() || name == b"(null)" || name.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let signature = signature(name);
    Some(if name.starts_with(b"Heuristics.Limits.Exceeded") {
        ScanVerdict::NotFullyScanned { reason: signature }
    } else if name.starts_with(b"Heuristics.Encrypted") {
        ScanVerdict::Encrypted { signature }
    } else if name.starts_with(b"Heuristics.OLE2.ContainsMacros") {
        ScanVerdict::Macro { signature }
    } else {
        ScanVerdict::Infected { signature }
    })
}

/// A signature's name with only `[A-Za-z0-9._-]` kept, cut to 128 octets; `unnamed` if nothing is left.
fn signature(name: &[u8]) -> String {
    let kept = name.iter().filter(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(octet));
    let text: String = kept.take(LONGEST_SIGNATURE).copied().map(char::from).collect();
    if text.is_empty() { "unnamed".to_owned() } else { text }
}

/// `octets` as words for a person: printable ASCII, anything else a space, at most 200 octets.
pub fn words(octets: &[u8]) -> String {
    let printable = octets.iter().map(|&octet| if (b' '..=b'~').contains(&octet) { char::from(octet) } else { ' ' });
    printable.take(LONGEST_WORDS).collect::<String>().trim().to_owned()
}

fn junk(line: &[u8]) -> ScanVerdict {
    error(&words(line))
}

fn cut(octets: &[u8]) -> ScanVerdict {
    error(&format!("answer cut off: {}", words(octets)))
}

fn error(text: &str) -> ScanVerdict {
    let text = if text.is_empty() { "unreadable answer" } else { text };
    ScanVerdict::ScannerError { text: words(text.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infected(signature: &str) -> ScanVerdict {
        ScanVerdict::Infected { signature: signature.to_owned() }
    }

    fn limit(reason: &str) -> ScanVerdict {
        ScanVerdict::NotFullyScanned { reason: reason.to_owned() }
    }

    #[test]
    fn only_two_exact_answers_are_clean() {
        for clean in ["stream: OK\0", "fd[0]: OK\0", "fd[12]: OK\0"] {
            assert_eq!(parse(clean.as_bytes()), ScanVerdict::Clean, "{clean:?}");
        }
        for other in [
            "",
            "\0",
            "OK\0",
            "OK",
            "stream: OK",
            "stream: OK\n",
            "stream: OK\n\0",
            "stream: OK\0\0",
            "stream:OK\0",
            "stream: ok\0",
            "stream:  OK\0",
            "stream: OK \0",
            " stream: OK\0",
            "Stream: OK\0",
            "fd[]: OK\0",
            "fd[x]: OK\0",
            "fd[12: OK\0",
            "fd[12]:OK\0",
            "fd[12345678901]: OK\0",
            "/tmp/x: OK\0",
            "PONG\0",
            "stream: OK\0stream: Eicar-Test-Signature FOUND\0",
            "1: stream: OK\0",
            "\0stream: OK\0",
            "stream: OK FOUND OK\0",
            "stream: NOT OK\0",
        ] {
            assert!(matches!(parse(other.as_bytes()), ScanVerdict::ScannerError { .. }), "{other:?}");
        }
    }

    #[test]
    fn a_prefix_of_a_good_answer_is_never_a_verdict() {
        for whole in ["stream: OK\0", "fd[12]: OK\0", "stream: Eicar-Test-Signature FOUND\0"] {
            for end in 0..whole.len() {
                let verdict = parse(&whole.as_bytes()[..end]);
                assert!(matches!(verdict, ScanVerdict::ScannerError { .. }), "{:?} {verdict:?}", &whole[..end]);
            }
        }
    }

    #[test]
    fn a_name_says_whether_it_is_malware_or_policy() {
        let long = "x".repeat(500);
        let rows = [
            ("stream: Eicar-Test-Signature FOUND\0", infected("Eicar-Test-Signature")),
            ("fd[9]: Win.Test.EICAR_HDB-1.UNOFFICIAL FOUND\0", infected("Win.Test.EICAR_HDB-1.UNOFFICIAL")),
            ("stream: Heuristics.Broken.Executable FOUND\0", infected("Heuristics.Broken.Executable")),
            ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", limit("Heuristics.Limits.Exceeded.MaxFileSize")),
            ("stream: Heuristics.Limits.Exceeded FOUND\0", limit("Heuristics.Limits.Exceeded")),
            (
                "stream: Heuristics.Encrypted.Zip FOUND\0",
                ScanVerdict::Encrypted { signature: "Heuristics.Encrypted.Zip".to_owned() },
            ),
            (
                "fd[3]: Heuristics.OLE2.ContainsMacros.VBA FOUND\0",
                ScanVerdict::Macro { signature: "Heuristics.OLE2.ContainsMacros.VBA".to_owned() },
            ),
            // A signature's author may write anything: only harmless octets are kept, and never too many.
            ("stream: Evil\r\nX: <script>/../é FOUND\0", infected("EvilXscript..")),
            ("stream: OK FOUND\0", infected("OK")),
            ("stream: A FOUND FOUND\0", infected("AFOUND")),
            ("stream: /// FOUND\0", infected("unnamed")),
            (&format!("stream: {long} FOUND\0"), infected(&long[..128])),
        ];
        for (answer, verdict) in rows {
            assert_eq!(parse(answer.as_bytes()), verdict, "{answer:?}");
        }
    }

    #[test]
    fn errors_keep_the_words_of_clamd() {
        assert_eq!(parse(b"INSTREAM size limit exceeded. ERROR\0"), limit("StreamMaxLength"));
        assert_eq!(parse(b"stream: INSTREAM size limit exceeded. ERROR\0"), limit("StreamMaxLength"));
        for (answer, text) in [
            ("UNKNOWN COMMAND\0", "UNKNOWN COMMAND"),
            ("COMMAND READ TIMED OUT\0", "COMMAND READ TIMED OUT"),
            ("stream: (null) FOUND\0", "stream: (null) FOUND"),
            ("stream:  FOUND\0", "stream:  FOUND"),
            ("fd[11]: Access denied. ERROR\0", "fd[11]: Access denied. ERROR"),
            ("No file descriptor received. ERROR\0", "No file descriptor received. ERROR"),
            ("stream: OK", "answer cut off: stream: OK"),
            ("\u{1}\u{2}\0", "unreadable answer"),
            ("", "no answer"),
        ] {
            assert_eq!(parse(answer.as_bytes()), ScanVerdict::ScannerError { text: text.to_owned() }, "{answer:?}");
        }
        let of = |octets: usize| format!("stream: {} FOUND\0", "x".repeat(octets - 15));
        assert!(matches!(parse(of(LONGEST).as_bytes()), ScanVerdict::Infected { .. }));
        for huge in [of(LONGEST + 1), of(5000)] {
            assert_eq!(parse(huge.as_bytes()), ScanVerdict::ScannerError { text: "answer too long".to_owned() });
        }
        let ScanVerdict::ScannerError { text } = parse(&[[b'\xff', b'y'].repeat(400).as_slice(), b"\0"].concat())
        else {
            panic!("not an error")
        };
        assert!(text.len() <= 200 && text.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
    }
}
