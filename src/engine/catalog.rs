//! The tables of an audit in a session, by name, with the schemas they are documented with.

use std::sync::Arc;

use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::prelude::SessionContext;

use super::EngineError;
use crate::schema::{Kind, PARTITION_COLUMN, TABLES, Table};
use crate::store::dataset::Dataset;

/// Registers every table of `dataset` for reading, unless that was done. A table without files has no rows.
///
/// # Errors
/// The dataset's place makes no URL.
pub fn register(session: &SessionContext, dataset: &Dataset) -> Result<(), EngineError> {
    for table in TABLES {
        if session.table_exist(table.name)? {
            continue;
        }
        let options =
            ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        let options = if table.partitioned {
            options
                .with_table_partition_cols(vec![(PARTITION_COLUMN.to_owned(), Kind::Date.arrow())])
        } else {
            options
        };
        let config = ListingTableConfig::new(url(dataset, table)?)
            .with_listing_options(options)
            .with_schema(table.arrow_schema());
        session.register_table(table.name, Arc::new(ListingTable::try_new(config)?))?;
    }
    Ok(())
}

fn url(dataset: &Dataset, table: &Table) -> Result<ListingTableUrl, EngineError> {
    let source = dataset.source();
    let mut url = source.store_url.clone();
    let path = if table.partitioned {
        format!("/{}/{}/", source.prefix, table.name)
    } else {
        format!("/{}", dataset.path(table, None))
    };
    // The URL is decoded once on its way back to a path, which may hold escapes of its own.
    url.set_path(&path.replace("//", "/").replace('%', "%25"));
    Ok(ListingTableUrl::parse(url)?)
}
