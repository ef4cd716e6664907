//! An error with everything that caused it. `Display` of our errors never repeats the source, so that each place can
//! choose: callers get the first line, logs get all of them.

use std::error::Error;
use std::fmt;

/// Prints an error, then each cause after a colon.
pub struct Sources<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
