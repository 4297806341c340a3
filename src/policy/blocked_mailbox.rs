//! The blocked-mailbox list (`rules/mailboxes.toml`): parse, match, explain.

/// The list.
#[derive(Debug, Default)]
pub struct BlockedMailboxes {}
