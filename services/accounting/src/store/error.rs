//! Which violated constraint means what. Everything else is sorted by the platform.

use platform::db;

/// The posting is in the books already, under another batch: its source reported it twice. Trying again cannot help, so
/// it must not look like two transactions in each other's way, as other violations of a key do.
pub(super) fn saving_journals(error: sqlx::Error) -> db::Error {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    // Each partition has an index of its own, named after the partition: journals_20261123_pkey.
    if constraint.is_some_and(|name| name.starts_with("journals_") && name.ends_with("_pkey")) {
        return db::Error::Fault(error);
    }
    error.into()
}
