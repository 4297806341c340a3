//! The password of a ZIP: from a file, from the person at the terminal, or made here and shown there once.
//!
//! In: what was typed. Out: a password that is good enough. It never comes from the command line and never goes to the standard output,
//! the log or the trail: those are kept, and read by others.
//!
//! The format turns a password into a key with 1,000 rounds of SHA-1: one graphics card tries millions a second. So a typed one is long,
//! and one that is made has 140 bits.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use aws_lc_rs::rand;

use crate::{
    cli::{rendering::Style, terminal::Terminal},
    language::Text,
    smtp::auth::Secret,
    text,
};

/// Characters of a password at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=128;
/// What a made one consists of: 32 characters of which no two look alike (Crockford's base 32), in groups.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Groups, and characters of each: 28 characters of 5 bits.
const GROUPS: (usize, usize) = (7, 4);
/// What is read of a file, octets.
const FILE: u64 = 1024;

/// A password, and where to show it.
pub(super) enum Password {
    /// Whoever gave it knows it.
    Given(Secret),
    /// Nobody knows it yet.
    Made(String, Terminal),
}

impl Password {
    /// What the archive is sealed with.
    pub(super) fn secret(&self) -> Secret {
        match self {
            Self::Given(secret) => secret.clone(),
            Self::Made(words, _) => words.as_bytes().into(),
        }
    }

    /// Tells it to the person, if nobody knows it.
    pub(super) fn tell(&self, style: &Style) -> io::Result<()> {
        let Self::Made(words, terminal) = self else { return Ok(()) };
        let said = text!(
            "The password, shown this once and kept nowhere: {words}",
            "A senha, mostrada só esta vez e guardada em lugar nenhum: {words}"
        );
        terminal.say(&(style.say(&said).to_owned() + "\n"))
    }
}

/// From the first line of `file`; without one, whatever the person at the terminal types, and if that is nothing, one that is made.
pub(super) fn wanted(file: Option<&Path>, style: &Style) -> Result<Password, Text> {
    if let Some(file) = file {
        return of_file(file).map(Password::Given);
    }
    let terminal = Terminal::open().map_err(|_| {
        text!(
            "there is no terminal to ask for the password at, or to show one at: give --password-file",
            "não há terminal em que pedir ou mostrar a senha: use --password-file"
        )
    })?;
    let unreadable =
        |fault: io::Error| text!("the password cannot be read: {fault}", "não é possível ler a senha: {fault}");
    let asked = text!("password for the ZIP (empty: one is made):", "senha do ZIP (vazia: uma será criada):");
    let first = terminal.hidden(style.say(&asked)).map_err(unreadable)?;
    if first.is_empty() {
        return made().map(|words| Password::Made(words, terminal));
    }
    let again = terminal.hidden(style.say(&text!("once more:", "mais uma vez:"))).map_err(unreadable)?;
    if first != again {
        return Err(text!("the two are not the same", "as duas não são iguais"));
    }
    checked(&first).map(Password::Given)
}

fn of_file(file: &Path) -> Result<Secret, Text> {
    let shown = file.display().to_string();
    let unreadable = |fault: io::Error| text!("{shown}: {fault}", "{shown}: {fault}");
    let opened = OpenOptions::new().read(true).open(file).map_err(unreadable)?;
    if opened.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(text!(
            "{shown} can be read by others than its owner: chmod 600",
            "{shown} pode ser lido por outros além do dono: chmod 600"
        ));
    }
    let mut text = String::new();
    opened.take(FILE).read_to_string(&mut text).map_err(unreadable)?;
    checked(text.lines().next().unwrap_or_default())
}

/// Long enough, and the same octets in every program: 7-Zip and WinZip do not agree on what an accent is.
fn checked(password: &str) -> Result<Secret, Text> {
    let (length, least, most) = (password.chars().count(), LENGTH.start(), LENGTH.end());
    if !LENGTH.contains(&length) {
        return Err(text!(
            "the password has {length} characters: {least} to {most} are wanted, since a ZIP lets millions be tried a second",
            "a senha tem {length} caracteres: são necessários de {least} a {most}, pois um ZIP deixa testar milhões por segundo"
        ));
    }
    if !password.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        return Err(text!(
            "a password without accents, please: programs that open ZIPs do not agree on what they are",
            "uma senha sem acentos, por favor: os programas que abrem ZIPs não concordam sobre eles"
        ));
    }
    Ok(password.as_bytes().into())
}

fn made() -> Result<String, Text> {
    let (groups, of) = GROUPS;
    let mut octets = vec![0; groups * of];
    rand::fill(&mut octets)
        .map_err(|_| text!("the system has no random numbers", "o sistema não tem números aleatórios"))?;
    // 256 is 8 times 32: each character comes as often as any other.
    let letters: Vec<u8> = octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet % 32)).copied()).collect();
    let words: Vec<String> = letters.chunks(of).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    Ok(words.join("-"))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes the files")]
mod tests {
    use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_made_one_is_long_readable_and_another_each_time() {
        let all: BTreeSet<String> = (0..100).map(|_| made().unwrap()).collect();
        assert_eq!(all.len(), 100);
        let mut letters = BTreeSet::new();
        for words in &all {
            assert_eq!((words.len(), words.split('-').count()), (34, 7), "{words}");
            assert!(checked(words).is_ok());
            letters.extend(words.bytes().filter(|octet| *octet != b'-'));
        }
        assert!(letters.iter().eq(ALPHABET.iter()), "each of them is used, and no other: {letters:?}");
    }

    #[test]
    fn a_typed_one_is_long_and_the_same_for_every_program() {
        for (password, is_good) in [
            ("infected", false),
            ("fifteen letters", false),
            ("sixteen letters!", true),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
            ("uma senha de verdade, com maçã", false),
            ("sixteen\tletters!", false),
        ] {
            assert_eq!(checked(password).is_ok(), is_good, "{password}");
        }
    }

    #[test]
    fn one_of_a_file_is_its_first_line_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "correct horse battery\r\nand something else\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(of_file(&file).unwrap_err().en.contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(of_file(&file).unwrap().octets(), b"correct horse battery");
        fs::remove_file(&file).unwrap();
        assert!(of_file(&file).is_err());
    }
}
