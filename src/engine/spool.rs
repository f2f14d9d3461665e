//! Rows set aside: in memory while few, in a temporary Arrow file beyond.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;
use tempfile::NamedTempFile;

use super::EngineError;

/// Rows of one batch of a query: DataFusion's own default.
const PIECE_ROWS: usize = 8192;

/// Rows being set aside.
pub(super) struct Spool {
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    file: Option<(NamedTempFile, FileWriter<BufWriter<File>>)>,
}

impl Spool {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, pending: Vec::new(), pending_bytes: 0, file: None }
    }

    /// Sets rows aside; their columns are those of the spool's schema in its order.
    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.pending_bytes += batch.get_array_memory_size();
        self.pending.push(batch);
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Writes what is held in memory to the file.
    pub(super) fn spill(&mut self) -> Result<(), EngineError> {
        let (_, writer) = match &mut self.file {
            Some(open) => open,
            None => {
                let file = NamedTempFile::new()?;
                let writer = FileWriter::try_new_buffered(file.reopen()?, &self.schema)?;
                self.file.insert((file, writer))
            }
        };
        self.pending_bytes = 0;
        self.pending.drain(..).try_for_each(|batch| writer.write(&batch))?;
        Ok(())
    }

    /// Ends it: the rows can be read back, in the order in which they came.
    pub(super) fn finish(self) -> Result<Spooled, EngineError> {
        let file = match self.file {
            Some((file, mut writer)) => {
                writer.finish()?;
                Some(file)
            }
            None => None,
        };
        Ok(Spooled { rows: self.pending, file })
    }
}

/// What a finished spool holds; the file goes when this does.
#[derive(Debug)]
pub(super) struct Spooled {
    rows: Vec<RecordBatch>,
    file: Option<NamedTempFile>,
}

impl Spooled {
    /// The rows, piece by piece.
    pub(super) fn batches(
        &self,
    ) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<> {
        let (from_file, failed) = match self.reader() {
            Ok(reader) => (reader, None),
            Err(error) => (None, Some(Err(error))),
        };
        let rows = self.rows.clone().into_iter().map(Ok);
        failed.into_iter().chain(from_file.into_iter().flatten()).chain(rows)
    }

    /// The rows as a table, each batch made into one of `schema` on its way.
    pub(super) fn into_table(
        self,
        schema: SchemaRef,
        make: impl Fn(&SchemaRef, RecordBatch) -> Result<RecordBatch, ArrowError>
        + Send
        + Sync
        + 'static,
    ) -> Result<StreamingTable, EngineError> {
        let made = Made { spooled: self, schema: Arc::clone(&schema), make: Arc::new(make) };
        Ok(StreamingTable::try_new(schema, vec![Arc::new(made)])?)
    }

    fn reader(&self) -> Result<Option<FileReader<BufReader<File>>>, ArrowError> {
        let open = |file: &NamedTempFile| -> Result<_, ArrowError> {
            let file: Result<File, io::Error> = file.reopen();
            FileReader::try_new_buffered(file?, None)
        };
        self.file.as_ref().map(open).transpose()
    }
}

/// Spooled rows in another form.
struct Made {
    spooled: Spooled,
    schema: SchemaRef,
    make: Arc<Make>,
}

/// Makes a batch of the schema.
type Make = dyn Fn(&SchemaRef, RecordBatch) -> Result<RecordBatch, ArrowError> + Send + Sync;

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spooled.fmt(f)
    }
}

impl PartitionStream for Made {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, make) = (Arc::clone(&self.schema), Arc::clone(&self.make));
        let pieces = self.spooled.batches().flat_map(|batch| match batch {
            Ok(batch) => pieces(batch).map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        let made = pieces.map(move |batch| {
            batch.and_then(|batch| make(&schema, batch)).map_err(DataFusionError::from)
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(made)))
    }
}

/// A batch in pieces of what DataFusion takes at once.
fn pieces(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(PIECE_ROWS);
    starts.map(move |start| batch.slice(start, PIECE_ROWS.min(batch.num_rows() - start)))
}
