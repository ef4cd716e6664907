//! Cut over to the next business date (日切), without a stop: the date that is left takes postings until every source
//! has delivered the last of it.

use chrono::{DateTime, Utc};
use kernel::BusinessDate;
use platform::db::{Error, WriteTx};

use crate::domain::{BusinessDays, DayDecision};
use crate::store::days;

/// An order to leave a business date.
#[derive(Debug, Clone, Copy)]
pub struct CutOver {
    /// The date to leave. It must be the current one, so that a repeated order cannot skip a day.
    pub from: BusinessDate,
}

impl CutOver {
    pub(super) async fn run(
        self,
        tx: &mut WriteTx,
        dates: &mut BusinessDays,
        now: DateTime<Utc>,
    ) -> Result<DayDecision, Error> {
        let next = match dates.cut_over(self.from) {
            Ok(next) => next,
            Err(rejection) => return Ok(DayDecision::Refused(rejection)),
        };
        days::leave(tx.conn(), self.from).await?;
        days::open(tx.conn(), next, now).await?;
        Ok(DayDecision::CutOver(next))
    }
}
