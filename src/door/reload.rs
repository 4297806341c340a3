//! Rules and lists into force without a restart: a bad set never replaces a good one (decision 16).

use std::sync::{Mutex, PoisonError};

use super::gateway::Gateway;
use crate::policy::Policy;

/// Reads rules and lists as they are on the disk now: the policy, or what is wrong with it as lines for a person.
pub type ReadPolicy = dyn Fn() -> Result<Policy, String> + Send + Sync;

/// Puts what [`ReadPolicy`] reads into force.
pub struct Reloader {
    read: Box<ReadPolicy>,
    /// One at a time: of two at once, the one that read first could be the last to put its set into force.
    one: Mutex<()>,
}

impl Reloader {
    /// `read` may block for as long as it takes to read the files.
    pub fn new(read: Box<ReadPolicy>) -> Self {
        Self { read, one: Mutex::new(()) }
    }

    /// Reads and puts into force; the version in force afterwards, or the faults, and then nothing has changed.
    pub fn reload(&self, gateway: &Gateway) -> Result<String, String> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        match tokio::task::block_in_place(|| (self.read)()) {
            Ok(policy) => {
                let version = policy.version.clone();
                tracing::info!(policy = version, rules = policy.rules.len(), "rules and lists are in force");
                metrics::counter!("portaria_reloads_total", "result" => "ok").increment(1);
                gateway.set_policy(policy);
                Ok(version)
            }
            Err(faults) => {
                tracing::error!(faults = ?faults, "rules and lists have faults: those in force stay in force");
                metrics::counter!("portaria_reloads_total", "result" => "fault").increment(1);
                gateway.set_reload_fault(Some(faults.clone()));
                Err(faults)
            }
        }
    }
}
