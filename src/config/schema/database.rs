//! `[database]`: a PostgreSQL server instead of the file in `data_dir`.

use std::path::{Path, PathBuf};

use crate::{
    document::{Found, Table},
    store::settings::{Encryption, PostgreSql, UrlFault},
    text,
};

/// `[database]`; none: the file in `data_dir`.
pub(super) fn read(root: &Table<'_, '_>, folder: &Path) -> Option<PostgreSql> {
    let table = root.table("database")?;
    let url = table.required::<String>("url");
    let password_file = table.optional::<PathBuf>("password_file").map(|file| folder.join(file.value));
    let server = url.and_then(|url| server(&table, &url, password_file));
    table.finish();
    server
}

fn server(table: &Table<'_, '_>, url: &Found<String>, password_file: Option<PathBuf>) -> Option<PostgreSql> {
    let what = match PostgreSql::new(&url.value, password_file) {
        Ok(server) => {
            if server.encryption() == Encryption::Unverified {
                let what = text!(
                    "who answers for the database is not verified: records and subjects could be read and changed on the way",
                    "não se verifica quem responde pelo banco de dados: registros e assuntos podem ser lidos e alterados no caminho"
                );
                let help = text!(
                    "write `?sslmode=verify-full` behind it (and `&sslrootcert=FILE` for a CA of your own)",
                    "acrescente `?sslmode=verify-full` (e `&sslrootcert=ARQUIVO` para uma CA própria)"
                );
                table.document().warning(url.span.clone(), what, Some(help));
            }
            return Some(server);
        }
        Err(UrlFault::NotPostgreSql) => text!(
            "`url` is postgresql://USER@HOST/DATABASE; without [database], records are in a file in data_dir",
            "`url` é postgresql://USUÁRIO@HOST/BANCO; sem [database], os registros ficam em um arquivo em data_dir"
        ),
        Err(UrlFault::Password) => text!(
            "`url` has a password in it: write it into a file that only the gateway can read, and name that as `password_file`",
            "`url` traz uma senha: escreva-a em um arquivo que só o gateway possa ler e indique-o em `password_file`"
        ),
        Err(UrlFault::NoDatabase) => text!("`url` names no database", "`url` não indica o banco de dados"),
        Err(UrlFault::Parameter) => text!(
            "`url` has a parameter that is not known, or a value that it does not take",
            "`url` traz um parâmetro desconhecido, ou um valor que ele não aceita"
        ),
    };
    table.document().fault(url.span.clone(), what, None);
    None
}
