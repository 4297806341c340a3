//! Who a message says that it is from: the addresses of From and Sender (RFC 5322 §3.6.2).
//!
//! In: the header fields. Out: every address, as written, or why nobody can say which they are. Whose they are is not known here.
//!
//! The reading is strict on purpose. Mail readers forgive much, each in its own way, and whoever is tied to an address must not write
//! one that we read in one way and a reader in another: no groups, no obsolete forms, no white space inside an address, no address in
//! a comment, one From, one Sender at most. What a display name says is not looked at.

use super::field::Field;

/// Addresses of one message at most.
const ADDRESSES: usize = 100;
/// Comments within each other at most.
const DEPTH: usize = 8;

/// Why nobody can say who it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OriginatorFault {
    /// There is no From (RFC 5322 §3.6 wants one).
    #[error("the message has no From field")]
    Absent,
    /// There are several From or Sender fields: readers differ in which they show.
    #[error("the message has more than one {0} field")]
    Several(&'static str),
    /// The field is not a list of addresses (of Sender: one address).
    #[error("the {0} field cannot be read as addresses")]
    Malformed(&'static str),
}

/// Every address of From and Sender, in order, as written between its brackets; never none.
pub fn originators<'s>(
    fields: impl IntoIterator<Item = Field<'s>, IntoIter: Clone>,
) -> Result<Vec<String>, OriginatorFault> {
    let fields = fields.into_iter();
    let from = only(fields.clone(), "From")?.ok_or(OriginatorFault::Absent)?;
    let mut addresses = mailboxes(from.body).ok_or(OriginatorFault::Malformed("From"))?;
    if let Some(sender) = only(fields, "Sender")? {
        let named = mailboxes(sender.body).filter(|named| named.len() == 1);
        addresses.extend(named.ok_or(OriginatorFault::Malformed("Sender"))?);
    }
    Ok(addresses)
}

fn only<'s>(fields: impl Iterator<Item = Field<'s>>, name: &'static str) -> Result<Option<Field<'s>>, OriginatorFault> {
    let mut named = fields.filter(|field| field.is(name));
    let first = named.next();
    if named.next().is_some() { Err(OriginatorFault::Several(name)) } else { Ok(first) }
}

/// One token of a structured field body (§3.2), and whether white space or a comment stands in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token<'b> {
    kind: Kind,
    written: &'b [u8],
    apart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// atext, dots, and octets above ASCII.
    Atom,
    /// With its quotes.
    Quoted,
    /// `<`, `>`, `@` or `,`; every other special is in no address that we read.
    Special(u8),
}

/// `mailbox-list` (§3.4), strictly; `None` for anything else.
fn mailboxes(body: &[u8]) -> Option<Vec<String>> {
    let tokens = tokens(body)?;
    let mut addresses = Vec::new();
    for element in tokens.split(|token| token.kind == Kind::Special(b',')) {
        if addresses.len() >= ADDRESSES {
            return None;
        }
        addresses.push(mailbox(element)?);
    }
    Some(addresses)
}

/// `[display-name] "<" addr-spec ">"` or `addr-spec`
fn mailbox(element: &[Token<'_>]) -> Option<String> {
    let Some(open) = element.iter().position(|token| token.kind == Kind::Special(b'<')) else {
        return address(element, true);
    };
    let (name, rest) = element.split_at_checked(open)?;
    let [_, inside @ .., close] = rest else { return None };
    let is_name = name.iter().all(|token| !matches!(token.kind, Kind::Special(_)));
    let closes = close.kind == Kind::Special(b'>') && !close.apart;
    if is_name && closes { address(inside, false) } else { None }
}

/// `local-part "@" domain`, with nothing between its parts; `apart`: white space may stand in front.
fn address(tokens: &[Token<'_>], apart: bool) -> Option<String> {
    let [local, at, domain] = tokens else { return None };
    let kinds = matches!(local.kind, Kind::Atom | Kind::Quoted) && at.kind == Kind::Special(b'@');
    let together = (apart || !local.apart) && !at.apart && !domain.apart;
    if !(kinds && domain.kind == Kind::Atom && together) {
        return None;
    }
    let written = [local.written, b"@", domain.written].concat();
    String::from_utf8(written).ok()
}

fn tokens(body: &[u8]) -> Option<Vec<Token<'_>>> {
    let (mut tokens, mut rest, mut apart) = (Vec::new(), body, false);
    while let Some(&first) = rest.first() {
        let (kind, length) = match first {
            b' ' | b'\t' => {
                (rest, apart) = (rest.get(1..)?, true);
                continue;
            }
            b'(' => {
                (rest, apart) = (rest.get(comment(rest)?..)?, true);
                continue;
            }
            b'"' => (Kind::Quoted, quoted(rest)?),
            b'<' | b'>' | b'@' | b',' => (Kind::Special(first), 1),
            octet if is_atom(octet) => {
                (Kind::Atom, rest.iter().position(|octet| !is_atom(*octet)).unwrap_or(rest.len()))
            }
            _ => return None,
        };
        let (written, behind) = rest.split_at_checked(length)?;
        tokens.push(Token { kind, written, apart });
        (rest, apart) = (behind, false);
    }
    Some(tokens)
}

/// Octets of the quoted string that `rest` begins with.
fn quoted(rest: &[u8]) -> Option<usize> {
    let mut octets = rest.iter().enumerate().skip(1);
    while let Some((index, octet)) = octets.next() {
        match octet {
            b'"' => return index.checked_add(1),
            b'\\' => {
                octets.next().filter(|(_, escaped)| is_text(**escaped))?;
            }
            octet if is_text(*octet) => {}
            _ => return None,
        }
    }
    None
}

/// Octets of the comment that `rest` begins with. One in which an address could be read by somebody who does not know comments is
/// none to us.
fn comment(rest: &[u8]) -> Option<usize> {
    let mut depth: usize = 0;
    let mut octets = rest.iter().enumerate();
    while let Some((index, octet)) = octets.next() {
        match octet {
            b'(' if depth < DEPTH => depth = depth.saturating_add(1),
            b')' if depth == 1 => return index.checked_add(1),
            b')' => depth = depth.saturating_sub(1),
            b'\\' => {
                octets.next().filter(|(_, escaped)| is_text(**escaped))?;
            }
            b'(' | b'@' | b'<' | b'>' => return None,
            octet if is_text(*octet) => {}
            _ => return None,
        }
    }
    None
}

fn is_text(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}

/// atext (§3.2.3), the dot of a dot-atom, and what is not ASCII (RFC 6532 §3.2).
fn is_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(body: &str) -> Option<Vec<String>> {
        mailboxes(body.as_bytes())
    }

    #[test]
    fn addresses_as_people_and_programs_write_them() {
        let rows: &[(&str, &[&str])] = &[
            ("a@b.example", &["a@b.example"]),
            (" <a@b.example> ", &["a@b.example"]),
            ("PJe Intimações <pje@tjpa.jus.br>", &["pje@tjpa.jus.br"]),
            ("\"Silva, João\" <joao@tjpa.jus.br>", &["joao@tjpa.jus.br"]),
            ("=?utf-8?Q?Intima=C3=A7=C3=B5es?= <pje@tjpa.jus.br>", &["pje@tjpa.jus.br"]),
            ("J. R. Silva <j@b.example>", &["j@b.example"]),
            ("root@host.example (Cron Daemon)", &["root@host.example"]),
            ("(x (y)) a@b.example", &["a@b.example"]),
            ("\"a b\"@c.example", &["\"a b\"@c.example"]),
            ("a@b.example, \"<c@d>\" <e@f.example>,g@h.example", &["a@b.example", "e@f.example", "g@h.example"]),
            ("joão@b.example", &["joão@b.example"]),
        ];
        for (body, expected) in rows {
            assert_eq!(from(body).as_deref().unwrap_or_default(), *expected, "{body}");
        }
    }

    /// Whatever one reader could take for another address than the next.
    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        let rows = [
            "",
            "  ",
            "a",
            "<>",
            "<a@b",
            "a@b>",
            "a@b <c@d>",
            "<a@b> <c@d>",
            "<a@b> x",
            "<a@b>, ",
            ",a@b",
            "a@b,,c@d",
            "group: a@b;",
            "<@x:a@b>",
            "a @b",
            "a@ b",
            "< a@b>",
            "<a@b >",
            "a(x)@b",
            "a@b@c",
            "a@[192.0.2.1]",
            "a@b (<c@d>)",
            "a@b (c@d)",
            "a@b (open",
            "\"open <a@b>",
            "a@b\0",
            "a@b\rc",
            "x\\y <a@b>",
            "((((((((( ))))))))) a@b",
        ];
        for body in rows {
            assert_eq!(from(body), None, "{body:?}");
        }
        assert_eq!(from(&vec!["a@b"; 101].join(",")), None);
        assert_eq!(from(&vec!["a@b"; 100].join(",")).map(|all| all.len()), Some(100));
        assert_eq!(mailboxes(b"jo\xe3o@b.example"), None, "an address is UTF-8 or nothing");
        assert_eq!(mailboxes(b"Jo\xe3o <a@b>"), Some(vec!["a@b".to_owned()]), "a name may be anything");
    }

    #[test]
    fn one_from_and_at_most_one_sender() {
        use OriginatorFault::{Absent, Malformed, Several};
        let of = |lines: &[&str]| {
            let fields: Vec<Field<'_>> = lines.iter().filter_map(|line| Field::read(line.as_bytes())).collect();
            originators(fields).map(|all| all.join(" "))
        };
        assert_eq!(of(&["From: a@b", "sender : c@d"]), Ok("a@b c@d".to_owned()));
        assert_eq!(of(&["Subject: x"]), Err(Absent));
        assert_eq!(of(&["Sender: a@b"]), Err(Absent));
        assert_eq!(of(&["From: a@b", "FROM : c@d"]), Err(Several("From")));
        assert_eq!(of(&["From: a@b", "Sender: a@b", "Sender: c@d"]), Err(Several("Sender")));
        assert_eq!(of(&["From: a@b", "Sender: c@d, e@f"]), Err(Malformed("Sender")));
        assert_eq!(of(&["From: undisclosed:;"]), Err(Malformed("From")));
    }
}
