//! Which domains are ours, and whose mailbox an address is.

use serde::{Deserialize, Serialize};

/// A mailbox whatever alias or spelling named it: `local@primary-domain`, folded (lower case, unquoted, sub-address and trailing
/// dot removed). The key by which blocks, exceptions and tracking compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailboxKey(pub String);

/// The served domains.
#[derive(Debug, Default)]
pub struct Directory {}
