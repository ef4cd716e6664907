//! What belongs to somebody else might as well not exist: over random requests of one customer, the bank answers the same
//! whether the others are there or not.

use kernel::CustomerId;
use proptest::prelude::*;

use super::properties::{ACCOUNTS, Step, What, account, command, now, number, steps, today, what};
use super::{Account, Asker, Books, Decision, Kind, Outcome};

fn customer(n: u8) -> CustomerId {
    CustomerId::new(now(), [n; 10])
}

/// Even accounts belong to the customer who asks, odd ones to somebody else.
fn owned(serial: u64) -> Account {
    Account { customer_id: customer(u8::from(!is_own(serial))), ..account(serial) }
}

fn is_own(serial: u64) -> bool {
    serial.is_multiple_of(2)
}

/// Books with the accounts of the asker and, if wanted, those of somebody else.
fn books(with_others: bool) -> Books {
    let mut books = Books::new(today(), now());
    let there = (0..ACCOUNTS).filter(|serial| with_others || is_own(*serial));
    there.for_each(|serial| books.load_account(owned(serial)));
    books
}

/// What somebody else's past is made of: requests that name nobody but them.
fn is_of_others(step: &Step) -> bool {
    match step.what {
        What::In(a, _)
        | What::Out(a, _)
        | What::Hold(a, _)
        | What::Settle(a, ..)
        | What::Collect(a, ..)
        | What::Debit(a, ..)
        | What::Credit(a, ..) => !is_own(a),
        What::Move(a, b, _) => !is_own(a) && !is_own(b),
        What::Capture(_, _, to, _) => to.is_none_or(|to| !is_own(to)),
        What::Release(_) | What::Fence(_) | What::Reverse(_) | What::Freeze(..) | What::Thaw(_) => {
            false
        }
    }
}

/// A payment to somebody else is the one thing that may turn out differently: it can arrive.
fn pays_others(step: &Step) -> bool {
    match step.what {
        What::Move(_, b, _) => !is_own(b),
        What::Capture(_, _, Some(to), _) => !is_own(to),
        _ => false,
    }
}

fn run(steps: &[Step], books: &mut Books) -> Vec<Outcome> {
    let asked = steps.iter().map(|step| command(step).on_behalf_of(customer(0)));
    asked.map(|command| command.decide(books)).collect()
}

/// The past of somebody else under request ids of its own, some of which the asker will name.
fn past() -> impl Strategy<Value = Vec<Step>> {
    let step = (24_u8..48, what()).prop_map(|(request, what)| Step { request, what });
    prop::collection::vec(step, 0..30)
        .prop_map(|steps| steps.into_iter().filter(is_of_others).collect())
}

proptest! {
    #[test]
    fn a_customer_is_answered_as_if_nobody_else_had_an_account(past in past(), steps in steps()) {
        // The ids of the past stay its own: whoever uses them again is told so, here or there.
        let asked: Vec<Step> =
            steps.into_iter().filter(|step| step.request < 24 && !pays_others(step)).collect();
        let (mut crowded, mut lonely) = (books(true), books(false));
        for step in &past {
            command(step).decide(&mut crowded);
        }

        prop_assert_eq!(run(&asked, &mut crowded), run(&asked, &mut lonely));
    }

    #[test]
    fn a_customer_takes_nothing_from_anybody_but_what_it_gave(past in past(), steps in steps()) {
        let mut books = books(true);
        for step in &past {
            command(step).decide(&mut books);
        }
        let outcomes = run(&steps, &mut books);
        let taken: Vec<_> = outcomes
            .iter()
            .filter(|one| one.decision == Decision::Posted)
            .filter(|one| one.debit_account.is_some_and(|debit| {
                (0..ACCOUNTS).any(|serial| !is_own(serial) && number(serial) == debit)
            }))
            .collect();

        for outcome in taken {
            prop_assert_eq!(outcome.kind, Kind::Reversal);
            let back = outcome.credit_account;
            prop_assert!((0..ACCOUNTS).any(|serial| is_own(serial) && back == Some(number(serial))));
        }
    }
}

#[test]
fn the_bank_asks_for_everybody_and_a_customer_for_itself() {
    assert!(Asker::Bank.covers(customer(1)));
    assert!(Asker::Customer(customer(1)).covers(customer(1)));
    assert!(!Asker::Customer(customer(0)).covers(customer(1)));
}
