//! Mutual TLS: both ends of every connection prove who they are.
//!
//! TLS 1.3 only, both certificates from an authority of the bank, no resumed sessions. An identity is the one URI name of
//! a certificate, `spiffe://thincore/<kind>/<name>`; what it may do is said by the contract and decided at the gate.
//! Certificates are read again when their files change: connections made before keep what they began with, until the
//! server ends them by age or a certificate expires, from when on calls are refused.
//!
//! Read in this order: `credentials` (files), `spiffe` (names), `verify` (handshakes), `listen` and `connect`; `raw` is for
//! protocols beside gRPC.

mod connect;
mod credentials;
mod listen;
mod raw;
mod seats;
mod spiffe;
mod verify;

use std::sync::Arc;

use anyhow::{Context as _, ensure};

use crate::config::{ServerConfig, TlsConfig};

pub use connect::channel;
pub use credentials::Credentials;
pub(crate) use listen::{Door, Peer};
pub use raw::{Guest, Line, Listener};
pub use spiffe::NobodysCertificate;

/// The credentials of the service `service`, or `None` where its settings say that it runs unprotected.
///
/// # Errors
/// There is no `[tls]`, its files cannot be used, or the certificate is somebody else's.
pub fn of_service(
    service: &str,
    server: &ServerConfig,
    tls: Option<&TlsConfig>,
) -> anyhow::Result<Option<Arc<Credentials>>> {
    if server.unprotected {
        tracing::warn!("UNPROTECTED: no encryption, and callers are who they say they are");
        return Ok(None);
    }
    let tls = tls.context("the settings have no section [tls]")?;
    let credentials = Credentials::load(tls).context("[tls] cannot be used")?;
    let (own, expected) = (credentials.identity().name, format!("service/{service}"));
    ensure!(*own == *expected, "[tls] has the certificate of {own}, and this is {expected}");
    Ok(Some(credentials))
}
