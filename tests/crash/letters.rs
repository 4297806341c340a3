//! The messages of the run under load: each known by its number alone, so that nothing has to be kept to compare it.

use crate::support::{eicar, generator::Chance, load::Letter};

/// The word in the subject that the rule of the run holds.
pub const HELD_WORD: &str = "premio";

/// Larger than `cut_through_from` (256 KiB): the next hop hears it while it arrives.
const LARGE: usize = 300 * 1024;

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Relayed: 250.
    Clean,
    /// Held by a subject rule: 250.
    Held,
    /// Infected: 5xx.
    Infected,
}

/// What the message of this number is to become, and whether it is a large one.
pub fn kind(index: usize) -> (Kind, bool) {
    let mut chance = chance(index);
    let kind = match chance.below(100) {
        0..12 => Kind::Held,
        12..17 => Kind::Infected,
        _ => Kind::Clean,
    };
    (kind, chance.below(100) < 3)
}

/// The message of this number.
pub fn letter(index: usize) -> Letter {
    let mut recipients = vec!["maria@tjpa.jus.br".to_owned()];
    if index.is_multiple_of(3) {
        recipients.push("segunda.vara@tjepa.jus.br".to_owned());
    }
    Letter { reverse_path: format!("m{index}@origin.example"), recipients, content: content(index) }
}

/// The number of the message with this reverse-path.
pub fn number(reverse_path: &str) -> Option<usize> {
    reverse_path.strip_prefix('m')?.strip_suffix("@origin.example")?.parse().ok()
}

fn content(index: usize) -> Vec<u8> {
    let (kind, large) = kind(index);
    let mut chance = chance(index + 1_000_000_000);
    let size = if large { LARGE + chance.below(LARGE) } else { 200 + chance.below(4_000) };
    let mut content = format!("X-Number: {index}\r\n").into_bytes();
    match kind {
        // What follows the last boundary belongs to no part: it makes the message large and no less infected.
        Kind::Infected => content.extend_from_slice(&eicar::messages()[1].1),
        Kind::Held => head(&mut content, HELD_WORD),
        Kind::Clean => head(&mut content, "ata"),
    }
    while content.len() < size {
        let dots = ["", "", ".", ".."][chance.below(4)]; // to be stuffed at some line starts
        content.extend_from_slice(format!("{dots}{:016x} {:016x}\r\n", chance.next(), chance.next()).as_bytes());
    }
    content
}

fn head(content: &mut Vec<u8>, word: &str) {
    content.extend_from_slice(format!("From: a@origin.example\r\nSubject: Seu {word}\r\n\r\n").as_bytes());
}

fn chance(index: usize) -> Chance {
    Chance::new(0x6372_6173_6865_7321 ^ (index as u64) << 8)
}

#[test]
fn five_thousand_letters_have_all_kinds_and_are_the_same_each_time() {
    for kind_of in [Kind::Clean, Kind::Held, Kind::Infected] {
        for large in [false, true] {
            let number = (0..5_000).filter(|index| kind(*index) == (kind_of, large)).count();
            assert!(number > 0, "{kind_of:?}, large: {large}");
        }
    }
    for index in 0..50 {
        let letter = letter(index);
        assert_eq!(letter.content, content(index));
        assert_eq!(number(&letter.reverse_path), Some(index));
        assert!(letter.content.ends_with(b"\r\n") && (letter.content.len() > 256 * 1024) == kind(index).1, "{index}");
    }
}
