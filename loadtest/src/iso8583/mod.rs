//! The scheme's end of the line to the bank's gateway: connections, questions, and the answers that belong to them.
//!
//! Read in this order: `line` (one connection), `pool` (several, signed on), `message` (what is asked), `insist` (until the
//! outcome is known: repeat, then reverse), `zone` (the keys of PINs on their way).
//!
//! An answer is matched by its type, transmission time (7), trace number (11) and terminal (41), never by its place.

mod insist;
mod line;
mod message;
mod pool;
mod zone;

pub use insist::{Patience, Settled, insist};
pub use line::{Gateway, Line, NoAnswer};
pub use message::{
    COUNTRY, Card, Following, Purchase, Trace, authorization_id, code, following, network,
};
pub use pool::Pool;
pub use zone::ZoneKeys;
