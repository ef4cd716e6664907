//! `loadtest scheme`: the scheme simulator's scripts, played against a bank, and the audit.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use testkit::invariants::{self, Report as Audit};

use super::run_scenario::print;
use super::{require_writable, verdict, write_json};
use crate::cli;
use crate::lab::Lab;
use crate::progress::say;
use crate::report::text;
use crate::simulator::{Bench, Needs, Played, Script, play, scripts, summary};
use crate::stop::{Interrupted, Stop};

/// How all of it went.
#[derive(Debug, Serialize)]
struct Result {
    passed: bool,
    scripts: Vec<Played>,
    /// Absent where it was not asked for.
    verify: Option<Audit>,
}

pub(super) async fn execute(options: &cli::Scheme, stop: &Stop) -> anyhow::Result<ExitCode> {
    if options.list {
        print(&list(&scripts()));
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = wanted(&options.scripts)?;
    require_writable(&[options.json.as_deref()])?;
    let dir = options.bank.dir.as_deref();
    if dir.is_none() {
        say("starting a bank of our own");
    }
    let lab = tokio::select! {
        lab = Lab::open(dir, !options.bank.no_tracing) => lab?,
        () = stop.requested() => return Err(Interrupted.into()),
    };
    let result = run(&lab, &wanted, !options.no_verify, stop).await;
    let closed = lab.close().await;
    let result = result?;
    closed?;
    if let Some(audit) = &result.verify {
        print(&text::audit(audit));
    }
    print(&summary(&result.scripts));
    if let Some(path) = &options.json {
        write_json(path, &result)?;
    }
    Ok(verdict(result.passed, stop))
}

async fn run(lab: &Lab, wanted: &[Script], audited: bool, stop: &Stop) -> anyhow::Result<Result> {
    let bench = Bench::of(&lab.target, lab.own_process("deposit"), stop).await?;
    let scripts = play(&bench, wanted, stop).await;
    let verify = if audited {
        say("auditing the books");
        let checked = invariants::check(&lab.target.books).await;
        Some(checked.context("the audit cannot read the books")?)
    } else {
        None
    };
    let all_well = scripts.iter().all(|one| one.passed != Some(false));
    let passed = all_well && verify.as_ref().is_none_or(|audit| audit.passed);
    Ok(Result { passed, scripts, verify })
}

/// The scripts of these names, in the order in which they are played; all where none is named.
fn wanted(names: &[String]) -> anyhow::Result<Vec<Script>> {
    let all = scripts();
    if names.is_empty() {
        return Ok(all);
    }
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|one| one.name != **name)) {
        let usage = format!("there is no script {unknown}: see loadtest scheme --list");
        return Err(bank::Error::Usage(usage).into());
    }
    Ok(all.into_iter().filter(|one| names.iter().any(|name| name == one.name)).collect())
}

fn list(scripts: &[Script]) -> String {
    let mut text = String::new();
    for Script { name, about, needs, .. } in scripts {
        let needs = match needs {
            Needs::Nothing => "",
            Needs::OwnBank => " (only without --bank)",
            Needs::Key(0) => " (needs a Triple DES zone key)",
            Needs::Key(_) => " (needs an AES zone key)",
        };
        writeln!(text, "{name:24} {about}{needs}").ok();
    }
    text.push_str(
        "\nNot here: response code 96, which says that the bank has broken; nothing from outside brings it about.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_script_is_wrong_usage_and_none_means_all() {
        let unknown = wanted(&["nothing".to_owned()]).unwrap_err();
        assert_eq!(super::super::exit_code(&unknown), 2);
        assert_eq!(wanted(&[]).unwrap().len(), scripts().len());
        assert_eq!(wanted(&["purchase".to_owned()]).unwrap().len(), 1);
    }

    #[test]
    fn the_list_names_every_script() {
        let text = list(&scripts());

        assert!(scripts().iter().all(|script| text.contains(script.name)));
    }
}
