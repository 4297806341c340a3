//! `portaria directory lookup ADDRESS`: whose it is, where its mail goes, what keeps it from receiving or sending.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cli::{
        escape::escape,
        rendering::{Rendering, Style, json_line},
    },
    language::Text,
    policy::{
        Policy,
        blocked_mailbox::Block,
        directory::{Entry, Kind, MailboxKey, WrittenFault},
        route,
    },
    text,
};

/// One sheet for each mailbox that was meant; faults if it is nobody's, or if none of them is in the directory.
pub(super) fn lookup(policy: &Policy, written: &str, now: SystemTime, style: &Style) -> Rendering {
    let keys = match policy.directory.mailboxes_written(written) {
        Ok(keys) => keys,
        Err(fault) => {
            let what = match fault {
                WrittenFault::NotAnAddress => text!("`{written}` is no address", "`{written}` não é um endereço"),
                WrittenFault::NotServed { domain, .. } => {
                    text!("the domain {domain} is not served here", "o domínio {domain} não é atendido aqui")
                }
            };
            let line = match style.json {
                true => json_line(&json!({ "written": written, "exists": false, "what": style.say(&what) })),
                false => escape(style.say(&what)) + "\n",
            };
            return Rendering { text: line, exit_code: 1 };
        }
    };
    // A bare name is an address in every domain, and in most of them nobody's.
    let listed: Vec<_> = keys.iter().filter(|key| policy.directory.entry_of(key).is_some()).collect();
    let meant = if listed.is_empty() { keys.iter().collect() } else { listed };
    let exists = meant.iter().any(|key| policy.directory.may_exist(key));
    let sheet = |key: &&MailboxKey| {
        let sheet = Sheet { policy, key, entry: policy.directory.entry_of(key), now };
        if style.json { json_line(&sheet.json(style)) } else { sheet.text(style) }
    };
    let sheets: Vec<String> = meant.iter().map(sheet).collect();
    Rendering { text: sheets.join(if style.json { "" } else { "\n" }), exit_code: u8::from(!exists) }
}

struct Sheet<'a> {
    policy: &'a Policy,
    key: &'a MailboxKey,
    entry: Option<&'a Entry>,
    now: SystemTime,
}

impl<'a> Sheet<'a> {
    /// Entries of the block list that are not over.
    fn blocks(&self) -> impl Iterator<Item = Block> + use<'a> {
        let (key, now) = (self.key, self.now);
        let blocks = self.policy.blocked.entries();
        blocks.filter(move |block| block.mailboxes.contains(key) && !block.period.is_over(now))
    }

    fn next_hop(&self) -> Option<String> {
        route::next_hop_of(&self.policy.directory, self.key).map(ToString::to_string)
    }

    fn text(&self, style: &Style) -> String {
        let mut rows: Vec<(Text, String)> = Vec::new();
        let known = match (self.policy.directory.entries(), self.entry) {
            (_, Some(_)) => text!("yes", "sim"),
            (None, None) => {
                text!("the next hop knows (there is no directory)", "o próximo salto é que sabe (não há diretório)")
            }
            (Some(_), None) if self.policy.directory.is_always_reachable(self.key) => {
                text!("not listed, and always reachable", "não consta, e está sempre acessível")
            }
            (Some(_), None) if self.policy.directory.may_exist(self.key) => text!(
                "the next hop knows (the directory names nobody in this domain)",
                "o próximo salto é que sabe (o diretório não cita ninguém neste domínio)"
            ),
            (Some(_), None) => text!("no: refused with 550 5.1.1", "não: recusado com 550 5.1.1"),
        };
        rows.push((text!("in the directory", "no diretório"), style.say(&known).to_owned()));
        if let Some(entry) = self.entry {
            let addresses = entry.addresses.join(", ");
            match &entry.kind {
                Kind::Mailbox { name, class } => {
                    rows.push((text!("mailbox", "caixa"), name.to_string()));
                    rows.push((text!("class", "classe"), class.to_string()));
                }
                Kind::List { internal_senders_only } => {
                    let who = match internal_senders_only {
                        true => text!("internal senders only", "só remetentes internos"),
                        false => text!("any sender", "qualquer remetente"),
                    };
                    rows.push((text!("list", "lista"), style.say(&who).to_owned()));
                }
            }
            rows.push((text!("addresses", "endereços"), addresses));
        }
        rows.push((text!("next hop", "próximo salto"), self.next_hop().unwrap_or_default()));
        for block in self.blocks() {
            let (direction, ticket) = (block.direction.name(), &block.ticket);
            let (starts, expires) = (shown(block.period.starts, style), shown(block.period.expires, style));
            let period = text!(
                "{direction}, {ticket}, from {starts} until {expires}",
                "{direction}, {ticket}, de {starts} até {expires}"
            );
            rows.push((text!("blocked", "bloqueada"), style.say(&period).to_owned()));
        }
        let width = rows.iter().map(|(label, _)| style.say(label).chars().count()).max().unwrap_or_default();
        let line = |(label, value): &(Text, String)| format!("  {:width$}  {}\n", style.say(label), escape(value));
        escape(&self.key.0) + "\n" + &rows.iter().map(line).collect::<String>()
    }

    fn json(&self, style: &Style) -> Value {
        let time = |at: Option<SystemTime>| at.map(|_| shown(at, style));
        let (name, class, list) = match self.entry.map(|entry| &entry.kind) {
            Some(Kind::Mailbox { name, class }) => (Some(name), Some(class), None),
            Some(Kind::List { internal_senders_only }) => (None, None, Some(*internal_senders_only)),
            None => (None, None, None),
        };
        let blocked = self.blocks().map(|block| {
            json!({
                "direction": block.direction.name(),
                "reason": block.reason,
                "ticket": block.ticket,
                "by": block.by,
                "starts": time(block.period.starts),
                "expires": time(block.period.expires),
                "in_force": block.in_force(self.now),
            })
        });
        json!({
            "mailbox": self.key,
            "exists": self.policy.directory.may_exist(self.key),
            "listed": self.entry.is_some(),
            "name": name,
            "class": class,
            "list": list.map(|internal_senders_only| json!({ "internal_senders_only": internal_senders_only })),
            "addresses": self.entry.map(|entry| &entry.addresses),
            "next_hop": self.next_hop(),
            "always_reachable": self.policy.directory.is_always_reachable(self.key),
            "blocked": blocked.collect::<Vec<_>>(),
        })
    }
}

/// A time, or that there is none.
fn shown(at: Option<SystemTime>, style: &Style) -> String {
    match at.map(Timestamp::try_from) {
        Some(Ok(at)) => style.rfc3339(at.as_millisecond()),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::policy::Sources;
    use crate::{
        language::Language,
        policy::directory::{Directory, ServedDomain},
    };

    const TOML: &str = "[[mailbox]]\nname = \"fulano.tal\"\nclass = \"servidor\"\nprimary = \"fulano.tal@tjepa.jus.br\"\n\
                        addresses = [\"ft@tjpa.jus.br\"]\nnext_hop = \"mailbox2\"\n\
                        [[list]]\naddress = \"todos@tjpa.jus.br\"\ninternal_senders_only = true\n";
    const BLOCKED: &str = "[[blocked]]\nmailbox = \"ft\"\ndirection = \"send\"\nreason = \"r\"\nticket = \"REQ 1\"\nby = \"b\"\n\
                           expires = 2026-12-21T08:00:00-03:00\n";

    fn look(written: &str, json: bool) -> Rendering {
        let domain = ServedDomain {
            name: "tjepa.jus.br".to_owned(),
            aliases: vec!["tjpa.jus.br".to_owned()],
            next_hop: "mailbox".into(),
        };
        let directory = Directory::new(vec![domain], ["abuse"]).unwrap();
        let now: SystemTime = "2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap().into();
        let (directory, _) = directory.with_entries(Path::new("directory.toml"), TOML);
        let (policy, faults) = Policy::assemble(
            Sources { directory, mailboxes: Some((Path::new("mailboxes.toml"), BLOCKED)), ..Sources::default() },
            now,
        );
        assert!(faults.0.is_empty());
        lookup(&policy, written, now, &Style { json, language: Language::En, time_zone: TimeZone::UTC })
    }

    #[test]
    fn a_person_sees_whose_it_is_and_what_holds_it_back() {
        let expected = "fulano.tal@tjepa.jus.br\n\
                        \x20 in the directory  yes\n\
                        \x20 mailbox           fulano.tal\n\
                        \x20 class             servidor\n\
                        \x20 addresses         fulano.tal@tjepa.jus.br, ft@tjpa.jus.br\n\
                        \x20 next hop          mailbox2\n\
                        \x20 blocked           send, REQ 1, from - until 2026-12-21T11:00:00.000+00:00\n";
        for written in ["FT+x@tjpa.jus.br", "fulano.tal", "ft"] {
            assert_eq!(look(written, false), Rendering { text: expected.to_owned(), exit_code: 0 }, "{written}");
        }
        let list = look("todos@tjepa.jus.br", false).text;
        assert!(list.contains("  list              internal senders only\n"), "{list}");
    }

    #[test]
    fn who_is_not_there_is_a_fault() {
        let rows = [
            ("ninguem@tjpa.jus.br", 1, "no: refused with 550 5.1.1"),
            ("ninguem", 1, "no: refused with 550 5.1.1"),
            ("abuse@tjpa.jus.br", 0, "not listed, and always reachable"),
            ("a@elsewhere.example", 1, "the domain elsewhere.example is not served here"),
            ("a b", 1, "`a b` is no address"),
        ];
        for (written, exit_code, words) in rows {
            let shown = look(written, false);
            assert!(shown.text.contains(words), "{written}: {}", shown.text);
            assert_eq!((shown.exit_code, look(written, true).exit_code), (exit_code, exit_code), "{written}");
        }
    }

    #[test]
    fn a_program_gets_one_object() {
        let shown = look("ft", true);
        assert_eq!(shown.text.lines().count(), 1);
        let object: Value = serde_json::from_str(&shown.text).unwrap();
        assert_eq!(
            object,
            json!({
                "mailbox": "fulano.tal@tjepa.jus.br", "exists": true, "listed": true, "name": "fulano.tal",
                "class": "servidor", "list": null, "addresses": ["fulano.tal@tjepa.jus.br", "ft@tjpa.jus.br"],
                "next_hop": "mailbox2", "always_reachable": false,
                "blocked": [{ "direction": "send", "reason": "r", "ticket": "REQ 1", "by": "b", "starts": null,
                              "expires": "2026-12-21T11:00:00.000+00:00", "in_force": true }],
            })
        );
    }
}
