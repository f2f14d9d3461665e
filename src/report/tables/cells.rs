//! Columns from rows: each column of a table finds its getter by name, once, and is then filled by
//! it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::error::ArrowError;

use super::TableError;
use crate::schema::{Column, Kind, MONEY_PRECISION, MONEY_SCALE, TIME_ZONE, Table};
use crate::units::{Day, Minute, Tokens, Usd};

/// One value on its way into a column.
pub(super) enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Count(i64),
    Small(i32),
    Real(f64),
    /// Micro-dollars.
    Money(i128),
    /// Microseconds since the epoch.
    Time(i64),
    Date(i32),
    Flag(bool),
}

/// How a row fills one column.
pub(super) type Get<R> = for<'a> fn(&'a R) -> Cell<'a>;

macro_rules! cell_from {
    ($($from:ty => |$value:ident| $cell:expr;)*) => {
        $(impl<'a> From<$from> for Cell<'a> {
            fn from($value: $from) -> Self {
                $cell
            }
        })*
    };
}

cell_from! {
    &'a str => |text| Cell::Text(text.into());
    &'a String => |text| Cell::Text(text.as_str().into());
    String => |text| Cell::Text(text.into());
    i64 => |count| Cell::Count(count);
    Tokens => |tokens| Cell::Count(tokens.0);
    i32 => |small| Cell::Small(small);
    f64 => |real| Cell::Real(real);
    Usd => |amount| Cell::Money(amount.micros());
    Minute => |minute| Cell::Time(minute.micros());
    Day => |day| Cell::Date(day.0);
    bool => |flag| Cell::Flag(flag);
}

impl<'a, T> From<Option<T>> for Cell<'a>
where
    Cell<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Cell::from)
    }
}

/// The rows as a batch of `table`; `getter` knows how to fill each of its columns.
pub(super) fn batch<R>(
    table: &'static Table,
    rows: &[R],
    getter: impl Fn(&str) -> Option<Get<R>>,
) -> Result<RecordBatch, TableError> {
    let mut columns = Vec::with_capacity(table.columns.len());
    for column in table.columns {
        let missing = || TableError::NoSource { table: table.name, column: column.name };
        let get = getter(column.name).ok_or_else(missing)?;
        columns.push(array(table, column, rows, get)?);
    }
    RecordBatch::try_new(table.arrow_schema(), columns)
        .map_err(|source| TableError::Arrow { table: table.name, source })
}

macro_rules! collect {
    ($rows:expr, $get:expr, $wrong:expr, $array:ty, $cell:path) => {
        $rows
            .iter()
            .map(|row| match $get(row) {
                $cell(value) => Ok(Some(value)),
                Cell::Null => Ok(None),
                _ => Err($wrong),
            })
            .collect::<Result<$array, TableError>>()?
    };
}

fn array<R>(
    table: &'static Table,
    column: &'static Column,
    rows: &[R],
    get: Get<R>,
) -> Result<ArrayRef, TableError> {
    let wrong = || TableError::WrongKind { table: table.name, column: column.name };
    let refused = |source: ArrowError| TableError::Arrow { table: table.name, source };
    Ok(match column.kind {
        Kind::Text => Arc::new(collect!(rows, get, wrong(), StringArray, Cell::Text)),
        Kind::Count => Arc::new(collect!(rows, get, wrong(), Int64Array, Cell::Count)),
        Kind::Small => Arc::new(collect!(rows, get, wrong(), Int32Array, Cell::Small)),
        Kind::Real => Arc::new(collect!(rows, get, wrong(), Float64Array, Cell::Real)),
        Kind::Date => Arc::new(collect!(rows, get, wrong(), Date32Array, Cell::Date)),
        Kind::Flag => Arc::new(collect!(rows, get, wrong(), BooleanArray, Cell::Flag)),
        Kind::Time => {
            let times = collect!(rows, get, wrong(), TimestampMicrosecondArray, Cell::Time);
            Arc::new(times.with_timezone(TIME_ZONE))
        }
        Kind::Money => {
            let amounts = collect!(rows, get, wrong(), Decimal128Array, Cell::Money)
                .with_precision_and_scale(MONEY_PRECISION, MONEY_SCALE)
                .map_err(refused)?;
            amounts.validate_decimal_precision(MONEY_PRECISION).map_err(refused)?;
            Arc::new(amounts)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn a_column_without_source_or_of_another_type_is_an_error() {
        let runs = schema::table("runs").unwrap();
        let error = batch(runs, &[()], |_| None).unwrap_err();
        assert_eq!(error.to_string(), "nothing fills column workload of table runs");
        let error = batch(runs, &[()], |_| Some(|()| Cell::Count(1))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column workload of table runs was given another type of value"
        );
        assert!(matches!(
            batch(runs, &[()], |_| Some(|()| Cell::Null)).unwrap_err(),
            TableError::Arrow { .. }
        ));
    }
}
