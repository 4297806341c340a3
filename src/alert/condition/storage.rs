//! What is written on this machine.

use super::{Facts, Severity, seconds};
use crate::text;

pub(super) fn disk_low(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(5),
        clear_after: seconds(60),
        what: text!("the disk is below its floor of free space", "o disco está abaixo do espaço livre mínimo"),
        next: text!(
            "MAIL is answered 452 4.3.1 and senders wait; nothing is lost. `df -h` for the file system of data_dir: make room with \
             anything but what stands in data_dir, or enlarge it. Mail is taken again a second later, without a restart.",
            "MAIL recebe 452 4.3.1 e os remetentes esperam; nada se perde. `df -h` para o sistema de arquivos de data_dir: libere \
             espaço sem tocar no que está em data_dir, ou aumente-o. O correio volta a ser aceito um segundo depois, sem reiniciar."
        ),
    }
}

pub(super) fn journal_failing(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(60),
        what: text!("the journal cannot be written", "não é possível gravar no diário"),
        next: text!(
            "Messages are deferred (451 4.3.0). `df -h` and `df -i` for the file system of data_dir, then \
             `journalctl -u portaria` for the words of the system: a full disk, a file system that became read-only, rights.",
            "As mensagens são adiadas (451 4.3.0). `df -h` e `df -i` para o sistema de arquivos de data_dir, depois \
             `journalctl -u portaria` para ver o que disse o sistema: disco cheio, sistema de arquivos só de leitura, permissões."
        ),
    }
}

pub(super) fn database_behind(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(60),
        clear_after: seconds(60),
        what: text!(
            "the database does not take the records of the journal",
            "o banco de dados não recebe os registros do diário"
        ),
        next: text!(
            "Clean mail goes on and the journal keeps every record, but `portaria explain` does not find the newest, and what would \
             be held may be deferred (452 4.3.1). `df -h` for data_dir, then `journalctl -u portaria`. It is tried again at least \
             every minute.",
            "O correio limpo segue e o diário guarda todos os registros, mas `portaria explain` não encontra os mais novos, e o que \
             seria retido pode ser adiado (452 4.3.1). `df -h` para data_dir, depois `journalctl -u portaria`. Há nova tentativa \
             pelo menos a cada minuto."
        ),
    }
}

pub(super) fn database_damaged(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!("the database is damaged", "o banco de dados está danificado"),
        next: text!(
            "Clean mail goes on and the journal keeps every record; what would be held is deferred (452 4.3.1). `portaria check` says what is \
             damaged; the steps stand in docs/operations.md, \"When the database is damaged\".",
            "O correio limpo segue e o diário guarda todos os registros; o que seria retido é adiado (452 4.3.1). `portaria check` diz o que \
             está danificado; os passos estão em docs/operations.md, \"When the database is damaged\"."
        ),
    }
}

pub(super) fn backup_missing(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!("there is no backup, or none that is new enough", "não há backup, ou nenhum recente o bastante"),
        next: text!(
            "Mail flows. `portaria backup` makes one now, beside the running gateway, and says what stands in the way; it is tried again \
             every half hour. `portaria status` shows the last good one.",
            "O correio flui. `portaria backup` faz um agora, com a Portaria rodando, e diz o que impede; há nova tentativa a cada meia \
             hora. `portaria status` mostra o último bom."
        ),
    }
}

pub(super) fn backup_flawed(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(0),
        clear_after: seconds(0),
        what: text!(
            "a backup was made, with damaged items, or the old ones were not removed",
            "um backup foi feito, com itens danificados, ou os antigos não foram removidos"
        ),
        next: text!(
            "It can be restored. Held mail that the disk has spoiled is in it as it is: `portaria backup` names each item; delete it, or put its \
             content back from an earlier backup, and look at the disk. Old backups that stay fill their folder: who owns them?",
            "Ele pode ser restaurado. O correio retido que o disco estragou está nele como está: `portaria backup` nomeia cada item; exclua-o, ou \
             reponha o conteúdo a partir de um backup anterior, e verifique o disco. Backups antigos que ficam enchem a pasta: de quem são?"
        ),
    }
}

/// A minute: a command that turns may be at it.
pub(super) fn audit_log_overlong(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(60),
        clear_after: seconds(0),
        what: text!(
            "the audit trail cannot begin a new file",
            "a trilha de auditoria não consegue iniciar outro arquivo"
        ),
        next: text!(
            "Everything is audited, in an audit.log that is too long. Nobody may make files in data_dir, or a file of somebody else's has the \
             name that comes next: `journalctl -u portaria --grep audit.log`, and `portaria audit verify` for the number of the last entry. \
             Whoever writes next tries again.",
            "Tudo é auditado, em um audit.log longo demais. Não se pode criar arquivos em data_dir, ou um arquivo alheio tem o próximo nome: \
             `journalctl -u portaria --grep audit.log`, e `portaria audit verify` para o número da última entrada. Quem escrever em seguida \
             tenta de novo."
        ),
    }
}

/// Five minutes: whoever changes the key on purpose goes from node to node.
pub(super) fn subject_keys_differ(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(300),
        clear_after: seconds(0),
        what: text!(
            "nodes of one database hash subjects with different keys",
            "nós de um mesmo banco fazem hash dos assuntos com chaves diferentes"
        ),
        next: text!(
            "Mail flows. What one node recorded is not found by words of its subject on another. Copy `data_dir/subjects.key` of the node that \
             recorded most over that of the others, then `systemctl restart portaria` there (docs/tracking.md).",
            "O correio segue. O que um nó registrou não se encontra em outro por palavras do assunto. Copie `data_dir/subjects.key` do nó que \
             mais registrou por cima da dos outros, depois `systemctl restart portaria` neles (docs/tracking.md)."
        ),
    }
}
