//! The front doors: the only code that waits.
//!
//! | door | file |
//! |---|---|
//! | everything the doors share: adapters, the policy in force, what is counted | `gateway` |
//! | sockets, accepting, connection limits | `listener`, `connections` |
//! | refused attempts, counted a minute | `attempts` |
//! | whom a balancer brings | `proxy_protocol` |
//! | one client's connection: the one loop of the mail path | `smtp`, `stream` |
//! | certificates | `tls` |
//! | passwords of applications | `verify` |
//! | rules, lists and certificate into force | `reload` |
//! | their files, looked at again and again | `watch_rules` |
//! | `/health`, `/metrics` | `http` |
//! | `portaria status`, `portaria reload` | `control` |
//! | what somebody has to be told | `alert`, `contingency` |
//! | next hops, scanners and disk, looked at again and again | `probe` |
//! | releases from the quarantine | `release` |
//! | what is too old, and what is gone | `expiry` |
//! | journal into database | `loader` |
//! | copies of everything, and their trial | `backup` |
//! | tracking requests, and records that are too old | `tracking` |
//! | the audit trail into the database | `trail_copy` |
//! | whether nodes hash subjects with one key | `subject_keys` |
//! | one line for each decision | `log` |
//! | who has nothing to do while scans wait | `workers` |
//!
//! Adapters do not know each other; here they are joined.

pub mod alert;
pub mod attempts;
pub mod backup;
pub mod connections;
pub mod contingency;
pub mod control;
pub mod expiry;
pub mod gateway;
pub mod http;
pub mod listener;
pub mod loader;
pub mod log;
pub mod probe;
pub mod proxy_protocol;
pub mod release;
pub mod reload;
pub mod sharing;
pub mod smtp;
pub mod stream;
pub mod subject_keys;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod tracking;
pub mod trail_copy;
pub mod verify;
pub mod watch_rules;
pub mod workers;
