//! The crate from outside: published examples, what other implementations make, and properties over whatever comes.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, and not what they share")]

mod cards;
mod files;
mod frames;
mod messages;
mod oracle;
mod originals;
mod pins;
mod reference;
mod requests;
mod some;
