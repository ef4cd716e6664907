//! Amounts by what they are: principal, interest, penalty interest, compound interest, fee, provision.

/// A result does not fit 64 bits of minor units, or a date is beyond the calendar. Amounts and terms within a product's
/// limits never get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount or date is out of range")]
pub struct OutOfRange;

impl From<kernel::RoundingError> for OutOfRange {
    fn from(_: kernel::RoundingError) -> Self {
        Self
    }
}

/// Amounts of one currency by what they are, minor units. Never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What was lent.
    pub principal_minor: i64,
    /// Interest at the contract rate.
    pub interest_minor: i64,
    /// Penalty interest on late principal (罚息).
    pub penalty_minor: i64,
    /// Compound interest on late interest (复利).
    pub compound_minor: i64,
    /// The fee of a prepayment.
    pub fee_minor: i64,
    /// What is set aside for the loss of the loan.
    pub provision_minor: i64,
}

impl Amounts {
    /// Nothing.
    pub const NONE: Self = Self {
        principal_minor: 0,
        interest_minor: 0,
        penalty_minor: 0,
        compound_minor: 0,
        fee_minor: 0,
        provision_minor: 0,
    };

    /// Principal alone.
    pub const fn principal(principal_minor: i64) -> Self {
        Self { principal_minor, ..Self::NONE }
    }

    /// Interest alone.
    pub const fn interest(interest_minor: i64) -> Self {
        Self { interest_minor, ..Self::NONE }
    }

    /// Provision alone.
    pub const fn provision(provision_minor: i64) -> Self {
        Self { provision_minor, ..Self::NONE }
    }

    /// Only interest, penalty and compound interest: what is receivable, or memo.
    #[must_use]
    pub const fn charges(self) -> Self {
        Self { principal_minor: 0, fee_minor: 0, provision_minor: 0, ..self }
    }

    /// Part by part, the sum of both.
    pub fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        self.combine(other, i64::checked_add)
    }

    /// Part by part, the difference.
    pub fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.combine(other, i64::checked_sub)
    }

    /// All parts together.
    pub fn total(self) -> Result<i64, OutOfRange> {
        let parts = [
            self.principal_minor,
            self.interest_minor,
            self.penalty_minor,
            self.compound_minor,
            self.fee_minor,
            self.provision_minor,
        ];
        sum(parts)
    }

    /// Whether every part is zero.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn combine(self, other: Self, f: impl Fn(i64, i64) -> Option<i64>) -> Result<Self, OutOfRange> {
        let part = |left, right| f(left, right).ok_or(OutOfRange);
        Ok(Self {
            principal_minor: part(self.principal_minor, other.principal_minor)?,
            interest_minor: part(self.interest_minor, other.interest_minor)?,
            penalty_minor: part(self.penalty_minor, other.penalty_minor)?,
            compound_minor: part(self.compound_minor, other.compound_minor)?,
            fee_minor: part(self.fee_minor, other.fee_minor)?,
            provision_minor: part(self.provision_minor, other.provision_minor)?,
        })
    }
}

/// The sum of amounts.
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64, OutOfRange> {
    amounts.into_iter().try_fold(0, add)
}

/// The sum of two amounts.
pub fn add(left: i64, right: i64) -> Result<i64, OutOfRange> {
    left.checked_add(right).ok_or(OutOfRange)
}

/// The difference of two amounts.
pub fn sub(left: i64, right: i64) -> Result<i64, OutOfRange> {
    left.checked_sub(right).ok_or(OutOfRange)
}
