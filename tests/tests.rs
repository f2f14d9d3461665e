//! All integration tests, in one binary that links once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod bad_input;
mod crashes;
mod docs;
mod documented;
mod evaluate;
mod explain;
mod faults;
mod hostile;
mod hybrid;
mod incremental;
mod layers;
mod logs;
mod operations;
mod page;
mod peers;
mod prices;
mod program;
mod readers;
mod retries;
mod s3;
mod schemas;
mod serve;
mod shell;
mod simulate;
mod source;
mod sql;
mod story;
mod support;
mod tables;
mod traces;
