//! What the command shows to people, and as JSON to programs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use bank::{Error, NewCertificate, NodeRole, RunningBank, Status};
use serde::Serialize;
use testkit::invariants::{Report, SelfTestResult};

/// The one line of a failure.
pub(crate) fn error(error: &Error) {
    writeln!(std::io::stderr(), "error: {error}").ok();
}

/// What is going on, on the side.
pub(crate) fn progress(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// To standard output; a reader that went away (`| head`) is no failure.
pub(crate) fn text(text: &str) {
    let mut output = std::io::stdout();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).ok();
}

pub(crate) fn line(line: &str) {
    text(&format!("{line}\n"));
}

fn json(value: &impl Serialize) -> Result<(), Error> {
    let value = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    line(&value);
    Ok(())
}

/// The table of what came up.
pub(crate) fn started(bank: &RunningBank, total: Duration) -> String {
    let rows = bank.started().iter().map(|row| {
        vec![row.what.clone(), row.address.clone(), format!("{} ms", row.took.as_millis())]
    });
    let mut text = table(&["what", "address", "took"], rows.collect());
    let seconds = format!("{}.{}", total.as_secs(), total.subsec_millis() / 100);
    let dir = bank.dir();
    let _ = writeln!(text, "The bank is ready after {seconds} s, in {}", dir.display());
    let callers = match bank.file().certificates {
        Some(_) => format!("Callers need a certificate: some are in {}", dir.join("tls").display()),
        None => "UNPROTECTED: anybody on this machine may call anything".to_owned(),
    };
    let _ = writeln!(text, "{callers}");
    text
}

pub(crate) fn status(status: &Status, as_json: bool) -> Result<(), Error> {
    if as_json {
        return json(status);
    }
    let dash = || "-".to_owned();
    let number = |number: Option<i32>| number.map_or_else(dash, |number| number.to_string());
    let count = |count: Option<i64>| count.map_or_else(dash, |count| count.to_string());
    let yes = |yes: bool, word: &str| {
        if yes { word.to_owned() } else { format!("not {word}") }
    };

    let nodes = status.nodes.iter().map(|node| {
        let role = match node.role {
            NodeRole::Primary => "primary",
            NodeRole::Replica => "replica",
        };
        let lsn = node.lsn.clone().unwrap_or_else(dash);
        let name = format!("postgres {}", node.name);
        let up = yes(node.up, "up");
        vec![
            name,
            role.to_owned(),
            up,
            number(node.pid),
            node.port.to_string(),
            lsn,
            count(node.lag_bytes),
        ]
    });
    let mut shown =
        table(&["node", "role", "state", "pid", "port", "lsn", "lag bytes"], nodes.collect());
    let services = status.services.iter().map(|one| {
        let (grpc, operations) = (one.grpc.clone(), one.operations.clone());
        let ready = yes(one.ready, "ready");
        let iso8583 = one.iso8583.clone().unwrap_or_else(dash);
        let (pid, rows) = (number(one.pid), count(one.outbox_rows));
        vec![one.name.clone(), ready, pid, grpc, operations, iso8583, rows]
    });
    let titles = ["service", "state", "pid", "grpc", "operations", "iso 8583", "outbox rows"];
    shown.push('\n');
    shown.push_str(&table(&titles, services.collect()));
    text(&shown);
    Ok(())
}

pub(crate) fn certificate(issued: &NewCertificate, as_json: bool) -> Result<(), Error> {
    if as_json {
        return json(issued);
    }
    let NewCertificate { identity, certificate, key, authority, not_after } = issued;
    line(&format!("{identity}, good until {}", not_after.format("%Y-%m-%d %H:%M UTC")));
    line(&format!("certificate  {}", certificate.display()));
    line(&format!("key          {}", key.display()));
    line(&format!("authority    {}", authority.display()));
    Ok(())
}

pub(crate) fn report(report: &Report, as_json: bool) -> Result<(), Error> {
    if as_json {
        return json(report);
    }
    for check in &report.checks {
        let verdict = if check.passed { "holds " } else { "BROKEN" };
        line(&format!("{:<4}{verdict}  {} ({} examined)", check.id, check.name, check.examined));
        for violation in &check.violations {
            line(&format!("      {violation}"));
        }
    }
    Ok(())
}

pub(crate) fn self_test(results: &[SelfTestResult], as_json: bool) -> Result<(), Error> {
    #[derive(Serialize)]
    struct SelfTest<'a> {
        passed: bool,
        planted: &'a [SelfTestResult],
    }

    if as_json {
        let passed = results.iter().all(|result| result.found);
        return json(&SelfTest { passed, planted: results });
    }
    for result in results {
        let (verdict, detail) =
            if result.found { ("found ", "") } else { ("MISSED", result.detail.as_str()) };
        line(format!("{:<4}{verdict}  {}  {detail}", result.invariant, result.planted).trim_end());
    }
    Ok(())
}

/// Columns as wide as their widest cell.
fn table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = titles.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..titles.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
