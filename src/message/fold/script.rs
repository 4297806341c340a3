//! Which script a letter belongs to, as far as the look-alike table asks.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// The scripts that have letters in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Unicode's own names")]
pub enum Script {
    Latin,
    Cyrillic,
    Greek,
    Armenian,
    Cherokee,
    Lisu,
    Coptic,
    CanadianAboriginal,
    Runic,
    Tifinagh,
    Deseret,
    Ethiopic,
    Hebrew,
    Arabic,
    Georgian,
    Malayalam,
    Myanmar,
    Oriya,
    /// What Unicode gives to no script: letters in circles and squares.
    Common,
}

impl Script {
    /// Those that a subject may be written in instead of Latin.
    pub(super) const OTHERS: [Self; 17] = [
        Self::Cyrillic,
        Self::Greek,
        Self::Armenian,
        Self::Cherokee,
        Self::Lisu,
        Self::Coptic,
        Self::CanadianAboriginal,
        Self::Runic,
        Self::Tifinagh,
        Self::Deseret,
        Self::Ethiopic,
        Self::Hebrew,
        Self::Arabic,
        Self::Georgian,
        Self::Malayalam,
        Self::Myanmar,
        Self::Oriya,
    ];

    /// Unicode's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latin => "Latin",
            Self::Cyrillic => "Cyrillic",
            Self::Greek => "Greek",
            Self::Armenian => "Armenian",
            Self::Cherokee => "Cherokee",
            Self::Lisu => "Lisu",
            Self::Coptic => "Coptic",
            Self::CanadianAboriginal => "Canadian_Aboriginal",
            Self::Runic => "Runic",
            Self::Tifinagh => "Tifinagh",
            Self::Deseret => "Deseret",
            Self::Ethiopic => "Ethiopic",
            Self::Hebrew => "Hebrew",
            Self::Arabic => "Arabic",
            Self::Georgian => "Georgian",
            Self::Malayalam => "Malayalam",
            Self::Myanmar => "Myanmar",
            Self::Oriya => "Oriya",
            Self::Common => "Common",
        }
    }

    /// The one that a character belongs to; none for Latin letters, for [`Script::Common`], and for scripts without look-alikes.
    pub fn of(c: char) -> Option<Self> {
        if c.is_ascii() {
            return None;
        }
        let after = RANGES.partition_point(|&(first, ..)| first <= c);
        let &(_, last, script) = RANGES.get(after.checked_sub(1)?)?;
        (c <= last).then_some(script)
    }
}

/// From the tables that the rules' regular expressions use. Ascending, disjoint: a character has one script.
static RANGES: LazyLock<Vec<(char, char, Script)>> = LazyLock::new(|| {
    let mut ranges: Vec<_> = Script::OTHERS.into_iter().flat_map(ranges_of).collect();
    ranges.sort_unstable();
    ranges
});

fn ranges_of(script: Script) -> Vec<(char, char, Script)> {
    let class = regex_syntax::parse(&format!(r"\p{{sc={}}}", script.name())).map(regex_syntax::hir::Hir::into_kind);
    match class {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.iter().map(|range| (range.start(), range.end(), script)).collect()
        }
        // Cannot be: the names are Unicode's and the tables are compiled in. The test below holds it.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_its_script() {
        for script in Script::OTHERS {
            assert!(RANGES.iter().any(|&(.., other)| other == script), "{}", script.name());
        }
        assert!(RANGES.windows(2).all(|pair| pair[0].1 < pair[1].0), "disjoint");
        for (c, script) in [
            ('В', Some(Script::Cyrillic)),
            ('ο', Some(Script::Greek)),
            ('\u{ab70}', Some(Script::Cherokee)),
            ('ᗷ', Some(Script::CanadianAboriginal)),
            ('B', None),
            ('ç', None),
            ('日', None),
            ('\u{1f171}', None),
        ] {
            assert_eq!(Script::of(c), script, "{c}");
        }
    }
}
