//! What a user id is called on this machine.
#![expect(clippy::disallowed_methods, reason = "this is the adapter of that file")]

use std::{fs::File, io::Read as _};

/// The longest list of accounts that is looked through, octets.
const ACCOUNTS: u64 = 1024 * 1024;

/// The name that `/etc/passwd` has for `uid`, or `uid 1234`: accounts of a directory service stand there under no name.
pub fn account_name(uid: u32) -> String {
    let mut accounts = String::new();
    // A list that cannot be read names nobody.
    let read = File::open("/etc/passwd").and_then(|file| file.take(ACCOUNTS).read_to_string(&mut accounts));
    let named = read.ok().and_then(|_| name_in(&accounts, uid));
    named.unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(accounts: &str, uid: u32) -> Option<String> {
    let mut names = accounts.lines().filter_map(|line| {
        let mut parts = line.split(':');
        let (name, number) = (parts.next()?, parts.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    });
    names.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_name_or_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\n# x\nbad\n:x:7:7::/:/bin/sh\nportaria:x:998:998::/var/lib/portaria:/bin/false\n";
        for (uid, name) in [(0, Some("root")), (998, Some("portaria")), (7, None), (1000, None)] {
            assert_eq!(name_in(accounts, uid).as_deref(), name, "{uid}");
        }
        assert_eq!(account_name(0), "root");
        assert_eq!(account_name(u32::MAX), "uid 4294967295");
    }
}
