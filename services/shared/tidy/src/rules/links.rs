//! Links between documents lead somewhere.

use crate::{Finding, Tree};

pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_ending(".md") {
        let mut fenced = false;
        for (at, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            let broken = targets(line).filter(|target| !fenced && !resolves(tree, path, target));
            for target in broken {
                let message =
                    format!("`{target}` leads nowhere: correct the path or drop the link");
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` in a line, and of `[label]: target`. Code spans are not read.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    let inline =
        prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    let defined = defined.map(|(_, target)| target);
    inline.chain(defined).filter_map(|target| target.split_whitespace().next())
}

fn resolves(tree: &Tree, from: &str, target: &str) -> bool {
    let file = target.split('#').next().unwrap_or(target);
    if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            ".." if parts.pop().is_none() => return false,
            "" | "." | ".." => {}
            part => parts.push(part),
        }
    }
    parts.is_empty() || tree.has(&parts.join("/"))
}
