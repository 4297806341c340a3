//! Where a released message goes: by the route that its recipient has today.
//!
//! In: a recipient as an item kept it. Out: a next hop, or why there is none. Blocks and rules are not asked: a person has decided
//! (decision 42). That a mailbox is gone is no rule: nobody would read it there.

use super::{Policy, directory::Named};
use crate::smtp::path::ForwardPath;

use super::route::{NextHopName, next_hop_of};

/// Why there is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// Its domain is not served any more, or never was and no application's next hop leads there.
    #[error("its domain is not served")]
    NotServed,
    /// The directory lists its domain's mailboxes, and this is none of them.
    #[error("there is no such mailbox in the directory")]
    NoMailbox,
}

impl Policy {
    /// The next hop of a recipient. `of_application`: the message is an application's, whose mail may go to the internet.
    pub fn route_of_release(&self, path: &ForwardPath, of_application: bool) -> Result<NextHopName, NoRoute> {
        let mailbox = match path {
            ForwardPath::Postmaster => self.directory.postmaster(),
            ForwardPath::Mailbox { mailbox, .. } => Some(mailbox),
        };
        match mailbox.and_then(|mailbox| self.directory.look_up(mailbox)) {
            Some(Named { is_unknown: true, always_reachable: false, .. }) => Err(NoRoute::NoMailbox),
            Some(named) => next_hop_of(&self.directory, &named.key).cloned().ok_or(NoRoute::NotServed),
            None if of_application => self.applications.internet_next_hop().cloned().ok_or(NoRoute::NotServed),
            None => Err(NoRoute::NotServed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::{
        Sources,
        directory::{Directory, ServedDomain},
    };

    const LISTED: &str = "[[mailbox]]\nname = \"maria\"\nclass = \"servidor\"\nprimary = \"maria@tjpa.jus.br\"\n";

    fn policy(listed: &str) -> Policy {
        let domain = ServedDomain { name: "tjpa.jus.br".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
        let mut directory =
            Directory::new(vec![domain], []).unwrap().with_next_hops(["mailbox".into(), "second".into()]);
        if !listed.is_empty() {
            let (read, faults) = directory.with_entries(Path::new("directory.toml"), listed);
            assert!(!faults.has_errors(), "{}", faults.render(crate::language::Language::En));
            directory = read;
        }
        Policy::assemble(Sources { directory, ..Sources::default() }, std::time::SystemTime::UNIX_EPOCH).0
    }

    fn route(policy: &Policy, address: &str, of_application: bool) -> Result<NextHopName, NoRoute> {
        let (path, _) = ForwardPath::parse_prefix(&format!("<{address}>")).unwrap();
        policy.route_of_release(&path, of_application)
    }

    #[test]
    fn a_recipient_goes_where_it_is_today() {
        let plain = policy("");
        assert_eq!(route(&plain, "maria@tjpa.jus.br", false), Ok("mailbox".into()));
        assert_eq!(route(&plain, "Postmaster", false), Ok("mailbox".into()));
        assert_eq!(route(&plain, "a@elsewhere.example", false), Err(NoRoute::NotServed));
        assert_eq!(route(&plain, "a@elsewhere.example", true), Err(NoRoute::NotServed), "no next hop leads there");
        let moved = policy(&format!("{LISTED}next_hop = \"second\"\n"));
        assert_eq!(route(&moved, "maria@tjpa.jus.br", false), Ok("second".into()));
        assert_eq!(route(&moved, "gone@tjpa.jus.br", false), Err(NoRoute::NoMailbox));
    }
}
