//! Settings: a TOML file, overridden by the environment (`THINCORE__SECTION__KEY`), read once at start. All problems are
//! reported at once, each with the key and what is allowed.
//!
//! Absent on purpose: reloading. Limits that change at run time belong to whoever keeps their history.

mod audit;
mod children;
mod load;
mod sections;
mod tls;
mod traffic;
mod tree;

#[cfg(test)]
mod tests;

pub use audit::AuditConfig;
pub use load::{ConfigError, Problems, Validate, load};
pub use sections::{
    ClientConfig, DatabaseConfig, LaneConfig, RelayConfig, ServerConfig, TelemetryConfig,
};
pub use tls::TlsConfig;
pub use traffic::{RateConfig, TrafficConfig};
