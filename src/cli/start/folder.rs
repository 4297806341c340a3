//! The folder of a gateway, which it has for itself.

use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use crate::{cli::restore, language::Text, text};

pub(super) fn prepare_folder(folder: &Path) -> Result<(), Text> {
    let shown = folder.display().to_string();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|fault| {
        text!(
            "data_dir {shown} cannot be made: {fault}; make it, owned by the user that runs Portaria",
            "não é possível criar data_dir {shown}: {fault}; crie-a, com o usuário que roda a Portaria como dono"
        )
    })
}

/// `restore --logs-only` lays out records of the past, to be searched: nothing of them is to be sent, nor anything added but who asks for them.
pub(super) fn not_for_looking_only(folder: &Path) -> Result<(), Text> {
    let shown = folder.display();
    if folder.join(restore::LOOKING_ONLY).exists() {
        return Err(text!(
            "{shown} was laid out by `portaria restore --logs-only`: it can be searched, and no gateway runs on it",
            "{shown} foi montada por `portaria restore --logs-only`: pode ser pesquisada, e nenhuma Portaria roda sobre ela"
        ));
    }
    Ok(())
}

/// One gateway a folder: two would answer for each other's journal. The lock ends with the process, however it ends.
pub(super) fn lock(folder: &Path) -> Result<fs::File, Text> {
    let path = folder.join("lock");
    let shown = path.display().to_string();
    let file = fs::File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|fault| text!("{shown} cannot be opened: {fault}", "não é possível abrir {shown}: {fault}"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        text!(
            "another Portaria runs with this data_dir ({shown} is locked): stop it first",
            "outra Portaria roda com este data_dir ({shown} está travado): pare-a primeiro"
        )
    })?;
    Ok(file)
}
