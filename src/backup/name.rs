//! What an entry may be called. A backup may come from anywhere: a name leads to a place below the folder that is restored to, and to
//! no other, on any system.

/// What stands at the top of a backup.
const TOPS: [&str; 9] =
    ["journal", "database", "quarantine", "history", "rules", "outside", "configuration", "keys", "audit"];

/// Octets of a name at most: what fits into a header of tar is decided there.
const LONGEST: usize = 255;

/// Whether this is the name of an entry: `quarantine/4f/01a2…`. The manifest's own is none.
pub fn is_name(name: &str) -> bool {
    let mut parts = name.split('/');
    let top = parts.next().is_some_and(|top| TOPS.contains(&top));
    let mut below = parts.peekable();
    let has_more = below.peek().is_some();
    let is_part = |part: &str| {
        let is_plain = |char: char| !char.is_control() && char != '\\';
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
    };
    top && has_more && name.len() <= LONGEST && below.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row for each way out of a folder that is known.
    #[test]
    fn a_name_leads_below_the_folder_and_nowhere_else() {
        for good in ["rules/subjects/2026-cobrança.toml", "quarantine/4f/01a2", "keys/key.pem", "rules/..x/.a"] {
            assert!(is_name(good), "{good}");
        }
        let long = format!("rules/{}", "a".repeat(250));
        for bad in [
            "",
            "/",
            "rules",
            "rules/",
            "/etc/passwd",
            "../rules/x",
            "rules/../../x",
            "rules/./x",
            "rules//x",
            "etc/x",
            "rules/a\0b",
            "rules/a\nb",
            "rules\\x",
            "rules/a\\..\\b",
            "manifest.json",
            "rules/x/..",
            "Rules/x",
            &long,
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
