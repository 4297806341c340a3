//! `portaria application password`: a hash for the registry, made from a password that is neither shown nor kept.

use std::io::{self, IsTerminal as _};

use serde_json::json;

use super::super::{
    Common, Exit,
    rendering::json_line,
    show,
    terminal::{hidden, line, or_interrupted},
};
use crate::{language::Text, policy::application::password::PasswordHash, smtp::auth::Secret, text};

/// Characters of a password at least: programs type it, so length costs nobody anything.
const SHORTEST: usize = 12;

pub(in crate::cli) fn password(common: &Common) -> Exit {
    let hash = match read(common) {
        Ok(password) => PasswordHash::make(&password, *uuid::Uuid::new_v4().as_bytes()),
        Err(what) => {
            eprintln!("{}", what.in_language(common.language));
            return Exit::Faults;
        }
    };
    match hash {
        Ok(hash) if common.json => show(&json_line(&json!({ "password_hash": hash.written() })), 0),
        Ok(hash) => show(&format!("password_hash = \"{}\"\n", hash.written()), 0),
        Err(fault) => {
            eprintln!("{fault}");
            Exit::Faults
        }
    }
}

/// Twice from a terminal, which does not show it; one line from anything else.
fn read(common: &Common) -> Result<Secret, Text> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return checked(line(stdin.lock()).map_err(unreadable)?);
    }
    let ask = |what: Text| -> Result<String, Text> {
        let typed = hidden(&stdin, || {
            eprint!("{} ", what.in_language(common.language));
            Ok(())
        });
        eprintln!();
        typed.and_then(or_interrupted).map_err(unreadable)
    };
    let first = ask(text!("password:", "senha:"))?;
    let again = ask(text!("once more:", "mais uma vez:"))?;
    if first != again {
        return Err(text!("the two are not the same", "as duas não são iguais"));
    }
    checked(first)
}

fn checked(password: String) -> Result<Secret, Text> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(text!(
            "{length} characters are too few: at least {SHORTEST}, and a program types it, so take many",
            "{length} caracteres são poucos: no mínimo {SHORTEST}, e quem digita é um programa, então use muitos"
        ));
    }
    Ok(password.as_bytes().into())
}

fn unreadable(fault: io::Error) -> Text {
    text!("the password cannot be read: {fault}", "não é possível ler a senha: {fault}")
}
