//! One instalment: what it asks for, and what has become of it.

use chrono::NaiveDate;
use kernel::{Rate, round_half_even};

use super::amounts::{add, sub};
use super::{Amounts, OutOfRange, Part};

/// One instalment of a schedule. Amounts are minor units, never negative; what is paid is never more than what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instalment {
    /// From 1.
    pub number: u32,
    /// The first day that its interest counts.
    pub period_start_on: NaiveDate,
    /// When it is due; the last day that its interest counts is the one before.
    pub due_on: NaiveDate,
    /// Principal.
    pub principal_minor: i64,
    /// Interest.
    pub interest_minor: i64,
    /// The yearly rate of its period.
    pub rate: Rate,
    /// Principal of it that is paid.
    pub principal_paid_minor: i64,
    /// Interest of it that is paid.
    pub interest_paid_minor: i64,
    /// Sum of late principal times days (罚息积数): minor units × days.
    pub penalty_product: i64,
    /// Sum of late interest times days (复利积数): minor units × days.
    pub compound_product: i64,
    /// Penalty interest charged so far.
    pub penalty_booked_minor: i64,
    /// Penalty interest paid.
    pub penalty_paid_minor: i64,
    /// Compound interest charged so far.
    pub compound_booked_minor: i64,
    /// Compound interest paid.
    pub compound_paid_minor: i64,
}

impl Instalment {
    /// An instalment of which nothing is paid.
    pub const fn new(
        number: u32,
        (period_start_on, due_on): (NaiveDate, NaiveDate),
        (principal_minor, interest_minor): (i64, i64),
        rate: Rate,
    ) -> Self {
        Self {
            number,
            period_start_on,
            due_on,
            principal_minor,
            interest_minor,
            rate,
            principal_paid_minor: 0,
            interest_paid_minor: 0,
            penalty_product: 0,
            compound_product: 0,
            penalty_booked_minor: 0,
            penalty_paid_minor: 0,
            compound_booked_minor: 0,
            compound_paid_minor: 0,
        }
    }

    /// What of it is not paid, with its penalty and compound interest so far.
    pub fn unpaid(&self) -> Result<Amounts, OutOfRange> {
        Ok(Amounts {
            principal_minor: sub(self.principal_minor, self.principal_paid_minor)?,
            interest_minor: sub(self.interest_minor, self.interest_paid_minor)?,
            penalty_minor: sub(self.penalty_booked_minor, self.penalty_paid_minor)?,
            compound_minor: sub(self.compound_booked_minor, self.compound_paid_minor)?,
            ..Amounts::NONE
        })
    }

    /// Whether anything of it is not paid.
    pub fn is_open(&self) -> bool {
        self.principal_minor > self.principal_paid_minor
            || self.interest_minor > self.interest_paid_minor
            || self.penalty_booked_minor > self.penalty_paid_minor
            || self.compound_booked_minor > self.compound_paid_minor
    }

    /// Pays as much of one part as is open and as there is money, and answers how much that was.
    pub(super) fn pay(&mut self, part: Part, money_minor: i64) -> Result<i64, OutOfRange> {
        let (asked, paid) = match part {
            Part::Principal => (self.principal_minor, &mut self.principal_paid_minor),
            Part::Interest => (self.interest_minor, &mut self.interest_paid_minor),
            Part::Penalty => (self.penalty_booked_minor, &mut self.penalty_paid_minor),
            Part::Compound => (self.compound_booked_minor, &mut self.compound_paid_minor),
        };
        let taken = sub(asked, *paid)?.clamp(0, money_minor.max(0));
        *paid = add(*paid, taken)?;
        Ok(taken)
    }

    /// One more late day: the products grow by what is unpaid, and, where `charged`, penalty and compound interest are
    /// brought up to them. Answers what was charged anew.
    ///
    /// Charge = product × contract rate × multiple / 360, rounded; the products are exact, so that rounding does not add
    /// up over days.
    pub(super) fn late_day(
        &mut self,
        penalty_multiple_ppm: i64,
        charged: bool,
    ) -> Result<Amounts, OutOfRange> {
        let unpaid = self.unpaid()?;
        self.penalty_product = add(self.penalty_product, unpaid.principal_minor)?;
        self.compound_product = add(self.compound_product, unpaid.interest_minor)?;
        if !charged {
            return Ok(Amounts::NONE);
        }
        let penalty = charge(self.penalty_product, self.rate, penalty_multiple_ppm)?;
        let compound = charge(self.compound_product, self.rate, penalty_multiple_ppm)?;
        let new = Amounts {
            penalty_minor: sub(penalty, self.penalty_booked_minor)?,
            compound_minor: sub(compound, self.compound_booked_minor)?,
            ..Amounts::NONE
        };
        self.penalty_booked_minor = penalty;
        self.compound_booked_minor = compound;
        Ok(new)
    }
}

/// 积数 × 日利率: product × rate × multiple / 360, to the minor unit.
fn charge(product: i64, rate: Rate, multiple_ppm: i64) -> Result<i64, OutOfRange> {
    /// 360 days, and the parts per million of the rate and of its multiple.
    const DENOMINATOR: i128 = 360 * 1_000_000 * 1_000_000;
    let numerator = i128::from(product)
        .checked_mul(i128::from(rate.ppm()))
        .and_then(|product| product.checked_mul(i128::from(multiple_ppm)));
    Ok(round_half_even(numerator.ok_or(OutOfRange)?, DENOMINATOR)?)
}
