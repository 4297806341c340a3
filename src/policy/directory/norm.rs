//! What in a sound directory breaks the norm (clauses 8.1.1 to 8.1.3), or does not fit what else was written.
//!
//! In: a policy whose directory has entries, the table of classes, the mailboxes that alerts go to. Out: findings, in the order
//! of the file. None of them keeps mail from anybody: what would is an error of `build`.

use std::{collections::BTreeMap, time::SystemTime};

use super::{
    Directory, MailboxKey,
    class::{Class, Classes},
    compared_domain,
    entries::{Entry, Kind},
    fold::compared_local,
};
use crate::{
    document::Severity,
    language::Text,
    policy::Policy,
    smtp::path::{Host, Mailbox},
    text,
};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which question found it.
    pub check: Check,
    /// Who is meant: the name of a mailbox, the address of a list, a class, a rule.
    pub who: String,
    /// The line of the directory that it stands in, if it does.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: Text,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// No address in a domain that its class has to have one in.
    MissingAddress,
    /// The primary address is in another domain than its class asks for.
    PrimaryElsewhere,
    /// The table of classes does not know its class.
    UnknownClass,
    /// The table of classes does not say which domain is the primary one.
    UndecidedClass,
    /// An address in a domain that is not served.
    NotServed,
    /// Internal senders only, and who sends as a served domain is not tied to networks.
    SenderNotTied,
    /// A blocked entry that means no mailbox of the directory.
    BlockNamesNobody,
    /// An exception of a rule for a recipient that is not in the directory.
    ExceptionNamesNobody,
    /// An application sends as a mailbox that is not in the directory.
    SenderNamesNobody,
    /// Alerts go to a mailbox that is not in the directory.
    AlertNamesNobody,
}

impl Check {
    /// A stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingAddress => "missing_address",
            Self::PrimaryElsewhere => "primary_elsewhere",
            Self::UnknownClass => "unknown_class",
            Self::UndecidedClass => "undecided_class",
            Self::NotServed => "not_served",
            Self::SenderNotTied => "sender_not_tied",
            Self::BlockNamesNobody => "block_names_nobody",
            Self::ExceptionNamesNobody => "exception_names_nobody",
            Self::SenderNamesNobody => "sender_names_nobody",
            Self::AlertNamesNobody => "alert_names_nobody",
        }
    }

    /// The clause of the norm that it is about.
    pub fn clause(self) -> &'static str {
        match self {
            Self::MissingAddress | Self::NotServed => "8.1.1",
            Self::UnknownClass => "8.1.2",
            Self::PrimaryElsewhere | Self::UndecidedClass => "8.1.3",
            Self::SenderNamesNobody => "8.1.7",
            Self::AlertNamesNobody => "9.2.3",
            Self::SenderNotTied => "9.2.11",
            Self::ExceptionNamesNobody => "9.2.20",
            Self::BlockNamesNobody => "9.2.31",
        }
    }

    /// Warnings leave something to decide; errors are to be mended.
    pub fn severity(self) -> Severity {
        match self {
            Self::UndecidedClass | Self::SenderNotTied => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// Everything that is found; nothing when the directory has no entries. Without `classes` all mailboxes are held to the domains as
/// they are configured. Blocks that are over at `now` are left alone.
pub fn findings(policy: &Policy, classes: Option<&Classes>, alert_to: &[Mailbox], now: SystemTime) -> Vec<Finding> {
    let directory = &policy.directory;
    let Some(entries) = directory.entries() else { return Vec::new() };
    let mut found = Findings { directory, found: Vec::new() };
    for entry in entries.all() {
        found.not_served(entry);
        match &entry.kind {
            Kind::Mailbox { name, class } => found.mailbox(entry, name, class, classes),
            Kind::List { internal_senders_only: true } => found.can_be_forged(entry),
            Kind::List { .. } => {}
        }
    }
    for class in classes.into_iter().flat_map(Classes::all) {
        found.undecided(class, entries.all());
    }
    for block in policy.blocked.entries().filter(|block| !block.period.is_over(now)) {
        found.nobody(Check::BlockNamesNobody, &block.written, &block.mailboxes, |who| {
            text!("blocked, and nobody in the directory: {who}", "bloqueada, e ninguém no diretório: {who}")
        });
    }
    for rule in policy.rules.rules() {
        for spared in rule.spared() {
            found.nobody(Check::ExceptionNamesNobody, rule.id(), std::slice::from_ref(spared), |_| {
                text!("spares {spared}, who is not in the directory", "poupa {spared}, que não está no diretório")
            });
        }
    }
    for application in policy.applications.entries() {
        for (sender, written) in &application.senders {
            found.nobody(Check::SenderNamesNobody, &application.id, std::slice::from_ref(sender), |_| {
                text!(
                    "sends as {written}, who is not in the directory",
                    "envia como {written}, que não está no diretório"
                )
            });
        }
    }
    for mailbox in alert_to {
        let keys: Vec<_> = directory.key_of(mailbox).into_iter().collect();
        found.nobody(Check::AlertNamesNobody, &mailbox.to_string(), &keys, |_| {
            text!("alerts go there, and it is not in the directory", "os alertas vão para lá, e não está no diretório")
        });
    }
    found.found
}

struct Findings<'p> {
    directory: &'p Directory,
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn note(&mut self, check: Check, who: &str, line: Option<usize>, what: Text) {
        self.found.push(Finding { check, who: who.to_owned(), line, what });
    }

    fn not_served(&mut self, entry: &Entry) {
        for written in &entry.addresses {
            let domain = domain_of(written);
            if domain.as_deref().is_none_or(|domain| self.directory.domain_named(domain).is_none()) {
                let what = text!(
                    "{written} is in a domain that is not served here: the address is not used",
                    "{written} é de um domínio não atendido aqui: o endereço não é usado"
                );
                self.note(Check::NotServed, entry.name(), Some(entry.line), what);
            }
        }
    }

    fn mailbox(&mut self, entry: &Entry, name: &str, class: &str, classes: Option<&Classes>) {
        let wanted = match classes {
            Some(classes) => match classes.named(class) {
                Some(class) => class.clone(),
                None => {
                    let what = text!(
                        "the class `{class}` is not in classes.toml",
                        "a classe `{class}` não está no classes.toml"
                    );
                    return self.note(Check::UnknownClass, name, Some(entry.line), what);
                }
            },
            None => match as_configured(self.directory, entry) {
                Some(class) => class,
                None => return,
            },
        };
        let domains: Vec<String> = entry.addresses.iter().filter_map(|written| domain_of(written)).collect();
        for missing in wanted.domains.iter().filter(|domain| !domains.iter().any(|has| *has == compared_domain(domain)))
        {
            let what = text!("no address in {missing}", "nenhum endereço em {missing}");
            self.note(Check::MissingAddress, name, Some(entry.line), what);
        }
        if let (Some(primary), Some(written)) = (&wanted.primary, entry.addresses.first())
            && domains.first().is_none_or(|first| *first != compared_domain(primary))
        {
            let what = text!(
                "the primary address {written} is not in {primary}",
                "o endereço principal {written} não é de {primary}"
            );
            self.note(Check::PrimaryElsewhere, name, Some(entry.line), what);
        }
    }

    fn undecided(&mut self, class: &Class, entries: &[Entry]) {
        let is_of = |entry: &&Entry| match &entry.kind {
            Kind::Mailbox { class: of, .. } => compared_local(of) == compared_local(&class.name),
            Kind::List { .. } => false,
        };
        let count = entries.iter().filter(is_of).count();
        if class.primary.is_none() && count > 0 {
            let what = text!(
                "nobody has decided which domain is the primary one of its {count} mailboxes",
                "ninguém decidiu qual é o domínio principal das suas {count} caixas"
            );
            self.note(Check::UndecidedClass, &class.name, None, what);
        }
    }

    /// Who may say to be internal without being it: every served domain whose senders are not tied to networks.
    fn can_be_forged(&mut self, entry: &Entry) {
        let untied = self.directory.domains().iter().filter(|domain| !self.directory.ties_senders(domain));
        let names: Vec<&str> = untied.map(|domain| domain.name.as_str()).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            let what = text!(
                "internal senders only, but anybody may say to be one: add `senders_from` to {names}",
                "só remetentes internos, mas qualquer um pode dizer que é um: acrescente `senders_from` a {names}"
            );
            self.note(Check::SenderNotTied, entry.name(), Some(entry.line), what);
        }
    }

    /// When none of `keys` is listed, and in at least one of their domains it would have to be. Wider than [`Directory::is_nobodys`], which
    /// refuses: here a person looks at what it finds.
    fn nobody(&mut self, check: Check, who: &str, keys: &[MailboxKey], what: impl FnOnce(&str) -> Text) {
        let directory = self.directory;
        let somebody = |key: &MailboxKey| directory.entry_of(key).is_some() || directory.is_always_reachable(key);
        if !keys.iter().any(somebody) && !keys.iter().all(|key| directory.may_exist(key)) {
            self.note(check, who, None, what(who));
        }
    }
}

/// Without a table of classes: an address under each name of the primary one's domain, the primary one under the domain's own.
fn as_configured(directory: &Directory, entry: &Entry) -> Option<Class> {
    let served = directory.domain_named(entry.key.domain())?;
    let domains = std::iter::once(&served.name).chain(&served.aliases).cloned().collect();
    Some(Class { name: String::new(), domains, primary: Some(served.name.clone()) })
}

/// The domain of a written address, compared.
fn domain_of(written: &str) -> Option<String> {
    match Mailbox::parse(written.trim_end_matches('.'))?.host {
        Host::Domain(domain) => Some(compared_domain(domain.as_str()).into_owned()),
        Host::Literal(_) => None,
    }
}

/// How many mailboxes there are of each class, by its name as it is written first.
pub fn classes_of(entries: &[Entry]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        if let Kind::Mailbox { class, .. } = &entry.kind {
            let count: &mut usize = counts.entry(&**class).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts
}
