//! One target under libFuzzer, which looks for input that reaches new code. Built and run by `make fuzz`.
//!
//! `FUZZ_TARGET` names the target; without it, the targets are listed and that is all. `FUZZ_SEEDS` is a directory into
//! which good input is written before libFuzzer reads it.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow};
use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn prepare() -> anyhow::Result<Option<Target>> {
    let targets = fuzz::targets()?;
    let Some(name) = std::env::var_os("FUZZ_TARGET") else {
        for target in targets {
            println!("{}", target.name);
        }
        return Ok(None);
    };
    let target = targets.into_iter().find(|target| *target.name == *name);
    let target = target.ok_or_else(|| anyhow!("there is no target {}", name.display()))?;
    if let Some(directory) = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from) {
        for (index, seed) in target.seeds().into_iter().enumerate() {
            let path = directory.join(format!("seed-{index}"));
            std::fs::write(&path, seed).with_context(|| path.display().to_string())?;
        }
    }
    Ok(Some(target))
}

libfuzzer_sys::fuzz_target!(
    init: {
        match prepare() {
            Ok(Some(target)) => drop(TARGET.set(target)),
            Ok(None) => std::process::exit(0),
            Err(error) => {
                eprintln!("error: {error:#}");
                std::process::exit(2);
            }
        }
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            target.run(bytes);
        }
    }
);
