//! Where mail goes to.

use super::{Facts, Severity, seconds};
use crate::text;

/// Half a minute, so that a restart of the mailbox server passes unnoticed.
pub(super) fn down(next_hop: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(30),
        clear_after: seconds(60),
        what: text!("the next hop {next_hop} takes no mail", "o próximo salto {next_hop} não aceita mensagens"),
        next: text!(
            "Its recipients are deferred (451 4.4.1) and nothing is lost: senders try again. `portaria check` says why each \
             address fails: start or mend the mailbox server, or allow this gateway there. Nothing needs a restart here.",
            "Os destinatários dele são adiados (451 4.4.1) e nada se perde: os remetentes tentam de novo. `portaria check` diz \
             por que cada endereço falha: inicie ou conserte o servidor de caixas, ou permita esta Portaria nele. Aqui nada \
             precisa ser reiniciado."
        ),
    }
}

pub(super) fn address_down(address: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(120),
        clear_after: seconds(120),
        what: text!("an address of a next hop fails: {address}", "um endereço de próximo salto falha: {address}"),
        next: text!(
            "Mail goes over its other addresses. `portaria check` says why this one fails: mend it before the others are alone.",
            "O correio segue pelos outros endereços. `portaria check` diz por que este falha: conserte-o antes que os outros \
             fiquem sozinhos."
        ),
    }
}
