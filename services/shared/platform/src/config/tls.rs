//! `[tls]`: who this process is on the network, and whom it believes.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Problems, ServerConfig, Validate};

/// `[tls]`: certificate, key and the authorities that are believed. All files are PEM and are read again when they
/// change, so that certificates are renewed without a restart.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate of this process, with intermediates after it. Its one URI name is
    /// `spiffe://thincore/<kind>/<name>`.
    pub certificate_file: PathBuf,
    /// The private key of that certificate.
    pub key_file: PathBuf,
    /// The authorities whose certificates are believed, of callers and of services that are called. To change an
    /// authority, list the old and the new one until every certificate is of the new one.
    pub ca_file: PathBuf,
    /// How often the files are looked at, milliseconds; default 1,000. Files that cannot be used are reported, and the
    /// certificates in use stay.
    #[serde(default = "one_second")]
    pub reload_ms: u64,
}

fn one_second() -> u64 {
    1_000
}

impl Validate for TlsConfig {
    fn problems(&self, problems: &mut Problems) {
        let some = (10..=3_600_000).contains(&self.reload_ms);
        problems.require(some, "tls.reload_ms", "must be 10 to 3600000");
    }
}

impl Problems {
    /// Adds what is wrong with `[tls]`, or with its absence where the server is protected.
    pub fn require_tls(&mut self, server: &ServerConfig, tls: Option<&TlsConfig>) {
        let what = "is missing: a certificate is needed unless server.unprotected is true";
        self.require(server.unprotected || tls.is_some(), "tls", what);
        if let Some(tls) = tls {
            tls.problems(self);
        }
    }
}
