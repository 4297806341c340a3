//! `message::header_section` beside a naive reading of the whole content at once.

use portaria::message::header_section::{HeaderFault, HeaderLimits, HeaderReader};

use crate::choices::Choices;

/// Fields as name and body, stray lines, size.
type Reading = (Vec<(Vec<u8>, Vec<u8>)>, u32, u64);

/// Any split reads as the naive reading does; limits hold to the octet and to the field, wherever it is split.
pub fn header_section(data: &[u8]) {
    let mut choices = Choices::of(data);
    let naive = naive(data);
    let (size, fields) = (naive.2, naive.0.len() as u32);
    let roomy = HeaderLimits { size, fields };
    let longest = 1 + choices.below(40);
    let pieces = choices.cut(data, longest);
    let octets: Vec<&[u8]> = data.chunks(1).collect();
    for pieces in [&pieces, &octets, &vec![data]] {
        assert_eq!(read(pieces, roomy).as_ref(), Ok(&naive));
    }
    if let Some(small) = size.checked_sub(1) {
        assert_eq!(read(&pieces, HeaderLimits { size: small, fields }), Err(HeaderFault::TooLarge(small)));
    }
    if let Some(few) = fields.checked_sub(1) {
        assert_eq!(read(&pieces, HeaderLimits { size, fields: few }), Err(HeaderFault::TooManyFields(few)));
    }
    let any = HeaderLimits { size: choices.below(data.len() + 2) as u64, fields: choices.below(4) as u32 };
    assert_eq!(read(&pieces, any), read(&[data], any));
}

fn read(pieces: &[&[u8]], limits: HeaderLimits) -> Result<Reading, HeaderFault> {
    let mut reader = HeaderReader::new(limits);
    for piece in pieces {
        reader.receive(piece)?;
    }
    reader.end()?;
    assert!(reader.is_complete());
    let fields = reader.fields().map(|field| (field.name.to_vec(), field.body.to_vec())).collect();
    Ok((fields, reader.stray_lines(), reader.size()))
}

/// The whole content as one string, an octet a character.
fn naive(content: &[u8]) -> Reading {
    let text: String = content.iter().map(|&octet| char::from(octet)).collect();
    let octets = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    let (section, size) =
        match (text.starts_with("\r\n"), octets(&text).windows(4).position(|four| four == b"\r\n\r\n")) {
            (true, _) => (&content[..0], 2),
            (false, Some(at)) => (&content[..at], at + 4),
            (false, None) => (content.strip_suffix(b"\r\n").unwrap_or(content), content.len()),
        };
    let section: String = section.iter().map(|&octet| char::from(octet)).collect();
    let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut stray = 0;
    let mut continued = false;
    for line in section.split("\r\n").filter(|line| !line.is_empty()) {
        let name = line.split_once(':').map(|(name, body)| (name.trim_end_matches([' ', '\t']), body));
        match (line.starts_with([' ', '\t']), name) {
            (true, _) if continued => fields.last_mut().unwrap().1.extend(octets(line)),
            (false, Some((name, body))) if !name.is_empty() && !name.contains(|c| c <= ' ' || c == '\x7f') => {
                fields.push((octets(name), octets(body)));
                continued = true;
            }
            _ => {
                stray += 1;
                continued = false;
            }
        }
    }
    (fields, stray, size as u64)
}
