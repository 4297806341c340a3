//! What readers take differently, and which of it is bad enough to keep a message back.

use crate::message::mime::Place;

/// Something in a message that two readers take apart differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub trick: Trick,
    /// Where it stands: the line, or the first line of the field or the part.
    pub place: Place,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Met in honest mail, or taken alike by every reader that matters: it changes nothing.
    Odd,
    /// One reader shows an attachment where another shows none: a verdict (decision 8).
    Ambiguous,
}

macro_rules! tricks {
    ($($(#[$doc:meta])* $name:ident: $class:ident, $what:literal, $why:literal;)*) => {
        /// The kinds of finding. What each is called and why it matters is written once, here, and printed by the documents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Trick { $(#[doc = $what] $(#[$doc])* $name,)* }

        impl Trick {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Whether it keeps a message back.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// What was found, in a few words of ASCII.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }

            /// Which readers see what, in a few words of ASCII.
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

tricks! {
    BeginsFolded: Ambiguous, "a first line that begins with white space",
        "here it continues our trace field, elsewhere it begins the body";
    TwoTypes: Ambiguous, "two different Content-Type fields", "some readers take the first, some the last";
    TwoEncodings: Ambiguous, "two different Content-Transfer-Encoding fields", "some readers decode, some do not";
    TwoDispositions: Ambiguous, "two different Content-Disposition fields", "the attachment has two names";
    TwoTexts: Odd, "two Content-Type fields that both say text", "whichever a reader takes, it shows a text";
    RepeatedField: Odd, "a Content field twice with the same words", "every reader takes the same";
    BehindStray: Ambiguous, "a Content field behind a line that is no field",
        "some readers end the header section at that line";
    NoBlankLine: Ambiguous, "an attachment whose body may begin at a line that is no field",
        "some readers end the header section at that line, some at the blank line";
    SpacedName: Ambiguous, "white space between a Content field's name and its colon", "some readers do not know the field then";
    BlankFold: Ambiguous, "a line of white space inside a Content field", "some readers end the header section there";
    ControlInField: Ambiguous, "a NUL or control character in a Content field", "some readers stop at it";
    EncodedField: Ambiguous, "an encoded word for a Content field", "some readers decode it, some take it for text";
    SectionTooLarge: Ambiguous, "more Content fields than are looked at", "readers and scanners have different limits";
    BadMultipart: Ambiguous, "a multipart type that breaks the grammar", "some readers take it for multipart, some for text";
    CommentInMultipart: Ambiguous, "a comment in the type of a multipart", "not every reader skips comments";
    BadParameter: Ambiguous, "a parameter before the boundary that breaks the grammar", "some readers stop at it and know no boundary";
    NoBoundary: Ambiguous, "a multipart without boundary", "some readers guess one from the first delimiter that they meet";
    TwoBoundaries: Ambiguous, "two different boundary parameters", "some readers take the first, some the last";
    RepeatedBoundary: Odd, "the same boundary parameter twice", "every reader takes the same";
    ContinuedBoundary: Ambiguous, "a boundary written as RFC 2231 has it", "not every reader puts it together";
    EncodedBoundary: Ambiguous, "a boundary written as an encoded word", "some readers decode it";
    OddBoundary: Ambiguous, "a boundary whose quotes, escapes or end are unclear", "readers cut it in different places";
    ForbiddenBoundary: Ambiguous, "a boundary with NUL, control or 8-bit octets, at its end white space, or empty",
        "readers strip, cut or refuse it";
    LongBoundary: Odd, "a boundary of more than 70 octets", "RFC 2046 forbids it; every reader that we know takes it";
    VeryLongBoundary: Ambiguous, "a boundary of more than 200 octets", "readers cut it at lengths of their own";
    SameBoundary: Ambiguous, "a multipart with the boundary of the multipart around it", "readers close different ones of the two";
    PrefixBoundary: Odd, "a boundary that begins with another open one", "readers flatten the parts, and see the same ones";
    PaddedDelimiter: Ambiguous, "white space behind a delimiter",
        "RFC 2046 lets it pass; some scanners do not take it for a delimiter then";
    NearDelimiter: Ambiguous, "a line that begins as a delimiter and is none", "RFC 2046 lets a reader end the part there";
    ReopenedMultipart: Ambiguous, "a part behind the closing delimiter", "some readers show it, some stop at the closing one";
    PartInEpilogue: Ambiguous, "a Content field behind the closing delimiter", "some readers show it as a part";
    PartInPreamble: Odd, "a Content field before the first delimiter", "broken programs repeat their header section there";
    UndeclaredDelimiter: Ambiguous, "parts between delimiters that no boundary names", "some readers guess the boundary";
    NoDelimiter: Odd, "a multipart without a single delimiter", "readers show a text";
    NotClosed: Odd, "a multipart without its closing delimiter", "every reader ends it where the one around it goes on";
    MoreThanSigned: Ambiguous, "a signed multipart with something else than a text and its signature",
        "some scanners look at its text alone";
    Parallel: Ambiguous, "multipart/parallel", "some scanners look at its text alone";
    TooDeep: Ambiguous, "parts nested deeper than are looked at", "readers and scanners have different limits";
    TooManyParts: Ambiguous, "more parts than are looked at", "readers and scanners have different limits";
    Partial: Ambiguous, "message/partial", "readers put the attachment together from several messages (RFC 2046 5.2.2)";
    External: Ambiguous, "message/external-body", "the reader fetches the attachment from elsewhere (RFC 2046 5.2.3)";
    EncodedMultipart: Ambiguous, "an encoded multipart or message", "RFC 2045 forbids it; some readers decode, some do not";
    NearEncoding: Ambiguous, "a transfer encoding that is nearly a known one", "some readers decode, some do not";
    UnknownEncoding: Odd, "an unknown transfer encoding", "every reader takes the part as it stands";
    DirtyBase64: Ambiguous, "an attachment in base64 with other characters", "some readers skip them, some stop there";
    PaddingInside: Ambiguous, "base64 that goes on behind its padding", "some readers go on, some stop there";
    DirtyText: Odd, "a text in base64 with other characters", "mailing lists append to such texts; it is no attachment";
    BadQuotedPrintable: Ambiguous, "an attachment in quoted-printable with a broken escape", "readers keep, drop or guess the octets";
    PaddedSoftBreak: Ambiguous, "an attachment in quoted-printable with white space behind an equals sign",
        "RFC 2045 has it dropped; some readers and scanners do not";
    BadQuotedText: Odd, "a text in quoted-printable with a broken escape", "met in honest mail; it is no attachment";
    Uuencoded: Ambiguous, "a uuencoded file in a text", "some readers show it as an attachment, some as text";
    YEncoded: Ambiguous, "a yEnc file in a text", "some readers show it as an attachment, some as text";
    BinHexed: Ambiguous, "a BinHex file in a text", "some readers show it as an attachment, some as text";
}

/// The findings of one message: the first of each kind, so that they are bounded.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Remembers it, unless there is one of its kind.
    pub(super) fn note(&mut self, trick: Trick, place: Place) {
        if self.0.iter().all(|finding| finding.trick != trick) {
            self.0.push(Finding { trick, place });
        }
    }

    /// Those that are in `others` too.
    pub(super) fn append(&mut self, others: Self) {
        for other in others.0 {
            self.note(other.trick, other.place);
        }
    }

    /// In the order in which they were found.
    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }
}

impl Finding {
    /// The finding on one line of ASCII: what, where, why.
    pub fn reason(&self) -> String {
        let Place { line, at } = self.place;
        format!("{}, line {line} (octet {at}): {}", self.trick.what(), self.trick.why())
    }
}
