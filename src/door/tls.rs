//! The certificate of our listeners: in come two PEM files, out go acceptors for TLS 1.2 and 1.3.
//!
//! A reload replaces it for handshakes that begin later; who has shaken hands keeps what it has. It knows nothing of SMTP, nor of when
//! to reload.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::certificate::Facts;

/// The certificate in force, and the files that it is from.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    /// All of the configuration is replaced and not only the key in it: sessions that a client may resume hang on it, and a
    /// resumed session would go on under the certificate that was replaced, perhaps because its key was stolen.
    config: ArcSwap<InForce>,
    fault: ArcSwapOption<TlsFault>,
}

/// A configuration, and when the first certificate of its chain ends.
struct InForce {
    config: Arc<ServerConfig>,
    ends: Option<Timestamp>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read, or holds no PEM of that kind.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Key and certificate do not fit, or the chain makes no sense.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
}

impl Certificate {
    /// Reads the certificate (first in its file, then the intermediate ones) and its key. Blocks while it reads.
    pub fn load(chain: PathBuf, key: PathBuf) -> Result<Self, TlsFault> {
        let config = ArcSwap::from_pointee(read(&chain, &key)?);
        Ok(Self { chain, key, config, fault: ArcSwapOption::empty() })
    }

    /// Its files: chain and key.
    pub fn files(&self) -> [PathBuf; 2] {
        [self.chain.clone(), self.key.clone()]
    }

    /// For a handshake that begins now.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load().config.clone())
    }

    /// When the certificate in force ends, or one of its chain before it; none if it does not say so in a way that we read.
    pub fn ends(&self) -> Option<Timestamp> {
        self.config.load().ends
    }

    /// Reads both files again; if they cannot be used, what is in force stays in force. Blocks while it reads.
    ///
    /// Whoever renews a certificate writes two files, and between the first and the second they do not fit each other: that too is
    /// a fault here and nothing worse.
    pub fn reload(&self) -> Result<(), Arc<TlsFault>> {
        match read(&self.chain, &self.key) {
            Ok(config) => {
                self.config.store(Arc::new(config));
                self.fault.store(None);
                Ok(())
            }
            Err(fault) => {
                let fault = Arc::new(fault);
                self.fault.store(Some(fault.clone()));
                Err(fault)
            }
        }
    }

    /// Why the files, as they were at the last reload, are not in force.
    pub fn fault(&self) -> Option<Arc<TlsFault>> {
        self.fault.load_full()
    }
}

fn read(chain: &Path, key: &Path) -> Result<InForce, TlsFault> {
    let fault = |path: &Path| {
        let path = path.display().to_string();
        move |why: rustls::pki_types::pem::Error| TlsFault::File { path, why: why.to_string() }
    };
    let chain =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(fault(chain))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    let ends = chain.iter().filter_map(|der| Facts::read(der)).map(|facts| facts.not_after).min();
    // The provider is named: with a second one in the tree the process default would be a panic at the first handshake.
    // The safe default versions are 1.2 and 1.3; nothing older is written in rustls, so that no setting can bring it back (RFC 8996).
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(InForce { config: Arc::new(config), ends })
}

#[cfg(test)]
mod tests;
