//! The `invocations` table: raw logs for SQL, pruned by date, account and region before anything is read.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::source::{ScanObject, scan};
use super::{ScanOptions, View, invocations_schema};
use crate::source::LogKey;
use crate::units::{Day, Minute};

/// Objects listed before, as a table of their records.
#[derive(Debug)]
pub struct LogTable {
    objects: Vec<(ScanObject, Option<LogKey>)>,
    options: Arc<ScanOptions>,
}

impl LogTable {
    /// A table over `objects`, each with what its key says (`None` where it follows no layout).
    pub fn new(objects: Vec<(ScanObject, Option<LogKey>)>, options: Arc<ScanOptions>) -> Self {
        Self { objects, options }
    }
}

#[async_trait]
impl TableProvider for LogTable {
    fn schema(&self) -> SchemaRef {
        invocations_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Keys tell the hour of delivery, not of the call: they prune, DataFusion filters.
        let of = |filter: &&Expr| match Bound::read(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let bounds: Vec<Bound> = filters.iter().filter_map(Bound::read).collect();
        let late_days = i64::from(self.options.limits.late_hours.div_ceil(24));
        let may_hold = |key: &Option<LogKey>| {
            let Some(key) = key else { return true };
            bounds.iter().all(|bound| bound.may_hold(key, late_days))
        };
        let objects: Vec<ScanObject> = self
            .objects
            .iter()
            .filter(|(_, key)| may_hold(key))
            .map(|(object, _)| object.clone())
            .collect();
        if objects.is_empty() {
            let schema = invocations_schema();
            let schema = match projection {
                Some(columns) => Arc::new(schema.project(columns)?),
                None => schema,
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // With filters above the scan, the first rows of the scan are not the first of the answer.
        let limit = limit.filter(|_| filters.is_empty());
        scan(View::Invocations, &self.options, &objects, projection.cloned(), limit)
    }
}

/// A filter that keys can answer.
#[derive(Debug, PartialEq)]
enum Bound {
    /// The record's day is at least this.
    From(Day),
    /// The record's day is at most this.
    To(Day),
    /// `account` equals.
    Account(String),
    /// `region` equals.
    Region(String),
}

impl Bound {
    /// Reads `column op literal`; anything else is DataFusion's.
    fn read(filter: &Expr) -> Option<Self> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
        let (column, op, value) = match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
            (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap()?, value),
            _ => return None,
        };
        match (column.name.as_str(), op) {
            ("account", Operator::Eq) => text(value).map(Self::Account),
            ("region", Operator::Eq) => text(value).map(Self::Region),
            ("date" | "timestamp", Operator::GtEq | Operator::Gt) => day(value).map(Self::From),
            ("date" | "timestamp", Operator::LtEq | Operator::Lt) => day(value).map(Self::To),
            // An equality bounds both sides; the lower one prunes most, delivery lag blurs the upper.
            ("date", Operator::Eq) => day(value).map(Self::From),
            _ => None,
        }
    }

    /// Whether an object of this key may hold a record that passes.
    fn may_hold(&self, key: &LogKey, late_days: i64) -> bool {
        match self {
            // Records are delivered after they were made: later keys may hold earlier records.
            Self::From(day) => key.hour.0 >= *day,
            Self::To(day) => i64::from(key.hour.0.0) <= i64::from(day.0) + late_days,
            Self::Account(account) => *key.account == **account,
            Self::Region(region) => *key.region == **region,
        }
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

fn day(value: &ScalarValue) -> Option<Day> {
    match value {
        ScalarValue::Date32(Some(days)) => Some(Day(*days)),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            Some(Minute::of_seconds(micros.div_euclid(1_000_000)).day())
        }
        _ => None,
    }
}
