//! Running one of the Postgres tools to its end.

use std::path::Path;
use std::process::Stdio;

use super::Account;
use crate::environment::problem;
use crate::process::{Group, how_it_ended};

/// Runs a tool and returns what it printed. The error is the telling line of what it complained about.
///
/// When the future is dropped, the tool and its children are gone before the drop returns.
pub(super) async fn run_tool(
    path: &Path,
    args: &[&str],
    account: Option<&Account>,
    password: Option<&str>,
) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(path);
    command
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    // The tools speak the user's language otherwise.
    command.env("LC_ALL", "C").env_remove("PGPASSFILE");
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    if let Some(account) = account {
        account.apply(&mut command);
    }
    let cannot = |error| problem(format!("cannot run {}: {error}", path.display()));
    let child = command.spawn().map_err(cannot)?;
    let group = Group::led_by(&child);
    let output = child.wait_with_output().await.map_err(cannot)?;
    drop(group);

    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let telling =
        errors.lines().rev().find(|line| line.contains("error") || line.contains("FATAL"));
    let line = telling.or_else(|| errors.lines().last()).unwrap_or("no message");
    Err(problem(format!("{name} {}: {}", how_it_ended(output.status), line.trim())))
}
