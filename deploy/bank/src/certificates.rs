//! The bank's own authority, and the certificates of its services and of who calls them, in `tls/`.
//!
//! An authority that is lost cannot be made again: everything that it issued must be issued anew by another. So it is
//! made once for each directory, and its key never leaves it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};
use testkit::certificates::{Authority, Files, Leaf, expiry};
use testkit::environment::write_private;

use crate::error::Error;
use crate::file::BankFile;

/// Who gets a certificate with the bank: its services, and callers of each kind to begin with.
pub const IDENTITIES: [&str; 17] = [
    "service/customer",
    "service/deposit",
    "service/loan",
    "service/card",
    "service/accounting",
    "operator/bank",
    "operator/1",
    "operator/2",
    "teller/1",
    "teller/2",
    "teller/seed",
    "teller/seed-2",
    "auditor/1",
    "channel/mobile",
    "channel/online",
    "channel/loadtest",
    "scheme/lab",
];

/// Names of `service/...`; the other kinds may have any.
const SERVICE_NAMES: [&str; 5] = ["customer", "deposit", "loan", "card", "accounting"];
const KINDS: [&str; 6] = ["channel", "teller", "operator", "auditor", "scheme", "service"];
const LENGTH_MAX: usize = 64;

/// How long a certificate is good unless somebody says otherwise.
pub const LIFETIME_DAYS: i64 = 90;
const LIFETIME_DAYS_MAX: i64 = 365;
/// With less than that left a certificate is renewed.
const RENEWED_WITHIN: TimeDelta = TimeDelta::days(30);

/// Where a bank's certificates are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// The certificate of the authority, PEM: what a caller must believe.
    pub authority: PathBuf,
    /// By identity, such as `teller/1`: those that were there when the bank came up.
    pub identities: BTreeMap<String, Files>,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewCertificate {
    /// Whose it is.
    pub identity: String,
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The certificate of the authority, PEM.
    pub authority: PathBuf,
    /// Good until then.
    pub not_after: DateTime<Utc>,
}

/// Issues or renews the certificate of one identity of the bank in a directory, running or not. Services that use it
/// take it over by themselves.
pub fn certificate(dir: &Path, identity: &str, days: i64) -> Result<NewCertificate, Error> {
    check(identity)?;
    if !(1..=LIFETIME_DAYS_MAX).contains(&days) {
        return Err(Error::Usage(format!("--days must be between 1 and {LIFETIME_DAYS_MAX}")));
    }
    let file = BankFile::load(dir)?;
    if file.certificates.is_none() {
        return Err(Error::Usage(format!(
            "the bank in {} was brought up with --unprotected and looks at no certificate",
            dir.display()
        )));
    }
    let directory = file.dir.join("tls");
    let _lock = lock(&directory)?;
    let authority = authority(&directory)?;
    let leaf = Leaf::new(identity, SystemClock.now(), TimeDelta::days(days));
    let issued = authority.issue(&leaf)?;
    let Files { certificate, key } = issued.save(&directory)?;
    Ok(NewCertificate {
        identity: issued.identity,
        certificate,
        key,
        authority: directory.join("ca.pem"),
        not_after: issued.not_after,
    })
}

/// Issues what is missing of [`IDENTITIES`] in the bank's directory, renews what ends soon, and says what there is.
pub(crate) fn issue_all(dir: &Path, now: DateTime<Utc>) -> anyhow::Result<Certificates> {
    let directory = dir.join("tls");
    let _lock = lock(&directory)?;
    let authority = authority(&directory)?;
    for identity in IDENTITIES {
        if ends_soon(&Files::of(&directory, identity), now) {
            let leaf = Leaf::new(identity, now, TimeDelta::days(LIFETIME_DAYS));
            authority.issue(&leaf)?.save(&directory)?;
        }
    }
    let identities = present(&directory)?.into_iter().map(|identity| {
        let files = Files::of(&directory, &identity);
        (identity, files)
    });
    Ok(Certificates { authority: directory.join("ca.pem"), identities: identities.collect() })
}

/// Also so where there is none, or half of one.
fn ends_soon(files: &Files, now: DateTime<Utc>) -> bool {
    let text = std::fs::read_to_string(&files.certificate).unwrap_or_default();
    !files.key.exists() || expiry(&text).map_or(true, |until| until < now + RENEWED_WITHIN)
}

/// The identities that have a certificate in the directory.
fn present(directory: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".pem"));
        let identity = stem.and_then(|stem| stem.split_once('-'));
        let identity = identity.map(|(kind, name)| format!("{kind}/{name}"));
        found.extend(identity.filter(|identity| check(identity).is_ok()));
    }
    Ok(found)
}

/// The authority of the directory, made if there is none yet.
fn authority(directory: &Path) -> anyhow::Result<Authority> {
    let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
    if !key.exists() && !certificate.exists() {
        let authority = Authority::generate("Thincore on one machine")?;
        write_private(&key, &authority.key_pem())?;
        write_private(&certificate, authority.certificate_pem())?;
        // The names must survive a power cut before anything that was issued does.
        File::open(directory)?.sync_all()?;
        return Ok(authority);
    }
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read {}: without it, stop the bank and delete {}, then bank up makes another authority",
                path.display(),
                directory.display()
            )
        })
    };
    Authority::load(&read(&certificate)?, &read(&key)?)
}

/// Two commands that issue for one identity must not mix their files.
fn lock(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join("lock");
    let file = File::options().create(true).append(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Refuses what is no identity of the bank.
fn check(identity: &str) -> Result<(), Error> {
    let refused = |why: String| Err(Error::Usage(format!("{identity:?} is no identity: {why}")));
    let Some((kind, name)) = identity.split_once('/') else {
        return refused("say KIND/NAME, such as teller/3".to_owned());
    };
    if !KINDS.contains(&kind) {
        return refused(format!("the kinds are {}", KINDS.join(", ")));
    }
    if kind == "service" && !SERVICE_NAMES.contains(&name) {
        return refused(format!("the services are {}", SERVICE_NAMES.join(", ")));
    }
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) || identity.len() > LENGTH_MAX {
        return refused(format!(
            "a name consists of small letters, digits, hyphens, dots and underscores, {LENGTH_MAX} characters with its kind"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tls")).unwrap();
        directory
    }

    fn text(certificates: &Certificates, identity: &str) -> String {
        std::fs::read_to_string(&certificates.identities[identity].certificate).unwrap()
    }

    #[test]
    fn everybody_gets_a_certificate_that_only_the_owner_can_read() {
        let place = directory();

        let issued = issue_all(place.path(), SystemClock.now()).unwrap();

        let listed: Vec<_> = issued.identities.keys().map(String::as_str).collect();
        let mut wanted = IDENTITIES;
        wanted.sort_unstable();
        assert_eq!(listed, wanted);
        for entry in std::fs::read_dir(place.path().join("tls")).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
        }
    }

    #[test]
    fn certificates_are_reused_until_their_last_month_and_then_renewed() {
        let place = directory();
        let opened = SystemClock.now();
        let first = issue_all(place.path(), opened).unwrap();
        let authority = std::fs::read_to_string(&first.authority).unwrap();
        let teller = text(&first, "teller/1");

        let later = issue_all(place.path(), opened + TimeDelta::days(59)).unwrap();
        assert_eq!(text(&later, "teller/1"), teller);

        let at = opened + TimeDelta::days(61);
        let renewed = text(&issue_all(place.path(), at).unwrap(), "teller/1");
        assert_ne!(renewed, teller);
        let until = at + TimeDelta::days(LIFETIME_DAYS);
        assert_eq!(expiry(&renewed).unwrap().timestamp(), until.timestamp());
        assert_eq!(std::fs::read_to_string(&first.authority).unwrap(), authority);
    }

    #[test]
    fn a_damaged_certificate_and_one_without_its_key_are_renewed() {
        let place = directory();
        let now = SystemClock.now();
        let first = issue_all(place.path(), now).unwrap();
        let (damaged, keyless) = (text(&first, "teller/1"), text(&first, "teller/2"));
        std::fs::write(&first.identities["teller/1"].certificate, "half a fi").unwrap();
        std::fs::remove_file(&first.identities["teller/2"].key).unwrap();

        let again = issue_all(place.path(), now).unwrap();

        assert_ne!(text(&again, "teller/1"), damaged);
        assert!(expiry(&text(&again, "teller/1")).is_ok());
        assert_ne!(text(&again, "teller/2"), keyless);
        assert!(again.identities["teller/2"].key.exists());
    }

    #[test]
    fn an_authority_without_its_key_is_not_replaced_behind_everybodys_back() {
        let place = directory();
        issue_all(place.path(), SystemClock.now()).unwrap();
        std::fs::remove_file(place.path().join("tls/ca.key")).unwrap();

        let error = issue_all(place.path(), SystemClock.now()).unwrap_err();

        assert!(error.to_string().contains("bank up makes another authority"), "{error}");
    }

    #[test]
    fn an_identity_has_a_known_kind_and_a_plain_name() {
        for good in ["teller/0042", "channel/mobile-2", "service/loan", "auditor/a.b_c"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = format!("teller/{}", "x".repeat(60));
        for bad in [
            "teller",
            "teller/",
            "/1",
            "admin/1",
            "service/teller",
            "teller/../x",
            "Teller/1",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
