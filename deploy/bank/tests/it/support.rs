//! Running the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What the command said and how it ended.
pub struct Said {
    pub code: Option<i32>,
    pub output: String,
    pub error: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code();
        Self { code, output: text(output.stdout), error: text(output.stderr) }
    }
}

/// A directory in which a bank could be, with stand-ins for the service binaries that are never started:
/// the tests here end before that.
pub struct Place {
    root: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let root = testkit::environment::temporary_directory("bank-").unwrap();
        let place = Self { root };
        std::fs::create_dir(place.binaries()).unwrap();
        for service in bank::SERVICES {
            std::fs::write(place.binaries().join(service), "").unwrap();
        }
        place
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn binaries(&self) -> PathBuf {
        self.root().join("bin")
    }

    /// Not there at first.
    pub fn dir(&self) -> PathBuf {
        self.root().join("new/bank")
    }

    /// `bank up` in [`Place::dir`] with more arguments.
    pub fn up(&self, more: &[&str]) -> Said {
        self.run("up", &[&["--bin-dir", self.binaries().to_str().unwrap()], more].concat())
    }

    pub fn run(&self, command: &str, more: &[&str]) -> Said {
        let dir = self.dir();
        let arguments = [&[command, "--dir", dir.to_str().unwrap()], more].concat();
        run(&arguments)
    }

    /// Whether anything is there that the test did not put there.
    pub fn is_untouched(&self) -> bool {
        let entries = std::fs::read_dir(self.root()).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).all(|name| name == "bin")
    }
}

pub fn run(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap().into()
}
