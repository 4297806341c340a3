//! Rule files of the cases.

use super::subject::PHRASE;

/// Holds what says [`PHRASE`] (in its second block; the first looks for two words). These recipients are spared.
pub fn boleto(spared: &[&str]) -> String {
    let except = if spared.is_empty() { String::new() } else { format!("[rule.except]\nrecipient = {spared:?}\n") };
    let examples: String = spared
        .iter()
        .map(|recipient| {
            format!("[[rule.example]]\nsubject = \"{PHRASE}\"\nrecipient = \"{recipient}\"\nexpect = \"no match\"\n")
        })
        .collect();
    format!(
        "{}\
         [[rule.match]]\nall_words = [\"fatura\", \"protestada\"]\n\
         [[rule.match]]\nphrase = \"{PHRASE}\"\n\
         {except}\
         [rule.action]\nkind = \"quarantine\"\n\
         [[rule.example]]\nsubject = \"Sua fatura foi protestada\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"=?iso-8859-1?Q?2=AA_via_do_boleto_de_cobran=E7a?=\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"Ata da reunião sobre a cobrança\"\nexpect = \"no match\"\n\
         {examples}",
        head("E2E-BOLETO", "Falso boleto de cobrança")
    )
}

/// Holds what has this word in its subject.
pub fn word(id: &str, word: &str) -> String {
    format!(
        "{}[[rule.match]]\nall_words = [\"{word}\"]\n[rule.action]\nkind = \"quarantine\"\n\
         [[rule.example]]\nsubject = \"a {word}\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n",
        head(id, word)
    )
}

fn head(id: &str, description: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"{description}\"\nowner = \"Seguranca S3B\"\nticket = \"REQ 2026/1\"\nmode = \"enforce\"\n"
    )
}
