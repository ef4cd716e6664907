//! The `bank` command from outside: one clear line and the documented exit code for whatever can go wrong
//! before a service is started, and nothing left behind. What needs the services is in the system tests.

// The attribute tells clippy that functions besides the tests themselves are test code too.
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod directories;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod support;
