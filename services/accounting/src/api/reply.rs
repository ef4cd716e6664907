//! Outcomes and rows as messages.

use chrono::{DateTime, Utc};
use kernel::BusinessDate;
use proto::accounting::v1 as pb;
use proto::common::v1 as common;

use crate::domain::{
    BusinessDays, Chart, DayDecision, Part, Side, TieOut, TieOutLine, TrialBalance,
};
use crate::store::read::{JournalRow, LineRow};

pub fn business_date(days: &BusinessDays) -> pb::GetBusinessDateResponse {
    let closing = days.closing.as_ref().map(|closing| closing.date.to_string());
    pb::GetBusinessDateResponse {
        business_date: days.current.to_string(),
        closing_date: closing.unwrap_or_default(),
    }
}

/// The date that a decision is about; empty for a refusal, which is answered as a status.
pub fn decided_date(decision: DayDecision) -> String {
    decision.date().map(|date| date.to_string()).unwrap_or_default()
}

/// `None` where a closing balance is more than an answer can carry.
pub fn trial_balance(of: &TrialBalance, chart: &Chart) -> Option<pb::GetTrialBalanceResponse> {
    let line = |line: &crate::domain::TrialBalanceLine| {
        let account = chart.find(line.account.code());
        Some(pb::TrialBalanceLine {
            gl_account: line.account.to_string(),
            // An account that was booked on and then left the chart has no name any more.
            name: account.map(|account| account.name.clone()).unwrap_or_default(),
            currency_code: line.currency.to_string(),
            opening_minor: line.opening_minor,
            debit_minor: line.turnover.debit_minor,
            credit_minor: line.turnover.credit_minor,
            closing_minor: line.closing_minor()?,
        })
    };
    Some(pb::GetTrialBalanceResponse {
        business_date: of.date.to_string(),
        closed: of.closed,
        lines: of.lines.iter().map(line).collect::<Option<_>>()?,
    })
}

pub fn journal(row: JournalRow) -> pb::Journal {
    pb::Journal {
        journal_id: row.posting.to_string(),
        source: row.source,
        batch_number: row.batch_number,
        event: row.event.code().to_owned(),
        business_date: row.business_date.to_string(),
        value_date: row.value_date.to_string(),
        booked_at: Some(timestamp(row.booked_at)),
        lines: row.lines.iter().map(journal_line).collect(),
    }
}

fn journal_line(row: &LineRow) -> pb::JournalLine {
    let side = match row.side {
        Side::Debit => pb::Side::Debit,
        Side::Credit => pb::Side::Credit,
    };
    pb::JournalLine {
        gl_account: row.account.to_string(),
        side: side.into(),
        amount: Some(common::Money {
            currency_code: row.currency.to_string(),
            amount_minor: row.amount_minor,
        }),
    }
}

pub fn tie_out(date: BusinessDate, of: &TieOut, undelivered_batches: i64) -> pb::GetTieOutResponse {
    let line = |line: &TieOutLine| pb::TieOutLine {
        gl_account: line.account.as_ref().map(ToString::to_string).unwrap_or_default(),
        product_code: line.product.clone(),
        part: part(line.part).into(),
        currency_code: line.currency.to_string(),
        ledger_debit_minor: line.ledger.debit_minor,
        ledger_credit_minor: line.ledger.credit_minor,
        sub_ledger_debit_minor: line.sub_ledger.debit_minor,
        sub_ledger_credit_minor: line.sub_ledger.credit_minor,
    };
    pb::GetTieOutResponse {
        business_date: date.to_string(),
        agrees: of.agrees(),
        undelivered_batches,
        lines: of.lines.iter().map(line).collect(),
    }
}

const fn part(part: Part) -> pb::ControlPart {
    match part {
        Part::Principal => pb::ControlPart::Principal,
        Part::Interest => pb::ControlPart::Interest,
    }
}

fn timestamp(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}
