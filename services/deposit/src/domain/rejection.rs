//! Every way in which the bank says no to a well-formed request about deposit accounts.
//!
//! A refusal is an outcome: it is recorded under the request id and answered again when the request is repeated.
//! So it carries a reason and no figures, which would have to be stored to be repeated.

/// Why a request was refused. `docs/reference/errors.md` explains each to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// No such account in this bank.
    #[error("there is no such account")]
    AccountUnknown,
    /// The account has ended.
    #[error("the account is closed")]
    AccountClosed,
    /// The account's freeze forbids this movement.
    #[error("the account is frozen")]
    AccountFrozen,
    /// Closing needs a balance of zero and no active hold.
    #[error("the account still has a balance or an active hold")]
    AccountNotEmpty,
    /// The posting has been undone before.
    #[error("the posting is already reversed")]
    AlreadyReversed,
    /// The account would exceed the largest amount that can be kept.
    #[error("the balance would exceed the largest amount")]
    BalanceOverflow,
    /// Only postings of the current business date are undone by reversal.
    #[error("the posting's business date has passed")]
    BusinessDatePassed,
    /// More than is still reserved.
    #[error("the amount exceeds what the hold still reserves")]
    CaptureExceedsHold,
    /// The amount's currency is not the account's, or the product does not offer it.
    #[error("the currency does not match")]
    CurrencyMismatch,
    /// The owner is registered but may not open accounts.
    #[error("the customer is not active")]
    CustomerNotActive,
    /// The owner is not registered.
    #[error("there is no such customer")]
    CustomerUnknown,
    /// The hold was captured, released or has expired.
    #[error("the hold has ended")]
    HoldEnded,
    /// A card authorization has reserved it.
    #[error("the hold belongs to a card authorization")]
    HoldOfCard,
    /// No such hold.
    #[error("there is no such hold")]
    HoldUnknown,
    /// The account's status does not allow this change.
    #[error("the account's status does not allow this")]
    IllegalTransition,
    /// Available money does not cover the amount.
    #[error("available money does not cover the amount")]
    InsufficientFunds,
    /// The customer has been closed: nothing is opened any more.
    #[error("the customer has been closed")]
    OwnerClosed,
    /// The customer still has open accounts.
    #[error("the customer has open accounts")]
    OwnerHasAccounts,
    /// The posting moved no money, was refused, or is itself a reversal.
    #[error("the posting cannot be reversed")]
    PostingNotReversible,
    /// No such product.
    #[error("there is no such product")]
    ProductUnknown,
    /// The request id was used before for a request with other content. Not recorded: the first outcome stays.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// A reversal of this request arrived before the request itself; it will never be posted.
    #[error("the request was reversed before it arrived")]
    ReversedBeforePosted,
}

impl Rejection {
    /// All of them, for the error reference and for tests that must miss none.
    pub const ALL: [Self; 22] = [
        Self::AccountUnknown,
        Self::AccountClosed,
        Self::AccountFrozen,
        Self::AccountNotEmpty,
        Self::AlreadyReversed,
        Self::BalanceOverflow,
        Self::BusinessDatePassed,
        Self::CaptureExceedsHold,
        Self::CurrencyMismatch,
        Self::CustomerNotActive,
        Self::CustomerUnknown,
        Self::HoldEnded,
        Self::HoldOfCard,
        Self::HoldUnknown,
        Self::IllegalTransition,
        Self::InsufficientFunds,
        Self::OwnerClosed,
        Self::OwnerHasAccounts,
        Self::PostingNotReversible,
        Self::ProductUnknown,
        Self::RequestIdReused,
        Self::ReversedBeforePosted,
    ];

    /// The reason as callers and the books know it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccountUnknown => "ACCOUNT_UNKNOWN",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::AccountFrozen => "ACCOUNT_FROZEN",
            Self::AccountNotEmpty => "ACCOUNT_NOT_EMPTY",
            Self::AlreadyReversed => "ALREADY_REVERSED",
            Self::BalanceOverflow => "BALANCE_OVERFLOW",
            Self::BusinessDatePassed => "BUSINESS_DATE_PASSED",
            Self::CaptureExceedsHold => "CAPTURE_EXCEEDS_HOLD",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::CustomerNotActive => "CUSTOMER_NOT_ACTIVE",
            Self::CustomerUnknown => "CUSTOMER_UNKNOWN",
            Self::HoldEnded => "HOLD_ENDED",
            Self::HoldOfCard => "HOLD_OF_CARD",
            Self::HoldUnknown => "HOLD_UNKNOWN",
            Self::IllegalTransition => "ILLEGAL_TRANSITION",
            Self::InsufficientFunds => "INSUFFICIENT_FUNDS",
            Self::OwnerClosed => "OWNER_CLOSED",
            Self::OwnerHasAccounts => "OWNER_HAS_ACCOUNTS",
            Self::PostingNotReversible => "POSTING_NOT_REVERSIBLE",
            Self::ProductUnknown => "PRODUCT_UNKNOWN",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::ReversedBeforePosted => "REVERSED_BEFORE_POSTED",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.code() == code)
    }
}
