//! The one file source of Bedrock logs, and the scan nodes made of it.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, apply_expression_roots};
use object_store::{ObjectMeta, ObjectStore};

use super::decoding::Job;
use super::facts::ordinal_field;
use super::opener::LogOpener;
use super::waiting::Waiting;
use super::{ScanOptions, View, facts_schema, invocations_schema};
use crate::source::{Ahead, Buffers};

/// Metric: objects that could not be read.
pub const UNREADABLE: &str = "unreadable_objects";
/// Metric: records that could not be read.
pub const REJECTED: &str = "rejected_records";

/// Rows of an `invocations` batch when DataFusion does not say.
const BATCH_ROWS: usize = 8192;

/// One object to scan.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanObject {
    /// The registered store it lies in, such as `s3://bucket` or `file:///`.
    pub store: ObjectStoreUrl,
    /// Its path, size and entity tag.
    pub meta: ObjectMeta,
    /// The object's number in the job: the facts view says it back as `ordinal`.
    pub ordinal: i64,
}

/// Bedrock logs as a DataFusion file source. Holds plain values, and what its openers share.
#[derive(Clone)]
pub struct LogSource {
    view: View,
    options: Arc<ScanOptions>,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    /// Opened objects of all partitions, for any thread to decode.
    waiting: Arc<Waiting<Job>>,
    buffers: Buffers,
    /// How reading the disk went, if that is the store.
    ahead: Arc<Ahead>,
    metrics: ExecutionPlanMetricsSet,
}

impl LogSource {
    /// A source of one view.
    pub fn new(view: View, options: Arc<ScanOptions>) -> Self {
        let table_schema = match view {
            View::Invocations => TableSchema::from(invocations_schema()),
            View::Facts => TableSchema::builder(facts_schema())
                .with_table_partition_cols(vec![Arc::new(ordinal_field())])
                .build(),
        };
        Self {
            view,
            options,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_rows: BATCH_ROWS,
            waiting: Arc::default(),
            buffers: Buffers::default(),
            ahead: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Places in the view's columns of what is projected, if that is columns under their own names: openers yield
    /// these themselves. What DataFusion puts around an opener costs more for each object than opening a small one.
    fn plain_columns(&self) -> Option<Vec<usize>> {
        let place = |of: &ProjectionExpr| {
            let column = of.expr.downcast_ref::<Column>()?;
            (of.alias == column.name()).then_some(column.index())
        };
        self.projection.source.iter().map(place).collect()
    }
}

impl FileSource for LogSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let counter = |name| MetricBuilder::new(&self.metrics).counter(name, partition);
        let plain = self.plain_columns();
        let opener = Arc::new(LogOpener {
            store,
            disk: is_disk(&config.object_store_url).then(|| Arc::clone(&self.ahead)),
            options: Arc::clone(&self.options),
            view: self.view,
            columns: plain.as_ref().unwrap_or(&self.projection.file_indices).clone(),
            batch_rows: self.batch_rows,
            waiting: Arc::clone(&self.waiting),
            buffers: self.buffers.clone(),
            unreadable: counter(UNREADABLE),
            rejected: counter(REJECTED),
        });
        if plain.is_some() {
            return Ok(opener);
        }
        ProjectionOpener::try_new(self.projection.clone(), opener, self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_rows: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "bedrock-log"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", view={:?}", self.view)
    }

    /// Gzip cannot be read from its middle.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// A scan of `objects`, one `DataSourceExec` a store, with at most `groups` objects read at a time and
/// (by their sizes) at most `limits.in_flight_bytes` of them in memory, or two for each thread.
///
/// # Errors
/// The projection does not fit the view's schema.
pub fn scan(
    view: View,
    options: &Arc<ScanOptions>,
    objects: &[ScanObject],
    projection: Option<Vec<usize>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut stores: Vec<&ObjectStoreUrl> = Vec::new();
    for object in objects {
        if !stores.contains(&&object.store) {
            stores.push(&object.store);
        }
    }
    let mut scans: Vec<Arc<dyn ExecutionPlan>> = Vec::with_capacity(stores.len());
    for store in stores {
        let of_store = objects.iter().filter(|object| object.store == *store);
        let source = Arc::new(LogSource::new(view, Arc::clone(options)));
        let config = FileScanConfigBuilder::new(store.clone(), source)
            .with_file_groups(groups(view, of_store, most_at_once(store, options), options))
            .with_projection_indices(projection.clone())?
            .with_limit(limit)
            .build();
        scans.push(DataSourceExec::from_data_source(config));
    }
    match <[_; 1]>::try_from(scans) {
        Ok([one]) => Ok(one),
        Err(several) => UnionExec::try_new(several),
    }
}

/// Objects in flight for each decoding thread where the disk is read: two wait, announced to a slow disk, while two are
/// decoded side by side.
const ON_DISK: usize = 4;

/// Objects of a store that are in flight at once.
fn most_at_once(store: &ObjectStoreUrl, options: &ScanOptions) -> usize {
    let most = options.limits.concurrent_objects;
    match is_disk(store) {
        true => most.min(ON_DISK * rayon::current_num_threads()),
        false => most,
    }
}

fn is_disk(store: &ObjectStoreUrl) -> bool {
    store.as_str().starts_with("file:")
}

/// Deals the objects, largest first, into as many groups as may be read at once.
fn groups<'o>(
    view: View,
    objects: impl Iterator<Item = &'o ScanObject>,
    most: usize,
    options: &ScanOptions,
) -> Vec<FileGroup> {
    let mut objects: Vec<_> = objects.collect();
    objects.sort_by_key(|object| (std::cmp::Reverse(object.meta.size), object.ordinal));
    let sizes = objects.iter().map(|object| object.meta.size);
    let count = at_once(sizes, options.limits.in_flight_bytes, most);
    let mut groups = vec![Vec::new(); count];
    for (index, object) in objects.into_iter().enumerate() {
        let mut file = PartitionedFile::new_from_meta(object.meta.clone());
        if view == View::Facts {
            file = file.with_partition_values(vec![ScalarValue::Int64(Some(object.ordinal))]);
        }
        groups[index % count].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

/// How many of objects with these sizes, largest first, are in flight at once: those in flight follow each
/// other in that order, so no more bytes than the first have together. At least two for each thread, which
/// decodes two side by side.
pub fn at_once(sizes: impl ExactSizeIterator<Item = u64>, bytes: u64, most: usize) -> usize {
    let (objects, least) = (sizes.len().max(1), 2 * rayon::current_num_threads());
    let mut sum = 0_u64;
    let fits = |size: &u64| {
        sum = sum.saturating_add(*size);
        sum <= bytes
    };
    let most = most.max(1);
    sizes.take_while(fits).take(most).count().clamp(least.min(most), most).min(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_depends_on_sizes() {
        let of = |sizes: &[u64], most| at_once(sizes.iter().copied(), 100, most);
        let two_each = 2 * rayon::current_num_threads();
        assert_eq!(of(&[1; 90], 64), 64);
        assert_eq!(of(&[1; 5], 64), 5);
        assert_eq!(of(&[5; 90], 64), 20.max(two_each));
        // Whatever their size, as many as threads want, and never more than the user does.
        assert_eq!(of(&[u64::MAX; 90], 64), two_each.min(64));
        assert_eq!((of(&[1; 90], 1), of(&[200; 90], 1), of(&[], 64)), (1, 1, 1));
    }
}
