//! Short names for columns, and the key columns that most tables share.

use super::{Column, Kind};

pub(super) const fn text(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Text, nullable: false, about }
}

pub(super) const fn count(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Count, nullable: false, about }
}

pub(super) const fn small(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Small, nullable: false, about }
}

pub(super) const fn real(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Real, nullable: false, about }
}

pub(super) const fn time(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Time, nullable: false, about }
}

pub(super) const fn date(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Date, nullable: false, about }
}

pub(super) const fn flag(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Flag, nullable: false, about }
}

/// An amount of US dollars. Any may be null, because a model without a known rate leaves it
/// unknown.
pub(super) const fn money(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Money, nullable: true, about }
}

/// The same column, which may be null.
pub(super) const fn maybe(column: Column) -> Column {
    Column { nullable: true, ..column }
}

/// A `&[Column]` of the columns in the first brackets, the nine key columns, and those in the
/// second.
macro_rules! keyed {
    ([$($before:expr),* $(,)?], [$($after:expr),* $(,)?]) => {
        &[
            $($before,)*
            text("workload", "stable id of the workload, 16 hexadecimal digits: joins the tables"),
            text("account", "AWS account that called, 12 digits"),
            text("region", "AWS region that was called"),
            text("caller", "role or user with the session's class; never a raw session name"),
            text("caller_kind", "kind of identity the caller is: person, pipeline, program, …"),
            text("model", "base model id without geo prefix; the whole id where it is opaque"),
            text("scope", "where the model runs: in-region, a geo profile, global or opaque"),
            text("operation", "operation family: Converse, InvokeModel, or what the log says"),
            text("tags", "requestMetadata of --group-by, key=value joined by commas; or empty"),
            $($after,)*
        ]
    };
}
pub(super) use keyed;

/// The key columns, in the order of every table that has them.
pub const KEY_COLUMNS: [&str; 9] = [
    "workload",
    "account",
    "region",
    "caller",
    "caller_kind",
    "model",
    "scope",
    "operation",
    "tags",
];

/// Sort order by workload, then by what follows: rows of one workload lie together, which
/// compresses well and lets readers skip by caller or model.
macro_rules! by_key {
    ($($then:expr),* $(,)?) => {
        &["account", "region", "caller", "model", "scope", "operation", "tags", $($then,)*]
    };
}

/// The order of workloads in every table that is sorted by them.
pub const KEY_ORDER: [&str; 7] = *by_key!();
pub(super) use by_key;
