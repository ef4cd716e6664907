//! The schedule: what is due when. One function makes it, for a preview, the first payment to the borrower, and whatever
//! changes it later.
//!
//! Interest is that of the balance at the start of the period; only the running period of a loan whose principal changes
//! has two stretches. Principal by method; the last instalment takes what is left, so that Σ principal is the balance,
//! whatever was rounded. Instalments that interest alone would exceed have no principal, and none is negative.

use chrono::NaiveDate;
use kernel::{Currency, Money, Rate, interest, round_half_even};

use super::amounts::{add, sub};
use super::periods::{self, Period};
use super::{Instalment, Loan, Method, OutOfRange, Product, Rejection, Terms, annuity};

/// How large the instalments of a changed schedule are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// As many as there are periods, and as small as that makes them.
    Spread,
    /// As large as this (the whole instalment of an annuity, the principal of each of equal principal), and as few as
    /// that makes them.
    Keep(i64),
}

/// What a schedule is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    /// The product.
    pub product: &'a Product,
    /// The due day of the loan.
    pub due_day: u32,
    /// The rate of all periods.
    pub rate: Rate,
}

/// The schedule that a loan has if it is paid out whole on a date: what is booked then, to the cent. A benchmark that
/// changes later will change it.
///
/// # Errors
/// As [`Product::accept`]; [`Rejection::ProductUnknown`] where the product's benchmark has no value on the date;
/// [`Rejection::TermOutOfRange`] for a due day that no month has.
pub fn preview(
    product: &Product,
    terms: &Terms,
    disbursed_on: NaiveDate,
) -> Result<Vec<Instalment>, Rejection> {
    product.accept(terms.currency, terms.amount_minor, terms.term_months)?;
    first(product, terms, terms.amount_minor, disbursed_on)
}

/// The schedule of an amount that is paid out on a date.
pub(super) fn first(
    product: &Product,
    terms: &Terms,
    amount_minor: i64,
    disbursed_on: NaiveDate,
) -> Result<Vec<Instalment>, Rejection> {
    let rate = product.rate_on(disbursed_on).ok_or(Rejection::ProductUnknown)?;
    if !(1..=31).contains(&terms.due_day) {
        return Err(Rejection::TermOutOfRange);
    }
    let mut periods = periods::monthly(disbursed_on, terms.due_day, terms.term_months)?;
    if product.method == Method::Bullet {
        let due_on = periods.last().map(|period| period.due_on).ok_or(OutOfRange)?;
        periods = vec![Period { start_on: disbursed_on, due_on }];
    }
    let plan = Plan { product, due_day: terms.due_day, rate };
    Ok(plan.instalments((1, &periods), amount_minor, None, Size::Spread)?)
}

impl Plan<'_> {
    /// Spreads a balance over periods, whose first has a number. `first_interest` is the interest of that one, where it
    /// is not simply that of the balance.
    pub(super) fn instalments(
        self,
        (first_number, periods): (u32, &[Period]),
        balance_minor: i64,
        first_interest: Option<i64>,
        size: Size,
    ) -> Result<Vec<Instalment>, OutOfRange> {
        let (periods, size) = self.fit(periods, balance_minor, size)?;
        let mut balance = balance_minor;
        let mut instalments = Vec::with_capacity(periods.len());
        for (number, (place, period)) in (first_number..).zip(periods.iter().enumerate()) {
            let interest = match first_interest.filter(|_| place == 0) {
                Some(interest) => interest,
                None => self.interest(balance, *period)?,
            };
            let is_last = place.saturating_add(1) == periods.len();
            let principal =
                if is_last { balance } else { self.principal(balance, interest, size)? };
            balance = sub(balance, principal)?;
            let dates = (period.start_on, period.due_on);
            instalments.push(Instalment::new(number, dates, (principal, interest), self.rate));
        }
        Ok(instalments)
    }

    /// The interest of a balance for a whole period.
    pub(super) fn interest(self, balance_minor: i64, period: Period) -> Result<i64, OutOfRange> {
        let fraction = self.product.day_counting.fraction(period, self.due_day)?;
        // The currency does not matter: the amount is in minor units before and after.
        let balance = Money::new(balance_minor, Currency::CNY);
        Ok(interest(balance, self.rate, fraction)?.minor())
    }

    /// The interest of a balance from a day of a period to its end: the share of those days.
    fn rest(
        self,
        balance_minor: i64,
        period: Period,
        from_on: NaiveDate,
    ) -> Result<i64, OutOfRange> {
        /// Parts per million in one.
        const MILLION: i128 = 1_000_000;
        let fraction = self.product.day_counting.fraction(period, self.due_day)?;
        let days = Period { start_on: from_on, due_on: period.due_on }.days().max(0);
        let factors = [self.rate.ppm(), fraction.numerator(), days];
        let numerator = factors
            .into_iter()
            .try_fold(i128::from(balance_minor), |product, one| product.checked_mul(one.into()));
        let denominator = i128::from(fraction.denominator())
            .checked_mul(period.days().into())
            .and_then(|product| product.checked_mul(MILLION));
        Ok(round_half_even(numerator.ok_or(OutOfRange)?, denominator.ok_or(OutOfRange)?)?)
    }

    /// How many of the periods it takes, and how large that makes each instalment.
    fn fit(
        self,
        periods: &[Period],
        balance: i64,
        size: Size,
    ) -> Result<(&[Period], i64), OutOfRange> {
        let count = u32::try_from(periods.len()).map_err(|_| OutOfRange)?;
        let wanted = match (self.product.method, size) {
            (Method::InterestOnly | Method::Bullet, _) => return Ok((periods, 0)),
            (method, Size::Spread) => return Ok((periods, self.spread(method, balance, count)?)),
            (_, Size::Keep(wanted)) => wanted,
        };
        let (mut too_few, mut enough) = (0_u32, count);
        while enough.saturating_sub(too_few) > 1 {
            let middle = too_few.midpoint(enough);
            let fits = self.spread(self.product.method, balance, middle)? <= wanted;
            if fits { enough = middle } else { too_few = middle }
        }
        let kept = usize::try_from(enough).map_err(|_| OutOfRange)?;
        Ok((periods.get(..kept).unwrap_or(periods), wanted))
    }

    /// The instalment that pays a balance back in a number of months.
    fn spread(self, method: Method, balance: i64, months: u32) -> Result<i64, OutOfRange> {
        match method {
            Method::Annuity => annuity::instalment(balance, self.rate, months),
            Method::EqualPrincipal => Ok(round_half_even(balance.into(), months.into())?),
            Method::InterestOnly | Method::Bullet => Ok(0),
        }
    }

    fn principal(self, balance: i64, interest: i64, size: i64) -> Result<i64, OutOfRange> {
        let principal = match self.product.method {
            Method::Annuity => sub(size, interest)?,
            Method::EqualPrincipal => size,
            Method::InterestOnly | Method::Bullet => 0,
        };
        Ok(principal.clamp(0, balance.max(0)))
    }
}

impl Loan {
    /// How large the instalments are from the running one on: what a shorter schedule keeps.
    pub(super) fn size_at(&self, index: usize) -> Result<Size, OutOfRange> {
        let last = self.instalments.len().saturating_sub(1);
        // Of an annuity, the running instalment may stand out: its period may be broken, or have two stretches.
        let (model, annuity) = match self.product.method {
            Method::Annuity => (index.saturating_add(1), true),
            _ => (index, false),
        };
        if let Some(model) = self.instalments.get(model).filter(|_| model < last) {
            let interest = if annuity { model.interest_minor } else { 0 };
            return Ok(Size::Keep(add(model.principal_minor, interest)?));
        }
        let months = self.instalments.len().saturating_sub(index);
        let months = u32::try_from(months).map_err(|_| OutOfRange)?;
        let balance = self.balance_from(index)?;
        Ok(Size::Keep(self.plan().spread(self.product.method, balance, months)?))
    }

    /// The principal changes today, in the running period: what has accrued is carried, the rest of the period bears
    /// interest on the new balance, and the schedule is made anew from its instalment on.
    pub(super) fn change_principal(
        &mut self,
        index: usize,
        balance_minor: i64,
        size: Size,
    ) -> Result<(), OutOfRange> {
        let today = self.opening_on().ok_or(OutOfRange)?;
        let mut running = self.running.ok_or(OutOfRange)?;
        if running.due_on <= today {
            // Its instalment is due today, of nothing: the change is in the next.
            return self.remake(index.saturating_add(1), balance_minor, None, size);
        }
        let instalment = self.instalments.get(index).ok_or(OutOfRange)?;
        let period = Period { start_on: instalment.period_start_on, due_on: instalment.due_on };
        let rest = self.plan().rest(balance_minor, period, today)?;
        running.restart(today, rest)?;
        self.running = Some(running);
        self.remake(index, balance_minor, Some(running.interest_minor), size)
    }

    /// Makes the schedule anew from an instalment on, at the rate that now applies.
    pub(super) fn remake(
        &mut self,
        index: usize,
        balance_minor: i64,
        first_interest: Option<i64>,
        size: Size,
    ) -> Result<(), OutOfRange> {
        let rest = self.instalments.get(index..).unwrap_or_default();
        let Some(first_number) = rest.first().map(|one| one.number) else { return Ok(()) };
        let periods: Vec<Period> = rest
            .iter()
            .map(|one| Period { start_on: one.period_start_on, due_on: one.due_on })
            .collect();
        let plan = self.plan();
        let made =
            plan.instalments((first_number, &periods), balance_minor, first_interest, size)?;
        self.instalments.truncate(index);
        self.instalments.extend(made);
        Ok(())
    }

    fn plan(&self) -> Plan<'_> {
        Plan { product: &self.product, due_day: self.terms.due_day, rate: self.rate }
    }
}
