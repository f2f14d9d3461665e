//! All integration tests, in one binary that links once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod bad_input;
mod docs;
mod evaluate;
mod explain;
mod faults;
mod hostile;
mod hybrid;
mod layers;
mod logs;
mod prices;
mod program;
mod retries;
mod s3;
mod schemas;
mod simulate;
mod source;
mod sql;
mod support;
mod tables;
mod traces;
