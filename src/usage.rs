//! Usage: the facts of an audit read back, one workload at a time.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;

use crate::table::columns::{NUMBERS, Reader, minute_facts, number_names};
use crate::units::{Day, Minute};
use crate::workload::{SizeHistogram, Window, Workload};

/// Every row of `usage` in the window, workload by workload.
const USAGE: &str = include_str!("../queries/audit/usage.sql");
/// The size histograms of the whole window.
const SIZES: &str = include_str!("../queries/audit/sizes.sql");

/// The facts could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A query failed.
    #[error("cannot read the facts: {0}")]
    Query(#[from] DataFusionError),
    /// A table has other columns than it should.
    #[error("facts have an unexpected shape: {0}")]
    Shape(#[from] ArrowError),
}

/// Histograms of input and output of one workload.
type Histograms = (SizeHistogram, SizeHistogram);

/// Reads the tables `usage` and `sizes` of the session, as far as they lie in `window`, and hands on each workload with its minutes in
/// order. Holds one workload's minutes and all histograms (a few hundred bins a workload) at a time.
///
/// # Errors
/// A query fails or a table has other columns, or the first error of `each`.
pub async fn workloads<E: From<UsageError>>(
    session: &SessionContext,
    window: &Window,
    mut each: impl FnMut(Workload) -> Result<(), E>,
) -> Result<(), E> {
    let mut sizes = histograms(session, window).await?;
    let frame = within(session, USAGE, window).await.map_err(UsageError::from)?;
    let mut rows = frame.execute_stream().await.map_err(UsageError::from)?;
    let mut current: Option<(String, Workload)> = None;
    while let Some(batch) = rows.try_next().await.map_err(UsageError::from)? {
        let columns = Columns::of(&batch).map_err(UsageError::from)?;
        for row in 0..batch.num_rows() {
            let id = columns.id.value(row);
            if current.as_ref().is_none_or(|(of, _)| of != id) {
                let (input_sizes, output_sizes) = sizes.remove(id).unwrap_or_default();
                let key = columns.reader.key(row).map_err(UsageError::from)?;
                let next = Workload { key, minutes: Vec::new(), input_sizes, output_sizes };
                if let Some((_, done)) = current.replace((id.to_owned(), next)) {
                    each(done)?;
                }
            }
            if let Some((_, workload)) = &mut current {
                workload.minutes.push(columns.minute(row));
            }
        }
    }
    current.map_or(Ok(()), |(_, last)| each(last))
}

/// The columns of one batch of `usage`.
struct Columns<'b> {
    reader: Reader<'b>,
    id: &'b arrow::array::StringArray,
    minute: &'b arrow::array::TimestampMicrosecondArray,
    numbers: [&'b [i64]; NUMBERS],
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, ArrowError> {
        let reader = Reader(batch);
        let mut numbers = [&[][..]; NUMBERS];
        for (slot, name) in numbers.iter_mut().zip(number_names()) {
            *slot = reader.count(name)?.values();
        }
        Ok(Self { id: reader.text("workload")?, minute: reader.time("minute")?, numbers, reader })
    }

    fn minute(&self, row: usize) -> crate::workload::MinuteFacts {
        let minute = Minute::of_seconds(self.minute.value(row).div_euclid(1_000_000));
        minute_facts(minute, self.numbers.map(|column| column[row]))
    }
}

/// A statement over the days of a window.
async fn within(
    session: &SessionContext,
    statement: &str,
    window: &Window,
) -> Result<DataFrame, DataFusionError> {
    let day = |day: Day| ScalarValue::Date32(Some(day.0));
    let values = vec![("from", day(window.from)), ("to", day(window.to))];
    session.sql(statement).await?.with_param_values(values)
}

async fn histograms(
    session: &SessionContext,
    window: &Window,
) -> Result<HashMap<String, Histograms>, UsageError> {
    let mut sizes: HashMap<String, Histograms> = HashMap::new();
    let mut rows = within(session, SIZES, window).await?.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        let reader = Reader(&batch);
        let (workload, kind) = (reader.text("workload")?, reader.text("kind")?);
        let requests = reader.count("requests")?;
        let bins = batch.column_by_name("bin").and_then(|c| c.as_primitive_opt::<Int32Type>());
        let bins = bins.ok_or_else(|| ArrowError::SchemaError("sizes.bin is no integer".into()))?;
        for row in 0..batch.num_rows() {
            let (input, output) = sizes.entry(workload.value(row).to_owned()).or_default();
            let histogram = if kind.value(row) == "input" { input } else { output };
            *histogram.bins.entry(bins.value(row)).or_default() += requests.value(row);
        }
    }
    Ok(sizes)
}
