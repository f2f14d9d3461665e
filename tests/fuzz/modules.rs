//! The pure modules that fuzz targets exercise, under the names that they know each other by.

#![allow(dead_code, missing_docs)]

#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/price/mod.rs"]
pub mod price;
#[path = "../../src/units.rs"]
pub mod units;
#[path = "../../src/workload.rs"]
pub mod workload;

pub mod source;
