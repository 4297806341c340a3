//! The two ways of encrypting towards a next hop: with anyone, or only with the one we know.
//!
//! In: where trust comes from. Out: a connector. When to use it, and what a failed handshake means, is decided in `connect`.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, CommonState, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{
            CertificateDer, ServerName, UnixTime,
            pem::{self, PemObject},
        },
        version::{TLS12, TLS13},
    },
};

/// Why trust anchors could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TrustFault {
    /// The file cannot be read, or is not PEM.
    #[error("cannot read certificates: {0}")]
    Unreadable(#[from] pem::Error),
    /// The file, or the system, has no certificate that can be a trust anchor.
    #[error("no usable certificate authority found")]
    Empty,
    /// rustls cannot work with what was given.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A connector that takes any certificate: RFC 7435, "some protection most of the time". Between MTAs nobody promised
/// us a name to check, the alternative is clear text, and whoever can put a certificate of his own in the way could strip STARTTLS
/// as well. It keeps listeners on the wire out, and nobody else. For more there is [`verifying_connector`].
pub(super) fn opportunistic() -> Result<TlsConnector, TrustFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connector that verifies the certificate and its name against `ca` (a PEM file), or the system's anchors.
pub fn verifying_connector(ca: Option<&Path>) -> Result<TlsConnector, TrustFault> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
            roots.add_parsable_certificates(certificates);
        }
        // What cannot be read there is other software's concern, as long as something can.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(TrustFault::Empty);
    }
    // The provider is named: the process default panics at run time if ever a second one is linked in.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Version and suite for the record, of either side: `TLSv1.3 TLS_AES_256_GCM_SHA384`. rustls has names of its own (`TLSv1_3 TLS13_…`).
pub fn tls_facts(session: &CommonState) -> String {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let suite = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    // rustls names the suites of TLS 1.3 `TLS13_…`; everyone else, and RFC 8446, `TLS_…`.
    format!("{version} {}", suite.replace("TLS13_", "TLS_"))
}

/// Takes every certificate, and does not look at the signature either: it would only prove that the key belongs to a certificate
/// that proves nothing.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
