//! A card, and a deposit with one account that knows nothing but what it is asked: for the properties beside it.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::DateTime;
use kernel::{AccountNumber, CardId, CellCode, Currency, CustomerId, RequestId};
use uuid::Uuid;

use super::Said;
use super::properties::START;
use crate::domain::{
    Bin, Bucket, Card, CardStatus, Limit, Limits, Order, OrderKind, Pin, Product, ResponseCode,
    Switches,
};

fn product() -> Product {
    let switches = Switches { atm: true, pos: true, online: true, contactless: true, abroad: true };
    let limit = |day, count| Limit {
        day_minor: Some(day),
        day_count: Some(count),
        month_minor: Some(day * 3),
        transaction_minor: Some(380),
    };
    Product {
        code: "DEBIT".to_owned(),
        currency: Currency::CNY,
        bin: Bin { digits: "62170099".to_owned(), length: 16 },
        validity_years: 5,
        authorization_days: 7,
        preauthorization_days: 30,
        switches,
        limits: Limits::from([
            (Bucket::All, limit(900, 4)),
            (Bucket::Pos, limit(700, 3)),
            (Bucket::RestrictedMerchants, limit(300, 2)),
        ]),
        restricted: BTreeSet::from(["7995".to_owned()]),
    }
}

pub(super) fn card() -> Card {
    let product = product();
    let uuid = |number| Uuid::from_u128(number);
    Card {
        id: CardId::from_uuid(uuid(1)),
        customer_id: CustomerId::from_uuid(uuid(2)),
        account: AccountNumber::from_parts(CellCode::try_new(101).unwrap(), 1).unwrap(),
        currency: Currency::CNY,
        switches: product.switches,
        product: Arc::new(product),
        status: CardStatus::Active,
        expires_on: "2031-02-28".parse().unwrap(),
        sequence_number: 1,
        pin: Pin { sealed: Some(vec![1]), version: 1, wrong: 0 },
        receivable_minor: 0,
        replaced_by: None,
        version: 1,
        issued_at: DateTime::from_timestamp(START, 0).unwrap(),
        last_four: "0000".to_owned(),
        pan_digest: vec![0; 32],
        pan_sealed: Vec::new(),
    }
}

/// Deposit, with one account.
#[derive(Debug, Default)]
pub(super) struct Deposit {
    pub(super) balance: i64,
    /// What came and went otherwise.
    pub(super) other: i64,
    pub(super) holds: BTreeMap<Uuid, i64>,
    pub(super) known: BTreeSet<Uuid>,
    pub(super) fenced: BTreeSet<Uuid>,
    pub(super) decided: HashMap<RequestId, Said>,
}

impl Deposit {
    pub(super) fn held(&self) -> i64 {
        self.holds.values().sum()
    }

    pub(super) fn place(&mut self, hold: Uuid, minor: i64) -> Result<(), ResponseCode> {
        if self.known.contains(&hold) {
            return Ok(());
        }
        if self.fenced.contains(&hold) {
            return Err(ResponseCode::DO_NOT_HONOUR);
        }
        if self.balance - self.held() < minor {
            return Err(ResponseCode::INSUFFICIENT_FUNDS);
        }
        self.known.insert(hold);
        self.holds.insert(hold, minor);
        Ok(())
    }

    pub(super) fn ask(&mut self, order: &Order) -> Said {
        if let Some(first) = self.decided.get(&order.id) {
            return first.clone();
        }
        let said = match order.kind {
            OrderKind::Release => {
                let hold = order.hold_id.unwrap();
                if !self.known.contains(&hold) {
                    self.fenced.insert(hold);
                }
                self.holds.remove(&hold);
                Said::Moved(0)
            }
            OrderKind::Credit => {
                self.balance += order.amount_minor;
                Said::Moved(order.amount_minor)
            }
            OrderKind::Debit | OrderKind::Collect => {
                let own = order.hold_id.and_then(|hold| self.holds.get(&hold)).copied();
                let there = self.balance - self.held() + own.unwrap_or(0);
                let minor = order.amount_minor.min(there);
                if minor > 0 {
                    self.balance -= minor;
                    if let Some(hold) = order.hold_id {
                        self.holds.remove(&hold);
                    }
                    Said::Moved(minor)
                } else {
                    Said::Refused("INSUFFICIENT_FUNDS")
                }
            }
        };
        self.decided.insert(order.id, said.clone());
        said
    }
}
