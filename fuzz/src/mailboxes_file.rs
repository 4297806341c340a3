//! `policy::blocked_mailbox`: any text is read, its faults stand in it; who is blocked when is what its entries say.

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use portaria::policy::{
    blocked_mailbox::{Block, BlockedMailboxes, Direction},
    directory::{Directory, MailboxKey, ServedDomain},
};

use crate::places::check_faults;

/// The octets are `mailboxes.toml`.
pub fn mailboxes_file(data: &[u8]) {
    let source = String::from_utf8_lossy(data).into_owned();
    let domain = |name: &str, aliases: &[&str]| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        next_hop: "one".into(),
    };
    let domains = vec![domain("a.example", &["alias.example"]), domain("b.example", &[])];
    let directory = Directory::new(domains, ["abuse"]).expect("two domains");
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let (list, faults) = BlockedMailboxes::read(Path::new("m.toml"), &source, &directory, at(1_795_258_800));
    check_faults(&faults, &source);
    if !faults.has_errors() {
        let unknown = format!("{source}\n[zz_nobody_knows]\n");
        let (_, more) = BlockedMailboxes::read(Path::new("m.toml"), &unknown, &directory, at(0));
        assert!(more.has_errors(), "an unknown key is taken");
        for block in list.entries() {
            assert!(!block.mailboxes.is_empty(), "{block:?} blocks nobody");
            assert!(!block.mailboxes.iter().any(|key| directory.is_always_reachable(key)) || source.contains("send"));
        }
    }
    for now in [0, 1_795_258_799, 1_795_258_800, 1_795_258_801, 4_000_000_000].map(at) {
        let keys = list.entries().flat_map(|block| block.mailboxes.clone());
        for key in keys.chain([MailboxKey("nobody@a.example".to_owned())]) {
            let first = |other: Direction| {
                let acts =
                    |block: &Block| block.mailboxes.contains(&key) && block.direction != other && block.in_force(now);
                list.entries().find(acts).map(|block| block.ticket)
            };
            assert_eq!(list.to_receive(&key, now), first(Direction::Send).as_deref(), "{key:?} at {now:?}");
            assert_eq!(list.to_send(&key, now), first(Direction::Receive).as_deref(), "{key:?} at {now:?}");
        }
    }
}
