//! One request that the generator will send: what, from where to where, how much, under which id.

use uuid::Uuid;

/// What a request does, in the words of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    /// Money between two accounts.
    Transfer = 0,
    /// Cash paid in.
    CashDeposit = 1,
    /// Cash paid out.
    CashWithdrawal = 2,
    /// Money reserved.
    PlaceHold = 3,
    /// Reserved money taken.
    CaptureHold = 4,
    /// Reserved money given back.
    ReleaseHold = 5,
    /// A balance read.
    GetBalance = 6,
    /// The first page of a statement read.
    ListEntries = 7,
    /// Part of a loan paid out.
    DisburseLoan = 8,
    /// Part of a loan paid back early: a quote, then its payment.
    PrepayLoan = 9,
    /// The quote alone. Never asked for by itself, so it is in no figure; it is recorded and audited all the same.
    QuoteLoan = 10,
    /// A card asks whether it may pay (0100).
    CardPurchase = 11,
    /// What was approved is completed (0220).
    CardCompletion = 12,
    /// What was approved is taken back (0400).
    CardReversal = 13,
}

impl Operation {
    /// All of them; each stands at the index of its number.
    pub const ALL: [Self; 14] = [
        Self::Transfer,
        Self::CashDeposit,
        Self::CashWithdrawal,
        Self::PlaceHold,
        Self::CaptureHold,
        Self::ReleaseHold,
        Self::GetBalance,
        Self::ListEntries,
        Self::DisburseLoan,
        Self::PrepayLoan,
        Self::QuoteLoan,
        Self::CardPurchase,
        Self::CardCompletion,
        Self::CardReversal,
    ];

    /// Its place in [`Operation::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The operation at this place.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// As the JSON report calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::CashDeposit => "cash_deposit",
            Self::CashWithdrawal => "cash_withdrawal",
            Self::PlaceHold => "place_hold",
            Self::CaptureHold => "capture_hold",
            Self::ReleaseHold => "release_hold",
            Self::GetBalance => "get_balance",
            Self::ListEntries => "list_entries",
            Self::DisburseLoan => "disburse_loan",
            Self::PrepayLoan => "prepay_loan",
            Self::QuoteLoan => "quote_loan",
            Self::CardPurchase => "card_purchase",
            Self::CardCompletion => "card_completion",
            Self::CardReversal => "card_reversal",
        }
    }

    /// As the books call the outcome; a read leaves none.
    pub const fn booked_kind(self) -> &'static str {
        match self {
            Self::Transfer => "TRANSFER",
            Self::CashDeposit => "CASH_DEPOSIT",
            Self::CashWithdrawal => "CASH_WITHDRAWAL",
            Self::PlaceHold => "HOLD_PLACED",
            Self::CaptureHold => "HOLD_CAPTURED",
            Self::ReleaseHold => "HOLD_RELEASED",
            Self::DisburseLoan => "DISBURSEMENT",
            Self::PrepayLoan => "PREPAYMENT",
            Self::QuoteLoan => "QUOTE",
            Self::CardPurchase => "CARD_AUTHORIZED",
            Self::CardCompletion => "CARD_COMPLETED",
            Self::CardReversal => "CARD_REVERSED",
            Self::GetBalance | Self::ListEntries => "",
        }
    }

    /// Whether it only reads.
    pub const fn is_query(self) -> bool {
        matches!(self, Self::GetBalance | Self::ListEntries)
    }

    /// Whether it ends a hold that was placed before.
    pub const fn ends_a_hold(self) -> bool {
        matches!(self, Self::CaptureHold | Self::ReleaseHold)
    }

    /// Whether it goes to the loan service.
    pub const fn is_of_loan(self) -> bool {
        matches!(self, Self::DisburseLoan | Self::PrepayLoan | Self::QuoteLoan)
    }

    /// Whether it goes to the gateway, in ISO 8583.
    pub const fn is_of_card(self) -> bool {
        matches!(self, Self::CardPurchase | Self::CardCompletion | Self::CardReversal)
    }
}

/// One mutating request. Small and `Copy`: it is kept until the answer is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Chosen by us, never used for anything else.
    pub request_id: Uuid,
    /// What to do.
    pub operation: Operation,
    /// The account debited or reserved on; an index into the seeded accounts. For cash paid in, and for what concerns a
    /// loan, the account.
    pub account: u32,
    /// The account credited by a transfer; for what concerns a card, its index among the cards.
    pub counterparty: u32,
    /// Minor units; for a release, what the hold reserves. Of a loan the principal: a prepayment's fee comes on top.
    pub amount_minor: i64,
    /// What is there already: the hold to capture or release, the loan to pay out or to quote, the quote to pay, the
    /// request of the authorization to complete or reverse.
    pub subject: Option<Uuid>,
}
