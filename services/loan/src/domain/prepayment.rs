//! Paying back early: the quote, and what becomes of the schedule.
//!
//! Nothing may be late. All of it: outstanding principal, what is due today, and the interest of the running period
//! through the day before the quote's date (the first day of a period counts, the last does not). Part of it: principal
//! that is not due, and the fee; the interest that has accrued stays where it is and is due with its instalment, whose
//! remaining days bear interest on what is left.

use chrono::NaiveDate;
use kernel::round_half_even;

use super::amounts::{add, sub};
use super::schedule::Size;
use super::{
    Amounts, Effects, EntryKind, EventKind, Loan, LoanStatus, Method, OutOfRange, Rejection,
};

/// What becomes of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrepaymentKind {
    /// All of it is paid back.
    Full,
    /// Part; the instalments stay as large and become fewer.
    ShortenTerm,
    /// Part; the instalments stay as many and become smaller.
    ReduceInstalment,
}

impl PrepaymentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::ShortenTerm, Self::ReduceInstalment];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::ShortenTerm => "SHORTEN_TERM",
            Self::ReduceInstalment => "REDUCE_INSTALMENT",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What paying back early costs, until a date or until anything else happens to the loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// What is done with it.
    pub kind: PrepaymentKind,
    /// What is paid: principal, interest and fee. Nothing may be late, so penalty is what late days before have left.
    pub amounts: Amounts,
    /// The last date on which it holds, and up to which interest is counted, whenever it is paid. Never after the next
    /// due date, and today where something is due today.
    pub valid_through: NaiveDate,
    /// The version of the loan that it holds for.
    pub loan_version: i64,
}

impl Loan {
    /// Says what paying back early costs. `principal_minor` is the part; it is not looked at for all of it.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`]; [`Rejection::PrepaymentNotAllowed`]: by the product, of a part that shortens a
    /// schedule whose principal is all due at the end; [`Rejection::LoanOverdue`]: something is late or, for a part,
    /// due; [`Rejection::AmountOutOfRange`]: below the product's minimum, or all that is not due yet.
    pub fn quote(
        &self,
        kind: PrepaymentKind,
        principal_minor: i64,
        valid_through: NaiveDate,
    ) -> Result<Quote, Rejection> {
        self.must_be(LoanStatus::Active)?;
        let today = self.today()?;
        if !self.product.prepayment.allowed {
            return Err(Rejection::PrepaymentNotAllowed);
        }
        let due = self.owed()?.due;
        if self.is_late(today) || (kind != PrepaymentKind::Full && !due.is_none()) {
            return Err(Rejection::LoanOverdue);
        }
        // Where something is due today, that is the end of the running period.
        let last = self.running.map_or(today, |one| one.due_on.max(today));
        let valid_through = valid_through.clamp(today, last);
        let amounts = match kind {
            PrepaymentKind::Full => self.full_amounts(due, valid_through)?,
            PrepaymentKind::ShortenTerm | PrepaymentKind::ReduceInstalment => {
                self.part_amounts(kind, principal_minor)?
            }
        };
        Ok(Quote { kind, amounts, valid_through, loan_version: self.version })
    }

    /// Whether a quote still holds.
    ///
    /// # Errors
    /// [`Rejection::IllegalTransition`]; [`Rejection::QuoteExpired`].
    pub fn check_quote(&self, quote: &Quote) -> Result<(), Rejection> {
        self.must_be(LoanStatus::Active)?;
        let holds = self.version == quote.loan_version && self.today()? <= quote.valid_through;
        if holds { Ok(()) } else { Err(Rejection::QuoteExpired) }
    }

    /// Pays back early, exactly what was quoted.
    ///
    /// # Errors
    /// As [`check_quote`](Self::check_quote).
    pub fn prepay(&mut self, quote: &Quote) -> Result<Effects, Rejection> {
        self.check_quote(quote)?;
        let mut effects = Effects::default();
        match quote.kind {
            PrepaymentKind::Full => self.prepay_all(quote, &mut effects)?,
            PrepaymentKind::ShortenTerm | PrepaymentKind::ReduceInstalment => {
                self.prepay_part(quote)?;
            }
        }
        let principal = quote.amounts.principal_minor;
        self.principal_minor = sub(self.principal_minor, principal)?;
        let charges = quote.amounts.charges().total()?;
        self.receivable_minor = sub(self.receivable_minor, charges)?;
        self.record(EntryKind::Prepaid, quote.amounts, &mut effects)?;
        effects.tell(EventKind::Repaid, quote.amounts)?;
        self.settle_if_paid();
        self.review(&mut effects)?;
        Ok(effects)
    }

    fn full_amounts(&self, due: Amounts, valid_through: NaiveDate) -> Result<Amounts, Rejection> {
        let until = valid_through.pred_opt().ok_or(OutOfRange)?;
        let accrued = match self.running {
            Some(running) if Some(running.due_on) > self.opening_on() => {
                running.accrued_through(until)?.max(running.accrued_minor)
            }
            _ => 0,
        };
        let early = sub(self.principal_minor, due.principal_minor)?;
        Ok(Amounts {
            principal_minor: self.principal_minor,
            interest_minor: add(due.interest_minor, accrued)?,
            fee_minor: self.prepayment_fee(early)?,
            ..due
        })
    }

    fn part_amounts(&self, kind: PrepaymentKind, principal: i64) -> Result<Amounts, Rejection> {
        let at_the_end = matches!(self.product.method, Method::InterestOnly | Method::Bullet);
        if kind == PrepaymentKind::ShortenTerm && at_the_end {
            return Err(Rejection::PrepaymentNotAllowed);
        }
        let minimum = self.product.offer(self.terms.currency)?.prepayment_minimum_minor;
        if principal < minimum.max(1) || principal >= self.principal_minor {
            return Err(Rejection::AmountOutOfRange);
        }
        let fee_minor = self.prepayment_fee(principal)?;
        Ok(Amounts { fee_minor, ..Amounts::principal(principal) })
    }

    fn prepayment_fee(&self, principal_minor: i64) -> Result<i64, OutOfRange> {
        let ppm = i128::from(self.product.prepayment.fee_ppm);
        let product = i128::from(principal_minor).checked_mul(ppm).ok_or(OutOfRange)?;
        Ok(round_half_even(product, 1_000_000)?)
    }

    /// Each instalment is left at what was paid of it; interest counts as due until the quote's date.
    fn prepay_all(&mut self, quote: &Quote, effects: &mut Effects) -> Result<(), OutOfRange> {
        let index = self.running_index();
        if let (Some(mut running), Some(index)) = (self.running.take(), index) {
            let new = running.accrue(quote.valid_through.pred_opt().ok_or(OutOfRange)?)?;
            self.receivable_minor = add(self.receivable_minor, new.interest_minor)?;
            effects.tell(EventKind::InterestAccrued, new)?;
            self.instalments.truncate(index.saturating_add(1));
            if let Some(last) = self.instalments.last_mut() {
                last.interest_minor = running.accrued_minor;
            }
        }
        for instalment in &mut self.instalments {
            instalment.principal_minor = instalment.principal_paid_minor;
            instalment.interest_paid_minor = instalment.interest_minor;
            instalment.penalty_paid_minor = instalment.penalty_booked_minor;
            instalment.compound_paid_minor = instalment.compound_booked_minor;
        }
        Ok(())
    }

    fn prepay_part(&mut self, quote: &Quote) -> Result<(), OutOfRange> {
        let index = self.running_index().ok_or(OutOfRange)?;
        let size = match quote.kind {
            PrepaymentKind::ShortenTerm => self.size_at(index)?,
            PrepaymentKind::Full | PrepaymentKind::ReduceInstalment => Size::Spread,
        };
        let balance = sub(self.balance_from(index)?, quote.amounts.principal_minor)?;
        self.change_principal(index, balance, size)
    }
}
