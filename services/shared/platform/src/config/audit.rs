//! `[audit]`: where the heads of the audit log go.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Problems, Validate};

/// `[audit]`: the audit log itself is in the service's database; its heads go elsewhere, so that a chain that was
/// computed anew is noticed.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// The file to which heads are added, a line of JSON each; default none, and then only the log has them.
    pub heads_file: Option<PathBuf>,
    /// How often, seconds; default 60. Records younger than this can be taken away unnoticed by whoever owns the
    /// database.
    pub export_seconds: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { heads_file: None, export_seconds: 60 }
    }
}

impl Validate for AuditConfig {
    fn problems(&self, problems: &mut Problems) {
        let some = (1..=3_600).contains(&self.export_seconds);
        problems.require(some, "audit.export_seconds", "must be 1 to 3600");
    }
}
