//! Journals: what is booked. Debits equal credits per currency, or there is no journal.

use kernel::{BusinessDate, Currency, PositiveMoney, PostingId};

use super::chart::GlAccount;
use super::event::EventKind;

/// Which side of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// 借.
    Debit,
    /// 贷.
    Credit,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Debit => "D",
            Self::Credit => "C",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Debit, Self::Credit].into_iter().find(|side| side.code() == code)
    }
}

/// One line of a journal. The amount is positive; the side says the direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// On which account.
    pub account: GlAccount,
    /// In which direction.
    pub side: Side,
    /// How much.
    pub amount: PositiveMoney,
}

/// A journal whose debits equal its credits in every currency. There is no other way to make one than
/// [`try_new`](Self::try_new), and none to change one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancedJournal {
    posting: PostingId,
    event: EventKind,
    reversal: bool,
    business_date: BusinessDate,
    value_date: BusinessDate,
    lines: Vec<JournalLine>,
}

/// What is not a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A journal moves something: it has two lines or more.
    #[error("a journal has at least two lines")]
    TooFewLines,
    /// A journal this long is a mistake in a rule.
    #[error("a journal has at most {} lines", BalancedJournal::LINES_MAX)]
    TooManyLines,
    /// The sum of a side is more than can be kept.
    #[error("the lines in {0} sum to more than can be kept")]
    Overflow(Currency),
    /// Debits and credits differ.
    #[error("debits and credits differ in {0}")]
    Unbalanced(Currency),
}

impl BalancedJournal {
    /// How many lines a journal may have.
    pub const LINES_MAX: usize = 1_000;

    /// The journal of a posting, if its lines balance.
    pub fn try_new(
        posting: PostingId,
        (event, reversal): (EventKind, bool),
        business_date: BusinessDate,
        value_date: BusinessDate,
        lines: Vec<JournalLine>,
    ) -> Result<Self, JournalError> {
        if lines.len() < 2 {
            return Err(JournalError::TooFewLines);
        }
        if lines.len() > Self::LINES_MAX {
            return Err(JournalError::TooManyLines);
        }
        // A journal has one currency, seldom two: comparing beats hashing.
        let mut sums: Vec<(Currency, i64, i64)> = Vec::with_capacity(1);
        for line in &lines {
            let currency = line.amount.currency();
            let at = sums.iter().position(|(of, ..)| *of == currency).unwrap_or_else(|| {
                sums.push((currency, 0, 0));
                sums.len().saturating_sub(1)
            });
            let Some((_, debits, credits)) = sums.get_mut(at) else { continue };
            let sum = match line.side {
                Side::Debit => debits,
                Side::Credit => credits,
            };
            *sum = sum.checked_add(line.amount.minor()).ok_or(JournalError::Overflow(currency))?;
        }
        if let Some((currency, ..)) = sums.iter().find(|(_, debits, credits)| debits != credits) {
            return Err(JournalError::Unbalanced(*currency));
        }
        Ok(Self { posting, event, reversal, business_date, value_date, lines })
    }

    /// The posting that it books; a journal has no other id.
    pub const fn posting(&self) -> PostingId {
        self.posting
    }

    /// What happened.
    pub const fn event(&self) -> EventKind {
        self.event
    }

    /// Whether it undoes an earlier event.
    pub const fn is_reversal(&self) -> bool {
        self.reversal
    }

    /// The business date that it belongs to.
    pub const fn business_date(&self) -> BusinessDate {
        self.business_date
    }

    /// From when the money counts.
    pub const fn value_date(&self) -> BusinessDate {
        self.value_date
    }

    /// Its lines, in the order of the rule.
    pub fn lines(&self) -> &[JournalLine] {
        &self.lines
    }
}
