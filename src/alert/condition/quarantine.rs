//! What waits for a person in the quarantine.

use super::{Facts, Severity, seconds};
use crate::text;

pub(super) fn expires(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(120),
        what: text!(
            "held mail that nobody decided about expires within 3 days",
            "mensagens retidas sem decisão expiram em até 3 dias"
        ),
        next: text!(
            "Their senders heard 250 and believe that they arrived. `portaria quarantine list --state held --until 27d` shows the oldest \
             (27 days, where they are kept for 30); release or delete them, or raise `retention` in `[quarantine]` and start again.",
            "Quem as enviou ouviu 250 e acha que chegaram. `portaria quarantine list --state held --until 27d` mostra as mais antigas \
             (27 dias, se ficam 30); libere-as ou exclua-as, ou aumente `retention` em `[quarantine]` e inicie de novo."
        ),
    }
}

pub(super) fn undelivered(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(120),
        what: text!(
            "released mail was not delivered, or nobody knows",
            "mensagem liberada não foi entregue, ou não se sabe"
        ),
        next: text!(
            "It is held again. `portaria quarantine releases` has what the next hop said; docs/quarantine.md says what to do about \
             each. Release it again (`--again` if it may have arrived), or delete it.",
            "Ela está retida de novo. `portaria quarantine releases` tem a resposta do próximo salto; docs/quarantine.md diz o que fazer \
             em cada caso. Libere de novo (com `--again` se ela talvez tenha chegado), ou exclua."
        ),
    }
}

pub(super) fn full(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(120),
        what: text!("the quarantine is near its largest size", "a quarentena está perto do tamanho máximo"),
        next: text!(
            "At `max_size` the oldest copies of refused mail go before their time; what somebody still has to decide about stays, beyond it \
             too. `portaria quarantine list --json` has sizes: delete what is not needed, or raise `max_size` in `[quarantine]`.",
            "Em `max_size` as cópias mais antigas do que foi recusado saem antes do prazo; o que ainda espera decisão fica, mesmo acima \
             dele. `portaria quarantine list --json` tem os tamanhos: exclua o que não serve, ou aumente `max_size` em `[quarantine]`."
        ),
    }
}

pub(super) fn content_waits(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(60),
        clear_after: seconds(60),
        what: text!("held content waits for the bucket", "conteúdo retido espera pelo bucket"),
        next: text!(
            "Mail goes on; what is held is on this node's disk, and only this node can release it. Beyond `spool` what is to be held is deferred \
             (452 4.3.1). `portaria check` tries the bucket and says what is wrong; it is tried again at least every five minutes.",
            "O correio segue; o retido está no disco deste nó, e só ele pode liberá-lo. Além de `spool`, o que deve ser retido é adiado \
             (452 4.3.1). `portaria check` testa o bucket e diz o que há; nova tentativa ao menos a cada cinco minutos."
        ),
    }
}

pub(super) fn content_missing(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!("held content is not in the bucket any more", "conteúdo retido não está mais no bucket"),
        next: text!(
            "The log names each item: `journalctl -u portaria --grep bucket`. Someone removed objects, or the bucket has a rule that expires them: \
             look into its access log, and restore them from its backup. The bucket is looked through once a day and at each start.",
            "O log cita cada item: `journalctl -u portaria --grep bucket`. Alguém removeu objetos, ou o bucket tem uma regra que os expira: \
             veja o log de acesso dele e restaure-os da cópia de segurança. O bucket é conferido uma vez ao dia e a cada início."
        ),
    }
}
