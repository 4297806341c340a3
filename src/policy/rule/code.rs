//! The numbers of the faults of rule files, beside those that any file has ([`Code`]). `docs/rule-checker.md` explains each, and
//! a test provokes each. A number that is missing here is of a check that needs what this version has not (a history, a
//! registry); it stays free for it.

use crate::document::Code;

/// The id of a rule: missing, malformed, taken.
pub const ID: Code = Code::new(5);
/// Dates that do not go together, or do not exist.
pub const DATES: Code = Code::new(7);
/// A rule that is over, or nearly, or begins long from now.
pub const DUE: Code = Code::new(8);
/// Nothing to look for: no block, an empty one, an empty pattern.
pub const NOTHING: Code = Code::new(9);
/// Matches nearly everything.
pub const TOO_BROAD: Code = Code::new(10);
/// Not an expression, or a larger one than may be.
pub const EXPRESSION: Code = Code::new(11);
/// An expression that finds the empty text.
pub const FINDS_NOTHING: Code = Code::new(12);
/// An expression that can never match.
pub const NEVER: Code = Code::new(13);
/// A character that somebody pasted: invisible, or of another alphabet than its word.
pub const PASTED: Code = Code::new(14);
/// A word that is several, a phrase that is one.
pub const WORD: Code = Code::new(15);
/// Ordinary subjects match.
pub const ORDINARY: Code = Code::new(16);
/// A pattern under the key of another kind of pattern.
pub const OTHER_KIND: Code = Code::new(17);
/// No example that matches, or none that does not.
pub const NO_EXAMPLE: Code = Code::new(18);
/// An example that is not as it says.
pub const EXAMPLE: Code = Code::new(19);
/// A block, or a word of one, that no example reaches.
pub const BLOCK_UNREACHED: Code = Code::new(20);
/// An exception that no example reaches.
pub const EXCEPTION_UNREACHED: Code = Code::new(21);
/// An earlier rule decides in this one's place.
pub const SHADOWED: Code = Code::new(22);
/// A block that says what another says already.
pub const CONTAINED: Code = Code::new(23);
/// Not an address, a list or a mailbox of ours.
pub const ADDRESS: Code = Code::new(25);
/// An exception that anybody may claim.
pub const FORGEABLE: Code = Code::new(26);
/// A reply that cannot be said, should not be, or never is.
pub const REPLY: Code = Code::new(28);
/// Our own alerts match.
pub const OUR_OWN: Code = Code::new(30);
/// More, larger or slower than may be.
pub const LIMIT: Code = Code::new(32);
/// A file that everybody may write.
pub const WRITABLE: Code = Code::new(33);
/// A word twice.
pub const TWICE: Code = Code::new(37);
/// An entry of `mailboxes.toml` that blocks nobody, or whom nobody may block.
pub const BLOCKED: Code = Code::new(38);

/// All codes with the letters that each has: `E` where it stops the file, `A` where it is advice.
pub const ALL: [(Code, &str); 31] = [
    (Code::ENCODING, "E"),
    (Code::SYNTAX, "E"),
    (Code::UNKNOWN_KEY, "E"),
    (Code::VALUE, "E"),
    (ID, "E"),
    (Code::MISSING, "E"),
    (DATES, "E"),
    (DUE, "A"),
    (NOTHING, "E"),
    (TOO_BROAD, "E"),
    (EXPRESSION, "E"),
    (FINDS_NOTHING, "E"),
    (NEVER, "E"),
    (PASTED, "A"),
    (WORD, "EA"),
    (ORDINARY, "A"),
    (OTHER_KIND, "EA"),
    (NO_EXAMPLE, "E"),
    (EXAMPLE, "E"),
    (BLOCK_UNREACHED, "EA"),
    (EXCEPTION_UNREACHED, "EA"),
    (SHADOWED, "EA"),
    (CONTAINED, "A"),
    (ADDRESS, "E"),
    (FORGEABLE, "A"),
    (REPLY, "EA"),
    (OUR_OWN, "A"),
    (LIMIT, "EA"),
    (WRITABLE, "A"),
    (TWICE, "E"),
    (BLOCKED, "EA"),
];
