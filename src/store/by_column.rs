//! Parquet files encoded column by column, on all cores.
//!
//! parquet's own writer takes rows, and so holds a compressor and a buffer for every column until a row group
//! ends. A column that is encoded alone has them while it is encoded. The bytes are the same.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

/// One file in memory.
pub(super) struct ByColumn {
    schema: SchemaRef,
    writer: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
}

impl ByColumn {
    pub(super) fn new(
        schema: SchemaRef,
        properties: WriterProperties,
    ) -> Result<Self, ParquetError> {
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        let (writer, factory) = writer.into_serialized_writer()?;
        Ok(Self { schema, writer, factory })
    }

    /// Adds a row group. `pieces` makes those of a column, by its place in the schema, when its turn comes; page
    /// bounds depend on where they end.
    pub(super) fn row_group(
        &mut self,
        pieces: impl Fn(usize) -> Result<Vec<ArrayRef>, ParquetError> + Sync,
    ) -> Result<(), ParquetError> {
        let group = self.writer.flushed_row_groups().len();
        let mut writers = self.factory.create_column_writers(group)?.into_iter();
        let fields = self.schema.fields().iter().enumerate();
        let each: Vec<(usize, &FieldRef, Vec<ArrowColumnWriter>)> = fields
            .map(|(at, field)| {
                (at, field, writers.by_ref().take(leaves(field.data_type())).collect())
            })
            .collect();
        let encode = |(at, field, mut writers): (usize, &FieldRef, Vec<ArrowColumnWriter>)| {
            for piece in pieces(at)? {
                for (leaf, writer) in compute_leaves(field, &piece)?.iter().zip(&mut writers) {
                    writer.write(leaf)?;
                }
            }
            writers.into_iter().map(ArrowColumnWriter::close).collect()
        };
        let chunks: Vec<Vec<ArrowColumnChunk>> = each
            .into_par_iter()
            .with_max_len(1)
            .map(encode)
            .collect::<Result<_, ParquetError>>()?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// The bytes of the file that nobody has taken yet.
    pub(super) fn made(&mut self) -> Result<&mut Vec<u8>, ParquetError> {
        self.writer.flush()?;
        Ok(self.writer.inner_mut())
    }

    /// Ends the file; returns the bytes that nobody has taken.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, ParquetError> {
        self.writer.finish()?;
        Ok(std::mem::take(self.made()?))
    }
}

/// Columns of Parquet that a column of the types in tables and state takes.
fn leaves(of: &DataType) -> usize {
    match of {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(item) => leaves(item.data_type()),
        _ => 1,
    }
}
