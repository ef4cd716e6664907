//! From a certificate to an identity.
//!
//! The chain is verified before, by rustls; here only the leaf is read. A SPIFFE certificate has exactly one URI name,
//! so one with several is nobody's (SPIFFE X509-SVID, section 2).

use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::Identity;

/// What every identity of the bank begins with.
const TRUST_DOMAIN: &str = "spiffe://thincore/";

/// Who a certificate says its holder is.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) identity: Identity,
    /// From then on it proves nothing.
    pub(crate) expires_at: DateTime<Utc>,
}

/// A certificate that names nobody of the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NobodysCertificate {
    /// Not X.509.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No URI name, or several.
    #[error("the certificate must have exactly one URI name")]
    NotOneUri,
    /// A URI name outside the bank, or not of the form `spiffe://thincore/<kind>/<name>`.
    #[error("the certificate's URI name must be spiffe://thincore/<kind>/<name>")]
    NotOurs,
}

/// Reads a certificate.
pub(super) fn read(certificate: &CertificateDer<'_>) -> Result<Leaf, NobodysCertificate> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| NobodysCertificate::Unreadable)?;
    let names = parsed.subject_alternative_name().map_err(|_| NobodysCertificate::Unreadable)?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return Err(NobodysCertificate::NotOneUri);
    };
    let name = uri.strip_prefix(TRUST_DOMAIN).filter(|name| is_kind_and_name(name));
    let identity = Identity::named(name.ok_or(NobodysCertificate::NotOurs)?);
    let expires_at = DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0);
    Ok(Leaf { identity, expires_at: expires_at.ok_or(NobodysCertificate::Unreadable)? })
}

/// `<kind>/<name>`, each of lower-case letters, digits, hyphens, dots and underscores, 64 characters in all: it is kept
/// per caller, and printed.
fn is_kind_and_name(text: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
            })
    };
    let parts = text.split_once('/');
    text.len() <= 64 && parts.is_some_and(|(kind, name)| fits(kind) && fits(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_kind_and_nothing_strange() {
        for good in ["channel/mobile", "teller/0042", "service/deposit", "visitor/a.b-c_d"] {
            assert!(is_kind_and_name(good), "{good}");
        }
        let long = format!("teller/{}", "x".repeat(60));
        for bad in ["", "/", "teller", "teller/", "/x", "a/b/c", "Teller/1", "teller/ 1", &long] {
            assert!(!is_kind_and_name(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_nobodys() {
        let read = read(&CertificateDer::from(vec![1, 2, 3]));

        assert_eq!(read.err(), Some(NobodysCertificate::Unreadable));
    }
}
