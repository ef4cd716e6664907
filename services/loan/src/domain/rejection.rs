//! Every way in which the bank says no to a well-formed request about loans.
//!
//! A refusal is an outcome: it is recorded under the request id and answered again when the request is repeated.
//! So it carries a reason and no figures, which would have to be stored to be repeated.

use super::OutOfRange;

macro_rules! rejections {
    ($($(#[doc = $meaning:literal])+ $Name:ident = $code:literal, $message:literal;)+) => {
        /// Why a request was refused. `docs/reference/errors.md` explains each to callers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum Rejection {
            $($(#[doc = $meaning])+ #[error($message)] $Name,)+
        }

        impl Rejection {
            /// All of them, for the error reference and for tests that must miss none.
            pub const ALL: &[Self] = &[$(Self::$Name),+];

            /// The reason as callers and the books know it.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$Name => $code,)+
                }
            }
        }
    };
}

rejections! {
    /// The deposit account is closed.
    AccountClosed = "ACCOUNT_CLOSED", "the account is closed";
    /// The deposit account's freeze forbids this movement.
    AccountFrozen = "ACCOUNT_FROZEN", "the account is frozen";
    /// No such deposit account, or not the borrower's.
    AccountUnknown = "ACCOUNT_UNKNOWN", "there is no such account";
    /// The amount is outside what the product, the approval or the outstanding principal allows.
    AmountOutOfRange = "AMOUNT_OUT_OF_RANGE", "the amount is out of range";
    /// The hash that was named is not that of the application.
    ApplicationChanged = "APPLICATION_CHANGED", "that is not what was applied for";
    /// The deposit account would exceed the largest amount that can be kept.
    BalanceOverflow = "BALANCE_OVERFLOW", "the balance would exceed the largest amount";
    /// The end of a day needs a date that a cut-over has left.
    BusinessDateOpen = "BUSINESS_DATE_OPEN", "the business date is still open";
    /// The amount's currency is not the loan's, or the product or the account does not offer it.
    CurrencyMismatch = "CURRENCY_MISMATCH", "the currency does not match";
    /// The borrower is registered but may not borrow.
    CustomerNotActive = "CUSTOMER_NOT_ACTIVE", "the customer is not active";
    /// The borrower is not registered.
    CustomerUnknown = "CUSTOMER_UNKNOWN", "there is no such customer";
    /// Whoever applied for a loan does not decide on it.
    DecidedByApplicant = "DECIDED_BY_APPLICANT", "who applied cannot decide";
    /// The loan's status does not allow this.
    IllegalTransition = "ILLEGAL_TRANSITION", "the loan's status does not allow this";
    /// Available money does not cover the amount.
    InsufficientFunds = "INSUFFICIENT_FUNDS", "available money does not cover the amount";
    /// Money of this loan is on its way: one movement at a time.
    LoanBusy = "LOAN_BUSY", "a payment of this loan is still on its way";
    /// Something is due and unpaid, which comes first.
    LoanOverdue = "LOAN_OVERDUE", "something is due and unpaid";
    /// No such loan in this bank.
    LoanUnknown = "LOAN_UNKNOWN", "there is no such loan";
    /// Only a loan of the category LOSS is written off.
    NotALoss = "NOT_A_LOSS", "the loan is not classified as a loss";
    /// The product does not allow paying back early, or not so.
    PrepaymentNotAllowed = "PREPAYMENT_NOT_ALLOWED", "the product does not allow this prepayment";
    /// No such product, or it cannot be sold on this date.
    ProductUnknown = "PRODUCT_UNKNOWN", "there is no such product";
    /// The proposal has been decided before.
    ProposalAlreadyDecided = "PROPOSAL_ALREADY_DECIDED", "it has been decided before";
    /// Whoever proposes cannot decide.
    ProposalBySamePerson = "PROPOSAL_BY_SAME_PERSON", "who proposes cannot decide";
    /// The hash that was named is not that of the proposal.
    ProposalChanged = "PROPOSAL_CHANGED", "that is not what was proposed";
    /// It is too late to approve the proposal.
    ProposalExpired = "PROPOSAL_EXPIRED", "it is too late to approve it";
    /// No such proposal.
    ProposalUnknown = "PROPOSAL_UNKNOWN", "there is no such proposal of this kind";
    /// The quote's date has passed, or something has happened to the loan since.
    QuoteExpired = "QUOTE_EXPIRED", "the quote does not hold any more";
    /// No such quote.
    QuoteUnknown = "QUOTE_UNKNOWN", "there is no such quote";
    /// More than is due.
    RepaymentExceedsDue = "REPAYMENT_EXCEEDS_DUE", "the amount exceeds what is due";
    /// The request id was used before for a request with other content. Not recorded: the first outcome stays.
    RequestIdReused = "REQUEST_ID_REUSED", "the request id was used for another request";
    /// A reversal of the payment reached deposit before the payment did: it will never be made.
    ReversedBeforePosted = "REVERSED_BEFORE_POSTED", "the payment was reversed before it was made";
    /// The product does not offer this term.
    TermOutOfRange = "TERM_OUT_OF_RANGE", "the term is out of range";
    /// A further payment to the borrower is possible before the first due date only.
    TrancheTooLate = "TRANCHE_TOO_LATE", "the first instalment is due: nothing more is paid out";
    /// A better category needs arrears to be paid first.
    UpgradeWhileOverdue = "UPGRADE_WHILE_OVERDUE", "the category does not improve while the loan is overdue";
}

impl Rejection {
    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rejection| rejection.code() == code)
    }
}

impl From<OutOfRange> for Rejection {
    fn from(_: OutOfRange) -> Self {
        Self::AmountOutOfRange
    }
}
