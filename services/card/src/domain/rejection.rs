//! Every way in which the bank says no to a well-formed request about cards. What the scheme is declined is a response
//! code instead.
//!
//! A refusal is an outcome: it is recorded under the request id and answered again when the request is repeated.
//! So it carries a reason and no figures, which would have to be stored to be repeated.

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
    /// The account is closed.
    AccountClosed = "ACCOUNT_CLOSED", "the account is closed";
    /// No such account, or not the holder's.
    AccountUnknown = "ACCOUNT_UNKNOWN", "there is no such account";
    /// The authorization has been cleared by the scheme's file: it is taken back by a refund.
    AlreadyCleared = "ALREADY_CLEARED", "the authorization is cleared";
    /// The card has a replacement.
    AlreadyReplaced = "ALREADY_REPLACED", "the card has been replaced";
    /// The authorization is not open any more: declined, reversed, expired, cleared or being cleared.
    AuthorizationEnded = "AUTHORIZATION_ENDED", "the authorization has ended";
    /// The authorization that the record names still reserves something: tried again, the record is taken from that.
    AuthorizationOpen = "AUTHORIZATION_OPEN", "the authorization is open: try again instead";
    /// No such authorization.
    AuthorizationUnknown = "AUTHORIZATION_UNKNOWN", "there is no such authorization";
    /// No number is left in the product's range.
    BinExhausted = "BIN_EXHAUSTED", "the product has no card numbers left";
    /// The break is resolved.
    BreakResolved = "BREAK_RESOLVED", "the break is resolved";
    /// No such break.
    BreakUnknown = "BREAK_UNKNOWN", "there is no such break";
    /// No such card, or not the holder's.
    CardUnknown = "CARD_UNKNOWN", "there is no such card";
    /// The scheme has settled the file's clearing date in this currency.
    ClearingDateSettled = "CLEARING_DATE_SETTLED", "that clearing date has been settled";
    /// More than was reserved: of a purchase anything above it, of a pre-authorization above 115%.
    CompletionAboveAuthorization = "COMPLETION_ABOVE_AUTHORIZATION", "more than was authorized";
    /// The currency is not the card's, the account's or the product's.
    CurrencyMismatch = "CURRENCY_MISMATCH", "the currency does not match";
    /// The customer is registered but may not have a card.
    CustomerNotActive = "CUSTOMER_NOT_ACTIVE", "the customer is not active";
    /// The customer is not registered.
    CustomerUnknown = "CUSTOMER_UNKNOWN", "there is no such customer";
    /// The file takes no more parts.
    FileClosed = "FILE_CLOSED", "the file is closed";
    /// A clearing file of the report's clearing date is not finished.
    FileNotFinished = "FILE_NOT_FINISHED", "a clearing file of that date is not finished";
    /// The trailer's count or totals are not those of the records.
    FileTotalsDiffer = "FILE_TOTALS_DIFFER", "the totals are not those of the records";
    /// No such file.
    FileUnknown = "FILE_UNKNOWN", "there is no such file";
    /// The status of the card or record does not allow this.
    IllegalTransition = "ILLEGAL_TRANSITION", "the status does not allow this";
    /// No such clearing record.
    ItemUnknown = "ITEM_UNKNOWN", "there is no such clearing record";
    /// The limit is above what the product allows.
    LimitAboveProduct = "LIMIT_ABOVE_PRODUCT", "the limit is above the product's";
    /// The part is not the next one.
    PartOutOfOrder = "PART_OUT_OF_ORDER", "the part is not the next one";
    /// A PIN is set: change it.
    PinAlreadySet = "PIN_ALREADY_SET", "a PIN is set";
    /// The third wrong PIN in a row has blocked it.
    PinBlocked = "PIN_BLOCKED", "the PIN is blocked";
    /// The PIN block cannot be read under the key that is named.
    PinBlockInvalid = "PIN_BLOCK_INVALID", "the PIN block cannot be read";
    /// No PIN is set.
    PinNotSet = "PIN_NOT_SET", "no PIN is set";
    /// All digits are the same, or they follow each other.
    PinTooSimple = "PIN_TOO_SIMPLE", "the PIN is too simple";
    /// The PIN is wrong.
    PinWrong = "PIN_WRONG", "the PIN is wrong";
    /// The product is not offered.
    ProductUnknown = "PRODUCT_UNKNOWN", "there is no such product";
    /// A record with this scheme reference has been taken before.
    RecordDuplicate = "RECORD_DUPLICATE", "a record has been taken before";
    /// A line is not what the format says.
    RecordMalformed = "RECORD_MALFORMED", "a line is malformed";
    /// The new expiry would not be later than the old one.
    RenewedTooEarly = "RENEWED_TOO_EARLY", "the new expiry would be the old one";
    /// A report of that clearing date and currency has been taken.
    ReportKnown = "REPORT_KNOWN", "the report has been taken";
    /// The request id was used for another request. Not recorded: the first request keeps its outcome.
    RequestIdReused = "REQUEST_ID_REUSED", "the request id was used for another request";
}

impl Rejection {
    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rejection| rejection.code() == code)
    }
}
