//! What a header section says of the body below it, and how clearly.
//!
//! In: the `Content-` fields of one section. Out: what a strict reader makes of the body, and a finding for everything that a lax
//! one makes something else of. It does not know what stands around the part.

use super::finding::{Findings, Trick};
use crate::message::mime::{
    Place,
    parameter::{Structured, Written},
    section::{ContentField, Section},
    transfer_encoding::TransferEncoding,
};

/// Octets of a boundary that RFC 2046 §5.1.1 allows, that we have met, and that we keep.
const LONG_BOUNDARY: usize = 70;
const VERY_LONG_BOUNDARY: usize = 200;
const KEPT_OF_BOUNDARY: usize = 900;

const SIGNATURES: [&[u8]; 3] =
    [b"application/pgp-signature", b"application/pkcs7-signature", b"application/x-pkcs7-signature"];

const TYPE: &str = "Content-Type";
const ENCODING: &str = "Content-Transfer-Encoding";
const DISPOSITION: &str = "Content-Disposition";

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    /// Parts between delimiters.
    Multipart { boundary: Option<Vec<u8>>, family: Family },
    /// A message within.
    Message,
    /// Neither.
    Leaf(Leaf),
}

/// The multiparts of which we expect something of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Parts are messages if they do not say what they are (RFC 2046 §5.1.5).
    Digest,
    /// One part, and its signature (RFC 1847 §2.1).
    Signed,
    Other,
}

/// A body that is not taken apart further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub encoding: TransferEncoding,
    /// Its type is `text/…`.
    pub is_text: bool,
    /// It has a name, or is no text, or says that it is an attachment.
    pub is_attachment: bool,
    /// It is a signature, and has no name or one that a signature has.
    pub is_signature: bool,
}

/// Reads `section`, which begins at `place`; `default`: the type of a section that names none.
pub(super) fn read(section: &Section, default: &[u8], place: Place, findings: &mut Findings) -> Entity {
    if section.too_large {
        findings.note(Trick::SectionTooLarge, place);
    }
    for kept in [TYPE, ENCODING, DISPOSITION].into_iter().flat_map(|name| section.all(name)) {
        damage(kept, findings);
    }
    let content_type = content_type(section, findings);
    let encoding = encoding(section, findings);
    let disposition = disposition(section, findings);
    let place = section.all(TYPE).next().map_or(place, |kept| kept.place);
    let media_type = content_type.as_ref().map_or(default, |it| &*it.value);
    let is_encoded = encoding != TransferEncoding::Identity;
    let leaf = leaf(encoding, media_type, content_type.as_ref(), disposition.as_ref());
    match media_type {
        b"message/partial" => findings.note(Trick::Partial, place),
        b"message/external-body" => findings.note(Trick::External, place),
        b"message/rfc822" | b"message/news" if is_encoded => findings.note(Trick::EncodedMultipart, place),
        b"message/rfc822" | b"message/news" => return Entity::Message,
        // RFC 6532 §3.7 lets it be encoded.
        b"message/global" if !is_encoded => return Entity::Message,
        _ => {}
    }
    let Some(content_type) = content_type.filter(|it| it.is_type("multipart")) else {
        if let Some(stray) = section.stray_below.filter(|_| is_encoded || leaf.is_attachment) {
            findings.note(Trick::NoBlankLine, stray);
        }
        return Entity::Leaf(leaf);
    };
    if is_encoded {
        findings.note(Trick::EncodedMultipart, place);
    }
    if content_type.has_comment {
        findings.note(Trick::CommentInMultipart, place);
    }
    let boundary = boundary(&content_type, place, findings);
    let family = match &*content_type.value {
        b"multipart/digest" => Family::Digest,
        b"multipart/signed" => Family::Signed,
        b"multipart/parallel" => {
            findings.note(Trick::Parallel, place);
            Family::Other
        }
        _ => Family::Other,
    };
    Entity::Multipart { boundary, family }
}

fn leaf(
    encoding: TransferEncoding,
    media_type: &[u8],
    content_type: Option<&Structured<'_>>,
    disposition: Option<&Structured<'_>>,
) -> Leaf {
    let is_text = media_type.starts_with(b"text") || media_type.is_empty();
    let is_attached = disposition.is_some_and(|it| it.value.starts_with(b"attachment"));
    let named = content_type.into_iter().flat_map(|it| it.all("name"));
    let mut named = named.chain(disposition.into_iter().flat_map(|it| it.all("filename")));
    Leaf {
        encoding,
        is_text,
        is_attachment: is_attached || !is_text || named.clone().next().is_some(),
        is_signature: SIGNATURES.contains(&media_type) && named.all(|name| is_of_a_signature(&name.value)),
    }
}

/// Whether a file of this name is a signature to whoever opens it.
fn is_of_a_signature(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    [".asc", ".sig", ".p7s", ".pgp"].iter().any(|end| name.ends_with(end.as_bytes())) || !name.contains(&b'.')
}

/// What is wrong with a field whatever it says.
fn damage(kept: ContentField<'_>, findings: &mut Findings) {
    let body = kept.field.trimmed();
    let marks = [
        (kept.marks.behind_stray, Trick::BehindStray),
        (kept.marks.is_spaced, Trick::SpacedName),
        (kept.marks.has_blank_fold, Trick::BlankFold),
        (has_control(body), Trick::ControlInField),
        (body.starts_with(b"=?"), Trick::EncodedField),
    ];
    for (_, trick) in marks.into_iter().filter(|(is, _)| *is) {
        findings.note(trick, kept.place);
    }
}

/// Without an end at the first: the compiler then looks at sixteen octets at once.
fn has_control(body: &[u8]) -> bool {
    body.iter().fold(false, |any, &octet| any | (octet.is_ascii_control() & (octet != b'\t')))
}

/// The first Content-Type.
fn content_type<'s>(section: &'s Section, findings: &mut Findings) -> Option<Structured<'s>> {
    let mut all = section.all(TYPE).map(|kept| (kept, Structured::read(kept.field.body)));
    let (kept, first) = all.next()?;
    // Hardly ever any.
    let others: Vec<_> = all.collect();
    for (kept, other) in &others {
        let plain = |it: &Structured<'_>| it.is_type("text") && it.all("name").next().is_none();
        let trick = match () {
            () if *other == first => Trick::RepeatedField,
            () if plain(&first) && plain(other) => Trick::TwoTexts,
            () => Trick::TwoTypes,
        };
        findings.note(trick, kept.place);
    }
    for (kept, read) in std::iter::once((kept, &first)).chain(others.iter().map(|(kept, read)| (*kept, read))) {
        if !is_media_type(&read.value) && says_multipart(&read.value) {
            findings.note(Trick::BadMultipart, kept.place);
        }
        if read.too_many {
            findings.note(Trick::SectionTooLarge, kept.place);
        }
    }
    Some(first)
}

fn says_multipart(value: &[u8]) -> bool {
    value.windows(9).any(|window| window == b"multipart") && !value.starts_with(b"text/")
}

/// `type/subtype`, both tokens (RFC 2045 §5.1).
fn is_media_type(value: &[u8]) -> bool {
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(octet);
    let mut halves = value.split(|&octet| octet == b'/');
    let is_half = |half: Option<&[u8]>| half.is_some_and(|half| !half.is_empty() && half.iter().all(is_token));
    is_half(halves.next()) && is_half(halves.next()) && halves.next().is_none()
}

/// The first Content-Transfer-Encoding.
fn encoding(section: &Section, findings: &mut Findings) -> TransferEncoding {
    let mut first = None;
    for kept in section.all(ENCODING) {
        let value = kept.field.trimmed();
        let strict = TransferEncoding::strictly(value);
        if strict.is_none() {
            let near = TransferEncoding::is_nearly_one(value);
            findings.note(if near { Trick::NearEncoding } else { Trick::UnknownEncoding }, kept.place);
        }
        let read = strict.unwrap_or_else(|| TransferEncoding::leniently(value));
        match first {
            None => first = Some(read),
            Some(first) if first == read => findings.note(Trick::RepeatedField, kept.place),
            Some(_) => findings.note(Trick::TwoEncodings, kept.place),
        }
    }
    first.unwrap_or(TransferEncoding::Identity)
}

/// The first Content-Disposition.
fn disposition<'s>(section: &'s Section, findings: &mut Findings) -> Option<Structured<'s>> {
    let mut all = section.all(DISPOSITION);
    let first = Structured::read(all.next()?.field.body);
    for kept in all {
        let same = Structured::read(kept.field.body) == first;
        findings.note(if same { Trick::RepeatedField } else { Trick::TwoDispositions }, kept.place);
    }
    Some(first)
}

/// The boundary that a strict reader uses.
fn boundary(content_type: &Structured<'_>, place: Place, findings: &mut Findings) -> Option<Vec<u8>> {
    let mut first: Option<&[u8]> = None;
    for parameter in &content_type.parameters {
        let (base, is_continued) = parameter.base();
        if base != b"boundary" || parameter.written == Written::Nameless {
            if first.is_none() && parameter.written > Written::Escaped {
                findings.note(Trick::BadParameter, place);
            }
            continue;
        }
        if is_continued {
            findings.note(Trick::ContinuedBoundary, place);
        }
        if parameter.written != Written::Plain {
            findings.note(Trick::OddBoundary, place);
        }
        octets(&parameter.value, place, findings);
        match first {
            None => first = Some(&parameter.value),
            Some(first) if *first == *parameter.value => findings.note(Trick::RepeatedBoundary, place),
            Some(_) => findings.note(Trick::TwoBoundaries, place),
        }
    }
    if first.is_none() {
        findings.note(Trick::NoBoundary, place);
    }
    first.map(|boundary| boundary.get(..KEPT_OF_BOUNDARY).unwrap_or(boundary).to_vec())
}

/// What a boundary is made of.
fn octets(boundary: &[u8], place: Place, findings: &mut Findings) {
    let is_forbidden = |&octet: &u8| octet.is_ascii_control() || !octet.is_ascii();
    if boundary.is_empty() || boundary.trim_ascii() != boundary || boundary.iter().any(is_forbidden) {
        findings.note(Trick::ForbiddenBoundary, place);
    }
    if boundary.starts_with(b"=?") && boundary.ends_with(b"?=") {
        findings.note(Trick::EncodedBoundary, place);
    }
    if boundary.len() > VERY_LONG_BOUNDARY {
        findings.note(Trick::VeryLongBoundary, place);
    } else if boundary.len() > LONG_BOUNDARY {
        findings.note(Trick::LongBoundary, place);
    }
}
