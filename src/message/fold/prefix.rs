//! Reply prefixes at the start of a folded subject: `re: res: enc: [externo] boleto`.

/// Whether any prefix at all can stand before a text: each ends with a colon or a bracket. Most subjects have neither.
pub(super) fn may_begin(text: &str) -> bool {
    text.contains(|c| c == ']' || COLONS.contains(&c))
}

/// The text behind all prefixes. `prefixes` are folded as the text is, but for the case of ASCII letters. Linear in the text for each prefix: a
/// round that strips nothing is the last, and each other one costs what it strips.
pub(super) fn strip<'t>(text: &'t str, prefixes: &[impl AsRef<str>]) -> &'t str {
    let mut text = text;
    while let Some(rest) = prefixes.iter().find_map(|prefix| strip_one(text, prefix.as_ref())) {
        text = rest;
    }
    text
}

/// The text behind `prefix`, its counter and its colon, white space around it removed. None: it does not start so, or the
/// prefix is empty once folded, and would be found for ever.
fn strip_one<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.trim_start().split_at_checked(prefix.len())?;
    if prefix.is_empty() || !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let rest = rest.trim_start();
    let behind_colon = without_counter(rest).trim_start().strip_prefix(COLONS).map(str::trim_start);
    let bracketed = prefix.starts_with('[') && prefix.ends_with(']');
    if bracketed { Some(behind_colon.unwrap_or(rest)) } else { behind_colon }
}

/// Some readers number replies: `Re[2]:`, `RE(3):`.
fn without_counter(text: &str) -> &str {
    let counted = |open, close| {
        let digits = text.strip_prefix(open)?;
        let rest = digits.trim_start_matches(|c: char| c.is_numeric());
        if rest.len() < digits.len() { rest.strip_prefix(close) } else { None }
    };
    counted('[', ']').or_else(|| counted('(', ')')).unwrap_or(text)
}

/// The second is what East Asian readers write; NFKC makes it the first, unless a rule switches that off.
const COLONS: [char; 2] = [':', '：'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_go_with_their_colon_and_nothing_else_goes() {
        let prefixes = ["re", "res", "enc", "[externo]", ""].map(str::to_owned);
        let rows = [
            // One, several, any mixture; the longer prefix that begins with a shorter one.
            ("re: boleto", "boleto"),
            ("re:re:boleto", "boleto"),
            ("re: res: enc: [externo] boleto", "boleto"),
            ("[externo] re: [externo]: boleto", "boleto"),
            ("[externo]boleto", "boleto"),
            ("Re: boleto", "boleto"),
            // Counters, spaces, the wide colon.
            ("re[2]: boleto", "boleto"),
            ("re (12) : boleto", "boleto"),
            ("re：boleto", "boleto"),
            ("  re :  boleto", "boleto"),
            // No colon, no prefix; not at the start; a word that begins like one.
            ("re boleto", "re boleto"),
            ("recibo: boleto", "recibo: boleto"),
            ("boleto re: x", "boleto re: x"),
            ("re[]: boleto", "re[]: boleto"),
            ("re[2: boleto", "re[2: boleto"),
            ("re[2) boleto", "re[2) boleto"),
            (": boleto", ": boleto"),
            ("é: boleto", "é: boleto"),
            // Nothing behind it.
            ("re:", ""),
            ("[externo]", ""),
            ("", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(strip(text, &prefixes), expected, "{text}");
            assert!(may_begin(text) || text == expected.trim_start(), "{text}");
        }
    }
}
