//! The invariants of the books, over random sequences of commands. Numbered like the bank's invariants.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    AccountNumber, BusinessDate, CellCode, Currency, CustomerId, HoldId, ManualClock, Money,
    PositiveMoney, RequestId,
};
use proptest::prelude::*;

use super::{
    Account, AccountStatus, Asker, Books, Changes, Decision, Hold, HoldReason, HoldStatus, Outcome,
    Products, Rejection,
};
use crate::commands::{
    Action, CaptureHold, CollectFromAccount, Command, CreditCardPayment, DebitCardPayment,
    DepositCash, FreezeAccount, FreezeScope, PlaceHold, ReleaseHold, ReversePosting,
    SettleToAccount, Transfer, UnfreezeAccount, WithdrawCash,
};

pub(super) const ACCOUNTS: u64 = 4;

pub(super) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-02T09:00:00Z").unwrap().to_utc()
}

pub(super) fn number(serial: u64) -> AccountNumber {
    AccountNumber::from_parts(CellCode::try_new(101).unwrap(), serial).unwrap()
}

pub(super) fn today() -> BusinessDate {
    BusinessDate::parse("2026-03-02").unwrap()
}

/// Whose all accounts are.
pub(super) fn owner() -> CustomerId {
    CustomerId::new(now(), [1; 10])
}

pub(super) fn account(serial: u64) -> Account {
    Account {
        number: number(serial),
        customer_id: owner(),
        product: Products::find("CURRENT").unwrap(),
        currency: Currency::CNY,
        status: AccountStatus::Active,
        balance_minor: 1_000,
        held_minor: 0,
        minimum_minor: 0,
        overdraft_minor: 0,
        last_sequence: 0,
    }
}

pub(super) fn cny(minor: i64) -> PositiveMoney {
    PositiveMoney::try_new(Money::new(minor, Currency::CNY)).unwrap()
}

/// The request with this number; the same number is the same id.
fn request(n: u8) -> RequestId {
    let made = ManualClock::at(now() + TimeDelta::milliseconds(i64::from(n)));
    let random = CustomerId::new(kernel::Clock::now(&made), [n; 10]).as_uuid();
    RequestId::from_uuid(random).unwrap()
}

/// What a test does: the action, and the number of its request, which may repeat an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) request: u8,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    In(u64, i64),
    Out(u64, i64),
    Move(u64, u64, i64),
    Hold(u64, i64),
    Capture(u8, i64, Option<u64>, bool),
    Release(u8),
    Reverse(u8),
    Freeze(u64, bool),
    Thaw(u64),
    /// Money of a loan of the owner, or of somebody else.
    Settle(u64, i64, bool),
    /// For a loan of the owner or of somebody else; also in part, or not.
    Collect(u64, i64, bool, bool),
    /// As release; an unknown hold is fenced.
    Fence(u8),
    /// A payment by card.
    Debit(u64, i64, Card),
    /// What comes back of one, to the owner's account or somebody else's.
    Credit(u64, i64, bool),
}

/// How a payment by card is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card {
    /// From the owner's account, or somebody else's.
    pub(super) own: bool,
    pub(super) hold: Option<u8>,
    pub(super) keep: bool,
    pub(super) part: bool,
}

fn card() -> impl Strategy<Value = Card> {
    // Mostly of the owner: somebody else's only is refused.
    (prop::bool::weighted(0.9), proptest::option::of(0_u8..48), any::<bool>(), any::<bool>())
        .prop_map(|(own, hold, keep, part)| Card { own, hold, keep, part })
}

pub(super) fn what() -> impl Strategy<Value = What> {
    let a = 0..ACCOUNTS + 1; // one more than there are
    let amount = prop_oneof![1_i64..1_500, Just(i64::MAX)];
    prop_oneof![
        (a.clone(), amount.clone()).prop_map(|(a, m)| What::In(a, m)),
        (a.clone(), amount.clone()).prop_map(|(a, m)| What::Out(a, m)),
        (a.clone(), a.clone(), amount.clone())
            .prop_filter("two accounts", |(a, b, _)| a != b)
            .prop_map(|(a, b, m)| What::Move(a, b, m)),
        (a.clone(), amount.clone()).prop_map(|(a, m)| What::Hold(a, m)),
        (any::<u8>(), amount.clone(), proptest::option::of(a.clone()), any::<bool>())
            .prop_map(|(h, m, to, all)| What::Capture(h % 48, m, to, all)),
        any::<u8>().prop_map(|h| What::Release(h % 48)),
        any::<u8>().prop_map(|p| What::Reverse(p % 48)),
        (a.clone(), any::<bool>()).prop_map(|(a, all)| What::Freeze(a, all)),
        (a.clone(), amount.clone(), any::<bool>()).prop_map(|(a, m, own)| What::Settle(a, m, own)),
        (a.clone(), amount.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(a, m, own, part)| What::Collect(a, m, own, part)),
        any::<u8>().prop_map(|h| What::Fence(h % 48)),
        (a.clone(), amount.clone(), card()).prop_map(|(a, m, card)| What::Debit(a, m, card)),
        (a.clone(), amount.clone(), any::<bool>()).prop_map(|(a, m, own)| What::Credit(a, m, own)),
        a.prop_map(What::Thaw),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u8..48, what()).prop_map(|(request, what)| Step { request, what });
    prop::collection::vec(step, 1..60)
}

/// The hold that the request with this number placed, if it did.
fn hold(n: u8) -> HoldId {
    HoldId::from_uuid(request(n).as_uuid())
}

fn borrower(own: bool) -> CustomerId {
    if own { owner() } else { CustomerId::new(now(), [9; 10]) }
}

fn action(what: What) -> Action {
    match what {
        What::In(a, m) => Action::DepositCash(DepositCash { account: number(a), amount: cny(m) }),
        What::Out(a, m) => {
            Action::WithdrawCash(WithdrawCash { account: number(a), amount: cny(m) })
        }
        What::Move(a, b, m) => {
            Action::Transfer(Transfer { debit: number(a), credit: number(b), amount: cny(m) })
        }
        What::Hold(a, m) => Action::PlaceHold(PlaceHold {
            account: number(a),
            amount: cny(m),
            expires_at: now() + TimeDelta::days(1),
            reason: HoldReason::General,
        }),
        What::Capture(h, m, to, all) => Action::CaptureHold(CaptureHold {
            hold_id: hold(h),
            amount: cny(m),
            credit: to.map(number),
            release_remainder: all,
        }),
        What::Release(h) => {
            Action::ReleaseHold(ReleaseHold { hold_id: hold(h), fence_unknown: false })
        }
        What::Fence(h) => {
            Action::ReleaseHold(ReleaseHold { hold_id: hold(h), fence_unknown: true })
        }
        What::Debit(a, m, card) => Action::DebitCardPayment(DebitCardPayment {
            account: number(a),
            amount: cny(m),
            customer_id: borrower(card.own),
            hold_id: card.hold.map(hold),
            keep_remainder: card.keep,
            allow_partial: card.part,
        }),
        What::Credit(a, m, own) => Action::CreditCardPayment(CreditCardPayment {
            account: number(a),
            amount: cny(m),
            customer_id: borrower(own),
        }),
        What::Reverse(p) => Action::ReversePosting(ReversePosting { posting: request(p) }),
        What::Freeze(a, all) => Action::FreezeAccount(FreezeAccount {
            account: number(a),
            scope: if all { FreezeScope::All } else { FreezeScope::Debits },
        }),
        What::Settle(a, m, own) => Action::SettleToAccount(SettleToAccount {
            account: number(a),
            amount: cny(m),
            customer_id: borrower(own),
        }),
        What::Collect(a, m, own, allow_partial) => Action::CollectFromAccount(CollectFromAccount {
            account: number(a),
            amount: cny(m),
            customer_id: borrower(own),
            allow_partial,
        }),
        What::Thaw(a) => Action::UnfreezeAccount(UnfreezeAccount { account: number(a) }),
    }
}

pub(super) fn command(step: &Step) -> Command {
    // The content of a step is what it says; a repeated number with another content is a reused id.
    let fingerprint = i64::try_from(
        format!("{:?}", step.what)
            .bytes()
            .map(u64::from)
            .fold(7_u64, |sum, byte| (sum * 31 + byte) % 1_000_000_007),
    )
    .unwrap();
    Command {
        request_id: request(step.request),
        fingerprint,
        asker: Asker::Bank,
        caller: None,
        action: action(step.what),
    }
}

fn books() -> Books {
    let mut books = Books::new(today(), now());
    (0..ACCOUNTS).for_each(|serial| books.load_account(account(serial)));
    books
}

pub(super) fn run(steps: &[Step]) -> (Vec<Outcome>, Changes) {
    let mut books = books();
    let outcomes = steps.iter().map(|step| command(step).decide(&mut books)).collect();
    (outcomes, books.into_changes())
}

fn held(changes: &Changes, account: AccountNumber) -> i64 {
    let of = |hold: &&Hold| hold.account == account && hold.status == HoldStatus::Active;
    changes.placed.iter().filter(of).map(|hold| hold.remaining_minor).sum()
}

proptest! {
    #[test]
    fn v2_each_balance_is_the_sum_of_its_entries_in_a_gapless_sequence(steps in steps()) {
        let (_, changes) = run(&steps);

        for account in &changes.accounts {
            let entries: Vec<_> =
                changes.entries.iter().filter(|entry| entry.account == account.number).collect();
            let mut balance = 1_000;
            for (index, entry) in entries.iter().enumerate() {
                balance += entry.amount_minor;
                prop_assert_eq!(entry.sequence, i64::try_from(index).unwrap() + 1);
                prop_assert_eq!(entry.balance_after_minor, balance);
            }
            prop_assert_eq!(account.balance_minor, balance);
            prop_assert_eq!(account.last_sequence, i64::try_from(entries.len()).unwrap());
        }
    }

    #[test]
    fn v4_available_is_never_below_zero_and_held_is_the_sum_of_active_holds(steps in steps()) {
        let (_, changes) = run(&steps);

        for account in &changes.accounts {
            prop_assert!(account.available_minor() >= 0);
            prop_assert_eq!(account.held_minor, held(&changes, account.number));
        }
        for hold in &changes.placed {
            prop_assert_eq!(hold.status == HoldStatus::Active, hold.remaining_minor > 0);
        }
    }

    #[test]
    fn v1_what_accounting_is_told_is_what_has_moved(steps in steps()) {
        let (_, changes) = run(&steps);

        let mut told: HashMap<_, i64> = HashMap::new();
        for event in &changes.events {
            prop_assert!(event.amount_minor > 0);
            *told.entry(event.posting).or_default() += 1;
        }
        for entry in &changes.entries {
            prop_assert_eq!(told.get(&entry.request_id), Some(&1));
        }
        let moving: std::collections::HashSet<_> =
            changes.entries.iter().map(|entry| entry.request_id).collect();
        prop_assert_eq!(moving.len(), changes.events.len());
    }

    #[test]
    fn v5_a_repeated_request_gets_its_first_outcome_and_changes_nothing(steps in steps()) {
        let (first, changes) = run(&steps);
        let twice: Vec<Step> = steps.iter().chain(&steps).cloned().collect();
        let (again, changes_again) = run(&twice);

        prop_assert_eq!(&again[..first.len()], &first[..]);
        prop_assert_eq!(changes_again.outcomes, changes.outcomes);
        prop_assert_eq!(changes_again.entries, changes.entries);
        prop_assert_eq!(changes_again.accounts, changes.accounts);
        for (one, other) in first.iter().zip(&again[first.len()..]) {
            // A fence may have taken the place of a request since: only a reversal may change an answer, and only
            // for a request that was not decided then.
            prop_assert_eq!(one.decision, other.decision);
        }
    }

    #[test]
    fn v5_a_request_id_is_decided_once(steps in steps()) {
        let (_, changes) = run(&steps);
        let mut ids: Vec<_> = changes.outcomes.iter().map(|outcome| outcome.request_id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();

        prop_assert_eq!(ids.len(), count);
    }

    #[test]
    fn a_refused_command_changes_nothing_but_its_outcome(steps in steps(), last in what()) {
        let (_, before) = run(&steps);
        let mut all = steps;
        all.push(Step { request: 200, what: last });
        let (outcomes, after) = run(&all);
        let refused = matches!(outcomes.last().unwrap().decision, Decision::Refused(_));
        prop_assume!(refused);

        prop_assert_eq!(after.accounts, before.accounts);
        prop_assert_eq!(after.entries, before.entries);
        prop_assert_eq!(after.events, before.events);
        prop_assert_eq!(after.outcomes.len(), before.outcomes.len() + 1);
    }
}

pub(super) fn step(request: u8, what: What) -> Step {
    Step { request, what }
}

pub(super) fn decisions(steps: &[Step]) -> Vec<Decision> {
    run(steps).0.iter().map(|outcome| outcome.decision).collect()
}

#[test]
fn a_reversal_gives_everything_back() {
    let (_, changes) = run(&[step(1, What::Move(0, 1, 700)), step(2, What::Reverse(1))]);

    assert!(changes.accounts.iter().all(|account| account.balance_minor == 1_000));
    assert_eq!(changes.entries.len(), 4);
    assert_eq!(changes.events.iter().filter(|event| event.reversal).count(), 1);
}

#[test]
fn a_posting_is_reversed_once() {
    let steps = [step(1, What::In(0, 5)), step(2, What::Reverse(1)), step(3, What::Reverse(1))];

    assert_eq!(decisions(&steps)[2], Decision::Refused(Rejection::AlreadyReversed));
}

#[test]
fn a_reversal_that_comes_first_fences_its_original() {
    let (outcomes, changes) = run(&[step(2, What::Reverse(1)), step(1, What::In(0, 5))]);

    assert_eq!(outcomes[0].decision, Decision::Posted);
    assert_eq!(outcomes[1].decision, Decision::Refused(Rejection::ReversedBeforePosted));
    assert!(changes.entries.is_empty());
}

#[test]
fn a_reversal_cannot_be_reversed() {
    let steps = [step(1, What::In(0, 5)), step(2, What::Reverse(1)), step(3, What::Reverse(2))];

    assert_eq!(decisions(&steps)[2], Decision::Refused(Rejection::PostingNotReversible));
}

#[test]
fn a_captured_hold_takes_what_was_reserved_even_when_nothing_else_is_available() {
    let steps = [
        step(1, What::Hold(0, 1_000)),
        step(2, What::Out(0, 1)),
        step(3, What::Capture(1, 400, None, false)),
        step(4, What::Capture(1, 601, None, false)),
        step(5, What::Capture(1, 600, Some(1), false)),
        step(6, What::Release(1)),
    ];

    assert_eq!(
        decisions(&steps),
        [
            Decision::Posted,
            Decision::Refused(Rejection::InsufficientFunds),
            Decision::Posted,
            Decision::Refused(Rejection::CaptureExceedsHold),
            Decision::Posted,
            Decision::Refused(Rejection::HoldEnded),
        ]
    );
}

#[test]
fn a_frozen_account_keeps_its_money_and_a_debit_freeze_still_takes_credits() {
    let steps = [
        step(1, What::Freeze(0, false)),
        step(2, What::Out(0, 1)),
        step(3, What::In(0, 1)),
        step(4, What::Freeze(0, true)),
        step(5, What::In(0, 1)),
        step(6, What::Thaw(0)),
        step(7, What::Out(0, 1_001)),
    ];

    assert_eq!(
        decisions(&steps),
        [
            Decision::Posted,
            Decision::Refused(Rejection::AccountFrozen),
            Decision::Posted,
            Decision::Posted,
            Decision::Refused(Rejection::AccountFrozen),
            Decision::Posted,
            Decision::Posted,
        ]
    );
}

#[test]
fn a_balance_never_overflows() {
    let steps = [step(1, What::In(0, i64::MAX)), step(2, What::Out(0, i64::MAX))];

    assert_eq!(
        decisions(&steps),
        [
            Decision::Refused(Rejection::BalanceOverflow),
            Decision::Refused(Rejection::InsufficientFunds),
        ]
    );
}

#[test]
fn every_reason_reads_back() {
    for rejection in Rejection::ALL {
        assert_eq!(Rejection::from_code(rejection.code()), Some(rejection));
    }
}
