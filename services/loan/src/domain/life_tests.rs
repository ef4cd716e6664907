//! The rules of a loan's life, one by one, with figures that can be checked by hand.

use chrono::Days;

use super::samples::{self, approved, date, equal_principal, paid_out, terms, through, year_loan};
use super::{
    Allocation, Category, DayCounting, EntryKind, LoanStatus, Method, Part, Product, RateRule,
    Rejection, Repricing,
};

#[test]
fn the_book_example_of_an_annuity() {
    let (loan, _) = paid_out(samples::product(), terms(10_000_000, 12, 10), "2026-03-10");

    let payments: Vec<i64> =
        loan.instalments.iter().map(|one| one.principal_minor + one.interest_minor).collect();
    assert!(payments[..11].iter().all(|payment| *payment == 853_099));
    assert_eq!(loan.instalments[0].interest_minor, 36_250);
    assert_eq!(loan.instalments[0].principal_minor, 816_849);
}

#[test]
fn a_broken_first_period_counts_its_days_as_360ths() {
    let (loan, _) = paid_out(samples::product(), terms(10_000_000, 12, 20), "2026-03-10");

    // 41 days to the 20th of April, as the 20th of March is too near: 100,000.00 × 4.35% × 41 / 360.
    assert_eq!(loan.instalments[0].due_on, date("2026-04-20"));
    assert_eq!(loan.instalments[0].interest_minor, 49_542);
    // The interest of the second is a twelfth again.
    let left = 10_000_000 - loan.instalments[0].principal_minor;
    assert_eq!(loan.instalments[1].interest_minor, (left * 43_500 + 6_000_000) / 12_000_000);
}

#[test]
fn interest_accrues_evenly_and_is_whole_on_the_day_before_it_is_due() {
    let (mut loan, mut books) = year_loan(equal_principal());

    through(&mut loan, &mut books, "2026-01-20");
    // 120.00 over 31 days.
    assert_eq!(loan.receivable_minor, 387);
    through(&mut loan, &mut books, "2026-02-18");
    assert_eq!(loan.receivable_minor, 11_613);
    through(&mut loan, &mut books, "2026-02-19");
    assert_eq!(loan.receivable_minor, 12_000);
    let owed = loan.owed().unwrap();
    assert_eq!((owed.due.interest_minor, owed.due.principal_minor), (12_000, 100_000));
    assert_eq!(owed.interest_accrued_minor, 0);
}

#[test]
fn what_is_paid_on_the_due_date_is_not_late() {
    let (mut loan, mut books) = year_loan(equal_principal());
    through(&mut loan, &mut books, "2026-02-19");

    books.book(loan.collect(112_000).unwrap());
    through(&mut loan, &mut books, "2026-02-20");

    assert_eq!((loan.days_overdue, loan.category), (0, Category::Normal));
    // One day of the second period: 110.00 over 28 days.
    assert_eq!(loan.receivable_minor, 393);
    assert_eq!(books.entries.last().unwrap().kind, EntryKind::Collected);
}

#[test]
fn what_is_late_bears_penalty_on_principal_and_compound_on_interest() {
    let (mut loan, mut books) = year_loan(equal_principal());

    // Due on the 20th; on the 2nd of March it is ten days late.
    through(&mut loan, &mut books, "2026-03-01");

    assert_eq!((loan.days_overdue, loan.category), (10, Category::SpecialMention));
    let due = loan.owed().unwrap().due;
    // 1,000.00 × 10 days × 18% / 360 = 5.00, and 120.00 × 10 × 18% / 360 = 0.60.
    assert_eq!((due.penalty_minor, due.compound_minor), (500, 60));
    assert_eq!(loan.instalments[0].penalty_product, 1_000_000);
    assert_eq!(loan.provision_minor, 24_000);
}

#[test]
fn within_the_grace_days_nothing_is_charged_and_beyond_them_from_the_due_date() {
    let (mut loan, mut books) = year_loan(Product { grace_days: 3, ..equal_principal() });

    through(&mut loan, &mut books, "2026-02-22");
    assert_eq!((loan.days_overdue, loan.owed().unwrap().due.penalty_minor), (3, 0));
    through(&mut loan, &mut books, "2026-02-23");
    assert_eq!((loan.days_overdue, loan.owed().unwrap().due.penalty_minor), (4, 200));
}

#[test]
fn a_payment_goes_to_penalty_compound_interest_and_principal_in_this_order() {
    let (mut loan, mut books) = year_loan(equal_principal());
    through(&mut loan, &mut books, "2026-03-01");

    books.book(loan.repay(20_000).unwrap());

    let paid = books.entries.last().unwrap().amounts;
    assert_eq!((paid.penalty_minor, paid.compound_minor), (500, 60));
    assert_eq!((paid.interest_minor, paid.principal_minor), (12_000, 7_440));
}

#[test]
fn by_part_pays_all_interest_first_and_by_instalment_the_oldest_first() {
    let paid = |by_instalment| {
        let order = [Part::Interest, Part::Principal, Part::Penalty, Part::Compound];
        let allocation = Allocation { order, by_instalment };
        let (mut loan, mut books) = year_loan(Product { allocation, ..equal_principal() });
        through(&mut loan, &mut books, "2026-03-25");
        books.book(loan.repay(50_000).unwrap());
        (loan.instalments[0], loan.instalments[1])
    };

    let (first, second) = paid(false);
    assert_eq!((first.interest_paid_minor, second.interest_paid_minor), (12_000, 11_000));
    assert_eq!((first.principal_paid_minor, second.principal_paid_minor), (27_000, 0));
    let (first, second) = paid(true);
    assert_eq!((first.interest_paid_minor, second.interest_paid_minor), (12_000, 0));
    assert_eq!((first.principal_paid_minor, second.principal_paid_minor), (38_000, 0));
}

#[test]
fn nobody_pays_more_than_is_due() {
    let (mut loan, mut books) = year_loan(equal_principal());
    assert_eq!(loan.repay(1), Err(Rejection::RepaymentExceedsDue));

    through(&mut loan, &mut books, "2026-02-19");

    assert_eq!(loan.repay(112_001), Err(Rejection::RepaymentExceedsDue));
    assert_eq!(loan.repay(0), Err(Rejection::AmountOutOfRange));
}

#[test]
fn the_category_follows_the_days_overdue() {
    let table = [
        (0, Category::Normal),
        (1, Category::SpecialMention),
        (90, Category::SpecialMention),
        (91, Category::Substandard),
        (270, Category::Substandard),
        (271, Category::Doubtful),
        (360, Category::Doubtful),
        (361, Category::Loss),
    ];
    let (loan, books) = year_loan(equal_principal());
    for (days, category) in table {
        let (mut loan, mut books) = (loan.clone(), books.clone());
        let today = date("2026-02-20") + Days::new(days);

        books.book(loan.advance(today.pred_opt().unwrap()).unwrap());

        assert_eq!((loan.days_overdue, loan.category), (i64::try_from(days).unwrap(), category));
        let share = [1, 2, 25, 50, 100][usize::from(category > Category::Normal)
            + usize::from(category > Category::SpecialMention)
            + usize::from(category > Category::Substandard)
            + usize::from(category > Category::Doubtful)];
        assert_eq!(loan.provision_minor, 1_200_000 * share / 100);
        assert_eq!(loan.non_accrual, days > 90);
    }
}

#[test]
fn after_ninety_days_interest_leaves_the_books_and_comes_back_once_nothing_is_late() {
    let (mut loan, mut books) = year_loan(equal_principal());
    through(&mut loan, &mut books, "2026-05-20");
    assert_eq!((loan.days_overdue, loan.non_accrual), (90, false));
    assert!(books.income > 0);

    through(&mut loan, &mut books, "2026-05-21");
    assert_eq!((loan.days_overdue, loan.non_accrual), (91, true));
    assert_eq!((books.income, books.receivable), (0, 0));
    assert_eq!(books.memo, loan.memo_minor);

    let due = loan.owed().unwrap().due;
    books.book(loan.repay(due.total().unwrap()).unwrap());
    assert_eq!((loan.days_overdue, loan.non_accrual, loan.category), (0, false, Category::Normal));
    let accrued = loan.owed().unwrap().interest_accrued_minor;
    assert_eq!((books.memo, books.receivable), (0, accrued));
    assert_eq!(books.income, due.charges().total().unwrap() + accrued);
    let kinds: Vec<EntryKind> = books.entries.iter().map(|entry| entry.kind).collect();
    let resumed =
        [EntryKind::Disbursed, EntryKind::NonAccrual, EntryKind::Repaid, EntryKind::AccrualResumed];
    assert_eq!(kinds, resumed);
}

#[test]
fn a_category_is_set_lower_by_hand_and_only_goes_up_without_arrears() {
    let (mut loan, mut books) = year_loan(equal_principal());

    books.book(loan.classify(Category::Doubtful).unwrap());
    assert_eq!((loan.category, loan.provision_minor), (Category::Doubtful, 600_000));
    through(&mut loan, &mut books, "2026-02-20");
    assert_eq!(loan.classify(Category::Normal), Err(Rejection::UpgradeWhileOverdue));

    books.book(loan.repay(loan.owed().unwrap().due.total().unwrap()).unwrap());
    books.book(loan.classify(Category::Normal).unwrap());
    assert_eq!((loan.category, loan.provision_minor), (Category::Normal, 11_000));
}

#[test]
fn a_loss_is_written_off_against_its_allowance_and_what_comes_in_later_is_recovered() {
    let (mut loan, mut books) = year_loan(equal_principal());
    assert_eq!(loan.write_off(), Err(Rejection::NotALoss));
    through(&mut loan, &mut books, "2027-03-01");
    assert_eq!((loan.category, loan.days_overdue), (Category::Loss, 375));
    let interest = loan.memo_minor;

    books.book(loan.write_off().unwrap());
    assert_eq!((loan.status, loan.provision_minor), (LoanStatus::WrittenOff, 0));
    assert_eq!((books.principal, books.allowance, books.receivable), (0, 0, 0));
    assert_eq!(books.memo, 1_200_000 + interest);

    through(&mut loan, &mut books, "2028-03-01");
    assert_eq!(loan.memo_minor, interest);
    books.book(loan.repay(1_200_001).unwrap());
    let paid = books.entries.last().unwrap();
    assert_eq!((paid.kind, paid.amounts.principal_minor), (EntryKind::Recovered, 1_200_000));
    assert_eq!(paid.amounts.interest_minor, 1);
    books.book(loan.repay(interest - 1).unwrap());
    assert_eq!((loan.status, books.memo), (LoanStatus::Recovered, 0));
    assert_eq!(books.recovered, 1_200_000 + interest);
}

#[test]
fn a_loss_by_hand_is_topped_up_and_its_interest_leaves_the_books_first() {
    let provision_ppm = [10_000, 20_000, 250_000, 500_000, 900_000];
    let (mut loan, mut books) = year_loan(Product { provision_ppm, ..equal_principal() });
    through(&mut loan, &mut books, "2026-01-31");
    books.book(loan.classify(Category::Loss).unwrap());
    assert_eq!(books.allowance, 1_080_000);

    books.book(loan.write_off().unwrap());

    assert_eq!((books.receivable, books.income, books.allowance), (0, 0, 0));
    // Twelve of 31 days of 120.00.
    assert_eq!(loan.memo_minor, 4_645);
}

#[test]
fn a_new_rate_holds_from_the_first_period_after_it_and_late_money_keeps_the_old() {
    let housing = samples::products().find("HOUSING").unwrap().as_ref().clone();
    let RateRule::Benchmark { benchmark, spread_ppm, .. } = housing.rate.clone() else {
        panic!("the housing loan follows a benchmark");
    };
    let rate = RateRule::Benchmark { benchmark, spread_ppm, repricing: Repricing::January };
    let product = Product { rate, ..housing };
    let (mut loan, mut books) = paid_out(product, terms(100_000_000, 360, 10), "2024-08-10");
    // 3.85% − 0.30%.
    assert_eq!(loan.rate.ppm(), 35_500);

    for month in 0..6_u32 {
        let due = date("2024-09-10") + chrono::Months::new(month);
        books.book(loan.advance(due.pred_opt().unwrap()).unwrap());
        let owed = loan.owed().unwrap().due.total().unwrap();
        books.book(loan.repay(owed).unwrap());
    }

    // On 1 January 2025 the benchmark was 3.60%: it holds from the period that starts on the 10th of January.
    assert_eq!(loan.rate.ppm(), 33_000);
    let rates: Vec<i64> = loan.instalments[3..7].iter().map(|one| one.rate.ppm()).collect();
    assert_eq!(rates, [35_500, 35_500, 33_000, 33_000]);
    assert_eq!(loan.instalments.len(), 360);
    let principal: i64 = loan.instalments.iter().map(|one| one.principal_minor).sum();
    assert_eq!(principal, 100_000_000);
}

#[test]
fn whoever_applied_does_not_decide_and_decides_on_nothing_else() {
    let mut loan = approved(samples::product(), terms(1, 1, 1), "2026-01-20");
    loan.status = LoanStatus::Applied;

    assert_eq!(loan.decide(true, "teller/one", &[7; 32]), Err(Rejection::DecidedByApplicant));
    assert_eq!(loan.decide(true, "teller/two", &[8; 32]), Err(Rejection::ApplicationChanged));
    loan.decide(false, "teller/two", &[7; 32]).unwrap();
    assert_eq!(loan.status, LoanStatus::Declined);
    assert_eq!(loan.decide(true, "teller/two", &[7; 32]), Err(Rejection::IllegalTransition));
}

#[test]
fn a_bullet_is_one_instalment_of_everything() {
    let bullet = |day_counting| {
        let product = Product { method: Method::Bullet, day_counting, ..equal_principal() };
        let (loan, _) = paid_out(product, terms(1_000_000, 6, 10), "2026-03-10");
        assert_eq!(loan.instalments.len(), 1);
        assert_eq!(loan.instalments[0].due_on, date("2026-09-10"));
        loan.instalments[0].interest_minor
    };

    // 10,000.00 at 12% for half a year, or 184 days.
    assert_eq!(bullet(DayCounting::Monthly360), 60_000);
    assert_eq!(bullet(DayCounting::Thirty360), 60_000);
    assert_eq!(bullet(DayCounting::Act360), 61_333);
    assert_eq!(bullet(DayCounting::Act365), 60_493);
}

#[test]
fn every_code_reads_back() {
    for rejection in Rejection::ALL {
        assert_eq!(Rejection::from_code(rejection.code()), Some(*rejection));
    }
    for kind in EntryKind::ALL {
        assert_eq!(EntryKind::from_code(kind.code()), Some(kind));
    }
    for status in LoanStatus::ALL {
        assert_eq!(LoanStatus::from_code(status.code()), Some(status));
    }
}
