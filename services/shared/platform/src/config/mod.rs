//! Settings: a TOML file, overridden by the environment (`THINCORE__SECTION__KEY`), read once at start. All problems are
//! reported at once, each with the key and what is allowed.
//!
//! Absent on purpose: reloading. Limits that change at run time belong to whoever keeps their history.

mod children;
mod load;
mod sections;
mod tree;

#[cfg(test)]
mod tests;

pub use load::{ConfigError, Problems, Validate, load};
pub use sections::{
    ClientConfig, DatabaseConfig, LaneConfig, RelayConfig, ServerConfig, TelemetryConfig,
    TrafficConfig,
};
