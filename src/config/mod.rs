//! Configuration: every threshold and limit with its unit, default, reason and source, and `halfrate.toml`.

mod limits;
mod retry;
mod savings;
mod tolerance;

pub use limits::Limits;
pub use retry::Retry;
pub use savings::*;
pub use tolerance::*;

use serde::Deserialize;

/// Everything `halfrate.toml` can say. Every section and key is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[limits]`: bounds on memory, records and rejects.
    pub limits: Limits,
    /// `[retry]`: how often and how long a request to S3 is tried.
    pub retry: Retry,
    /// `[tolerance]`: thresholds of the evidence rules, overrides by owners, declared tags.
    pub tolerance: Tolerance,
    /// `[savings]`: batch rules and quotas, discounts, provisioned prices, application profiles.
    pub savings: Savings,
}

/// `halfrate.toml` could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, with line and key.
    message: String,
}

impl Config {
    /// Reads the text of a `halfrate.toml`.
    ///
    /// # Errors
    /// An unknown key, a wrong type or a value out of range; the message names line and key.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let error = |message: String| ConfigError { message };
        let config: Self = toml::from_str(text).map_err(|e| error(e.to_string()))?;
        config.limits.check().map_err(error)?;
        config.retry.check().map_err(error)?;
        config.tolerance.check().map_err(error)?;
        config.savings.check().map_err(error)?;
        Ok(config)
    }
}
