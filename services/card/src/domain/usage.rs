//! What a card was used for, and how much it may be used.
//!
//! Invariants: a counter is of one business date and its month; a use counts in the bucket of its channel and, where the
//! merchant's category is restricted, in that one as well; ALL is the sum over the four channels. What is taken back is
//! taken off exactly where it counts, and nowhere once the window has moved on.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use scheme::Channel;

/// For what a limit or a use counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Everything.
    All,
    /// Cash machines.
    Atm,
    /// Terminals.
    Pos,
    /// Without the card.
    Online,
    /// Without contact.
    Contactless,
    /// Merchants of the product's restricted categories.
    RestrictedMerchants,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::Atm,
        Self::Pos,
        Self::Online,
        Self::Contactless,
        Self::RestrictedMerchants,
    ];
    /// Those of the channels.
    pub const CHANNELS: [Self; 4] = [Self::Atm, Self::Pos, Self::Online, Self::Contactless];

    /// That of a channel.
    pub const fn of(channel: Channel) -> Self {
        match channel {
            Channel::Atm => Self::Atm,
            Channel::Pos => Self::Pos,
            Channel::Online => Self::Online,
            Channel::Contactless => Self::Contactless,
        }
    }

    /// As the books write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Atm => "ATM",
            Self::Pos => "POS",
            Self::Online => "ONLINE",
            Self::Contactless => "CONTACTLESS",
            Self::RestrictedMerchants => "RESTRICTED_MERCHANTS",
        }
    }

    /// The inverse of [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.code() == code)
    }
}

/// How much a bucket may be used. `None` is no limit, or where a holder sets limits, the product's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// The largest single amount, minor units.
    pub transaction_minor: Option<i64>,
    /// The largest sum of a business date, minor units.
    pub day_minor: Option<i64>,
    /// How often on a business date.
    pub day_count: Option<i32>,
    /// The largest sum of a calendar month, minor units.
    pub month_minor: Option<i64>,
}

impl Limit {
    /// The lower of both, each by itself: a product whose limits are lowered lowers what its holders have set.
    #[must_use]
    pub fn lower(self, other: Self) -> Self {
        fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            [one, other].into_iter().flatten().min()
        }
        Self {
            transaction_minor: lower(self.transaction_minor, other.transaction_minor),
            day_minor: lower(self.day_minor, other.day_minor),
            day_count: lower(self.day_count, other.day_count),
            month_minor: lower(self.month_minor, other.month_minor),
        }
    }

    /// Whether nothing in it is above the other.
    pub fn is_within(self, other: Self) -> bool {
        fn within<T: PartialOrd>(one: Option<T>, other: Option<T>) -> bool {
            one.zip(other).is_none_or(|(one, other)| one <= other)
        }
        within(self.transaction_minor, other.transaction_minor)
            && within(self.day_minor, other.day_minor)
            && within(self.day_count, other.day_count)
            && within(self.month_minor, other.month_minor)
    }
}

/// Limits by bucket.
pub type Limits = BTreeMap<Bucket, Limit>;

/// What a bucket was used for on one business date and in its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The business date.
    pub day: NaiveDate,
    /// The sum of the date, minor units.
    pub day_minor: i64,
    /// How often on the date.
    pub day_count: i32,
    /// The sum of the month, minor units.
    pub month_minor: i64,
    /// How often in the month.
    pub month_count: i32,
}

impl Counter {
    const fn none(day: NaiveDate) -> Self {
        Self { day, day_minor: 0, day_count: 0, month_minor: 0, month_count: 0 }
    }

    /// The first day of its month.
    pub fn month(&self) -> NaiveDate {
        month_of(self.day)
    }

    /// As it is on another date: what belongs to another date or month is gone.
    #[must_use]
    pub fn on(self, day: NaiveDate) -> Self {
        if self.day == day {
            return self;
        }
        let same_month = month_of(self.day) == month_of(day);
        let kept = if same_month { self } else { Self::none(day) };
        Self { day, day_minor: 0, day_count: 0, ..kept }
    }

    fn add(self, minor: i64) -> Option<Self> {
        Some(Self {
            day: self.day,
            day_minor: self.day_minor.checked_add(minor)?,
            day_count: self.day_count.checked_add(1)?,
            month_minor: self.month_minor.checked_add(minor)?,
            month_count: self.month_count.checked_add(1)?,
        })
    }

    /// Takes off what was counted on a date, as far as it still counts.
    fn take_off(self, minor: i64, day: NaiveDate) -> Self {
        let mut left = self;
        if self.day == day {
            left.day_minor = self.day_minor.saturating_sub(minor);
            left.day_count = self.day_count.saturating_sub(1);
        }
        if self.month() == month_of(day) {
            left.month_minor = self.month_minor.saturating_sub(minor);
            left.month_count = self.month_count.saturating_sub(1);
        }
        left
    }
}

fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// What a card was used for, by bucket; never of [`Bucket::All`], which is a sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage(BTreeMap<Bucket, Counter>);

impl Usage {
    /// Puts in what was read.
    pub fn load(&mut self, bucket: Bucket, counter: Counter) {
        self.0.insert(bucket, counter);
    }

    /// What a bucket counts on a date.
    pub fn on(&self, bucket: Bucket, day: NaiveDate) -> Counter {
        let one = |bucket| self.0.get(&bucket).map_or(Counter::none(day), |known| known.on(day));
        if bucket != Bucket::All {
            return one(bucket);
        }
        Bucket::CHANNELS.into_iter().map(one).fold(Counter::none(day), |sum, part| Counter {
            day,
            day_minor: sum.day_minor.saturating_add(part.day_minor),
            day_count: sum.day_count.saturating_add(part.day_count),
            month_minor: sum.month_minor.saturating_add(part.month_minor),
            month_count: sum.month_count.saturating_add(part.month_count),
        })
    }

    /// Counts a use; `None` where it is more than can be counted. A counter never goes back to an earlier date.
    #[must_use]
    pub fn count(&mut self, buckets: &[Bucket], minor: i64, day: NaiveDate) -> Option<()> {
        for bucket in buckets {
            let counted = self.on(*bucket, day).add(minor)?;
            self.0.insert(*bucket, counted);
        }
        Some(())
    }

    /// Takes off a use that was counted on a date.
    pub fn take_off(&mut self, buckets: &[Bucket], minor: i64, day: NaiveDate) {
        for bucket in buckets {
            if let Some(counter) = self.0.get_mut(bucket) {
                *counter = counter.take_off(minor, day);
            }
        }
    }

    /// The counters as they are kept.
    pub fn counters(&self) -> impl Iterator<Item = (Bucket, Counter)> {
        self.0.iter().map(|(bucket, counter)| (*bucket, *counter))
    }
}
