//! The general ledger after a day with a bit of everything, and the same day told a second time.

use std::collections::BTreeMap;

use proto::accounting::v1 as accounting;
use proto::deposit::v1 as pb;
use sqlx::AssertSqlSafe;
use tonic::{Response, Status};

use crate::support::*;

/// One request of the story, kept so that it can be sent again.
#[derive(Debug, Clone)]
enum Step {
    Open(pb::OpenAccountRequest),
    CashIn(pb::DepositCashRequest),
    CashOut(pb::WithdrawCashRequest),
    Transfer(pb::TransferRequest),
    Hold(pb::PlaceHoldRequest),
    Capture(pb::CaptureHoldRequest),
    Release(pb::ReleaseHoldRequest),
    Reverse(pb::ReversePostingRequest),
    Freeze(pb::FreezeAccountRequest),
    Unfreeze(pb::UnfreezeAccountRequest),
    Close(pb::CloseAccountRequest),
}

/// A posting, or the reason of the refusal.
type Told = Result<pb::Posting, String>;

/// What was asked and what was answered, in order.
struct Story<'a> {
    bank: &'a Bank,
    told: Vec<(Step, Told)>,
}

impl Story<'_> {
    async fn tell(&mut self, step: Step) -> Told {
        let answer = send(self.bank, step.clone()).await;
        self.told.push((step, answer.clone()));
        answer
    }

    async fn open(&mut self, owner: &str, minor: i64) -> String {
        self.tell(Step::Open(open(owner, minor))).await.unwrap().credit_account_number
    }

    async fn transfer(&mut self, from: &str, to: &str, minor: i64) -> Told {
        self.tell(Step::Transfer(transfer(from, to, minor))).await
    }
}

async fn send(bank: &Bank, step: Step) -> Told {
    let mut teller = bank.deposit(TELLER);
    let posting = match step {
        Step::Open(step) => inner(teller.open_account(step).await, |answer| answer.posting),
        Step::CashIn(step) => inner(teller.deposit_cash(step).await, |answer| answer.posting),
        Step::CashOut(step) => inner(teller.withdraw_cash(step).await, |answer| answer.posting),
        Step::Transfer(step) => inner(teller.transfer(step).await, |answer| answer.posting),
        Step::Hold(step) => inner(teller.place_hold(step).await, |answer| answer.posting),
        Step::Capture(step) => inner(teller.capture_hold(step).await, |answer| answer.posting),
        Step::Release(step) => inner(teller.release_hold(step).await, |answer| answer.posting),
        Step::Reverse(step) => inner(teller.reverse_posting(step).await, |answer| answer.posting),
        Step::Freeze(step) => inner(teller.freeze_account(step).await, |answer| answer.posting),
        Step::Unfreeze(step) => inner(teller.unfreeze_account(step).await, |answer| answer.posting),
        Step::Close(step) => inner(teller.close_account(step).await, |answer| answer.posting),
    };
    posting.map_err(|status| reason(&status))
}

fn inner<T>(
    answer: Result<Response<T>, Status>,
    posting: fn(T) -> Option<pb::Posting>,
) -> Result<pb::Posting, Status> {
    Ok(posting(answer?.into_inner()).unwrap())
}

/// Two customers, money in and out, every kind of hold, a reversal, a freeze, a closing, and what is refused.
async fn a_mixed_day(bank: &Bank) -> Story<'_> {
    let mut story = Story { bank, told: Vec::new() };
    let (ada, bob) = (bank.register_active().await, bank.register_active().await);
    let one = story.open(&ada, 100_000).await;
    let two = story.open(&bob, 0).await;
    let three = story.open(&bob, 0).await;
    story.tell(Step::CashIn(cash_in(&two, 50_000))).await.unwrap();
    story.tell(Step::CashOut(cash_out(&one, 1_234))).await.unwrap();
    for minor in [10, 20, 30, 40] {
        story.transfer(&one, &two, minor).await.unwrap();
    }
    hold_and_end(&mut story, &one, &two).await;
    let mistake = story.transfer(&two, &three, 700).await.unwrap();
    let reverse =
        pb::ReversePostingRequest { request_id: request_id(), posting_id: mistake.posting_id };
    story.tell(Step::Reverse(reverse)).await.unwrap();
    let freeze = pb::FreezeAccountRequest {
        request_id: request_id(),
        account_number: two.clone(),
        scope: pb::FreezeScope::Debits.into(),
    };
    story.tell(Step::Freeze(freeze)).await.unwrap();
    let frozen = story.transfer(&two, &one, 1).await;
    let thaw = pb::UnfreezeAccountRequest { request_id: request_id(), account_number: two.clone() };
    story.tell(Step::Unfreeze(thaw)).await.unwrap();
    story.tell(Step::Close(close(&three))).await.unwrap();
    let closed = story.transfer(&one, &three, 1).await;
    let too_much = story.transfer(&two, &one, 10_000_000).await;
    let refusals = [frozen, closed, too_much].map(Result::unwrap_err);
    assert_eq!(refusals, ["ACCOUNT_FROZEN", "ACCOUNT_CLOSED", "INSUFFICIENT_FUNDS"]);
    bank.delivered().await;
    story
}

async fn hold_and_end(story: &mut Story<'_>, one: &str, two: &str) {
    let capture = |hold: &pb::Posting, minor: i64, credit: &str| {
        Step::Capture(pb::CaptureHoldRequest {
            request_id: request_id(),
            hold_id: hold.posting_id.clone(),
            amount: Some(cny(minor)),
            credit_account_number: credit.into(),
            release_remainder: false,
        })
    };
    let to_clearing = story.tell(Step::Hold(hold(one, 300))).await.unwrap();
    story.tell(capture(&to_clearing, 300, "")).await.unwrap();
    let to_account = story.tell(Step::Hold(hold(one, 900))).await.unwrap();
    story.tell(capture(&to_account, 400, two)).await.unwrap();
    let given_back = story.tell(Step::Hold(hold(one, 55))).await.unwrap();
    let release = pb::ReleaseHoldRequest {
        request_id: request_id(),
        hold_id: given_back.posting_id.clone(),
        fence_unknown: false,
    };
    story.tell(Step::Release(release)).await.unwrap();
    let ended = story.tell(capture(&given_back, 1, "")).await;
    assert_eq!(ended.unwrap_err(), "HOLD_ENDED");
}

#[tokio::test]
async fn after_a_mixed_day_the_trial_balance_is_zero_and_the_ledgers_agree() {
    let bank = Bank::start().await;
    let story = a_mixed_day(&bank).await;
    let mut operator = bank.accounting(OPERATOR);

    let today = accounting::GetTrialBalanceRequest::default();
    let trial = operator.get_trial_balance(today).await.unwrap().into_inner();
    let mut sums = BTreeMap::<String, (i64, i64, i64)>::new();
    for line in &trial.lines {
        let sum = sums.entry(line.currency_code.clone()).or_default();
        sum.0 += line.closing_minor;
        sum.1 += line.debit_minor;
        sum.2 += line.credit_minor;
    }
    let (debit, credit) = (sums["CNY"].1, sums["CNY"].2);
    assert_eq!(sums, BTreeMap::from([("CNY".to_owned(), (0, debit, credit))]));
    assert!(debit > 150_000 && debit == credit, "{sums:?}");

    let tie_out = operator.get_tie_out(accounting::GetTieOutRequest::default()).await.unwrap();
    let tie_out = tie_out.into_inner();
    assert!(tie_out.agrees, "{tie_out:#?}");
    assert_eq!(tie_out.undelivered_batches, 0);
    let [line] = tie_out.lines.as_slice() else { panic!("{tie_out:#?}") };
    assert_eq!((line.gl_account.as_str(), line.product_code.as_str()), ("2011", "CURRENT"));
    assert!(line.ledger_debit_minor > 0 && line.ledger_credit_minor > 0);

    let is_transfer = |told: &&(Step, Told)| matches!(told.0, Step::Transfer(_));
    let (_, transferred) = story.told.iter().find(is_transfer).unwrap();
    let posting = transferred.clone().unwrap();
    let request = accounting::GetJournalRequest { posting_id: posting.posting_id.clone() };
    let journal = operator.get_journal(request).await.unwrap().into_inner().journal.unwrap();
    let lines: Vec<_> = journal
        .lines
        .iter()
        .map(|line| (line.gl_account.as_str(), line.side(), line.amount.clone().unwrap()))
        .collect();
    let (debit, credit) = (accounting::Side::Debit, accounting::Side::Credit);
    assert_eq!(lines, [("2011", debit, cny(10)), ("2011", credit, cny(10))]);
    assert_eq!((journal.source.as_str(), journal.event.as_str()), ("deposit", "TRANSFERRED"));
    assert_eq!(journal.business_date, posting.business_date);
    bank.audit().await;
}

#[tokio::test]
async fn sending_every_request_again_gets_the_same_answers_and_changes_nothing() {
    let bank = Bank::start().await;
    let story = a_mixed_day(&bank).await;
    let before = digests(&bank).await;

    let mut again = Vec::new();
    for (step, _) in &story.told {
        again.push(send(&bank, step.clone()).await);
    }

    bank.delivered().await;
    let first: Vec<Told> = story.told.iter().map(|(_, answer)| answer.clone()).collect();
    assert_eq!(again, first);
    assert_eq!(digests(&bank).await, before);
}

/// A digest of the content of each table that holds books.
async fn digests(bank: &Bank) -> Vec<(&'static str, String)> {
    let tables = [
        ("deposit", "accounts"),
        ("deposit", "entries"),
        ("deposit", "holds"),
        ("deposit", "outcomes"),
        ("deposit", "owners"),
        ("deposit", "reversals"),
        ("accounting", "gl_balances"),
        ("accounting", "inbox"),
        ("accounting", "journal_lines"),
        ("accounting", "journals"),
        ("customer", "customers"),
        ("customer", "requests"),
    ];
    let mut digests = Vec::new();
    for (service, table) in tables {
        let sql = format!(
            "SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) \
             FROM {table} AS t"
        );
        let digest = sqlx::query_scalar(AssertSqlSafe(sql));
        let digest: String = digest.fetch_one(&mut bank.look_into(service).await).await.unwrap();
        assert!(!digest.starts_with("0 "), "{table} is empty");
        digests.push((table, digest));
    }
    digests
}
