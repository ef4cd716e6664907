//! The risk category, and what follows from it: provision, and whether interest is kept on the books.
//!
//! Categories by days overdue: none is NORMAL, to 90 SPECIAL_MENTION, to 270 SUBSTANDARD, to 360 DOUBTFUL, beyond that
//! LOSS (商业银行金融资产风险分类办法, 2023: over 90 days at least 次级, over 270 at least 可疑, over 360 损失). By hand a loan may
//! only be put lower. Provision is a share of the outstanding principal by category; the usual shares of 1, 2, 25, 50 and
//! 100 per cent are those of 银行贷款损失准备计提指引 (2002). Interest over 90 days late is no income any more.

use std::fmt;

use kernel::round_half_even;

use super::amounts::sub;
use super::{Amounts, Effects, EntryKind, EventKind, Loan, LoanStatus, OutOfRange, Rejection};

/// The days overdue beyond which interest is kept off the books.
const NON_ACCRUAL_AFTER_DAYS: i64 = 90;

/// The risk category of a loan (五级分类), from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Normal (正常).
    Normal,
    /// Special mention (关注).
    SpecialMention,
    /// Substandard (次级).
    Substandard,
    /// Doubtful (可疑).
    Doubtful,
    /// Loss (损失).
    Loss,
}

impl Category {
    /// All of them, from good to bad.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::SpecialMention, Self::Substandard, Self::Doubtful, Self::Loss];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::SpecialMention => "SPECIAL_MENTION",
            Self::Substandard => "SUBSTANDARD",
            Self::Doubtful => "DOUBTFUL",
            Self::Loss => "LOSS",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.code() == code)
    }

    /// The category of a loan whose oldest unpaid instalment is so many days late.
    pub const fn of_days_overdue(days: i64) -> Self {
        match days {
            ..=0 => Self::Normal,
            1..=90 => Self::SpecialMention,
            91..=270 => Self::Substandard,
            271..=360 => Self::Doubtful,
            _ => Self::Loss,
        }
    }
}

/// As the books write it.
impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Loan {
    /// Sets the best category that the loan may have from now on; NORMAL takes an earlier one back. The provision follows.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`] unless it is ACTIVE; [`Rejection::UpgradeWhileOverdue`] for a better one than it
    /// was set to while something is late.
    pub fn classify(&mut self, best: Category) -> Result<Effects, Rejection> {
        self.must_be(LoanStatus::Active)?;
        if best < self.category_floor && self.days_overdue > 0 {
            return Err(Rejection::UpgradeWhileOverdue);
        }
        self.category_floor = best;
        self.touch()?;
        let mut effects = Effects::default();
        self.review(&mut effects)?;
        Ok(effects)
    }

    /// Brings everything that follows from arrears and principal up to date: days overdue, category, whether interest is
    /// on the books, provision. Whatever changes a loan that has been paid out ends with this, so these always agree.
    pub(super) fn review(&mut self, effects: &mut Effects) -> Result<(), OutOfRange> {
        if !matches!(self.status, LoanStatus::Active | LoanStatus::Settled) {
            return Ok(());
        }
        self.days_overdue = self.count_days_overdue();
        let category = Category::of_days_overdue(self.days_overdue).max(self.category_floor);
        if category != self.category {
            self.category = category;
            self.touch()?;
        }
        if self.days_overdue > NON_ACCRUAL_AFTER_DAYS {
            self.stop_accrual(effects)?;
        } else if self.days_overdue == 0 {
            self.resume_accrual(effects)?;
        }
        let share = self.product.provision_ppm(self.category);
        self.provide(share, effects)
    }

    /// Sets aside a share of the outstanding principal, parts per million: more, or less, than is set aside so far.
    pub(super) fn provide(
        &mut self,
        share_ppm: i64,
        effects: &mut Effects,
    ) -> Result<(), OutOfRange> {
        let product = i128::from(self.principal_minor).checked_mul(i128::from(share_ppm));
        let provision = round_half_even(product.ok_or(OutOfRange)?, 1_000_000)?;
        let change = sub(provision, self.provision_minor)?;
        self.provision_minor = provision;
        if change >= 0 {
            effects.tell(EventKind::Provisioned, Amounts::provision(change))
        } else {
            effects.take_back(EventKind::Provisioned, Amounts::provision(sub(0, change)?))
        }
    }

    /// Takes interest off the books: what is receivable is no income any more, and joins memo.
    pub(super) fn stop_accrual(&mut self, effects: &mut Effects) -> Result<(), OutOfRange> {
        if self.non_accrual {
            return Ok(());
        }
        let charges = self.charges()?;
        self.non_accrual = true;
        (self.receivable_minor, self.memo_minor) = (0, charges.total()?);
        self.record(EntryKind::NonAccrual, charges, effects)?;
        effects.tell(EventKind::InterestRemoved, charges)?;
        effects.tell(EventKind::Memo, charges)
    }

    fn resume_accrual(&mut self, effects: &mut Effects) -> Result<(), OutOfRange> {
        if !self.non_accrual {
            return Ok(());
        }
        self.non_accrual = false;
        if self.status == LoanStatus::Settled {
            // Everything is paid, so nothing comes back.
            return Ok(());
        }
        let charges = self.charges()?;
        (self.receivable_minor, self.memo_minor) = (charges.total()?, 0);
        self.record(EntryKind::AccrualResumed, charges, effects)?;
        effects.take_back(EventKind::Memo, charges)?;
        effects.tell(EventKind::InterestAccrued, charges)
    }

    fn count_days_overdue(&self) -> i64 {
        let Some(today) = self.opening_on() else { return 0 };
        let oldest = self.instalments.iter().find(|one| one.is_open());
        oldest.map_or(0, |one| today.signed_duration_since(one.due_on).num_days().max(0))
    }
}
