//! Files that somebody edits or renews.

use super::{Facts, Severity, seconds};
use crate::text;

/// A minute: whoever reloads sees the faults and mends them, and nobody else needs to know.
pub(super) fn rules_refused(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(60),
        clear_after: seconds(0),
        what: text!(
            "rules or lists have faults: the old ones are in force",
            "regras ou listas têm falhas: valem as antigas"
        ),
        next: text!(
            "Mail is judged by the rules that were good last; a restart would fail. `portaria check` names every fault with its \
             line: mend them, then `portaria reload`.",
            "O correio é julgado pelas últimas regras boas; um reinício falharia. `portaria check` mostra cada falha com a linha: \
             corrija-as, depois `portaria reload`."
        ),
    }
}

/// A minute: between the certificate and the key of a renewal the two do not fit.
pub(super) fn certificate_refused(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(60),
        clear_after: seconds(0),
        what: text!(
            "the certificate's files cannot be used: the old certificate is in force",
            "os arquivos do certificado não servem: vale o certificado antigo"
        ),
        next: text!(
            "TLS goes on with the old one until it ends; a restart would fail. `portaria check` says what is wrong with the files of \
             `[tls]`: mend them, then `portaria reload`.",
            "O TLS segue com o antigo até ele vencer; um reinício falharia. `portaria check` diz o que há com os arquivos de \
             `[tls]`: corrija-os, depois `portaria reload`."
        ),
    }
}

/// ACME clients renew a month before the end: at 14 days a renewal has failed for two weeks.
pub(super) fn certificate_expires_soon(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!("the certificate ends in 14 days or less", "o certificado vence em 14 dias ou menos"),
        next: text!(
            "Renew it, then `portaria reload`; `portaria check` says how many days are left. If it renews by itself, that has failed: \
             look into the log of what renews it.",
            "Renove-o, depois `portaria reload`; `portaria check` diz quantos dias restam. Se a renovação é automática, ela falhou: \
             veja o registro (log) de quem o renova."
        ),
    }
}

pub(super) fn certificate_expires_now(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!(
            "the certificate ends in 3 days or less, or has ended",
            "o certificado vence em 3 dias ou menos, ou já venceu"
        ),
        next: text!(
            "Clients that verify it will stop to deliver. Renew it now, then `portaria reload` and `portaria check`.",
            "Clientes que o verificam deixarão de entregar. Renove-o agora, depois `portaria reload` e `portaria check`."
        ),
    }
}

/// Five minutes: whoever changes the registry may need two reloads for it.
pub(super) fn application_review_due(application: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(300),
        clear_after: seconds(0),
        what: text!(
            "the review of the application {application} is due",
            "a revisão da aplicação {application} está vencida"
        ),
        next: text!(
            "It goes on sending. `portaria application sheet` shows what it may, and `portaria application report` what it did: evaluate it \
             again, write the new `evaluated` and `review_by` into applications.toml (or suspend it), then `portaria reload`.",
            "Ela continua enviando. `portaria application sheet` mostra o que ela pode, e `portaria application report` o que fez: \
             avalie-a de novo, escreva os novos `evaluated` e `review_by` em applications.toml (ou suspenda-a), depois `portaria reload`."
        ),
    }
}
