//! How local parts and domains are compared.
//!
//! In: what a client or an operator spelled. Out: one form for all spellings of the same. A spelling that is not folded here is
//! a way round every block, so this folds more than any mailbox server is known to.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use crate::smtp::path::{Host, Mailbox};

/// A local part as it is compared, from what its quoting stood for. A receiver may compare case-sensitively (RFC 5321 §2.4)
/// and nobody does. Composed, decomposed and full-width letters are the same (RFC 8265 §3.3 has servers map them). Spaces and dots at the ends, which only
/// quoting allows, go as well: a mailbox server that trims them would deliver to the mailbox that is blocked.
pub(super) fn compared_local(unquoted: &str) -> Cow<'_, str> {
    match ascii_lower(unquoted) {
        Some(Cow::Borrowed(folded)) => Cow::Borrowed(mailbox_of(folded)),
        Some(Cow::Owned(folded)) => Cow::Owned(mailbox_of(&folded).to_owned()),
        None => {
            let folded = unquoted.nfkc().collect::<String>().to_lowercase().nfkc().collect::<String>();
            Cow::Owned(mailbox_of(&folded).to_owned())
        }
    }
}

/// Lower case, if it is ASCII; nearly always it is written so, and nothing is copied.
fn ascii_lower(text: &str) -> Option<Cow<'_, str>> {
    match text.bytes().any(|octet| octet.is_ascii_uppercase()) {
        _ if !text.is_ascii() => None,
        true => Some(Cow::Owned(text.to_ascii_lowercase())),
        false => Some(Cow::Borrowed(text)),
    }
}

/// A folded local part without its ends and its sub-address.
fn mailbox_of(folded: &str) -> &str {
    let folded = trim(folded);
    let mailbox = folded.split_once('+').map(|(mailbox, _)| trim(mailbox));
    mailbox.filter(|mailbox| !mailbox.is_empty()).unwrap_or(folded)
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
pub fn compared_domain(name: &str) -> Cow<'_, str> {
    let name = name.trim_end_matches('.');
    // ASCII not through IDNA: it would refuse labels such as `a--b` that mail servers take.
    ascii_lower(name).unwrap_or_else(|| idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_lowercase()).into())
}

/// Whether `name` is a domain name that can be served: it has an A-label form, and it is not a number with dots.
pub fn is_domain(name: &str) -> bool {
    let compared = compared_domain(name);
    let is_host = Mailbox::parse(&format!("postmaster@{compared}"))
        .is_some_and(|mailbox| mailbox.is_ascii() && matches!(mailbox.host, Host::Domain(_)));
    is_host && compared.parse::<std::net::IpAddr>().is_err()
}
