//! An account and its arithmetic.

use kernel::{AccountNumber, Currency, CustomerId};

use super::{Product, Rejection};

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// Debits and credits.
    Active,
    /// Credits only.
    DebitFrozen,
    /// Neither.
    Frozen,
    /// Ended.
    Closed,
}

impl AccountStatus {
    const ALL: [Self; 4] = [Self::Active, Self::DebitFrozen, Self::Frozen, Self::Closed];

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::DebitFrozen => "DEBIT_FROZEN",
            Self::Frozen => "FROZEN",
            Self::Closed => "CLOSED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// A deposit account as it stands. Amounts are minor units of its one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub number: AccountNumber,
    /// Its owner.
    pub customer_id: CustomerId,
    /// What it was opened from.
    pub product: &'static Product,
    /// Its one currency.
    pub currency: Currency,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// What is booked.
    pub balance_minor: i64,
    /// What active holds reserve.
    pub held_minor: i64,
    /// What must stay.
    pub minimum_minor: i64,
    /// How far below zero it may go.
    pub overdraft_minor: i64,
    /// Sequence of the latest entry; 0 before the first.
    pub last_sequence: i64,
}

impl Account {
    /// What a debit may take: balance − holds − minimum + unused overdraft. Negative where the account stands
    /// below its minimum.
    pub fn available_minor(&self) -> i64 {
        self.balance_minor
            .saturating_sub(self.held_minor)
            .saturating_sub(self.minimum_minor)
            .saturating_add(self.overdraft_minor)
    }

    /// Takes money that nothing reserves.
    ///
    /// # Errors
    /// The account is closed or frozen, has another currency, or not enough available money.
    pub fn debit(&mut self, amount_minor: i64, currency: Currency) -> Result<(), Rejection> {
        self.may_debit(currency)?;
        if amount_minor > self.available_minor() {
            return Err(Rejection::InsufficientFunds);
        }
        self.book(amount_minor.checked_neg().ok_or(Rejection::BalanceOverflow)?)
    }

    /// Adds money.
    ///
    /// # Errors
    /// The account is closed or wholly frozen, has another currency, or would exceed the largest amount.
    pub fn credit(&mut self, amount_minor: i64, currency: Currency) -> Result<(), Rejection> {
        match self.status {
            AccountStatus::Closed => return Err(Rejection::AccountClosed),
            AccountStatus::Frozen => return Err(Rejection::AccountFrozen),
            AccountStatus::Active | AccountStatus::DebitFrozen => {}
        }
        self.same_currency(currency)?;
        self.book(amount_minor)
    }

    /// Reserves money without moving it.
    ///
    /// # Errors
    /// As [`debit`](Self::debit).
    pub fn reserve(&mut self, amount_minor: i64, currency: Currency) -> Result<(), Rejection> {
        self.may_debit(currency)?;
        if amount_minor > self.available_minor() {
            return Err(Rejection::InsufficientFunds);
        }
        let held = self.held_minor.checked_add(amount_minor);
        self.held_minor = held.ok_or(Rejection::BalanceOverflow)?;
        Ok(())
    }

    /// Gives reserved money back. A freeze does not matter: nothing leaves the account.
    ///
    /// # Errors
    /// More than is reserved, which means that the books disagree with their holds.
    pub fn unreserve(&mut self, amount_minor: i64) -> Result<(), Rejection> {
        let held = self.held_minor.checked_sub(amount_minor).filter(|held| *held >= 0);
        self.held_minor = held.ok_or(Rejection::CaptureExceedsHold)?;
        Ok(())
    }

    /// Takes money that a hold has reserved. Available money does not matter: the hold has been covered since it
    /// was placed.
    ///
    /// # Errors
    /// The account is closed or frozen, or has another currency.
    pub fn take_reserved(
        &mut self,
        amount_minor: i64,
        currency: Currency,
    ) -> Result<(), Rejection> {
        self.may_debit(currency)?;
        self.unreserve(amount_minor)?;
        self.book(amount_minor.checked_neg().ok_or(Rejection::BalanceOverflow)?)
    }

    /// Takes money of which a hold has reserved a part: only the rest must be available.
    ///
    /// # Errors
    /// As [`debit`](Self::debit), for the rest.
    pub fn debit_with_reserved(
        &mut self,
        amount_minor: i64,
        reserved_minor: i64,
        currency: Currency,
    ) -> Result<(), Rejection> {
        self.may_debit(currency)?;
        let rest = amount_minor.saturating_sub(reserved_minor);
        // An account below its minimum still pays what was covered when it was reserved.
        if rest > 0 && rest > self.available_minor() {
            return Err(Rejection::InsufficientFunds);
        }
        self.unreserve(reserved_minor)?;
        self.book(amount_minor.checked_neg().ok_or(Rejection::BalanceOverflow)?)
    }

    fn may_debit(&self, currency: Currency) -> Result<(), Rejection> {
        match self.status {
            AccountStatus::Closed => return Err(Rejection::AccountClosed),
            AccountStatus::DebitFrozen | AccountStatus::Frozen => {
                return Err(Rejection::AccountFrozen);
            }
            AccountStatus::Active => {}
        }
        self.same_currency(currency)
    }

    fn same_currency(&self, currency: Currency) -> Result<(), Rejection> {
        if self.currency == currency { Ok(()) } else { Err(Rejection::CurrencyMismatch) }
    }

    fn book(&mut self, signed_minor: i64) -> Result<(), Rejection> {
        let balance = self.balance_minor.checked_add(signed_minor);
        let sequence = self.last_sequence.checked_add(1);
        self.balance_minor = balance.ok_or(Rejection::BalanceOverflow)?;
        self.last_sequence = sequence.ok_or(Rejection::BalanceOverflow)?;
        Ok(())
    }
}
