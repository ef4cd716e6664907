//! What changes a schedule in its course: prepayments and tranches, with figures that can be checked by hand.

use super::samples::{self, approved, date, equal_principal, paid_out, terms, through, year_loan};
use super::{
    Category, Instalment, LoanStatus, Method, PrepaymentKind, Product, RateRule, Rejection,
};

#[test]
fn a_full_prepayment_pays_interest_up_to_its_date_and_the_fee() {
    let (mut loan, mut books) = year_loan(equal_principal());
    through(&mut loan, &mut books, "2026-01-30");

    let quote = loan.quote(PrepaymentKind::Full, 0, date("2026-02-04")).unwrap();

    // Fifteen days of 31, the 20th of January to the 3rd of February, of 120.00; the fee is half a per cent.
    assert_eq!(quote.amounts.interest_minor, 5_806);
    assert_eq!((quote.amounts.principal_minor, quote.amounts.fee_minor), (1_200_000, 6_000));
    books.book(loan.prepay(&quote).unwrap());
    assert_eq!((loan.status, books.income, books.fees), (LoanStatus::Settled, 5_806, 6_000));
    assert_eq!(loan.instalments.len(), 1);
}

#[test]
fn a_quote_ends_with_its_date_or_with_anything_that_happens() {
    let (mut loan, mut books) = year_loan(equal_principal());
    let quote = loan.quote(PrepaymentKind::Full, 0, date("2026-01-25")).unwrap();
    through(&mut loan, &mut books, "2026-01-24");
    assert_eq!(loan.check_quote(&quote), Ok(()));
    let mut classified = loan.clone();
    classified.classify(Category::SpecialMention).unwrap();

    through(&mut loan, &mut books, "2026-01-25");

    assert_eq!(loan.prepay(&quote), Err(Rejection::QuoteExpired));
    assert_eq!(classified.prepay(&quote), Err(Rejection::QuoteExpired));
}

#[test]
fn a_quote_never_outlives_the_next_due_date() {
    let (loan, _) = year_loan(equal_principal());

    let quote = loan.quote(PrepaymentKind::Full, 0, date("2026-03-15")).unwrap();

    assert_eq!(quote.valid_through, date("2026-02-20"));
    assert_eq!(quote.amounts.interest_minor, 12_000);
}

#[test]
fn part_of_an_annuity_paid_early_makes_it_shorter_or_smaller() {
    let part = |kind| {
        let (mut loan, mut books) =
            paid_out(samples::product(), terms(10_000_000, 12, 10), "2026-03-10");
        through(&mut loan, &mut books, "2026-03-24");
        let quote = loan.quote(kind, 5_000_000, date("2026-03-25")).unwrap();
        books.book(loan.prepay(&quote).unwrap());
        assert_eq!((books.principal, books.fees), (5_000_000, 25_000));
        loan
    };

    let shorter = part(PrepaymentKind::ShortenTerm);
    assert_eq!(shorter.instalments.len(), 6);
    assert_eq!(
        shorter.instalments[1].principal_minor + shorter.instalments[1].interest_minor,
        853_099
    );
    // Fifteen of 31 days on 100,000.00, sixteen on 50,000.00: 175.40 + 93.55.
    assert_eq!(shorter.instalments[0].interest_minor, 17_540 + 9_355);
    let mut next_day = shorter.clone();
    next_day.advance(date("2026-03-25")).unwrap();
    // What had accrued stays, and one of sixteen days of the rest comes on top.
    assert_eq!(next_day.receivable_minor, 17_540 + 585);

    let smaller = part(PrepaymentKind::ReduceInstalment);
    assert_eq!(smaller.instalments.len(), 12);
    assert_eq!(
        smaller.instalments[1].principal_minor + smaller.instalments[1].interest_minor,
        426_550
    );
}

#[test]
fn a_schedule_is_shortened_as_far_as_its_instalments_allow_and_no_further() {
    let (mut loan, _) = paid_out(samples::product(), terms(10_000_000, 12, 10), "2026-03-10");
    let quote = loan.quote(PrepaymentKind::ShortenTerm, 1_000_000, date("2026-03-10")).unwrap();

    loan.prepay(&quote).unwrap();

    // 9,000,000 over eleven months is 8,359.96 and over ten 9,180.53 a month.
    assert_eq!(loan.instalments.len(), 11);
    let kept = |one: &Instalment| one.principal_minor + one.interest_minor;
    assert!(loan.instalments[..10].iter().all(|one| kept(one) == 853_099));
    assert!(kept(&loan.instalments[10]) < 853_099);
}

#[test]
fn an_instalment_that_interest_alone_exceeds_has_no_principal_and_is_no_measure_for_others() {
    let rate = RateRule::Fixed(kernel::Rate::from_ppm(360_000).unwrap());
    let product = Product { rate, ..samples::product() };
    // 44 days at 36% are 4.4% of the amount; an instalment of 480 months is 3.0%.
    let (mut loan, _) = paid_out(product, terms(100_000_000, 480, 31), "2026-03-17");
    assert_eq!(
        (loan.instalments[0].principal_minor, loan.instalments[0].interest_minor),
        (0, 4_400_000)
    );
    let kept = |one: &Instalment| one.principal_minor + one.interest_minor;
    let instalment = kept(&loan.instalments[1]);

    let quote = loan.quote(PrepaymentKind::ShortenTerm, 1_000_000, date("2026-03-17")).unwrap();
    loan.prepay(&quote).unwrap();

    assert!(loan.instalments.len() < 480);
    assert_eq!(kept(&loan.instalments[1]), instalment);
}

#[test]
fn on_the_due_date_all_of_it_is_paid_back_with_what_is_due_and_a_fee_on_the_rest_alone() {
    let (mut loan, mut books) = year_loan(equal_principal());
    through(&mut loan, &mut books, "2026-02-19");

    let quote = loan.quote(PrepaymentKind::Full, 0, date("2026-03-01")).unwrap();

    assert_eq!(quote.valid_through, date("2026-02-20"));
    assert_eq!((quote.amounts.principal_minor, quote.amounts.interest_minor), (1_200_000, 12_000));
    // Half a per cent of 11,000.00: the instalment that is due costs nothing.
    assert_eq!(quote.amounts.fee_minor, 5_500);
    books.book(loan.prepay(&quote).unwrap());
    assert_eq!((loan.status, books.receivable, books.principal), (LoanStatus::Settled, 0, 0));
}

#[test]
fn a_prepayment_is_refused_where_the_product_the_arrears_or_the_amount_forbid_it() {
    let (mut loan, mut books) = year_loan(equal_principal());
    let on = date("2026-01-20");
    let part = PrepaymentKind::ReduceInstalment;
    assert_eq!(loan.quote(part, 0, on), Err(Rejection::AmountOutOfRange));
    assert_eq!(loan.quote(part, 1_200_000, on), Err(Rejection::AmountOutOfRange));

    through(&mut loan, &mut books, "2026-02-19");
    assert_eq!(loan.quote(part, 100, on), Err(Rejection::LoanOverdue));
    assert!(loan.quote(PrepaymentKind::Full, 0, on).is_ok());
    through(&mut loan, &mut books, "2026-02-20");
    assert_eq!(loan.quote(PrepaymentKind::Full, 0, on), Err(Rejection::LoanOverdue));

    let bridge = samples::products().find("BRIDGE").unwrap().as_ref().clone();
    let (loan, _) = paid_out(bridge, terms(1_000_000, 6, 20), "2026-01-20");
    assert_eq!(loan.quote(PrepaymentKind::Full, 0, on), Err(Rejection::PrepaymentNotAllowed));
    let interest_only = Product { method: Method::InterestOnly, ..samples::product() };
    let (loan, _) = paid_out(interest_only, terms(1_000_000, 6, 20), "2026-01-20");
    let shorter = loan.quote(PrepaymentKind::ShortenTerm, 100, on);
    assert_eq!(shorter, Err(Rejection::PrepaymentNotAllowed));
}

#[test]
fn a_tranche_is_spread_over_the_same_instalments() {
    let mut loan = approved(equal_principal(), terms(1_200_000, 12, 20), "2026-01-20");
    let mut books = samples::Books::default();
    books.book(loan.disburse(600_000, date("2026-01-20")).unwrap());
    through(&mut loan, &mut books, "2026-01-30");

    books.book(loan.disburse(600_000, date("2026-01-31")).unwrap());

    assert_eq!(loan.instalments.len(), 12);
    assert!(loan.instalments.iter().all(|one| one.principal_minor == 100_000));
    // Eleven of 31 days on 6,000.00 and twenty on 12,000.00: 21.29 + 77.42.
    assert_eq!(loan.instalments[0].interest_minor, 2_129 + 7_742);
    assert_eq!(loan.disburse(1, date("2026-01-31")), Err(Rejection::AmountOutOfRange));
}

#[test]
fn nothing_more_is_paid_out_from_the_first_due_date_on() {
    let mut loan = approved(equal_principal(), terms(1_200_000, 12, 20), "2026-01-20");
    loan.disburse(600_000, date("2026-01-20")).unwrap();
    loan.advance(date("2026-02-19")).unwrap();

    assert_eq!(loan.disburse(1, date("2026-02-20")), Err(Rejection::TrancheTooLate));
}
