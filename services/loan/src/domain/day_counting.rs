//! How interest days are counted over a period of a loan.

use chrono::NaiveDate;
use kernel::{DayCount, YearFraction};

use super::OutOfRange;
use super::periods::{Period, WholeMonths};

/// How interest days are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayCounting {
    /// Whole months are twelfths of a year; the days of a broken first month are 360ths. The Chinese rule: daily rate =
    /// yearly rate / 360, monthly rate = yearly rate / 12 (中国人民银行 关于人民币存贷款计结息问题的通知, 银发〔2005〕129号).
    Monthly360,
    /// ACT/360.
    Act360,
    /// ACT/365 (fixed).
    Act365,
    /// ACT/ACT (ISDA).
    ActAct,
    /// 30/360, the bond basis; whole months are twelfths of a year whatever their dates.
    Thirty360,
    /// 30E/360, the Eurobond basis; whole months likewise.
    Thirty360European,
}

impl DayCounting {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Monthly360,
        Self::Act360,
        Self::Act365,
        Self::ActAct,
        Self::Thirty360,
        Self::Thirty360European,
    ];

    /// As the products file writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Monthly360 => "MONTHLY/360",
            Self::Act360 => "ACT/360",
            Self::Act365 => "ACT/365",
            Self::ActAct => "ACT/ACT",
            Self::Thirty360 => "30/360",
            Self::Thirty360European => "30E/360",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counting| counting.code() == code)
    }

    /// The part of a year that a period bears interest for. `due_day` says which periods are whole months.
    pub(super) fn fraction(self, period: Period, due_day: u32) -> Result<YearFraction, OutOfRange> {
        let Period { start_on, due_on } = period;
        match self {
            Self::Monthly360 => {
                let months = period.months(due_day)?;
                months.whole().unwrap_or_else(|| months.with_days_of_broken_one())
            }
            Self::Act360 => of(DayCount::Act360, start_on, due_on),
            Self::Act365 => of(DayCount::Act365Fixed, start_on, due_on),
            Self::ActAct => of(DayCount::ActActIsda, start_on, due_on),
            Self::Thirty360 => {
                months_or(period.months(due_day)?, DayCount::Thirty360Us, start_on, due_on)
            }
            Self::Thirty360European => {
                months_or(period.months(due_day)?, DayCount::Thirty360European, start_on, due_on)
            }
        }
    }
}

fn months_or(
    months: WholeMonths,
    count: DayCount,
    start_on: NaiveDate,
    due_on: NaiveDate,
) -> Result<YearFraction, OutOfRange> {
    months.whole().unwrap_or_else(|| of(count, start_on, due_on))
}

fn of(count: DayCount, start_on: NaiveDate, due_on: NaiveDate) -> Result<YearFraction, OutOfRange> {
    count.fraction(start_on, due_on).map_err(|_| OutOfRange)
}
