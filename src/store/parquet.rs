//! Tables as Parquet bytes: the same rows give the same bytes, however they were cut into batches.

use std::cmp::Ordering;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DynComparator, RecordBatch, make_comparator};
use arrow::compute::{BatchCoalescer, SortOptions, cast, concat_batches};
use arrow::datatypes::{DataType, FieldRef, Int32Type, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value};

use super::by_column::ByColumn;
use crate::schema::{Column, Kind, PARTITION_COLUMN, Table};

/// What files say made them. Without a version, so that a release alone changes no bytes; the
/// version that counts is in the `audits` table.
const CREATED_BY: &str = "halfrate";

/// Rows handed to the encoder at once. Page bounds depend on it, so it is fixed.
const BATCH_ROWS: usize = 8192;

/// Rows in a row group: about what DuckDB gives one thread (122,880), and small enough that a
/// writer of the widest table holds a few tens of megabytes.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Columns whose values are too many for a dictionary to make them small: these are compressed. The others have
/// dictionaries of few values or are packed; compressing them made files no smaller, and setting up 130 compressors
/// took a tenth of an audit of one object.
const COMPRESSED: [&str; 8] =
    ["key", "etag", "sentence", "reason", "config", "prices", "lower_tokens", "upper_tokens"];

/// Zstandard level: files of level 3, its own default, were no smaller.
const ZSTD_LEVEL: i32 = 1;

/// Columns of a table's order whose texts have statistics: account, region and caller of most tables. What comes after
/// them in the order is sorted within a caller only.
const SORTED_TEXTS: usize = 3;

/// A table could not be written as Parquet.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The batch lacks a column of the table.
    #[error("table {table} lacks column {column}")]
    Missing {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The batch has a column that the table has not.
    #[error("table {table} has no column {column}")]
    Unknown {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
    },
    /// The rows are not sorted as the table promises; readers rely on it.
    #[error("rows of table {table} are not sorted by {}", order.join(", "))]
    Order {
        /// The table.
        table: &'static str,
        /// Its order.
        order: &'static [&'static str],
    },
    /// Arrow refused a cast, or a null where none may be.
    #[error("table {table}")]
    Arrow {
        /// The table.
        table: &'static str,
        /// Why.
        source: ArrowError,
    },
    /// The encoder or the sink below it failed.
    #[error("table {table} as parquet")]
    Parquet {
        /// The table.
        table: &'static str,
        /// Why.
        source: ParquetError,
    },
}

/// One whole file in memory.
///
/// # Errors
/// A batch does not fit the table, or the rows are not sorted by its order.
pub fn encode(table: &'static Table, batches: &[RecordBatch]) -> Result<Bytes, EncodeError> {
    let mut writer = TableWriter::new(table, Vec::new())?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.finish()?.into())
}

/// The file that [`encode`] makes of rows, of columns that are made when their turn to be encoded comes, on all
/// cores. `column` makes each by its name, of the table's type or with texts as dictionaries.
///
/// # Errors
/// As [`encode`].
pub fn encode_by_column(
    table: &'static Table,
    rows: usize,
    column: impl Fn(&str) -> Option<ArrayRef> + Sync,
) -> Result<Bytes, EncodeError> {
    let refused = |source| EncodeError::Arrow { table: table.name, source };
    let failed = |source| EncodeError::Parquet { table: table.name, source };
    let schema = table.arrow_schema();
    let made = |at: usize| -> Result<ArrayRef, ArrowError> {
        let (field, name) = (schema.field(at), table.columns[at].name);
        let column = column(name).filter(|column| {
            let (found, kind) = (column.data_type(), field.data_type());
            (found == kind || is_dictionary_of(found, kind))
                && column.len() == rows
                && (field.is_nullable() || column.null_count() == 0)
        });
        column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name} that fits")))
    };
    let of_order = |name: &&'static str| Ok((*name, made(schema.index_of(name)?)?));
    let order = table.order.iter().map(of_order).collect::<Result<Vec<_>, ArrowError>>();
    let order = order.and_then(RecordBatch::try_from_iter).map_err(refused)?;
    if !is_sorted(table, &order).map_err(refused)? {
        return Err(EncodeError::Order { table: table.name, order: table.order });
    }
    drop(order);
    let mut writer = ByColumn::new(Arc::clone(&schema), properties(table)?).map_err(failed)?;
    for start in (0..rows).step_by(ROW_GROUP_ROWS) {
        let end = rows.min(start + ROW_GROUP_ROWS);
        let pieces = |at: usize| {
            let column = made(at)?;
            let starts = (start..end).step_by(BATCH_ROWS);
            Ok(starts.map(|at| column.slice(at, BATCH_ROWS.min(end - at))).collect())
        };
        writer.row_group(pieces).map_err(failed)?;
    }
    Ok(writer.finish().map_err(failed)?.into())
}

/// The batch with exactly the table's columns, types and metadata; texts may stay dictionaries.
///
/// Columns are found by name and cast; the partition column is left out.
///
/// # Errors
/// A column is missing, unknown, of a type that cannot be cast, or null where it may not be.
pub fn conform(table: &'static Table, batch: &RecordBatch) -> Result<RecordBatch, EncodeError> {
    let refused = |source| EncodeError::Arrow { table: table.name, source };
    for field in batch.schema_ref().fields() {
        let partition = table.partitioned && field.name() == PARTITION_COLUMN;
        if !partition && table.column(field.name()).is_none() {
            return Err(EncodeError::Unknown { table: table.name, column: field.name().clone() });
        }
    }
    let column = |column: &'static Column| -> Result<ArrayRef, EncodeError> {
        let missing = EncodeError::Missing { table: table.name, column: column.name };
        let values = batch.column_by_name(column.name).ok_or(missing)?;
        let kind = column.kind.arrow();
        if values.data_type() == &kind || is_dictionary_of(values.data_type(), &kind) {
            return Ok(Arc::clone(values));
        }
        cast(values, &kind).map_err(refused)
    };
    let columns = table.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let mut schema = table.arrow_schema();
    if columns.iter().any(|column| matches!(column.data_type(), DataType::Dictionary(..))) {
        let fields = schema.fields().iter().zip(&columns);
        let of = |(field, column): (&FieldRef, &ArrayRef)| {
            Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone()))
        };
        schema = Arc::new(Schema::new(fields.map(of).collect::<Vec<_>>()));
    }
    RecordBatch::try_new(schema, columns).map_err(refused)
}

/// The rows with texts instead of dictionaries.
fn plain(batch: &RecordBatch, table: &Table) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(table.columns);
    let plain = columns.map(|(column, of)| cast(column, &of.kind.arrow()));
    RecordBatch::try_new(table.arrow_schema(), plain.collect::<Result<Vec<_>, _>>()?)
}

fn is_dictionary_of(found: &DataType, kind: &DataType) -> bool {
    matches!(found, DataType::Dictionary(of, value)
        if **of == DataType::Int32 && **value == *kind && *kind == DataType::Utf8)
}

/// A Parquet file written batch by batch, for tables that do not fit into memory.
pub struct TableWriter<W: Write + Send> {
    table: &'static Table,
    writer: ArrowWriter<W>,
    /// Cuts what comes in into batches of [`BATCH_ROWS`].
    coalescer: BatchCoalescer,
    /// The last row written, for the order of the next batch; empty before the first.
    last: Option<RecordBatch>,
}

impl<W: Write + Send> TableWriter<W> {
    /// A writer of one file of `table` into `sink`.
    ///
    /// # Errors
    /// The sink failed.
    pub fn new(table: &'static Table, sink: W) -> Result<Self, EncodeError> {
        let schema = table.arrow_schema();
        let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties(table)?))
            .map_err(|source| EncodeError::Parquet { table: table.name, source })?;
        Ok(Self { table, writer, coalescer: BatchCoalescer::new(schema, BATCH_ROWS), last: None })
    }

    /// Adds rows, which [`conform`] and continue the table's order.
    ///
    /// # Errors
    /// The batch does not fit the table, is out of order, or the sink failed.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), EncodeError> {
        let batch = conform(self.table, batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.check_order(&batch)?;
        let last = batch.slice(batch.num_rows() - 1, 1);
        if batch.schema_ref() == &self.table.arrow_schema() {
            self.last = Some(last);
            self.coalescer.push_batch(batch).map_err(|source| self.arrow(source))?;
            return self.drain();
        }
        // With dictionaries, which are not put together but written as they are.
        self.last = Some(plain(&last, self.table).map_err(|source| self.arrow(source))?);
        self.coalescer.finish_buffered_batch().map_err(|source| self.arrow(source))?;
        self.drain()?;
        (0..batch.num_rows())
            .step_by(BATCH_ROWS)
            .try_for_each(|at| {
                self.writer.write(&batch.slice(at, BATCH_ROWS.min(batch.num_rows() - at)))
            })
            .map_err(|source| EncodeError::Parquet { table: self.table.name, source })
    }

    /// Ends the file and hands back the sink.
    ///
    /// # Errors
    /// The sink failed.
    pub fn finish(mut self) -> Result<W, EncodeError> {
        self.coalescer.finish_buffered_batch().map_err(|source| self.arrow(source))?;
        self.drain()?;
        let table = self.table.name;
        self.writer.into_inner().map_err(|source| EncodeError::Parquet { table, source })
    }

    fn drain(&mut self) -> Result<(), EncodeError> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.writer
                .write(&batch)
                .map_err(|source| EncodeError::Parquet { table: self.table.name, source })?;
        }
        Ok(())
    }

    fn check_order(&self, batch: &RecordBatch) -> Result<(), EncodeError> {
        let joint = match &self.last {
            Some(last) => {
                let first = plain(&batch.slice(0, 1), self.table);
                let first = first.map_err(|source| self.arrow(source))?;
                let rows = concat_batches(first.schema_ref(), [last, &first]);
                is_sorted(self.table, &rows.map_err(|source| self.arrow(source))?)
            }
            None => Ok(true),
        };
        let sorted = joint.and_then(|joint| Ok(joint && is_sorted(self.table, batch)?));
        if sorted.map_err(|source| self.arrow(source))? {
            return Ok(());
        }
        Err(EncodeError::Order { table: self.table.name, order: self.table.order })
    }

    fn arrow(&self, source: ArrowError) -> EncodeError {
        EncodeError::Arrow { table: self.table.name, source }
    }
}

fn is_sorted(table: &Table, batch: &RecordBatch) -> Result<bool, ArrowError> {
    let column = |name: &&str| batch.column_by_name(name).map(in_order);
    let columns = table.order.iter().filter_map(column).collect::<Result<Vec<_>, _>>()?;
    let in_order = |row: usize| {
        let first = columns.iter().map(|compare| compare(row - 1, row)).find(|o| o.is_ne());
        first != Some(Ordering::Greater)
    };
    Ok((1..batch.num_rows()).all(in_order))
}

/// How two rows of a column compare, null before all else.
fn in_order(column: &ArrayRef) -> Result<DynComparator, ArrowError> {
    let ascending = SortOptions { descending: false, nulls_first: true };
    let values = make_comparator(column, column, ascending)?;
    match column.as_dictionary_opt::<Int32Type>().filter(|texts| texts.null_count() == 0) {
        // Rows of one workload follow each other: most need no look at the texts.
        Some(texts) => {
            let keys = texts.keys().clone();
            Ok(Box::new(move |a, b| match keys.value(a) == keys.value(b) {
                true => Ordering::Equal,
                false => values(a, b),
            }))
        }
        None => Ok(values),
    }
}

fn properties(table: &'static Table) -> Result<WriterProperties, EncodeError> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL)
        .map_err(|source| EncodeError::Parquet { table: table.name, source })?;
    let index = |name: &&str| table.columns.iter().position(|column| column.name == *name);
    let sorting = table.order.iter().filter_map(index).map(|index| SortingColumn {
        column_idx: index as i32,
        descending: false,
        nulls_first: true,
    });
    let columns: Map<String, Value> =
        table.columns.iter().map(|column| (column.name.to_owned(), column.about.into())).collect();
    let described = ("halfrate.columns", Value::from(columns).to_string());
    let metadata = table.metadata().map(|(key, value)| (key, value.to_owned()));
    let metadata = [described].into_iter().chain(metadata);
    let mut properties = WriterProperties::builder();
    // Whole numbers as distances from the one before, packed: they repeat too little for a dictionary, and are as small
    // as compressed and written in half the time.
    let packed = |column: &&Column| {
        matches!(column.kind, Kind::Count | Kind::Small | Kind::Time | Kind::Date)
    };
    for column in table.columns.iter().filter(packed) {
        let path = ColumnPath::from(column.name);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    for name in COMPRESSED {
        let path = ColumnPath::from(name);
        properties = properties.set_column_compression(path, Compression::ZSTD(level));
    }
    // Least and greatest values of a page or file let readers pass over it where rows are sorted by them. Those of other
    // columns are much the same in most pages, and finding them takes two comparisons a row.
    let unsorted = |column: &&Column| {
        let place = table.order.iter().position(|name| *name == column.name);
        place.is_none_or(|place| column.kind == Kind::Text && place >= SORTED_TEXTS)
    };
    for column in table.columns.iter().filter(unsorted) {
        let path = ColumnPath::from(column.name);
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    Ok(properties
        .set_compression(Compression::UNCOMPRESSED)
        .set_created_by(CREATED_BY.to_owned())
        .set_key_value_metadata(Some(
            metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect(),
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_sorting_columns(Some(sorting.collect()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::report::tables::{TableData, batches};
    use crate::schema;
    use arrow::array::{Array, AsArray, Int32Array, StringArray, TimestampSecondArray};
    use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    fn read(bytes: &Bytes) -> (RecordBatch, ParquetRecordBatchReaderBuilder<Bytes>) {
        let builder = || ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
        let schema = Arc::clone(builder().schema());
        let batches: Vec<_> = builder().build().unwrap().map(Result::unwrap).collect();
        (concat_batches(&schema, &batches).unwrap(), builder())
    }

    fn data(name: &str) -> TableData {
        let all = batches(&example::report()).unwrap();
        all.into_iter().find(|data| data.table.name == name).unwrap()
    }

    #[test]
    fn every_table_reads_back_with_types_words_and_order() {
        for data in batches(&example::report()).unwrap() {
            for part in &data.parts {
                assert_eq!(part.day.is_some(), data.table.partitioned);
                let bytes = encode(data.table, std::slice::from_ref(&part.batch)).unwrap();
                let (batch, file) = read(&bytes);
                assert_eq!(batch.columns(), part.batch.columns());
                assert_eq!(file.schema().fields(), data.table.arrow_schema().fields());
                let metadata = file.metadata();
                assert_eq!(metadata.file_metadata().created_by(), Some("halfrate"));
                let pairs = metadata.file_metadata().key_value_metadata().unwrap();
                let keys: Vec<_> = pairs.iter().map(|pair| pair.key.as_str()).collect();
                assert!(keys.contains(&"halfrate.schema_version"), "{keys:?}");
                let sorting = metadata.row_group(0).sorting_columns().unwrap();
                assert_eq!(sorting.len(), data.table.order.len());
            }
        }
    }

    #[test]
    fn statistics_are_of_what_rows_are_sorted_by() {
        let data = data("workloads");
        let (_, file) = read(&encode(data.table, &[data.parts[0].batch.clone()]).unwrap());
        let columns = data.table.columns.iter();
        let told: Vec<&str> = columns
            .zip(file.metadata().row_group(0).columns())
            .filter(|(_, chunk)| chunk.statistics().is_some())
            .map(|(column, _)| column.name)
            .collect();
        assert_eq!(told, ["account", "region", "caller"]);
    }

    #[test]
    fn a_table_without_rows_is_a_file_with_a_schema() {
        for table in schema::TABLES {
            let (batch, _) = read(&encode(table, &[]).unwrap());
            assert_eq!(batch.num_rows(), 0);
            assert_eq!(batch.schema().fields(), table.arrow_schema().fields());
        }
    }

    #[test]
    fn volume_adds_up_to_the_workloads() {
        let report = example::report();
        let count = |batch: &RecordBatch, name: &str, row| {
            batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row)
        };
        let money = |batch: &RecordBatch, name: &str, row| {
            let column = batch.column_by_name(name).unwrap().as_primitive::<Decimal128Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let parts = data("volume").parts;
        assert_eq!(parts.len(), 30);
        for workload in &report.workloads {
            let id = workload.key.id();
            let (mut sums, mut cost, mut moved) = ([0; 7], None, None);
            for batch in parts.iter().map(|part| &part.batch) {
                let ids = batch.column_by_name("workload").unwrap().as_string::<i32>();
                for row in (0..batch.num_rows()).filter(|row| ids.value(*row) == id) {
                    let names = ["tokens", "blocked_tokens", "pilot_tokens", "addressable_tokens"];
                    let names = [&names[..], &["eligible_tokens", "interactive_tokens"]].concat();
                    let names = [&names[..], &["unclear_tokens"]].concat();
                    let counts: Vec<i64> = names.iter().map(|n| count(batch, n, row)).collect();
                    assert!(counts.iter().all(|count| *count >= 0));
                    assert_eq!(counts[0], counts[4] + counts[5] + counts[6]);
                    assert_eq!(counts[4], counts[1] + counts[2] + counts[3]);
                    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                    let add = |a: Option<i128>, b: Option<i128>| Some(a.unwrap_or(0) + b?);
                    cost = add(cost, money(batch, "cost_usd", row));
                    moved = add(moved, money(batch, "moved_cost_usd", row));
                }
            }
            let assessment = &workload.assessment;
            assert_eq!(sums[0], workload.total.tokens.total().0);
            assert_eq!(sums[1], assessment.blocked.total().0);
            assert_eq!(sums[2], assessment.pilot.total().0);
            assert_eq!(sums[3], assessment.addressable.total().0);
            assert_eq!(cost, assessment.cost.map(|cost| cost.micros()));
            assert_eq!(moved.is_some(), cost.is_some());
            assert!(moved <= cost);
        }
    }

    #[test]
    fn runs_are_of_tolerant_workloads_and_unknown_money_is_null() {
        let runs = &data("runs").parts[0].batch;
        assert_eq!(runs.num_rows(), 9);
        let workloads = &data("workloads").parts[0].batch;
        let cost = workloads.column_by_name("cost_usd").unwrap();
        assert_eq!((cost.len(), cost.null_count()), (6, 1));
        let total: i128 = cost.as_primitive::<Decimal128Type>().iter().flatten().sum();
        assert_eq!(total, 12_000_000_000);
    }

    #[test]
    fn the_cut_into_batches_leaves_no_trace() {
        let sizes = schema::table("sizes").unwrap();
        let rows = 20_000;
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values((0..rows).map(|_| value)))
        };
        let columns = sizes.columns.iter().map(|column| match column.name {
            "bin" => Arc::new(Int32Array::from_iter_values(0..rows)),
            "kind" => text("input"),
            _ => cast(&text("1"), &column.kind.arrow()).unwrap(),
        });
        let batch = RecordBatch::try_new(sizes.arrow_schema(), columns.collect()).unwrap();
        let whole = encode(sizes, std::slice::from_ref(&batch)).unwrap();
        let cuts = [0, 1, 4097, 8192, 19_999, 20_000];
        let pieces: Vec<_> =
            cuts.windows(2).map(|cut| batch.slice(cut[0], cut[1] - cut[0])).collect();
        assert_eq!(encode(sizes, &pieces).unwrap(), whole);
        let column = |name: &str| batch.column_by_name(name).cloned();
        assert_eq!(encode_by_column(sizes, rows as usize, column).unwrap(), whole);

        let swapped = [batch.slice(10, 5), batch.slice(0, 5)];
        let swapped = concat_batches(batch.schema_ref(), &swapped).unwrap();
        let by_column = encode_by_column(sizes, 10, |name| swapped.column_by_name(name).cloned());
        for encoded in [encode(sizes, std::slice::from_ref(&swapped)), by_column] {
            let error = encoded.unwrap_err().to_string();
            assert!(error.starts_with("rows of table sizes are not sorted by account"), "{error}");
        }
    }

    #[test]
    fn batches_are_cast_and_strangers_refused() {
        let rejects = schema::table("rejects").unwrap();
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let batch = |pairs: Vec<(&str, ArrayRef)>| RecordBatch::try_from_iter(pairs).unwrap();
        let full = |position: ArrayRef| {
            let rest = [("source", text("s")), ("key", text("k")), ("reason", text("r"))];
            rest.into_iter().chain([("position", position), ("date", text("d"))]).collect()
        };
        let cast = conform(rejects, &batch(full(Arc::new(Int32Array::from(vec![7]))))).unwrap();
        assert_eq!(cast.schema(), rejects.arrow_schema());
        let error = conform(rejects, &batch(vec![("source", text("s"))])).unwrap_err();
        assert_eq!(error.to_string(), "table rejects lacks column key");
        let error = conform(rejects, &batch(vec![("body", text("secret"))])).unwrap_err();
        assert_eq!(error.to_string(), "table rejects has no column body");

        let runs = schema::table("runs").unwrap();
        let nulls = TimestampSecondArray::from(vec![None]);
        let schema = Schema::new(vec![Field::new("first_minute", nulls.data_type().clone(), true)]);
        let lacking = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(nulls)]).unwrap();
        assert!(matches!(conform(runs, &lacking), Err(EncodeError::Missing { .. })));
        assert_eq!(runs.column("jobs").unwrap().kind.arrow(), DataType::Int64);
    }
}
