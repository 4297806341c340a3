//! The same octets in several cuts: what a decoder says must not depend on them (promise 7).

use crate::choices::Choices;

/// `data` whole, octet by octet, and cut at random.
pub fn splits<'d>(data: &'d [u8], choices: &mut Choices) -> [Vec<&'d [u8]>; 3] {
    let longest = 1 + choices.below(60);
    [vec![data], data.chunks(1).collect(), choices.cut(data, longest)]
}

/// Whether every CR stands in front of an LF and every LF behind a CR.
pub fn only_crlf(octets: &[u8]) -> bool {
    octets.iter().enumerate().all(|(at, &octet)| match octet {
        b'\r' => octets.get(at + 1) == Some(&b'\n'),
        b'\n' => at.checked_sub(1).is_some_and(|before| octets[before] == b'\r'),
        _ => true,
    })
}

/// Where `needle` first stands.
pub fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets.windows(needle.len()).position(|window| window == needle)
}
