//! What a process proves itself with, and what it believes; read again whenever the files change.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use kernel::{Clock as _, SystemClock};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::spiffe::{self, Leaf};
use super::verify::{CalleeVerifier, CallerVerifier};
use crate::config::TlsConfig;
use crate::identity::Identity;

/// The certificates of a process. Connections made from now on use what the files say now.
pub struct Credentials {
    files: TlsConfig,
    current: ArcSwap<Material>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials").field(&self.identity().name).finish()
    }
}

/// The content of the three files, to see whether they have changed.
#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Vec<u8>,
}

/// One consistent state of the files, ready for handshakes.
struct Material {
    pem: Pem,
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: Arc<RootCertStore>,
    leaf: Leaf,
    /// For listeners on which every caller must have a certificate.
    mutual: Arc<ServerConfig>,
    /// For the operations port, where probes have none.
    optional: Arc<ServerConfig>,
}

impl Credentials {
    /// Reads the files, and looks at them again from time to time until the last handle is dropped. Call it inside the
    /// runtime.
    ///
    /// # Errors
    /// A file cannot be read or used, certificate and key do not belong together, or the certificate names nobody.
    pub fn load(files: &TlsConfig) -> anyhow::Result<Arc<Self>> {
        let material = Material::build(Pem::read(files)?)?;
        material.announce();
        let credentials =
            Arc::new(Self { files: files.clone(), current: ArcSwap::from_pointee(material) });
        let period = Duration::from_millis(files.reload_ms.max(10));
        tokio::spawn(follow(Arc::downgrade(&credentials), period));
        Ok(credentials)
    }

    /// Who this process is.
    pub fn identity(&self) -> Identity {
        self.current.load().leaf.identity.clone()
    }

    /// When the certificate in use expires.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.current.load().leaf.expires_at
    }

    /// For a connection that comes in.
    pub(super) fn server(&self, certificate_required: bool) -> Arc<ServerConfig> {
        let current = self.current.load();
        Arc::clone(if certificate_required { &current.mutual } else { &current.optional })
    }

    /// For a connection to `identity`.
    pub(super) fn client(&self, identity: &str) -> Result<ClientConfig, rustls::Error> {
        let current = self.current.load();
        let verifier = CalleeVerifier {
            authorities: Arc::clone(&current.authorities),
            algorithms: current.provider.signature_verification_algorithms,
            identity: identity.to_owned(),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&current.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(current.chain.clone(), current.key.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would not look at certificates again.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// Reads the files again. Answers whether they had changed.
    fn reload(&self) -> anyhow::Result<bool> {
        let pem = Pem::read(&self.files)?;
        if pem == self.current.load().pem {
            return Ok(false);
        }
        let material = Material::build(pem)?;
        material.announce();
        self.current.store(Arc::new(material));
        Ok(true)
    }
}

async fn follow(credentials: Weak<Credentials>, period: Duration) {
    let (mut seen, mut reported) = (String::new(), String::new());
    let count = |result: &'static str, times: u64| {
        metrics::counter!("tls_reloads_total", "result" => result).increment(times);
    };
    // Shown before anything happens: what begins at one is no increase to whoever watches.
    for result in ["ok", "failed"] {
        count(result, 0);
    }
    loop {
        tokio::time::sleep(period).await;
        let Some(credentials) = credentials.upgrade() else { return };
        match credentials.reload() {
            Ok(changed) => {
                if changed {
                    count("ok", 1);
                    let identity = credentials.identity().name;
                    tracing::info!(%identity, "certificates were renewed");
                }
                seen.clear();
                reported.clear();
            }
            Err(error) => {
                let problem = format!("{error:#}");
                // Between the new key and its certificate the files do not fit; the second look tells.
                if problem == seen && problem != reported {
                    count("failed", 1);
                    tracing::error!(
                        error = %problem,
                        "new certificates cannot be used; those in use stay"
                    );
                    reported.clone_from(&problem);
                }
                seen = problem;
            }
        }
    }
}

impl Pem {
    fn read(files: &TlsConfig) -> anyhow::Result<Self> {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self {
            certificate: read(&files.certificate_file)?,
            key: read(&files.key_file)?,
            authorities: read(&files.ca_file)?,
        })
    }
}

impl Material {
    fn build(pem: Pem) -> anyhow::Result<Self> {
        let certificates = |pem: &[u8], what: &str| {
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let found = found.map_err(|error| anyhow!("the {what} is not PEM: {error}"))?;
            ensure!(!found.is_empty(), "the {what} has no certificate");
            Ok(found)
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&pem.certificate, "certificate file")?;
        let leaf = spiffe::read(chain.first().context("the certificate file is empty")?)?;
        let key = PrivateKeyDer::from_pem_slice(&pem.key)
            .map_err(|error| anyhow!("the key file has no private key: {error}"))?;
        let mut authorities = RootCertStore::empty();
        for authority in certificates(&pem.authorities, "file of authorities")? {
            authorities.add(authority).context("an authority cannot be used")?;
        }
        let authorities = Arc::new(authorities);
        let server = |required: bool| -> anyhow::Result<Arc<ServerConfig>> {
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::clone(&authorities),
                Arc::clone(&provider),
            );
            let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
            let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&TLS13])?
                .with_client_cert_verifier(Arc::new(CallerVerifier(verifier.build()?)))
                .with_single_cert(chain.clone(), key.clone_key())
                .context("certificate and key do not belong together")?;
            config.alpn_protocols = vec![b"h2".to_vec()];
            if !required {
                config.alpn_protocols.push(b"http/1.1".to_vec());
            }
            // A resumed session would not look at the caller's certificate again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Ok(Arc::new(config))
        };
        let (mutual, optional) = (server(true)?, server(false)?);
        Ok(Self { pem, provider, chain, key, authorities, leaf, mutual, optional })
    }

    fn announce(&self) {
        let expires = u32::try_from(self.leaf.expires_at.timestamp()).unwrap_or(u32::MAX);
        metrics::gauge!("tls_certificate_expires_at_seconds").set(expires);
        if self.leaf.expires_at <= SystemClock.now() {
            tracing::error!("the certificate of this process has expired: nobody will believe it");
        }
    }
}
