//! Rules, lists, YARA rules and the certificate into force without a restart: what is bad never replaces what is good (decisions
//! 16, 33).

use std::sync::{Arc, Mutex, PoisonError};

use super::{gateway::Gateway, tls::TlsFault};
use crate::{
    antivirus::{FreshRules, RulesInForce, Scanners},
    policy::Policy,
};

/// All that judges mail, as its files were when they were read.
#[derive(Debug)]
pub struct Fresh {
    /// Subject rules and lists.
    pub policy: Policy,
    /// The YARA rules of these scanners.
    pub scanner_rules: FreshRules,
}

/// Reads all of it as it is on the disk now, for these scanners: all of it without a fault, or what is wrong as lines for a person.
pub type Read = dyn Fn(&Scanners) -> Result<Fresh, String> + Send + Sync;

/// Puts what [`Read`] reads into force, and the certificate as its files are now.
pub struct Reloader {
    read: Box<Read>,
    /// One at a time: of two at once, the one that read first could be the last to put its set into force.
    one: Mutex<()>,
}

/// What became of a reload. Rules and certificate do not wait for each other: a slip in a rule must not let the certificate expire.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The version of the policy in force afterwards.
    pub version: String,
    /// The YARA rules in force afterwards.
    pub scanner_rules: Vec<RulesInForce>,
    /// Rules, lists and YARA rules: in force, or their faults as lines for a person, and then none of them has changed.
    pub rules: Result<(), String>,
    /// The certificate: in force, or why it is not, and then the one before it still is. None without `[tls]`.
    pub certificate: Option<Result<(), Arc<TlsFault>>>,
}

impl Reloader {
    /// `read` may block for as long as it takes to read the files and to compile what stands in them.
    pub fn new(read: Box<Read>) -> Self {
        Self { read, one: Mutex::new(()) }
    }

    /// Reads and puts into force what has no fault; faults are logged and kept for `status`.
    ///
    /// Waits for files, for the compiler, and for another reload that is under way: the worker hands its sessions to another one
    /// before.
    pub fn reload(&self, gateway: &Gateway) -> Reloaded {
        tokio::task::block_in_place(|| self.reload_alone(gateway))
    }

    fn reload_alone(&self, gateway: &Gateway) -> Reloaded {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = self.reload_rules(gateway);
        let reloaded = Reloaded {
            version: gateway.policy().version.clone(),
            scanner_rules: gateway.scanners.rules_in_force(),
            rules,
            certificate: certificate(gateway),
        };
        let result = if reloaded.is_whole() { "ok" } else { "fault" };
        metrics::counter!("portaria_reloads_total", "result" => result).increment(1);
        reloaded
    }

    fn reload_rules(&self, gateway: &Gateway) -> Result<(), String> {
        match (self.read)(&gateway.scanners) {
            Ok(Fresh { policy, scanner_rules }) => {
                let listed = policy.directory.entries().map(|entries| entries.all().len());
                tracing::info!(
                    policy = policy.version,
                    rules = policy.rules.len(),
                    listed,
                    "rules and lists are in force"
                );
                gateway.scanners.put_in_force(scanner_rules);
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
    let read = gateway.certificate.as_ref()?.reload();
    match &read {
        Ok(()) => tracing::info!("the certificate is in force as its files are now"),
        Err(fault) => {
            tracing::error!(fault = ?fault.to_string(), "the certificate cannot be loaded: the one in force stays in force");
        }
    }
    Some(read)
}
