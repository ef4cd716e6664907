//! Note that a source has delivered everything of a date that was left. When every source has, the date is closed, and
//! nothing is added to it any more.

use chrono::{DateTime, Utc};
use kernel::BusinessDate;
use platform::db::{Error, WriteTx};

use crate::domain::{BusinessDays, DayDecision, DayStatus};
use crate::store::days;

/// A source's word that it is done with a date.
#[derive(Debug, Clone)]
pub struct ConfirmCutOver {
    /// Which source.
    pub source: String,
    /// Which date.
    pub date: BusinessDate,
}

impl ConfirmCutOver {
    pub(super) async fn run(
        &self,
        tx: &mut WriteTx,
        dates: &mut BusinessDays,
        sources: &[String],
        now: DateTime<Utc>,
    ) -> Result<DayDecision, Error> {
        let was_closing = dates.closing.as_ref().is_some_and(|closing| closing.date == self.date);
        let status = match dates.confirm(&self.source, self.date, sources) {
            Ok(status) => status,
            Err(rejection) => return Ok(DayDecision::Refused(rejection)),
        };
        let closed = status == DayStatus::Closed;
        if was_closing {
            days::confirm(tx.conn(), &self.source, self.date, now).await?;
            if closed {
                days::close(tx.conn(), self.date, now).await?;
            }
        }
        Ok(DayDecision::Confirmed { date: self.date, closed })
    }
}
