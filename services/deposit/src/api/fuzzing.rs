//! Every request of this service from its bytes, for the fuzz targets. The service itself never comes here.

use chrono::{DateTime, Utc};
use platform::fields::{Fields, Violations};
use platform::fuzzing::{Reading, reading};
use proto::deposit::v1 as pb;

use super::{open, parse};
use crate::commands::Standing;

/// Reads a request of the method as its handler does; `None` where the service has no such method.
pub fn read(method: &str, bytes: &[u8], now: DateTime<Utc>) -> Option<Reading> {
    let fields = || Fields::new(now);
    Some(match method {
        "OpenAccount" => reading(bytes, |m| parse::open_account(fields(), &m, Standing::Unknown)),
        "BatchOpenAccounts" => reading(bytes, |m| open_accounts(now, &m)),
        "DepositCash" => reading(bytes, |m| parse::deposit_cash(fields(), &m)),
        "WithdrawCash" => reading(bytes, |m| parse::withdraw_cash(fields(), &m)),
        "Transfer" => reading(bytes, |m| parse::transfer(fields(), &m)),
        "PlaceHold" => reading(bytes, |m| parse::place_hold(fields(), &m)),
        "CaptureHold" => reading(bytes, |m| parse::capture_hold(fields(), &m)),
        "ReleaseHold" => reading(bytes, |m| parse::release_hold(fields(), &m)),
        "ReversePosting" => reading(bytes, |m| parse::reverse_posting(fields(), &m)),
        "FreezeAccount" => reading(bytes, |m| parse::freeze_account(fields(), &m)),
        "UnfreezeAccount" => reading(bytes, |m| parse::unfreeze_account(fields(), &m)),
        "CloseAccount" => reading(bytes, |m| parse::close_account(fields(), &m)),
        "CloseOwner" => reading(bytes, |m| parse::close_owner(fields(), &m)),
        "SettleToAccount" => reading(bytes, |m| parse::settle_to_account(fields(), &m)),
        "CollectFromAccount" => reading(bytes, |m| parse::collect_from_account(fields(), &m)),
        "DebitCardPayment" => reading(bytes, |m| parse::debit_card_payment(fields(), &m)),
        "CreditCardPayment" => reading(bytes, |m| parse::credit_card_payment(fields(), &m)),
        "ListHolds" => reading(bytes, |m| parse::list_holds(fields(), &m)),
        "GetBalance" => reading(bytes, |m: pb::GetBalanceRequest| {
            parse::account_query(fields(), &m.account_number, m.consistency.as_ref())
        }),
        "GetAccount" => reading(bytes, |m: pb::GetAccountRequest| {
            parse::account_query(fields(), &m.account_number, m.consistency.as_ref())
        }),
        "ListAccounts" => reading(bytes, |m| parse::list_accounts(fields(), &m)),
        "ListEntries" => reading(bytes, |m| parse::list_entries(fields(), &m)),
        "GetDayTotals" => reading(bytes, |m| parse::day_totals(fields(), &m)),
        _ => return None,
    })
}

/// One by one: between the items' number and the items themselves, the handler asks the customer service.
fn open_accounts(now: DateTime<Utc>, m: &pb::BatchOpenAccountsRequest) -> Result<(), Violations> {
    let mut fields = Fields::new(now);
    if !(1..=open::BATCH_MAX).contains(&m.items.len()) {
        fields.wrong("items", "must hold a batch");
        return fields.done(None);
    }
    for (index, item) in m.items.iter().enumerate() {
        if let Err(wrong) = parse::open_account(Fields::new(now), item, Standing::Unknown) {
            fields.wrong_within(&format!("items[{index}]"), wrong);
        }
    }
    fields.done(Some(()))
}
