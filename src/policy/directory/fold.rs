//! How local parts and domains are compared.
//!
//! In: what a client or an operator spelled. Out: one form for all spellings of the same. A spelling that is not folded here is
//! a way round every block, so this folds more than any mailbox server is known to.

use unicode_normalization::UnicodeNormalization as _;

use crate::smtp::path::{Host, Mailbox};

/// A local part as it is compared, from what its quoting stood for. A receiver may compare case-sensitively (RFC 5321 §2.4)
/// and nobody does. Composed, decomposed and full-width letters are the same (RFC 8265 §3.3 has servers map them). Spaces and dots at the ends, which only
/// quoting allows, go as well: a mailbox server that trims them would deliver to the mailbox that is blocked.
pub(super) fn compared_local(unquoted: &str) -> String {
    let folded = match unquoted.is_ascii() {
        true => unquoted.to_ascii_lowercase(),
        false => unquoted.nfkc().collect::<String>().to_lowercase().nfkc().collect::<String>(),
    };
    let folded = trim(&folded);
    match folded.split_once('+').map(|(mailbox, _)| trim(mailbox)) {
        Some(mailbox) if !mailbox.is_empty() => mailbox.to_owned(),
        _ => folded.to_owned(),
    }
}

/// What stands behind the first `+`, if there is a mailbox in front of it.
pub(super) fn sub_address(unquoted: &str) -> Option<&str> {
    unquoted.split_once('+').filter(|(mailbox, _)| !trim(mailbox).is_empty()).map(|(_, sub)| sub)
}

fn trim(local: &str) -> &str {
    local.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// A domain as it is compared: A-labels in lower case, no trailing dot. What IDNA cannot convert is compared as lower-case
/// Unicode; it can equal no configured name, because those must convert.
pub fn compared_domain(name: &str) -> String {
    let name = name.trim_end_matches('.');
    if name.is_ascii() {
        // Not through IDNA: it would refuse labels such as `a--b` that mail servers take.
        return name.to_ascii_lowercase();
    }
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_lowercase())
}

/// Whether `name` is a domain name that can be served: it has an A-label form, and it is not a number with dots.
pub fn is_domain(name: &str) -> bool {
    let compared = compared_domain(name);
    let is_host = Mailbox::parse(&format!("postmaster@{compared}"))
        .is_some_and(|mailbox| mailbox.is_ascii() && matches!(mailbox.host, Host::Domain(_)));
    is_host && compared.parse::<std::net::IpAddr>().is_err()
}
