//! The test kit against real Postgres servers and real processes.

// The attribute tells clippy that functions besides the tests themselves are test code too.
#[cfg(test)]
mod clusters;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod processes;
