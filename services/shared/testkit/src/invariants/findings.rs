//! What one check has found so far: everything is counted, the first few are kept.

use super::Check;

/// How many violations a report shows in full.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Findings {
    examined: u64,
    lines: Vec<String>,
    more: u64,
}

impl Findings {
    /// Counts what was looked at.
    pub(super) fn examined(&mut self, count: i64) {
        self.examined += u64::try_from(count).unwrap_or(0);
    }

    /// Notes a violation.
    pub(super) fn add(&mut self, line: String) {
        if self.lines.len() < SHOWN_MAX {
            self.lines.push(line);
        } else {
            self.more += 1;
        }
    }

    /// Adds what was found elsewhere for the same check.
    pub(super) fn join(&mut self, other: Self) {
        self.examined += other.examined;
        self.more += other.more;
        other.lines.into_iter().for_each(|line| self.add(line));
    }

    /// The finished check.
    pub(super) fn into_check(mut self, id: &'static str, name: &'static str) -> Check {
        let passed = self.lines.is_empty();
        if self.more > 0 {
            self.lines.push(format!("and {} more", self.more));
        }
        Check { id, name, passed, examined: self.examined, violations: self.lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_without_violations_passes() {
        let mut findings = Findings::default();
        findings.examined(7);

        let check = findings.into_check("V1", "name");

        assert!(check.passed);
        assert_eq!(check.examined, 7);
    }

    #[test]
    fn what_was_found_in_two_places_is_one_check() {
        let (mut one, mut other) = (Findings::default(), Findings::default());
        one.examined(2);
        other.examined(3);
        (0..15).for_each(|n| one.add(format!("here {n}")));
        (0..15).for_each(|n| other.add(format!("there {n}")));
        one.join(other);

        let check = one.into_check("V4", "name");

        assert_eq!((check.examined, check.violations.len()), (5, 21));
        assert_eq!(check.violations[20], "and 10 more");
    }

    #[test]
    fn violations_beyond_the_first_twenty_are_counted() {
        let mut findings = Findings::default();
        (0..25).for_each(|n| findings.add(format!("violation {n}")));

        let check = findings.into_check("V1", "name");

        assert!(!check.passed);
        assert_eq!(check.violations.len(), 21);
        assert_eq!(check.violations[20], "and 5 more");
    }
}
