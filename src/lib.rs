//! halfrate: which Amazon Bedrock traffic nobody waits for, and what it would cost as batch.
//!
//! # Flow
//! Data goes one way:
//! ```text
//! source (list, fetch) → decode (gunzip, records, fields) → table (partial facts per object)
//!   → engine (check, merge day by day) → store (usage, sizes) → usage (one workload at a time)
//!   → tolerance (evidence, verdict) → savings (blockers, modes, range; rates from price)
//!   → report → store (workloads, evidence, volume, runs, audits) and the terminal
//! ```
//! Everything up to the facts is large, streams in bounded memory and adds up object by object;
//! everything after is small and pure.
//!
//! # Ranks
//! A module imports lower ranks only; `tests/layers.rs` checks it.
//!
//! | rank | modules |
//! |---|---|
//! | 0 | [`failpoint`], [`units`] |
//! | 1 | [`config`], [`workload`], [`schema`] |
//! | 2 | [`cli`], [`source`], [`decode`], [`tolerance`], [`price`], [`simulate`] |
//! | 3 | [`table`], [`savings`], [`store`] |
//! | 4 | [`engine`], [`report`] |
//! | 5 | [`usage`] |
//! | 6 | [`commands`] |
//!
//! The invariants that hold across modules are in ARCHITECTURE.md.

pub mod cli;
pub mod commands;
pub mod config;
pub mod decode;
pub mod engine;
pub mod failpoint;
pub mod price;
pub mod report;
pub mod savings;
pub mod schema;
pub mod simulate;
pub mod source;
pub mod store;
pub mod table;
pub mod tolerance;
pub mod units;
pub mod usage;
pub mod workload;
