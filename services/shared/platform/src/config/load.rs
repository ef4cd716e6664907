//! Reads settings and finds everything that is wrong with them: whoever starts a bank should not find the mistakes one
//! restart at a time. Unknown keys are mistakes. Messages name keys and what is allowed, never values: some are secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use config::{Config, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

use super::tree;

/// What is wrong with the settings: at most one problem per key, the first that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
    /// Adds a problem of the setting `key`, which is a path such as `lanes.batch_max`.
    pub fn add(&mut self, key: &str, what: &str) {
        self.0.entry(key.to_owned()).or_insert_with(|| what.to_owned());
    }

    /// Adds a problem unless the condition holds.
    pub fn require(&mut self, holds: bool, key: &str, what: &str) {
        if !holds {
            self.add(key, what);
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Settings that can say what is wrong with themselves beyond types.
pub trait Validate {
    /// Adds every problem.
    fn problems(&self, problems: &mut Problems);
}

/// Settings that cannot be used. Prints every problem on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Problems);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings cannot be used:")?;
        for (key, what) in &self.0.0 {
            write!(f, "\n  {key}: {what}")?;
        }
        Ok(())
    }
}

impl ConfigError {
    fn of(key: &str, what: &str) -> Self {
        let mut problems = Problems::default();
        problems.add(key, what);
        Self(problems)
    }
}

/// Reads the file, then the environment over it.
///
/// # Errors
/// The file cannot be read, or anything in it is unknown, missing, of another type, or out of range: all of it.
pub fn load<T: DeserializeOwned + Validate>(path: Option<&Path>) -> Result<T, ConfigError> {
    load_with(path, environment())
}

/// Values stay text until a setting asks for a number: a key made of digits only must not become one.
pub(super) fn environment() -> Environment {
    Environment::with_prefix("THINCORE").prefix_separator("__").separator("__")
}

pub(super) fn load_with<T: DeserializeOwned + Validate>(
    path: Option<&Path>,
    environment: Environment,
) -> Result<T, ConfigError> {
    let mut sources = Config::builder();
    if let Some(path) = path {
        let unreadable = |why: &str| ConfigError::of(&path.display().to_string(), why);
        let text = std::fs::read_to_string(path).map_err(|why| unreadable(&why.to_string()))?;
        // Parsed alone first, so that a mistake in the file is told from one in the environment. Of the parser's message
        // only the first line, which says where: the others repeat the line, and there may be a secret in it.
        let file = File::from_str(&text, FileFormat::Toml);
        let parsed = Config::builder().add_source(file.clone()).build();
        parsed.map_err(|why| unreadable(why.to_string().lines().next().unwrap_or_default()))?;
        sources = sources.add_source(file);
    }
    let merged = sources.add_source(environment).build();
    let merged = merged.map_err(|why| ConfigError::of("the environment", &why.to_string()))?;

    let (settings, mut problems) = tree::read::<T>(&merged.cache);
    if let Some(settings) = &settings {
        settings.problems(&mut problems);
    }
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(ConfigError(problems)),
    }
}
