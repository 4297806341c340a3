//! From a recipient's domain to the next hop that serves it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a `[[next_hop]]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHopName(pub Arc<str>);
