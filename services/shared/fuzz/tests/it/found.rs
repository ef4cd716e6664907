//! What broke a target once. `crashes/<target>/<file>` is read for ever: commit what a hunt has saved with its mending.

use std::path::Path;
use std::time::Duration;

use fuzz::{hunt, targets};

#[test]
fn what_broke_a_target_once_does_not_any_more() {
    let saved = hunt::saved(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crashes")).unwrap();
    let targets = targets().unwrap();

    let mut broken = Vec::new();
    for (name, path, bytes) in &saved {
        let target = targets.iter().find(|target| target.name == *name);
        let problem = match target {
            Some(target) => hunt::feed(target, bytes, Duration::from_secs(5)),
            None => Some("there is no such target".to_owned()),
        };
        broken.extend(problem.map(|problem| format!("{}: {problem}", path.display())));
    }

    assert!(broken.is_empty(), "{broken:#?}");
    assert!(!saved.is_empty());
}
