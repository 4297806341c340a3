//! The reply text of a rule: what the client hears, so ASCII, one line, and nothing but two placeholders.

use std::net::IpAddr;

use super::code;
use crate::{
    document::{Document, Found},
    language::Text,
    text,
};

/// The longest reply text in octets, placeholders filled in. A reply line has at most 512 with its CRLF (RFC 5321 §4.5.3.1.5);
/// of these `550 5.7.1 ` in front and ` (ID)` behind take 45.
const MAX_TEXT: usize = 400;

/// What `{id}` becomes: the transaction's 32 hex digits.
const ID_LENGTH: usize = 32;

/// The text with `{rule}` filled in and `{id}` left open for the transaction; none, with a fault, when it cannot be said.
pub(super) fn compile(document: &Document<'_>, written: &Found<String>, rule: &str) -> Option<String> {
    match fill(&written.value, rule) {
        Ok(reply) => Some(reply),
        Err((what, help)) => {
            document.fault_as(code::REPLY, written.span.clone(), what, help);
            None
        }
    }
}

fn fill(written: &str, rule: &str) -> Result<String, (Text, Option<Text>)> {
    if written.trim().is_empty() {
        return Err((text!("the reply is empty", "a resposta está vazia"), None));
    }
    if let Some(odd) = written.chars().find(|c| !matches!(c, ' '..='~')) {
        let shown = odd.escape_default();
        let what = if odd.is_control() {
            text!(
                "a reply is one line: `{shown}` cannot be in it",
                "a resposta é uma linha só: `{shown}` não cabe nela"
            )
        } else {
            text!("a reply is ASCII (RFC 5321): `{odd}` is not", "a resposta SMTP é em ASCII (RFC 5321): `{odd}` não é")
        };
        let help = text!("write it without accents", "escreva sem acentos");
        return Err((what, (!odd.is_control()).then_some(help)));
    }
    let rest = written.replace("{rule}", "").replace("{id}", "");
    if let Some(at) = rest.find(['{', '}']) {
        let unknown: String = rest.chars().skip(at).take_while(|c| *c != ' ').take(20).collect();
        let what = text!("`{unknown}` is no placeholder", "`{unknown}` não é um campo conhecido");
        let known = "{rule}, {id}";
        return Err((what, Some(text!("known ones: {known}", "campos conhecidos: {known}"))));
    }
    if let Some(internal) = internal_name(written) {
        let what = text!("`{internal}` is a name of the inside", "`{internal}` é um nome de dentro da rede");
        let help = text!(
            "whoever is refused reads this: name a public address or none",
            "quem é recusado lê isto: dê um endereço público, ou nenhum"
        );
        return Err((what, Some(help)));
    }
    let filled = written.replace("{rule}", rule);
    let length = filled.len() + filled.matches("{id}").count() * (ID_LENGTH - "{id}".len());
    if length > MAX_TEXT {
        let what = text!(
            "the reply has {length} characters when filled in, at most {MAX_TEXT} fit",
            "a resposta tem {length} caracteres depois de preenchida; cabem {MAX_TEXT}"
        );
        return Err((what, None));
    }
    Ok(filled)
}

/// A private address (RFC 1918, RFC 4193, loopback, link-local), or a host under a name that is no public one (RFC 6762
/// Appendix G, RFC 8375): the reply goes to strangers.
fn internal_name(written: &str) -> Option<&str> {
    let private = |word: &str| match word.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
        Err(_) => false,
    };
    let inside = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["local", "lan", "internal", "intranet", "corp", "home", "private", "arpa"]
            .iter()
            .any(|last| word.strip_suffix(last).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')))
    };
    let words = written.split([' ', ',', ';', '(', ')', '<', '>', '@', '/', '"', '\'']);
    words.map(|word| word.trim_end_matches(['.', ':', '!', '?'])).find(|word| private(word) || inside(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_filled_in_and_the_id_left_open() {
        assert_eq!(
            fill("Retida (regra {rule}, protocolo {id}).", "S-1").unwrap(),
            "Retida (regra S-1, protocolo {id})."
        );
    }

    #[test]
    fn a_reply_that_cannot_be_said_is_refused() {
        let long = "x".repeat(MAX_TEXT - ID_LENGTH + 1) + "{id}";
        for (written, reason) in [
            ("", "empty"),
            (" ", "empty"),
            ("Dúvidas", "ASCII"),
            ("a\r\n250 ok", "one line"),
            ("a\tb", "one line"),
            ("protocolo {protocolo}", "`{protocolo}` is no placeholder"),
            ("{", "no placeholder"),
            ("{{id}}", "no placeholder"),
            (&long, "at most 400"),
            ("ask 10.1.2.3.", "`10.1.2.3` is a name of the inside"),
            ("ask [fd00::1]", "inside"),
            ("noc@mx1.tjpa.local", "`mx1.tjpa.local` is"),
            ("http://rules.intranet/x", "`rules.intranet` is"),
        ] {
            let (what, _) = fill(written, "S-1").unwrap_err();
            assert!(what.en.contains(reason), "{written:?}: {what}");
        }
        for fine in ["noc@tjpa.jus.br", "ask 192.0.2.1", "1.2.3.4", "local", "a .local", "version 10.1.2"] {
            assert!(fill(fine, "S-1").is_ok(), "{fine}");
        }
        assert!(fill(&("x".repeat(MAX_TEXT - ID_LENGTH) + "{id}"), "S-1").is_ok());
    }
}
