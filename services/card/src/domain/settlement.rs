//! What the scheme settled against what this bank cleared, record by record.
//!
//! Invariant: agreed records and differences together name each reference of either side once; the sum of the differences
//! is the difference of the sums.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Currency;
use scheme::clearing::ClearingKind;
use scheme::settlement::SettlementRecord;
use uuid::Uuid;

use super::Rejection;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakKind {
    /// Settled, and not cleared.
    NotCleared,
    /// Cleared, and not settled.
    NotSettled,
    /// Both, with different amounts.
    AmountDiffers,
}

impl BreakKind {
    const ALL: [Self; 3] = [Self::NotCleared, Self::NotSettled, Self::AmountDiffers];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCleared => "NOT_CLEARED",
            Self::NotSettled => "NOT_SETTLED",
            Self::AmountDiffers => "AMOUNT_DIFFERS",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How a difference is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Explained; nothing is booked.
    Explained,
    /// Booked to settlement differences.
    Adjusted,
}

impl Resolution {
    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Explained => "EXPLAINED",
            Self::Adjusted => "ADJUSTED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Explained, Self::Adjusted].into_iter().find(|one| one.code() == code)
    }
}

/// One record that is not the same on both sides. Amounts are negative to the holder's credit, and 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The scheme's reference.
    pub scheme_reference: String,
    /// What differs.
    pub kind: BreakKind,
    /// What the scheme settled.
    pub scheme_minor: i64,
    /// What the bank cleared.
    pub bank_minor: i64,
}

/// A difference as it stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementBreak {
    /// Its id.
    pub id: Uuid,
    /// The report that it was found in.
    pub report_id: String,
    /// What differs.
    pub difference: Difference,
    /// Of the amounts.
    pub currency: Currency,
    /// How it was resolved; `None` while it is open.
    pub resolution: Option<Resolution>,
    /// Why.
    pub reason: Option<String>,
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// References of records that are the same on both sides.
    pub agreed: Vec<String>,
    /// The others, by reference.
    pub differences: Vec<Difference>,
}

/// An amount with the sign that it has for the bank: negative to the holder's credit.
pub const fn signed(kind: ClearingKind, amount_minor: i64) -> i64 {
    match kind {
        ClearingKind::Refund => amount_minor.saturating_neg(),
        ClearingKind::Purchase | ClearingKind::Cash => amount_minor,
    }
}

/// Compares what was settled with what was cleared, by reference.
///
/// # Errors
/// A reference is settled twice.
pub fn compare(
    settled: &[SettlementRecord],
    cleared: &BTreeMap<String, i64>,
) -> Result<Compared, Rejection> {
    let mut found = Compared::default();
    let mut seen = BTreeSet::new();
    for record in settled {
        if !seen.insert(record.scheme_reference.as_str()) {
            return Err(Rejection::RecordMalformed);
        }
        let scheme_minor = signed(record.kind, record.amount_minor);
        let (kind, bank_minor) = match cleared.get(&record.scheme_reference) {
            Some(same) if *same == scheme_minor => {
                found.agreed.push(record.scheme_reference.clone());
                continue;
            }
            Some(other) => (BreakKind::AmountDiffers, *other),
            None => (BreakKind::NotCleared, 0),
        };
        let scheme_reference = record.scheme_reference.clone();
        found.differences.push(Difference { scheme_reference, kind, scheme_minor, bank_minor });
    }
    for (reference, bank_minor) in cleared {
        if !seen.contains(reference.as_str()) {
            found.differences.push(Difference {
                scheme_reference: reference.clone(),
                kind: BreakKind::NotSettled,
                scheme_minor: 0,
                bank_minor: *bank_minor,
            });
        }
    }
    found.differences.sort_by(|one, other| one.scheme_reference.cmp(&other.scheme_reference));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settled(reference: u32, amount_minor: i64, refund: bool) -> SettlementRecord {
        SettlementRecord {
            scheme_reference: format!("{reference:023}"),
            kind: if refund { ClearingKind::Refund } else { ClearingKind::Purchase },
            amount_minor,
            fee_minor: 0,
        }
    }

    proptest! {
        #[test]
        fn every_reference_is_found_once_and_differences_add_up(
            scheme in prop::collection::btree_map(0_u32..30, (1_i64..1_000, any::<bool>()), 0..30),
            bank in prop::collection::btree_map(0_u32..30, -1_000_i64..1_000, 0..30),
        ) {
            let report: Vec<_> = scheme
                .iter()
                .map(|(reference, (minor, refund))| settled(*reference, *minor, *refund))
                .collect();
            let cleared: BTreeMap<_, _> =
                bank.iter().map(|(reference, minor)| (format!("{reference:023}"), *minor)).collect();
            let found = compare(&report, &cleared).unwrap();

            let either: BTreeSet<_> = scheme.keys().chain(bank.keys()).collect();
            prop_assert_eq!(found.agreed.len() + found.differences.len(), either.len());
            let settled: i64 =
                report.iter().map(|one| signed(one.kind, one.amount_minor)).sum();
            let in_books: i64 = cleared.values().sum();
            let differs: i64 =
                found.differences.iter().map(|one| one.scheme_minor - one.bank_minor).sum();
            prop_assert_eq!(settled - in_books, differs);
        }
    }

    #[test]
    fn a_reference_that_is_settled_twice_is_no_report() {
        let twice = [settled(1, 100, false), settled(1, 100, false)];

        assert_eq!(compare(&twice, &BTreeMap::new()), Err(Rejection::RecordMalformed));
    }
}
