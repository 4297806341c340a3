//! The certificate of our listeners.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

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

/// An acceptor for TLS 1.2 and 1.3 with the certificate chain and key of two PEM files.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsFault> {
    let fault = |path: &Path| {
        let path = path.display().to_string();
        move |why: rustls::pki_types::pem::Error| TlsFault::File { path, why: why.to_string() }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(fault(certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    // The provider is named: with a second one in the tree the process default would be a panic at the first handshake.
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
