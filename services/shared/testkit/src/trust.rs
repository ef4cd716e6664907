//! What a client must have to reach a service: whom it believes, and who it is.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use crate::certificates::{Authority, Files};

/// The authority that a client believes and, where it calls under a name, its own certificate.
#[derive(Clone)]
pub struct Trust {
    tls: Arc<ClientConfig>,
    for_tonic: ClientTlsConfig,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust(..)")
    }
}

impl Trust {
    /// Somebody without a certificate, who is let in where nobody asks for one.
    pub fn anonymous(ca_pem: &str) -> anyhow::Result<Self> {
        let tls = Arc::new(builder(ca_pem)?.with_no_client_auth());
        let for_tonic = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca_pem));
        Ok(Self { tls, for_tonic })
    }

    /// Somebody with a certificate and its key, both PEM.
    pub fn new(ca_pem: &str, certificate_pem: &str, key_pem: &str) -> anyhow::Result<Self> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?;
        let tls = Arc::new(builder(ca_pem)?.with_client_auth_cert(chain, key)?);
        let for_tonic = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(ca_pem))
            .identity(Identity::from_pem(certificate_pem, key_pem));
        Ok(Self { tls, for_tonic })
    }

    /// Somebody whose certificate and key are in files, as the files are now.
    pub fn load(ca: &Path, own: &Files) -> anyhow::Result<Self> {
        Self::new(&read(ca)?, &read(&own.certificate)?, &read(&own.key)?)
    }

    /// Somebody whom the authority of this process names, for the length of a test.
    pub fn of_this_process(identity: &str) -> anyhow::Result<Self> {
        let authority = Authority::of_this_process();
        let own = authority.issue_for_a_day(identity)?;
        Self::new(authority.certificate_pem(), &own.certificate_pem, &own.key_pem)
    }

    /// A connection to a service that speaks a protocol of its own, handshake included.
    pub async fn connect(&self, address: SocketAddr) -> anyhow::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::from(address.ip());
        Ok(TlsConnector::from(self.tls()).connect(name, socket).await?)
    }

    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }
}

/// A gRPC endpoint: called under a name where the URL is `https://`, which needs `trust`.
pub fn endpoint(url: &str, trust: Option<&Trust>) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .with_context(|| format!("{url} is not an address of a service"))?;
    match trust {
        Some(trust) if url.starts_with("https://") => {
            Ok(endpoint.tls_config(trust.for_tonic.clone())?)
        }
        None if url.starts_with("https://") => bail!("{url} needs to know whom to believe"),
        _ => Ok(endpoint),
    }
}

/// The server's side of a stand-in for a service: it has a certificate of the authority of this process, and so must
/// its callers.
pub fn serving_as(identity: &str) -> anyhow::Result<ServerTlsConfig> {
    let authority = Authority::of_this_process();
    let own = authority.issue_for_a_day(identity)?;
    Ok(ServerTlsConfig::new()
        .identity(Identity::from_pem(own.certificate_pem, own.key_pem))
        .client_ca_root(Certificate::from_pem(authority.certificate_pem())))
}

fn builder(
    ca_pem: &str,
) -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    Ok(builder?.with_root_certificates(roots))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
