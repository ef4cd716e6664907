//! A certificate authority, and the certificates by which services and their callers know each other.
//!
//! An identity is `<kind>/<name>`, such as `service/deposit` or `teller/1`, and stands in the certificate as the SPIFFE
//! URI `spiffe://thincore/<kind>/<name>`. Services also carry the names under which they are dialled. Keys are ECDSA
//! P-256. Used by the tests and by `bank`; a bank on many machines has an authority of its own.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock as _, SystemClock};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_parser::pem::parse_x509_pem;

use crate::environment::write_private;

/// What every identity's URI begins with.
pub const TRUST_DOMAIN: &str = "spiffe://thincore/";
/// How long an authority may issue.
const AUTHORITY_DAYS: i64 = 3_650;
/// Clocks of machines differ a little; a certificate is good from a moment before it was issued.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To serve under the identity's name, on 127.0.0.1 and localhost, and to call.
    ServerAndClient,
    /// Only to call.
    Client,
}

/// A certificate that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'a> {
    /// `<kind>/<name>`.
    pub identity: &'a str,
    /// Good from then on; cut to whole seconds.
    pub not_before: DateTime<Utc>,
    /// Good until then; cut to whole seconds.
    pub not_after: DateTime<Utc>,
    /// What for.
    pub usage: Usage,
}

impl<'a> Leaf<'a> {
    /// A certificate that is good from now on: for a service to serve and to call, for everybody else to call.
    pub fn new(identity: &'a str, now: DateTime<Utc>, lifetime: TimeDelta) -> Self {
        let serves = identity.starts_with("service/");
        let usage = if serves { Usage::ServerAndClient } else { Usage::Client };
        Self { identity, not_before: now - LEEWAY, not_after: now + lifetime, usage }
    }
}

/// A certificate with its private key.
#[derive(Clone)]
pub struct Issued {
    /// Whose it is.
    pub identity: String,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The private key, PKCS#8 in PEM.
    pub key_pem: String,
    /// Good until then.
    pub not_after: DateTime<Utc>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Issued {
    /// Writes both files into a directory, the key first. Each is replaced in one step, so a service that watches them
    /// may for a moment see the new key beside the old certificate, but never half a file.
    pub fn save(&self, directory: &Path) -> anyhow::Result<Files> {
        let files = Files::of(directory, &self.identity);
        write_private(&files.key, &self.key_pem)?;
        write_private(&files.certificate, &self.certificate_pem)?;
        Ok(files)
    }
}

/// Where an identity's certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM; only its owner can read it.
    pub key: PathBuf,
}

impl Files {
    /// `<kind>-<name>.pem` and `<kind>-<name>.key` in a directory.
    pub fn of(directory: &Path, identity: &str) -> Self {
        let stem = identity.replace('/', "-");
        Self {
            certificate: directory.join(format!("{stem}.pem")),
            key: directory.join(format!("{stem}.key")),
        }
    }
}

/// An authority that issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(..)")
    }
}

impl Authority {
    /// A new authority of this name, good for ten years from now.
    pub fn generate(common_name: &str) -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let now = SystemClock.now();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = in_rcgen(now - LEEWAY)?;
        params.not_after = in_rcgen(now + TimeDelta::days(AUTHORITY_DAYS))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem })
    }

    /// The authority with this certificate and key, both PEM.
    ///
    /// # Errors
    /// They are damaged, or do not belong together.
    pub fn load(certificate_pem: &str, key_pem: &str) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(key_pem).context("the authority's key is damaged")?;
        let (_, pem) = parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|error| anyhow!("the authority's certificate is damaged: {error}"))?;
        let certificate = pem.parse_x509().context("the authority's certificate is damaged")?;
        let public_key = &certificate.public_key().subject_public_key.data;
        ensure!(
            public_key.as_ref() == key.public_key_raw(),
            "the authority's certificate and key do not belong together"
        );
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)?;
        Ok(Self { issuer, certificate_pem: certificate_pem.to_owned() })
    }

    /// An authority that this process has made for itself: for tests, whose services and clients share it.
    ///
    /// # Panics
    /// When no key can be made: no test can go on from there.
    #[expect(clippy::panic, reason = "the caller is a test, which has no better way to fail")]
    pub fn of_this_process() -> &'static Self {
        static OWN: OnceLock<Authority> = OnceLock::new();
        OWN.get_or_init(|| match Self::generate("tests of thincore") {
            Ok(authority) => authority,
            Err(error) => panic!("{error:#}"),
        })
    }

    /// Its own certificate, PEM: what whoever believes this authority must have.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its private key, PEM: whoever has it can be anybody.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a certificate with a new key.
    pub fn issue(&self, leaf: &Leaf<'_>) -> anyhow::Result<Issued> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (_, name) = leaf.identity.split_once('/').unwrap_or(("", leaf.identity));
        let uri = format!("{TRUST_DOMAIN}{}", leaf.identity);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, leaf.identity);
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri)?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if leaf.usage == Usage::ServerAndClient {
            params.extended_key_usages.insert(0, ExtendedKeyUsagePurpose::ServerAuth);
            params.subject_alt_names.extend([
                SanType::DnsName(Ia5String::try_from("localhost")?),
                SanType::DnsName(Ia5String::try_from(name)?),
                SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            ]);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.not_before = in_rcgen(leaf.not_before)?;
        params.not_after = in_rcgen(leaf.not_after)?;
        Ok(Issued {
            identity: leaf.identity.to_owned(),
            certificate_pem: params.signed_by(&key, &self.issuer)?.pem(),
            key_pem: key.serialize_pem(),
            not_after: leaf.not_after,
        })
    }

    /// A certificate for the length of a test.
    pub fn issue_for_a_day(&self, identity: &str) -> anyhow::Result<Issued> {
        self.issue(&Leaf::new(identity, SystemClock.now(), TimeDelta::days(1)))
    }

    /// Writes `ca.pem` and an identity's certificate for the length of a test into a directory, and answers the `[tls]`
    /// section that names them.
    pub fn tls_section(&self, directory: &Path, identity: &str) -> anyhow::Result<String> {
        let ca = self.save_certificate(directory)?;
        let Files { certificate, key } = self.issue_for_a_day(identity)?.save(directory)?;
        // Quoted as Rust quotes a string, which TOML understands for every path that a test has.
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        Ok(format!(
            "[tls]\ncertificate_file = {}\nkey_file = {}\nca_file = {}\n",
            quoted(&certificate),
            quoted(&key),
            quoted(&ca)
        ))
    }

    /// Writes its own certificate as `ca.pem` into a directory.
    pub fn save_certificate(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        let path = directory.join("ca.pem");
        write_private(&path, &self.certificate_pem)?;
        Ok(path)
    }
}

/// When a certificate in PEM stops being good.
pub fn expiry(certificate_pem: &str) -> anyhow::Result<DateTime<Utc>> {
    let (_, pem) = parse_x509_pem(certificate_pem.as_bytes())
        .map_err(|error| anyhow!("not a certificate in PEM: {error}"))?;
    let not_after = pem.parse_x509()?.validity().not_after.timestamp();
    DateTime::from_timestamp(not_after, 0).context("a date out of range")
}

fn in_rcgen(at: DateTime<Utc>) -> anyhow::Result<OffsetDateTime> {
    Ok(OffsetDateTime::from_unix_timestamp(at.timestamp())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use x509_parser::extensions::{GeneralName, ParsedExtension};
    use x509_parser::prelude::X509Certificate;

    use super::*;

    fn with_parsed<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).unwrap();
        look(&pem.parse_x509().unwrap())
    }

    fn names(pem: &str) -> Vec<String> {
        with_parsed(pem, |certificate| {
            let names = certificate.subject_alternative_name().unwrap().unwrap();
            let text = |name: &GeneralName<'_>| match name {
                GeneralName::URI(name) | GeneralName::DNSName(name) => (*name).to_owned(),
                GeneralName::IPAddress(bytes) => format!("{bytes:?}"),
                other => format!("unexpected {other:?}"),
            };
            names.value.general_names.iter().map(text).collect()
        })
    }

    fn usages(pem: &str) -> (bool, bool) {
        with_parsed(pem, |certificate| {
            let usage = certificate.extended_key_usage().unwrap().unwrap().value;
            (usage.server_auth, usage.client_auth)
        })
    }

    #[test]
    fn a_service_can_serve_under_its_names_and_call() {
        let issued = Authority::of_this_process().issue_for_a_day("service/deposit").unwrap();

        assert_eq!(
            names(&issued.certificate_pem),
            ["spiffe://thincore/service/deposit", "localhost", "deposit", "[127, 0, 0, 1]"]
        );
        assert_eq!(usages(&issued.certificate_pem), (true, true));
    }

    #[test]
    fn everybody_else_can_only_call_and_has_one_name() {
        let issued = Authority::of_this_process().issue_for_a_day("teller/1").unwrap();

        assert_eq!(names(&issued.certificate_pem), ["spiffe://thincore/teller/1"]);
        assert_eq!(usages(&issued.certificate_pem), (false, true));
    }

    #[test]
    fn an_authority_can_issue_leaves_and_nothing_below_them() {
        let authority = Authority::generate("a bank").unwrap();

        with_parsed(authority.certificate_pem(), |certificate| {
            let constraints = certificate.basic_constraints().unwrap().unwrap().value;
            assert!(constraints.ca);
            assert_eq!(constraints.path_len_constraint, Some(0));
            assert!(certificate.key_usage().unwrap().unwrap().value.key_cert_sign());
            assert_eq!(certificate.subject().to_string(), "CN=a bank");
        });
    }

    #[test]
    fn a_loaded_authority_issues_what_the_same_certificate_verifies() {
        let first = Authority::generate("a bank").unwrap();
        let again = Authority::load(first.certificate_pem(), &first.key_pem()).unwrap();

        let issued = again.issue_for_a_day("operator/1").unwrap();

        with_parsed(first.certificate_pem(), |authority| {
            with_parsed(&issued.certificate_pem, |leaf| {
                assert_eq!(leaf.issuer(), authority.subject());
                let named = leaf.extensions().iter().any(|extension| {
                    matches!(
                        extension.parsed_extension(),
                        ParsedExtension::AuthorityKeyIdentifier(_)
                    )
                });
                assert!(named);
            });
        });
    }

    #[test]
    fn an_authority_with_somebody_elses_key_is_refused() {
        let one = Authority::generate("one").unwrap();
        let other = Authority::generate("other").unwrap();

        let error = Authority::load(one.certificate_pem(), &other.key_pem()).unwrap_err();

        assert!(error.to_string().contains("do not belong together"), "{error}");
    }

    #[test]
    fn files_are_private_and_say_when_they_expire() {
        let directory = tempfile::tempdir().unwrap();
        let issued = Authority::of_this_process().issue_for_a_day("channel/mobile").unwrap();

        let files = issued.save(directory.path()).unwrap();

        assert_eq!(files, Files::of(directory.path(), "channel/mobile"));
        for file in [&files.certificate, &files.key] {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
        assert_eq!(files.key.file_name().unwrap(), "channel-mobile.key");
        let text = std::fs::read_to_string(&files.certificate).unwrap();
        assert_eq!(expiry(&text).unwrap().timestamp(), issued.not_after.timestamp());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
