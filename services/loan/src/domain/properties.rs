//! The invariants of loans, tried with random products, terms, payments and dates.
//!
//! Method: a loan in memory, and beside it books that know nothing but its entries and events; after each step the two
//! must agree. Numbered l1 to l7:
//! - l1 a schedule's principal is the amount, its dates follow the due day and leave no gap;
//! - l2 what is booked is what was previewed;
//! - l3 paid on each due date a loan earns exactly its scheduled interest and ends at zero;
//! - l4 loan, entries and events agree whatever happens, receivable or memo is what is accrued and unpaid;
//! - l5 day by day is as good as all at once, and doing a day twice changes nothing;
//! - l6 on a plain day the running period alone says what accrues;
//! - l7 a full prepayment takes exactly its quote.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use chrono::{Datelike, Days, NaiveDate};
use kernel::Rate;
use proptest::prelude::*;

use super::samples::{self, Books, approved, date, terms};
use super::{
    Allocation, Category, DayCounting, EntryKind, Loan, LoanStatus, Method, Part, PrepaymentKind,
    Product, RateRule, Terms, preview,
};

fn products() -> impl Strategy<Value = Product> {
    let orders = prop_oneof![
        Just([Part::Penalty, Part::Compound, Part::Interest, Part::Principal]),
        Just([Part::Interest, Part::Principal, Part::Penalty, Part::Compound]),
        Just([Part::Principal, Part::Interest, Part::Compound, Part::Penalty]),
    ];
    let methods = proptest::sample::select(Method::ALL.to_vec());
    let countings = proptest::sample::select(DayCounting::ALL.to_vec());
    let rates = prop_oneof![Just(0_i64), 1..=1_000_i64, 10_000..=360_000_i64];
    (methods, countings, rates, orders, any::<bool>(), 0..=5_i64).prop_map(
        |(method, day_counting, ppm, order, by_instalment, grace_days)| Product {
            method,
            day_counting,
            rate: RateRule::Fixed(Rate::from_ppm(ppm).unwrap()),
            allocation: Allocation { order, by_instalment },
            grace_days,
            ..samples::product()
        },
    )
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![1..=1_000_i64, 1_000..=100_000_000_i64, 100_000_000..=1_000_000_000_000_i64]
}

fn all_terms(longest: u32) -> impl Strategy<Value = Terms> {
    (amounts(), 1..=longest, 1..=31_u32)
        .prop_map(|(amount, months, day)| terms(amount, months, day))
}

/// Any day of eight years, two of which are leap years.
fn days() -> impl Strategy<Value = NaiveDate> {
    (0..2_900_u64).prop_map(|days| date("2024-01-01") + Days::new(days))
}

fn last_day_of(month: NaiveDate) -> u32 {
    (28..=31).rev().find(|day| month.with_day(*day).is_some()).unwrap()
}

proptest! {
    #[test]
    fn l1_the_principal_of_a_schedule_is_the_amount_and_its_periods_leave_no_gap(
        product in products(), terms in all_terms(480), on in days(),
    ) {
        let schedule = preview(&product, &terms, on).unwrap();

        let principal: i64 = schedule.iter().map(|one| one.principal_minor).sum();
        prop_assert_eq!(principal, terms.amount_minor);
        let count = if product.method == Method::Bullet { 1 } else { terms.term_months };
        prop_assert_eq!(u32::try_from(schedule.len()).unwrap(), count);
        let mut start = on;
        for (number, one) in (1..).zip(&schedule) {
            prop_assert_eq!((one.number, one.period_start_on), (number, start));
            prop_assert_eq!(one.due_on.day(), terms.due_day.min(last_day_of(one.due_on)));
            prop_assert!(one.principal_minor >= 0 && one.interest_minor >= 0);
            prop_assert!((one.due_on - one.period_start_on).num_days() >= 15);
            start = one.due_on;
        }
    }

    #[test]
    fn l2_what_is_booked_is_what_was_previewed(
        product in products(), terms in all_terms(480), on in days(),
    ) {
        let schedule = preview(&product, &terms, on).unwrap();

        let mut loan = approved(product, terms, &on.to_string());
        loan.disburse(terms.amount_minor, on).unwrap();

        prop_assert_eq!(loan.instalments, schedule);
    }

    #[test]
    fn l3_a_loan_that_is_paid_on_each_due_date_earns_its_scheduled_interest_and_ends_at_zero(
        product in products(), terms in all_terms(36), on in days(), stride in 1..40_u64,
    ) {
        let (mut loan, mut books) = samples::paid_out(product, terms, &on.to_string());
        let interest: i64 = loan.instalments.iter().map(|one| one.interest_minor).sum();

        for instalment in loan.instalments.clone() {
            let mut until = loan.opening_on().unwrap();
            while until < instalment.due_on {
                until = (until + Days::new(stride)).min(instalment.due_on);
                books.book(loan.advance(until.pred_opt().unwrap()).unwrap());
            }
            let due = loan.owed().unwrap().due.total().unwrap();
            if due > 0 {
                books.book(loan.repay(due).unwrap());
            }
        }

        prop_assert_eq!(loan.status, LoanStatus::Settled);
        prop_assert_eq!(books.income, interest);
        let zero = (books.principal, books.receivable, books.memo, books.allowance);
        prop_assert_eq!(zero, (0, 0, 0, 0));
        prop_assert_eq!((loan.principal_minor, loan.days_overdue), (0, 0));
    }

    #[test]
    fn l4_whatever_happens_loan_entries_and_events_agree(
        product in products(), terms in all_terms(12), on in days(), steps in steps(),
    ) {
        let mut loan = approved(product, terms, &on.to_string());
        let mut books = Books::default();
        books.book(loan.disburse(terms.amount_minor, on).unwrap());
        check(&loan, &books);

        for step in steps {
            take(&step, &mut loan, &mut books, false);
            check(&loan, &books);
        }
    }

    #[test]
    fn l4_tranches_too(
        product in products(), terms in all_terms(12), on in days(), steps in steps(),
        first in 1..=1_000_000_u64,
    ) {
        let mut loan = approved(product, terms, &on.to_string());
        let mut books = Books::default();
        let part = (terms.amount_minor / 1_000_000 * i64::try_from(first).unwrap()).max(1);
        books.book(loan.disburse(part, on).unwrap());

        for step in steps {
            take(&step, &mut loan, &mut books, false);
            check(&loan, &books);
        }
    }

    #[test]
    fn l5_day_by_day_is_as_good_as_all_at_once(
        product in products(), terms in all_terms(12), on in days(), steps in steps(),
    ) {
        let (mut at_once, mut at_once_books) =
            samples::paid_out(product.clone(), terms, &on.to_string());
        let (mut daily, mut daily_books) = samples::paid_out(product, terms, &on.to_string());

        for step in steps {
            take(&step, &mut at_once, &mut at_once_books, false);
            take(&step, &mut daily, &mut daily_books, true);
        }

        prop_assert_eq!(at_once, daily);
        prop_assert_eq!(at_once_books, daily_books);
    }

    #[test]
    fn l5_a_day_that_is_done_changes_nothing(
        product in products(), terms in all_terms(12), on in days(), days in 0..500_u64,
    ) {
        let (mut loan, _) = samples::paid_out(product, terms, &on.to_string());
        let through = on + Days::new(days);
        loan.advance(through).unwrap();
        let once = loan.clone();

        let again = loan.advance(through).unwrap();

        prop_assert_eq!(loan, once);
        prop_assert_eq!(again, super::Effects::default());
    }

    #[test]
    fn l6_on_a_plain_day_the_running_period_alone_says_what_accrues(
        product in products(), terms in all_terms(36), on in days(), days in 0..400_u64,
    ) {
        let (mut loan, mut books) = samples::paid_out(product, terms, &on.to_string());
        let mut running = loan.running.unwrap();
        let through = (on + Days::new(days)).min(running.due_on.pred_opt().unwrap());
        prop_assert!(running.is_plain(loan.days_overdue, through));

        let accrued = running.accrue(through).unwrap();
        books.book(loan.advance(through).unwrap());

        prop_assert_eq!(loan.running, Some(running));
        prop_assert_eq!(books.receivable, accrued.interest_minor);
        prop_assert_eq!(loan.receivable_minor, accrued.interest_minor);
    }

    #[test]
    fn l7_a_full_prepayment_takes_exactly_its_quote_and_settles_the_loan(
        product in products(), terms in all_terms(36), on in days(), days in 0..400_u64,
        ahead in 0..31_u64,
    ) {
        let (mut loan, mut books) = samples::paid_out(product, terms, &on.to_string());
        let today = (on + Days::new(days)).min(loan.running.unwrap().due_on);
        books.book(loan.advance(today.pred_opt().unwrap()).unwrap());
        let quote = loan.quote(PrepaymentKind::Full, 0, today + Days::new(ahead)).unwrap();

        books.book(loan.prepay(&quote).unwrap());

        prop_assert_eq!(loan.status, LoanStatus::Settled);
        prop_assert_eq!(quote.amounts.principal_minor, terms.amount_minor);
        prop_assert_eq!(books.income, quote.amounts.interest_minor);
        prop_assert_eq!(books.fees, quote.amounts.fee_minor);
        prop_assert_eq!((books.principal, books.receivable, books.allowance), (0, 0, 0));
        check(&loan, &books);
    }
}

/// Something that happens to a loan.
#[derive(Debug, Clone)]
enum Step {
    /// Days go by.
    Wait(u64),
    /// A share of what is due is paid, in per cent.
    Pay(i64),
    /// A share of what is not due is paid, in per cent.
    Prepay(PrepaymentKind, i64),
    /// A category is set by hand.
    Classify(Category),
    /// What is left is paid out, a share of it in per cent.
    Disburse(i64),
    /// It is written off.
    WriteOff,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..45_u64).prop_map(Step::Wait),
        1 => (45..400_u64).prop_map(Step::Wait),
        4 => Just(Step::Pay(100)),
        3 => (1..100_i64).prop_map(Step::Pay),
        3 => (proptest::sample::select(PrepaymentKind::ALL.to_vec()), 1..100_i64)
            .prop_map(|(kind, share)| Step::Prepay(kind, share)),
        1 => proptest::sample::select(Category::ALL.to_vec()).prop_map(Step::Classify),
        1 => (1..=100_i64).prop_map(Step::Disburse),
        1 => Just(Step::WriteOff),
    ];
    proptest::collection::vec(step, 1..25)
}

fn share(amount: i64, percent: i64) -> i64 {
    i64::try_from(i128::from(amount) * i128::from(percent) / 100).unwrap()
}

/// Does it, if the bank lets it happen.
fn take(step: &Step, loan: &mut Loan, books: &mut Books, daily: bool) {
    let Some(today) = loan.opening_on() else { return };
    let done = match step {
        Step::Wait(days) => {
            for day in (0..*days).filter(|day| daily || day + 1 == *days) {
                books.book(loan.advance(today + Days::new(day)).unwrap());
            }
            return;
        }
        Step::Pay(percent) => {
            let due = loan.owed().unwrap().due.total().unwrap();
            loan.repay(share(due, *percent))
        }
        Step::Prepay(kind, percent) => {
            let part = share(loan.principal_minor, *percent);
            loan.quote(*kind, part, today).and_then(|quote| loan.prepay(&quote))
        }
        Step::Classify(category) => loan.classify(*category),
        Step::Disburse(percent) => {
            let left = loan.undisbursed_minor().unwrap();
            loan.disburse(share(left, *percent), today)
        }
        Step::WriteOff => loan.write_off(),
    };
    if let Ok(effects) = done {
        books.book(effects);
    }
}

/// What must hold whatever has happened.
fn check(loan: &Loan, books: &Books) {
    let written_off = matches!(loan.status, LoanStatus::WrittenOff | LoanStatus::Recovered);
    let (asset, claim) =
        if written_off { (0, loan.principal_minor) } else { (loan.principal_minor, 0) };
    assert_eq!(books.principal, asset);
    assert_eq!(books.receivable, loan.receivable_minor);
    assert_eq!(books.memo, loan.memo_minor + claim);
    assert_eq!(books.allowance, loan.provision_minor);

    let charges = loan.charges().unwrap().total().unwrap();
    assert_eq!(loan.receivable_minor + loan.memo_minor, charges);
    let off_the_books = loan.non_accrual || written_off;
    assert_eq!(if off_the_books { loan.receivable_minor } else { loan.memo_minor }, 0);

    let open: i64 =
        loan.instalments.iter().map(|one| one.principal_minor - one.principal_paid_minor).sum();
    assert_eq!(open, loan.principal_minor);
    let scheduled: i64 = loan.instalments.iter().map(|one| one.principal_minor).sum();
    assert_eq!(scheduled + books.principal_of(&[EntryKind::Prepaid]), loan.disbursed_minor);

    let mut principal = 0;
    for (sequence, entry) in (1..).zip(&books.entries) {
        let moved = entry.amounts.principal_minor;
        match entry.kind {
            EntryKind::Disbursed => principal += moved,
            EntryKind::Repaid
            | EntryKind::Prepaid
            | EntryKind::Collected
            | EntryKind::Recovered => principal -= moved,
            EntryKind::NonAccrual | EntryKind::AccrualResumed | EntryKind::WrittenOff => {}
        }
        assert_eq!((entry.sequence, entry.principal_after_minor), (sequence, principal));
    }
    assert_eq!(loan.last_sequence, i64::try_from(books.entries.len()).unwrap());
    assert_eq!(loan.principal_minor, principal);

    if loan.status == LoanStatus::Active {
        let today = loan.opening_on().unwrap();
        let oldest = loan.instalments.iter().find(|one| one.is_open());
        let late = oldest.map_or(0, |one| (today - one.due_on).num_days().max(0));
        assert_eq!(loan.days_overdue, late);
        let category = Category::of_days_overdue(late).max(loan.category_floor);
        assert_eq!(loan.category, category);
        assert!(if loan.non_accrual { late > 0 } else { late <= 90 });
    }
    for one in &loan.instalments {
        assert!((0..=one.principal_minor).contains(&one.principal_paid_minor));
        assert!((0..=one.interest_minor).contains(&one.interest_paid_minor));
        assert!((0..=one.penalty_booked_minor).contains(&one.penalty_paid_minor));
        assert!((0..=one.compound_booked_minor).contains(&one.compound_paid_minor));
    }
    for pair in loan.instalments.windows(2) {
        assert_eq!(pair[0].due_on, pair[1].period_start_on);
        assert_eq!(pair[0].number + 1, pair[1].number);
    }
}
