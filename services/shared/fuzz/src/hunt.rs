//! A hunt for input that breaks a target, without knowing what it covers; and the input that was found before.

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{Kind, Target, mutation};

/// The longest input of a hunt at random, bytes.
const INPUT_MAX: usize = 256 << 10;

/// What was found.
#[derive(Debug)]
pub struct Crash {
    /// What was wrong.
    pub problem: String,
    /// The input, where it was saved.
    pub saved: PathBuf,
}

/// Feeds a target `inputs` times; what breaks it, or takes longer than `limit`, is saved in `directory` and ends the
/// hunt. The same seed feeds the same input.
///
/// # Errors
/// The input that was found cannot be saved.
pub fn random(
    target: &Target,
    (seed, inputs): (u64, u32),
    limit: Duration,
    directory: &Path,
) -> anyhow::Result<Option<Crash>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let seeds = target.seeds();
    for _ in 0..inputs {
        let mut bytes = match &target.kind {
            Kind::Request(method) => mutation::of_message(method.valid(), &mut rng),
            Kind::Text(_) | Kind::Bytes(..) | Kind::Other(_) => {
                let seed = seeds.get(rng.random_range(0..seeds.len().max(1)));
                mutation::of_bytes(seed.cloned().unwrap_or_default(), &mut rng)
            }
        };
        // Lists in lists grow beyond every message.
        bytes.truncate(INPUT_MAX);
        if let Some(problem) = feed(target, &bytes, limit) {
            let saved = save(target, &bytes, directory)?;
            return Ok(Some(Crash { problem, saved }));
        }
    }
    Ok(None)
}

/// Feeds a target once, and says what was wrong.
pub fn feed(target: &Target, bytes: &[u8], limit: Duration) -> Option<String> {
    let started = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| target.run(bytes)));
    let took = started.elapsed();
    match ran {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("panic: {}", text.unwrap_or("without a message")))
        }
        Ok(()) => (took > limit).then(|| format!("took {took:?}")),
    }
}

fn save(target: &Target, bytes: &[u8], directory: &Path) -> anyhow::Result<PathBuf> {
    let directory = directory.join(&target.name);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    // FNV-1a: a name by the content, so that the same input is one file.
    let name = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut file = String::from("crash-");
    write!(file, "{name:016x}")?;
    let path = directory.join(file);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What was found before: name of the target, file and content. Files beside the targets' directories are not input.
///
/// # Errors
/// A file cannot be read.
pub fn saved(directory: &Path) -> anyhow::Result<Vec<(String, PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for target in fs::read_dir(directory)? {
        let target = target?;
        if !target.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(target.path())? {
            let path = file?.path();
            let name = target.file_name().to_string_lossy().into_owned();
            found.push((name, path.clone(), fs::read(&path)?));
        }
    }
    Ok(found)
}
