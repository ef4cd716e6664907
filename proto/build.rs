//! Compiles the contract with protox (pure Rust), so that building needs no protoc on the machine, and refuses one in
//! which a method lacks part of its policy.

mod policies;

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(Path::new("bank"), &mut files)?;
    files.sort();
    println!("cargo::rerun-if-changed=bank");
    println!("cargo::rerun-if-changed=policies.rs");

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;
    let gaps = policies::gaps(&compiler.descriptor_pool());
    if !gaps.is_empty() {
        return Err(format!("the contract is not complete:\n{}", gaps.join("\n")).into());
    }

    // The encoded set keeps what the generated code drops: the policy options and the comments.
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .bytes(".bank.accounting.v1.BusinessEvent.posting_id")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
