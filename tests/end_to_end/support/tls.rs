//! A sender's side of TLS that trusts only whom it is told to, and certificates for the gateway.

use std::{io, net::TcpStream, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};

/// The name that the gateway is known by.
const NAME: &str = "mx.tjpa.jus.br";

/// A connection under TLS.
pub type Under = StreamOwned<ClientConnection, TcpStream>;

/// A certificate that vouches for itself, with its key.
#[derive(Debug)]
pub struct Certified {
    /// The certificate, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// The certificate as a client sees it.
    pub der: CertificateDer<'static>,
}

impl Certified {
    /// A new one for the gateway's name.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        Self { chain: made.cert.pem(), key: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
    }
}

/// Whom a client trusts, and what it speaks. It resumes nothing: each handshake is a whole one.
#[derive(Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts these certificates and no others, and speaks these versions.
    pub fn new(trusted: &[&Certified], versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        for certified in trusted {
            roots.add(certified.der.clone()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
        Self(Arc::new(config))
    }

    /// The handshake.
    pub(super) fn shake(&self, mut stream: TcpStream) -> io::Result<Under> {
        let name = ServerName::try_from(NAME).unwrap();
        let mut connection = ClientConnection::new(self.0.clone(), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}
