//! `halfrate.toml`: any text is a configuration or an error with a message, and says the same twice.

#![no_main]

use halfrate_fuzz::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match (Config::from_toml(text), Config::from_toml(text)) {
        (Ok(one), Ok(other)) => {
            // NaN differs from itself, and no setting may be one.
            assert_eq!(one, other);
            for tries in [0, 1, 64, u32::MAX] {
                assert!(one.retry.longest_wait(tries).as_millis() <= u128::from(one.retry.longest_wait_ms));
            }
        }
        (Err(one), Err(other)) => {
            assert!(!one.to_string().is_empty());
            assert_eq!(one.to_string(), other.to_string());
        }
        _ => panic!("read once and refused once"),
    }
});
