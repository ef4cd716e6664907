//! The contract, compiled from the tree: descriptors, comments, lines.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FileDescriptor, MethodDescriptor};
use prost_types::FileDescriptorProto;
use prost_types::source_code_info::Location;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error};

use crate::{Finding, Tree};

/// The files of the tree, as imports name them.
struct Sources(BTreeMap<String, String>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let source = self.0.get(name).ok_or_else(|| Error::file_not_found(name))?;
        File::from_source(name, source)
    }
}

/// Everything under `proto/`, or the finding that it does not compile.
pub(super) fn contract(tree: &Tree) -> Result<Contract, Finding> {
    let ours = tree.files_ending(".proto").filter_map(|(path, text)| {
        Some((path.strip_prefix("proto/")?.to_owned(), text.to_owned()))
    });
    let ours: BTreeMap<String, String> = ours.collect();
    let names: Vec<String> = ours.keys().cloned().collect();
    let mut resolver = ChainFileResolver::new();
    resolver.add(Sources(ours));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_source_info(true).include_imports(true);
    for name in &names {
        compiler.open_file(name).map_err(|error| {
            Finding::new(&format!("proto/{name}"), 1, format!("does not compile: {error:?}"))
        })?;
    }
    Ok(Contract { pool: compiler.descriptor_pool(), names })
}

/// The compiled contract.
pub(super) struct Contract {
    pool: DescriptorPool,
    names: Vec<String>,
}

impl Contract {
    /// The bank's own files, without what they import from Google.
    pub fn files(&self) -> Vec<FileDescriptor> {
        self.pool.files().filter(|file| self.names.iter().any(|name| name == file.name())).collect()
    }

    pub fn methods(&self) -> Vec<MethodDescriptor> {
        let services = self.pool.services().collect::<Vec<_>>();
        services.iter().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
    }

    /// The policy option, if the contract declares one.
    pub fn policy(&self) -> Option<prost_reflect::ExtensionDescriptor> {
        self.pool.get_extension_by_name("bank.options.v1.rpc")
    }
}

/// A finding about the element at this path of a file.
pub(super) fn finding(
    file: &FileDescriptorProto,
    path: &[i32],
    message: impl Into<String>,
) -> Finding {
    let line = location(file, path).and_then(|location| location.span.first().copied());
    let line = line.and_then(|line| usize::try_from(line).ok()).map_or(1, |line| line + 1);
    Finding::new(&format!("proto/{}", file.name()), line, message)
}

pub(super) fn has_comment(file: &FileDescriptorProto, path: &[i32]) -> bool {
    location(file, path).is_some_and(|location| !location.leading_comments().trim().is_empty())
}

fn location<'a>(file: &'a FileDescriptorProto, path: &[i32]) -> Option<&'a Location> {
    file.source_code_info.as_ref()?.location.iter().find(|location| location.path == path)
}
