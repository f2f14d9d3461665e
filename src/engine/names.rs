//! The workloads met while facts are unpacked: each has a number, and its place in the order of the tables.
//!
//! Facts are grouped and sorted by places, and get the texts of their key last: comparing and moving nine
//! texts for every minute of every object would cost more than all else in a merge.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, UInt32Type};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;

use crate::schema::{KEY_COLUMNS, KEY_ORDER};
use crate::table::packed::{Torn, texts, workloads};

/// Name of the column that tells a fact's workload by its place in the order of the tables.
pub(super) const PLACE: &str = "place";

/// Workloads by number, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// A workload's packed texts → its number.
    numbers: HashMap<Arc<[u8]>, u32, RandomState>,
    /// The packed texts by number; they unpack.
    packed: Vec<Arc<[u8]>>,
    /// The keys of all, if they were asked for since the last one was met.
    keys: Option<Keys>,
}

impl Names {
    /// Puts the numbers of an object's workloads, in their order, into `numbers`.
    pub(super) fn numbers(&mut self, packed: &[u8], numbers: &mut Vec<u32>) -> Result<(), Torn> {
        numbers.clear();
        for workload in workloads(packed) {
            let workload = workload?;
            let number = match self.numbers.get(workload) {
                Some(number) => *number,
                None => self.add(workload)?,
            };
            numbers.push(number);
        }
        Ok(())
    }

    fn add(&mut self, workload: &[u8]) -> Result<u32, Torn> {
        texts(workload)?;
        let number = self.packed.len() as u32;
        let workload: Arc<[u8]> = workload.into();
        self.numbers.insert(Arc::clone(&workload), number);
        self.packed.push(workload);
        self.keys = None;
        Ok(number)
    }

    /// The texts of a workload's key columns.
    pub(super) fn texts(&self, number: u32) -> [&str; KEY_COLUMNS.len()] {
        // They were unpacked when they were numbered.
        texts(&self.packed[number as usize]).unwrap_or_default()
    }

    /// The keys of all that were met, in their order.
    pub(super) fn keys(&mut self) -> Keys {
        if let Some(keys) = &self.keys {
            return keys.clone();
        }
        let mut rows: Vec<_> =
            (0..self.packed.len() as u32).map(|number| (self.texts(number), number)).collect();
        rows.sort_unstable_by(|(a, _), (b, _)| by_key(a).cmp(&by_key(b)).then_with(|| a.cmp(b)));
        let mut places = vec![0; rows.len()];
        for (place, (_, number)) in rows.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let column = |at: usize| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(texts, _)| texts[at])))
        };
        let columns = (0..KEY_COLUMNS.len()).map(column).collect();
        let keys = Keys { columns, places: places.into() };
        self.keys = Some(keys.clone());
        keys
    }
}

/// What a workload is sorted by.
fn by_key<'t>(texts: &[&'t str; KEY_COLUMNS.len()]) -> [Option<&'t str>; KEY_ORDER.len()] {
    KEY_ORDER.map(|name| KEY_COLUMNS.iter().position(|column| *column == name).map(|at| texts[at]))
}

/// The key columns of workloads in their order, and who has which place in it.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The key columns by place.
    columns: Arc<[ArrayRef]>,
    /// Places by number.
    places: Arc<[u32]>,
}

impl Keys {
    /// The place of a workload.
    pub(super) fn place(&self, number: u32) -> u32 {
        self.places[number as usize]
    }

    /// The key columns of rows in their order, as dictionaries of all workloads.
    pub(super) fn of_rows(&self, numbers: impl Iterator<Item = u32>) -> Vec<ArrayRef> {
        let places = Int32Array::from_iter_values(numbers.map(|number| self.place(number) as i32));
        let column = |texts: &ArrayRef| -> ArrayRef {
            Arc::new(DictionaryArray::new(places.clone(), Arc::clone(texts)))
        };
        self.columns.iter().map(column).collect()
    }

    /// The rows with the key columns of their places instead of these.
    pub(super) fn put(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = rows.schema();
        let at = schema.index_of(PLACE)?;
        let places = rows.column(at).as_primitive_opt::<UInt32Type>();
        let places =
            places.ok_or_else(|| ArrowError::SchemaError("places are no numbers".into()))?;
        let key = |name: &&str| Arc::new(Field::new(*name, DataType::Utf8, false));
        let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        fields.splice(at..=at, KEY_COLUMNS.iter().map(key));
        let keys = self.columns.iter().map(|texts| take(texts, places, None));
        let mut columns = rows.columns().to_vec();
        columns.splice(at..=at, keys.collect::<Result<Vec<_>, _>>()?);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}
