//! `portaria directory check`: what in the directory breaks the norm, as a table or one object a line.

use std::{fmt::Write as _, time::SystemTime};

use serde_json::{Value, json};

use crate::{
    cli::{
        check::{counted, fault_json},
        escape::escape,
        rendering::{Rendering, json_line},
        table::Table,
    },
    document::{Faults, Severity},
    language::{Language, Text},
    policy::{
        Policy,
        blocked_mailbox::nobodys,
        directory::{
            Entries,
            class::Classes,
            norm::{Check, Finding, classes_of, findings},
        },
    },
    smtp::path::Mailbox,
    text,
};

/// What is looked at.
pub(super) struct Asked<'a> {
    pub policy: &'a Policy,
    pub classes: Option<&'a Classes>,
    /// What was wrong with the files.
    pub faults: &'a Faults,
    /// `[alert] mail_to`
    pub alert_to: &'a [Mailbox],
    pub now: SystemTime,
}

impl Asked<'_> {
    /// A directory that could not be read whole would be found to lack what stands in it.
    fn entries(&self) -> Option<&Entries> {
        self.policy.directory.entries().filter(|_| !self.faults.has_errors())
    }

    fn findings(&self) -> Vec<Finding> {
        match self.entries() {
            Some(_) => findings(self.policy, self.classes, self.alert_to, self.now),
            None => Vec::new(),
        }
    }
}

/// Takes out of the faults of the files what stands in the table, too: a block of nobody, which a warning names where it stands.
pub(super) fn told_once(policy: &Policy, faults: &mut Faults, now: SystemTime) {
    // Then there is no table.
    if faults.has_errors() {
        return;
    }
    let found = findings(policy, None, &[], now);
    let blocks = found.iter().filter(|finding| finding.check == Check::BlockNamesNobody);
    let told: Vec<Text> = blocks.map(|finding| nobodys(&finding.who)).collect();
    faults.0.retain(|fault| !told.contains(&fault.what));
}

/// Errors and warnings.
fn counts(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.check.severity() == Severity::Error).count();
    (errors, findings.len().saturating_sub(errors))
}

/// For a person. The faults of the files have been shown.
pub(super) fn as_text(asked: &Asked<'_>, language: Language, colours: bool) -> Rendering {
    let say = |text: &Text| text.in_language(language).to_owned();
    let Some(entries) = asked.entries() else {
        let why = if asked.faults.has_errors() {
            text!(
                "nothing was checked: mend the faults above first",
                "nada foi conferido: corrija antes as falhas acima"
            )
        } else {
            text!(
                "there is no rules/directory.toml or rules/directory.csv: unknown recipients are left to the next hop",
                "não há rules/directory.toml nem rules/directory.csv: destinatários desconhecidos ficam com o próximo salto"
            )
        };
        return Rendering { text: say(&why) + "\n", exit_code: 1 };
    };
    let mut out = classes(entries, language);
    let findings = asked.findings();
    if !findings.is_empty() {
        out.push('\n');
        out.push_str(&table(&findings, language, colours));
    }
    let (errors, warnings) = counts(&findings);
    let sum = if findings.is_empty() { text!("All in order.", "Tudo em ordem.") } else { counted(errors, warnings) };
    // A write to a String cannot fail.
    let _ = writeln!(out, "\n{}", say(&sum));
    Rendering { text: out, exit_code: u8::from(errors > 0) }
}

/// How many mailboxes there are of each class, lists, addresses.
fn classes(entries: &Entries, language: Language) -> String {
    let say = |text: Text| text.in_language(language).to_owned();
    let mut table = Table::new([say(text!("class", "classe")), say(text!("mailboxes", "caixas"))]);
    for (class, count) in classes_of(entries.all()) {
        table.row([escape(class), count.to_string()]);
    }
    let (lists, addresses) = (entries.all().iter().filter(|entry| !entry.is_mailbox()).count(), entries.addresses());
    let rest = text!("lists: {lists}, addresses: {addresses}", "listas: {lists}, endereços: {addresses}");
    format!("{}\n{}\n", table.render(), say(rest))
}

fn table(findings: &[Finding], language: Language, colours: bool) -> String {
    let say = |text: Text| text.in_language(language).to_owned();
    let mut table = Table::new([
        String::new(),
        say(text!("clause", "item")),
        say(text!("line", "linha")),
        say(text!("who", "quem")),
        say(text!("what", "o quê")),
    ]);
    for Finding { check, who, line, what } in findings {
        let line = line.map(|line| line.to_string()).unwrap_or_default();
        let word = say(word(check.severity()));
        table.row([word, check.clause().to_owned(), line, escape(who), escape(what.in_language(language))]);
    }
    let plain = table.render();
    if colours { coloured(&plain, language) } else { plain }
}

fn word(severity: Severity) -> Text {
    match severity {
        Severity::Error => text!("error", "erro"),
        Severity::Warning => text!("warning", "aviso"),
    }
}

/// The first word of each row in red or yellow. Put in last, because a column is as wide as what is seen of it.
fn coloured(table: &str, language: Language) -> String {
    let paint = |line: &str| {
        let painted = [(Severity::Error, 31), (Severity::Warning, 33)].into_iter().find_map(|(severity, colour)| {
            let word = word(severity).in_language(language).to_owned();
            let rest = line.strip_prefix(&word).filter(|rest| rest.starts_with(' '))?;
            Some(format!("\u{1b}[{colour}m{word}\u{1b}[0m{rest}\n"))
        });
        painted.unwrap_or_else(|| format!("{line}\n"))
    };
    table.lines().map(paint).collect()
}

/// For a program: faults of the files, findings, and the sum.
pub(super) fn as_json(asked: &Asked<'_>, language: Language) -> Rendering {
    let findings = asked.findings();
    let found = findings.iter().map(|finding| finding_json(finding, language));
    let faults = asked.faults.0.iter().map(|fault| fault_json(fault, language));
    let (errors, warnings) = counts(&findings);
    let mailboxes = asked.entries().map(|entries| entries.all().iter().filter(|entry| entry.is_mailbox()).count());
    let sum = json!({
        "kind": "summary",
        "mailboxes": mailboxes,
        "lists": asked.entries().zip(mailboxes).map(|(entries, mailboxes)| entries.all().len().saturating_sub(mailboxes)),
        "addresses": asked.entries().map(Entries::addresses),
        "errors": errors,
        "warnings": warnings,
    });
    let text = faults.chain(found).chain([sum]).map(|object| json_line(&object)).collect();
    Rendering { text, exit_code: u8::from(errors > 0 || asked.entries().is_none()) }
}

fn finding_json(finding: &Finding, language: Language) -> Value {
    json!({
        "kind": "finding",
        "check": finding.check.name(),
        "clause": finding.check.clause(),
        "severity": word(finding.check.severity()).en,
        "who": finding.who,
        "line": finding.line,
        "what": finding.what.in_language(language),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::Sources;
    use crate::policy::directory::{Directory, ServedDomain};

    const CSV: &str = "name;class;primary;addresses\n\
                       certo;servidor;certo@tjepa.jus.br;certo@tjpa.jus.br\n\
                       so\u{1b}antigo;servidor;so.antigo@tjpa.jus.br;\n";

    fn policy(source: Option<&str>) -> (Policy, Faults) {
        let domain = ServedDomain {
            name: "tjepa.jus.br".to_owned(),
            aliases: vec!["tjpa.jus.br".to_owned()],
            next_hop: "mailbox".into(),
        };
        let directory = Directory::new(vec![domain], ["abuse"]).unwrap();
        let (directory, faults) = match source {
            Some(source) => directory.with_entries(Path::new("directory.csv"), source),
            None => (directory, Faults::default()),
        };
        (Policy::assemble(Sources { directory, ..Sources::default() }, SystemTime::UNIX_EPOCH).0, faults)
    }

    fn with(source: Option<&str>, act: impl FnOnce(&Asked<'_>) -> Rendering) -> Rendering {
        let (policy, faults) = policy(source);
        let now = SystemTime::UNIX_EPOCH;
        act(&Asked { policy: &policy, classes: None, faults: &faults, alert_to: &[], now })
    }

    #[test]
    fn a_person_gets_a_table_and_a_sum() {
        let shown = with(Some(CSV), |asked| as_text(asked, Language::PtBr, false));
        let expected = "classe    caixas\n\
                        ────────────────\n\
                        servidor  2\n\
                        \n\
                        listas: 0, endereços: 2\n\
                        \n\u{20}     item   linha  quem            o quê\n";
        assert!(shown.text.starts_with(expected), "{}", shown.text);
        assert!(
            shown.text.contains("erro  8.1.1  3      so\\u{1b}antigo  nenhum endereço em tjepa.jus.br\n"),
            "{}",
            shown.text
        );
        assert!(shown.text.ends_with("\n\n2 erros, 0 avisos\n"), "{}", shown.text);
        assert_eq!(shown.exit_code, 1);
        let sound = CSV.lines().take(2).collect::<Vec<_>>().join("\n");
        let shown = with(Some(&sound), |asked| as_text(asked, Language::En, false));
        assert!(shown.text.ends_with("\nAll in order.\n"), "{}", shown.text);
        assert_eq!(shown.exit_code, 0);
    }

    /// Colours are for a terminal alone, and nothing but the first word has one.
    #[test]
    fn colours_change_no_column() {
        let plain = with(Some(CSV), |asked| as_text(asked, Language::En, false)).text;
        let bright = with(Some(CSV), |asked| as_text(asked, Language::En, true)).text;
        assert!(!plain.contains('\u{1b}'));
        assert_eq!(bright.matches("\n\u{1b}[31merror\u{1b}[0m  8.1.").count(), 2, "{bright}");
        assert_eq!(bright.replace("\u{1b}[31m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn a_program_gets_one_object_a_line() {
        let shown = with(Some(CSV), |asked| as_json(asked, Language::En));
        let lines: Vec<Value> = shown.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [missing, elsewhere, sum] = lines.as_slice() else { panic!("{}", shown.text) };
        assert_eq!(
            *missing,
            json!({ "kind": "finding", "check": "missing_address", "clause": "8.1.1", "severity": "error",
                    "who": "so\u{1b}antigo", "line": 3, "what": "no address in tjepa.jus.br" })
        );
        assert_eq!(elsewhere["check"], "primary_elsewhere");
        assert_eq!(
            *sum,
            json!({ "kind": "summary", "mailboxes": 2, "lists": 0, "addresses": 2, "errors": 2, "warnings": 0 })
        );
    }

    /// In the table with the clause, and not in front of it, too; what is over stands in no table.
    #[test]
    fn a_block_of_nobody_is_told_once() {
        let (policy, _) = policy(Some(CSV));
        let block = |name: &str, expires: &str| {
            format!(
                "[[blocked]]\nmailbox = '{name}'\ndirection = 'send'\nreason = 'r'\nticket = 't'\nby = 'b'\n{expires}"
            )
        };
        let over = "expires = 1970-01-02T00:00:00Z\n";
        let list = block("ninguem", "") + &block("certo", "") + &block("tambem.ninguem", over);
        let mailboxes = Some((Path::new("mailboxes.toml"), list.as_str()));
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 20);
        let sources = Sources { directory: policy.directory, mailboxes, ..Sources::default() };
        let (policy, mut faults) = Policy::assemble(sources, now);
        let told = |faults: &Faults, name: &str| faults.0.iter().filter(|fault| fault.what == nobodys(name)).count();
        assert_eq!((told(&faults, "ninguem"), told(&faults, "tambem.ninguem")), (1, 1));
        told_once(&policy, &mut faults, now);
        assert_eq!((told(&faults, "ninguem"), told(&faults, "tambem.ninguem")), (0, 1));
        let asked = Asked { policy: &policy, classes: None, faults: &faults, alert_to: &[], now };
        let shown = as_text(&asked, Language::En, false).text;
        assert_eq!(shown.matches("nobody in the directory: ").count(), 1, "{shown}");
    }

    #[test]
    fn what_was_not_checked_is_not_in_order() {
        for (source, words) in
            [(None, "there is no rules/directory.toml"), (Some("name\nx\n"), "mend the faults above")]
        {
            let shown = with(source, |asked| as_text(asked, Language::En, false));
            assert!(shown.text.contains(words), "{}", shown.text);
            let json = with(source, |asked| as_json(asked, Language::En));
            assert_eq!((shown.exit_code, json.exit_code), (1, 1));
            assert!(json.text.contains("\"mailboxes\":null"), "{}", json.text);
        }
    }
}
