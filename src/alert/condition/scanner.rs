//! Who looks into mail.

use super::{Facts, Severity, seconds};
use crate::text;

pub(super) fn group_down(group: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(30),
        clear_after: seconds(60),
        what: text!("no scanner of the group {group} can be used", "nenhum antivírus do grupo {group} pode ser usado"),
        next: text!(
            "Messages are deferred (451 4.7.1), unless `[antivirus]` says otherwise. `portaria status` names the scanners; for \
             clamd: `systemctl status clamav-daemon`, then `systemctl restart clamav-daemon`. It is used again within a minute.",
            "As mensagens são adiadas (451 4.7.1), a menos que `[antivirus]` diga outra coisa. `portaria status` mostra os \
             antivírus; para o clamd: `systemctl status clamav-daemon`, depois `systemctl restart clamav-daemon`. Ele volta a \
             ser usado em até um minuto."
        ),
    }
}

/// At once: a scanner that answers and finds nothing is worse than one that does not answer.
pub(super) fn blind(scanner: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(60),
        what: text!(
            "the scanner {scanner} does not find the EICAR test file",
            "o antivírus {scanner} não encontra o arquivo de teste EICAR"
        ),
        next: text!(
            "A clamd: nothing that it says is believed; without another scanner in its group messages are deferred. Its signatures are \
             missing or not loaded, or its TemporaryDirectory is gone or full: `systemctl status clamav-freshclam`, `df -h`, \
             `systemctl restart clamav-daemon`, then `portaria check`. YARA rules: they go on finding what they are for; put \
             `eicar.yar` back into their folder, then `portaria reload`.",
            "Um clamd: nada do que ele diz vale; sem outro antivírus no grupo, as mensagens são adiadas. Faltam as assinaturas ou não \
             foram carregadas, ou o TemporaryDirectory sumiu ou encheu: `systemctl status clamav-freshclam`, `df -h`, `systemctl \
             restart clamav-daemon`, depois `portaria check`. Regras YARA: continuam a encontrar o que procuram; ponha `eicar.yar` de \
             volta na pasta delas e rode `portaria reload`."
        ),
    }
}

pub(super) fn down(scanner: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(60),
        clear_after: seconds(120),
        what: text!("the scanner {scanner} does not answer", "o antivírus {scanner} não responde"),
        next: text!(
            "The others of its group answer for it. `portaria status`, then look at it where it runs \
             (`systemctl status clamav-daemon`).",
            "Os outros do grupo respondem por ele. `portaria status`, depois veja-o onde ele roda \
             (`systemctl status clamav-daemon`)."
        ),
    }
}

pub(super) fn definitions_old(scanner: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!("the virus definitions of {scanner} are old", "as definições de vírus de {scanner} estão antigas"),
        next: text!(
            "New viruses pass. `portaria status --json` shows the databases; `systemctl status clamav-freshclam` and its log say why \
             none comes.",
            "Vírus novos passam. `portaria status --json` mostra os bancos; `systemctl status clamav-freshclam` e o seu log dizem por \
             que não chegam novas."
        ),
    }
}

pub(super) fn definitions_too_old(scanner: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!(
            "the virus definitions of {scanner} are too old to call anything clean",
            "as definições de vírus de {scanner} estão antigas demais para dizer que algo está limpo"
        ),
        next: text!(
            "What it finds nothing in is handled as `[antivirus] outdated` says (tagged, by default). `systemctl restart \
             clamav-freshclam`, then its log; the age is looked at every minute.",
            "Onde ele nada encontra vale `[antivirus] outdated` (marcada, por padrão). `systemctl restart clamav-freshclam`, depois o \
             seu log; a idade é vista a cada minuto."
        ),
    }
}

/// At once, and as long as it is in force: a switch that nobody is reminded of stays where it is.
pub(super) fn contingency(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!(
            "the contingency switch is in force: mail is not scanned",
            "a chave de contingência está em vigor: o correio não é examinado"
        ),
        next: text!(
            "Somebody ordered it, and it ends by itself: `portaria antivirus contingency` shows who, why and until when. When the \
             scanners are well again (`portaria status`): `portaria antivirus contingency end`. What passed under it is in the log: \
             `journalctl -u portaria --grep contingency`.",
            "Alguém ordenou, e acaba sozinha: `portaria antivirus contingency` mostra quem, por quê e até quando. Quando o antivírus \
             estiver bem de novo (`portaria status`): `portaria antivirus contingency end`. O que passou sob ela está no log: \
             `journalctl -u portaria --grep contingency`."
        ),
    }
}
