//! Bounds of ours that are reached. What is seen of them are events: that nobody was turned away in this second does not say that
//! there is room, so they are over only after five quiet minutes.

use super::{Facts, Severity, seconds};
use crate::text;

pub(super) fn hold_memory_full(_: &str) -> Facts {
    Facts {
        severity: Severity::Warning,
        raise_after: seconds(30),
        clear_after: seconds(300),
        what: text!("the memory of all holds is used up", "a memória de todas as retenções está esgotada"),
        next: text!(
            "Content goes to the disk in data_dir/hold instead, which is slower. Raise `memory_total` in `[hold]` if this machine has \
             the memory, and look with `portaria status` for a scanner or next hop that is slow.",
            "O conteúdo vai para o disco em data_dir/hold, o que é mais lento. Aumente `memory_total` em `[hold]` se esta máquina tem \
             memória, e procure com `portaria status` um antivírus ou próximo salto lento."
        ),
    }
}

pub(super) fn connections_full(_: &str) -> Facts {
    Facts {
        severity: Severity::Critical,
        raise_after: seconds(30),
        clear_after: seconds(300),
        what: text!(
            "clients are turned away: there are too many connections",
            "clientes são recusados: há conexões demais"
        ),
        next: text!(
            "They hear 421 4.3.2 and try again. `portaria status` shows the connections: a flood, or a scanner or next hop so slow \
             that sessions pile up? For honest load raise `connections` in `[limits]` (and LimitNOFILE), then \
             `systemctl restart portaria`.",
            "Eles ouvem 421 4.3.2 e tentam de novo. `portaria status` mostra as conexões: uma enxurrada, ou um antivírus ou próximo \
             salto tão lento que as sessões se acumulam? Se a carga é legítima, aumente `connections` em `[limits]` (e LimitNOFILE), \
             depois `systemctl restart portaria`."
        ),
    }
}
