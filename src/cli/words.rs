//! The words of records and items for people, in both languages. Each match is exhaustive: a new variant cannot be forgotten.

use super::escape::escape;
use crate::{
    language::Text,
    policy::{
        finding::{Asked, Class, Finding, Severity},
        rule::{Action, Mode, Reading},
        verdict::ScanVerdict,
    },
    record::{Ending, Fate, ItemClass, ItemState},
    text,
};

/// The class of an item.
pub fn class(class: ItemClass) -> Text {
    match class {
        ItemClass::Virus => text!("virus", "vírus"),
        ItemClass::Rule => text!("rule", "regra"),
        ItemClass::Policy => text!("policy", "política"),
        ItemClass::Unscannable => text!("unscannable", "não examinável"),
    }
}

/// The state of an item.
pub fn state(state: ItemState) -> Text {
    match state {
        ItemState::Pending => text!("pending", "pendente"),
        ItemState::Held => text!("held", "retida"),
        ItemState::Releasing => text!("releasing", "em liberação"),
        ItemState::Released => text!("released", "liberada"),
        ItemState::Deleted => text!("deleted", "excluída"),
        ItemState::Expired => text!("expired", "expirada"),
        ItemState::Withdrawn => text!("withdrawn", "desfeita"),
    }
}

/// How a transaction ended, as a sentence.
pub fn ending(ending: Ending) -> Text {
    match ending {
        Ending::Relayed => text!("relayed to every recipient", "entregue ao próximo salto para todos os destinatários"),
        Ending::Held => text!("held in the quarantine", "retida na quarentena"),
        Ending::RelayedAndHeld => {
            text!(
                "relayed to some recipients, held for the others",
                "entregue a alguns destinatários, retida para os outros"
            )
        }
        Ending::Refused => text!("refused for good (5xx)", "recusada definitivamente (5xx)"),
        Ending::Deferred => {
            text!("refused for now (4xx); the sender tries again", "recusada por ora (4xx); o remetente tenta de novo")
        }
        Ending::Abandoned => {
            text!("abandoned by the client before any mail data", "abandonada pelo cliente antes do conteúdo")
        }
        Ending::ClientGone => {
            text!("the client went away; nothing was delivered", "o cliente se foi; nada foi entregue")
        }
        Ending::Unknown => text!(
            "not known: the next hop may have it, the client was not answered",
            "desconhecido: o próximo salto pode tê-la, o cliente ficou sem resposta"
        ),
    }
}

/// What became of a recipient.
pub fn fate(fate: Fate) -> Text {
    match fate {
        Fate::None => text!("not decided: the transaction ended before", "não decidido: a transação acabou antes"),
        Fate::RefusedAtRcpt => text!("refused at RCPT", "recusado no RCPT"),
        Fate::Relayed => text!("relayed: the next hop has it", "entregue: o próximo salto a tem"),
        Fate::Held => text!("held in the quarantine", "retida na quarentena"),
        Fate::Refused => text!("refused for good (5xx)", "recusada definitivamente (5xx)"),
        Fate::Deferred => text!("refused for now (4xx)", "recusada por ora (4xx)"),
        Fate::Unknown => text!("not known: the next hop may have it", "desconhecido: o próximo salto pode tê-la"),
    }
}

/// What a rule of a scanner says, and what it asks for.
pub fn finding(finding: &Finding) -> Text {
    let Text { en: class_en, pt: class_pt } = match finding.class {
        Class::Malware => text!("malware", "malware"),
        Class::Macro => text!("a macro", "uma macro"),
        Class::Encrypted => text!("encrypted", "cifrado"),
    };
    let Text { en: severity_en, pt: severity_pt } = match finding.severity {
        None => text!("", ""),
        Some(Severity::Low) => text!("; severity low", "; gravidade baixa"),
        Some(Severity::Medium) => text!("; severity medium", "; gravidade média"),
        Some(Severity::High) => text!("; severity high", "; gravidade alta"),
        Some(Severity::Critical) => text!("; severity critical", "; gravidade crítica"),
    };
    let Text { en: action_en, pt: action_pt } = match finding.action {
        _ if finding.ignored.is_some() => text!("ignored by an exception", "ignorado por uma exceção"),
        None => text!("handled as [antivirus] says", "tratado como diz [antivirus]"),
        Some(Asked::Observe) => text!("only observed", "só observado"),
        Some(Asked::Tag) => text!("asks for a tag", "pede marcação"),
        Some(Asked::Quarantine) => text!("asks for quarantine", "pede quarentena"),
        Some(Asked::Refuse) => text!("asks for refusal", "pede recusa"),
    };
    text!("{class_en}{severity_en}; {action_en}", "{class_pt}{severity_pt}; {action_pt}")
}

/// Why an item is held, as it stands in its row: the word of a verdict, or `rule`, and what was found.
pub fn reason(reason: &str) -> Text {
    let (word, rest) = reason.split_once(' ').unwrap_or((reason, ""));
    let translated = match word {
        "rule" => "regra",
        "infected" => "infectada",
        "encrypted" => "cifrada",
        "ignored" => "ignorada",
        "contingency" => "contingência",
        "outdated" => "definições antigas",
        "ambiguous" => "ambígua",
        "not_fully_scanned" => "não examinada por inteiro",
        "not_scanned" => "não examinada",
        "poison" => "derruba o antivírus",
        "scanner_error" => "erro do antivírus",
        "unavailable" => "antivírus sem resposta",
        // A version that knows more words wrote it.
        other => other,
    };
    let (en, pt) = (escape(reason), escape(format!("{translated} {rest}").trim_end()));
    text!("{en}", "{pt}")
}

/// A part that taking mail depends on, as `/health/ready` names it.
pub fn part(part: &str) -> Text {
    let known = match part {
        "accepting" => "aceitando conexões",
        "journal" => "diário",
        "scanners" => "antivírus",
        "next hop" => "próximo salto",
        "disk" => "disco",
        other => other,
    };
    let (en, pt) = (escape(part), escape(known));
    text!("{en}", "{pt}")
}

/// Whether a rule acts.
pub fn mode(mode: Mode) -> Text {
    match mode {
        Mode::Off => text!("off", "desligada"),
        Mode::Observe => text!("observe: without consequence", "observe: sem consequência"),
        Mode::Enforce => text!("enforce", "enforce"),
    }
}

/// How a Subject was read.
pub fn reading(reading: Reading) -> Text {
    match reading {
        Reading::Plain => text!("as compared:", "como comparado:"),
        Reading::Lookalikes => {
            text!("as compared, look-alike letters replaced:", "como comparado, trocadas as letras parecidas:")
        }
    }
}

/// What a rule does; the words of the rule language are not translated.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Observe => "observe",
        Action::Tag => "tag",
        Action::Quarantine => "quarantine",
        Action::Reject => "reject",
    }
}

/// A scanner's verdict, with what it named.
pub fn verdict(verdict: &ScanVerdict) -> Text {
    match verdict {
        ScanVerdict::Clean => text!("clean", "limpa"),
        ScanVerdict::NotScanned => {
            text!("not scanned: antivirus is switched off", "não examinada: o antivírus está desligado")
        }
        ScanVerdict::Outdated { reason } => {
            let reason = escape(reason);
            text!(
                "nothing found, by definitions too old: {reason}",
                "nada encontrado, com definições antigas: {reason}"
            )
        }
        ScanVerdict::Ignored { signature, ticket } => {
            let (signature, ticket) = (escape(signature), escape(ticket));
            text!(
                "ignored by an exception: {signature} ({ticket}); the rest may not have been looked at",
                "ignorado por uma exceção: {signature} ({ticket}); o restante pode não ter sido examinado"
            )
        }
        ScanVerdict::Macro { signature } => {
            let signature = escape(signature);
            text!("a macro ({signature})", "uma macro ({signature})")
        }
        ScanVerdict::Encrypted { signature } => {
            let signature = escape(signature);
            text!("encrypted, cannot be looked into ({signature})", "cifrada, não pode ser examinada ({signature})")
        }
        ScanVerdict::Ambiguous { reason } => {
            let reason = escape(reason);
            text!("ambiguous: {reason}", "ambígua: {reason}")
        }
        ScanVerdict::NotFullyScanned { reason } => {
            let reason = escape(reason);
            text!("not fully scanned: {reason}", "não examinada por inteiro: {reason}")
        }
        ScanVerdict::Poison { reason } => {
            let reason = escape(reason);
            text!(
                "hangs or kills scanners, not scanned again: {reason}",
                "trava ou derruba o antivírus, não é mais examinada: {reason}"
            )
        }
        ScanVerdict::Contingency { mode, reason, ticket } => {
            let (mode, reason, ticket) = (mode.name(), escape(reason), escape(ticket));
            text!(
                "NOT SCANNED by order, contingency \"{mode}\": {reason} ({ticket})",
                "NÃO EXAMINADA por ordem, contingência \"{mode}\": {reason} ({ticket})"
            )
        }
        ScanVerdict::ScannerError { text } => {
            let said = escape(text);
            text!("the scanner answered with an error: {said}", "o antivírus respondeu com erro: {said}")
        }
        ScanVerdict::Unavailable { text } => {
            let said = escape(text);
            text!("the scanner did not answer: {said}", "o antivírus não respondeu: {said}")
        }
        ScanVerdict::Infected { signature } => {
            let signature = escape(signature);
            text!("infected, signature {signature}", "infectada, assinatura {signature}")
        }
    }
}
