//! Rules, lists and the certificate into force without a restart: what is bad never replaces what is good (decision 16).

use std::sync::{Arc, Mutex, PoisonError};

use super::{gateway::Gateway, tls::TlsFault};
use crate::policy::Policy;

/// Reads rules and lists as they are on the disk now: the policy, or what is wrong with it as lines for a person.
pub type ReadPolicy = dyn Fn() -> Result<Policy, String> + Send + Sync;

/// Puts what [`ReadPolicy`] reads into force, and the certificate as its files are now.
pub struct Reloader {
    read: Box<ReadPolicy>,
    /// One at a time: of two at once, the one that read first could be the last to put its set into force.
    one: Mutex<()>,
}

/// What became of a reload. Rules and certificate do not wait for each other: a slip in a rule must not let the certificate expire.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The version of the policy in force afterwards.
    pub version: String,
    /// Rules and lists: in force, or their faults as lines for a person, and then none of them has changed.
    pub rules: Result<(), String>,
    /// The certificate: in force, or why it is not, and then the one before it still is. None without `[tls]`.
    pub certificate: Option<Result<(), Arc<TlsFault>>>,
}

impl Reloader {
    /// `read` may block for as long as it takes to read the files.
    pub fn new(read: Box<ReadPolicy>) -> Self {
        Self { read, one: Mutex::new(()) }
    }

    /// Reads and puts into force what has no fault; faults are logged and kept for `status`.
    pub fn reload(&self, gateway: &Gateway) -> Reloaded {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = self.reload_rules(gateway);
        let reloaded = Reloaded { version: gateway.policy().version.clone(), rules, certificate: certificate(gateway) };
        let result = if reloaded.is_whole() { "ok" } else { "fault" };
        metrics::counter!("portaria_reloads_total", "result" => result).increment(1);
        reloaded
    }

    fn reload_rules(&self, gateway: &Gateway) -> Result<(), String> {
        match tokio::task::block_in_place(|| (self.read)()) {
            Ok(policy) => {
                let listed = policy.directory.entries().map(|entries| entries.all().len());
                tracing::info!(
                    policy = policy.version,
                    rules = policy.rules.len(),
                    listed,
                    "rules and lists are in force"
                );
                gateway.set_policy(policy);
                Ok(())
            }
            Err(faults) => {
                tracing::error!(faults = ?faults, "rules and lists have faults: those in force stay in force");
                gateway.set_reload_fault(Some(faults.clone()));
                Err(faults)
            }
        }
    }
}

impl Reloaded {
    /// Whether everything that was read is in force.
    pub fn is_whole(&self) -> bool {
        self.rules.is_ok() && !matches!(self.certificate, Some(Err(_)))
    }
}

fn certificate(gateway: &Gateway) -> Option<Result<(), Arc<TlsFault>>> {
    let read = tokio::task::block_in_place(|| Some(gateway.certificate.as_ref()?.reload()))?;
    match &read {
        Ok(()) => tracing::info!("the certificate is in force as its files are now"),
        Err(fault) => {
            tracing::error!(fault = ?fault.to_string(), "the certificate cannot be loaded: the one in force stays in force");
        }
    }
    Some(read)
}
