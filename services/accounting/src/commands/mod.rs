//! The writes. Each file is one use case and says what it locks and what a repetition returns.
//!
//! Booking runs in lanes of its own, so that a cut-over never waits behind a delivery nor delays one.

mod confirm_cut_over;
mod cut_over;
mod days;
mod post_batches;

pub use confirm_cut_over::ConfirmCutOver;
pub use cut_over::CutOver;
pub use days::{DayAction, DayBook, DayCommand};
pub use post_batches::{BatchOutcome, PostBatch, PostingBook};
