//! `[backup]`: copies of everything, made by themselves.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::civil::Time;

use super::super::{
    defaults::{self, DAY},
    quantity::{duration, duration_text, length},
    settings::Backup,
};
use crate::{document::Table, text};

/// What is not in `data_dir`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elsewhere {
    /// The database is on a server.
    pub server: bool,
    /// Held content is in a bucket.
    pub bucket: bool,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// `[backup]`; none when it is not there. `data_dir` is none when that has faults itself. `elsewhere`: what there is that we do not copy.
pub(super) fn read(
    root: &Table<'_, '_>,
    folder: &Path,
    data_dir: Option<&Path>,
    elsewhere: Elsewhere,
) -> Option<Backup> {
    let table = root.table("backup")?;
    let to = table.required::<PathBuf>("folder");
    let every = duration(&table, "every", defaults::BACKUP_EVERY, HOUR..=DAY * 30);
    let at = at(&table);
    let keep = length(&table, "keep", defaults::BACKUP_KEEP, 1_000);
    let key_file = table.optional::<PathBuf>("key_file").map(|file| folder.join(file.value));
    let alert_after = duration(&table, "alert_after", every + defaults::BACKUP_GRACE, HOUR..=DAY * 90);
    if alert_after <= every {
        let every = duration_text(every);
        let what = text!(
            "`alert_after` is not above `every` ({every}): there would be an alert before each backup",
            "`alert_after` não passa de `every` ({every}): haveria um alerta antes de cada backup"
        );
        table.document().fault(table.span_of("alert_after"), what, None);
    }
    if let Some(to) = &to {
        let inside = data_dir.is_some_and(|data_dir| to.value.starts_with(data_dir));
        let what = match (to.value.is_absolute(), inside) {
            (false, _) => Some(text!(
                "`folder` is absolute: backups are put there, wherever the program was started",
                "`folder` é absoluto: os backups vão para lá, não importa de onde o programa foi iniciado"
            )),
            (true, true) => Some(text!(
                "`folder` is in `data_dir`: what takes the one would take the other",
                "`folder` está em `data_dir`: o que levar um levaria o outro"
            )),
            (true, false) => None,
        };
        if let Some(what) = what {
            table.document().fault(to.span.clone(), what, None);
        }
    }
    if elsewhere.bucket {
        let what = text!(
            "held content in a bucket is not copied by us: its own tools do that, and docs/operations.md says what to copy beside it",
            "o conteúdo retido em bucket não é copiado por nós: use as ferramentas dele; docs/operations.md diz o que mais copiar"
        );
        table.document().fault(table.span(), what, None);
    }
    if elsewhere.server {
        let what = text!(
            "a database on a server is not copied by us: `pg_dump` does that, and docs/operations.md says what to copy beside it",
            "um banco de dados em servidor não é copiado por nós: use `pg_dump`; docs/operations.md diz o que mais copiar"
        );
        table.document().fault(table.span(), what, None);
    }
    table.finish();
    Some(Backup { folder: to?.value, every, at: at?, keep, key_file, alert_after })
}

fn at(table: &Table<'_, '_>) -> Option<Time> {
    let written = table.or::<String>("at", defaults::BACKUP_AT.to_owned());
    let at = Time::strptime("%H:%M", &written).ok();
    if at.is_none() {
        let what =
            text!("`{written}` is no time of day: write \"03:00\"", "`{written}` não é uma hora: escreva \"03:00\"");
        table.document().fault(table.span_of("at"), what, None);
    }
    at
}
