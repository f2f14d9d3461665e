//! Readers that look while audits write: every day of a table as it was before or as it is after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::story::{Place, objects};
use crate::tables::files_of;

/// Requests by day, each day as one file says.
type Days = BTreeMap<String, i64>;

/// What a reader sees who globs and opens the files that it finds.
fn by_glob(out: &Path) -> Days {
    let mut days = Days::new();
    let is_parquet = |file: &PathBuf| file.extension().is_some_and(|of| of == "parquet");
    for file in files_of(out, "usage").into_iter().filter(is_parquet) {
        let day = file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        // Between the glob and the open it may have been removed, never half-written.
        let Ok(open) = File::open(&file) else { continue };
        let rows = ParquetRecordBatchReaderBuilder::try_new(open).unwrap().build().unwrap();
        let sum: i64 = rows
            .map(|batch| {
                let batch = batch.unwrap();
                let requests = batch.column_by_name("requests").unwrap();
                requests.as_primitive::<Int64Type>().values().iter().sum::<i64>()
            })
            .sum();
        assert!(days.insert(day.clone(), sum).is_none(), "{day} twice");
    }
    days
}

/// The same by DataFusion, which lists first and reads ranges after. A file replaced in between is an error
/// there, and the query is asked again.
async fn by_datafusion(out: &Path) -> Option<Days> {
    let session = SessionContext::new();
    let folder = format!("{}/usage/", out.display());
    session.register_parquet("usage", &folder, ParquetReadOptions::default()).await.ok()?;
    let query = "SELECT CAST(CAST(minute AS date) AS varchar) AS day, sum(requests) AS requests \
                 FROM usage GROUP BY 1";
    let batches = session.sql(query).await.ok()?.collect().await.ok()?;
    let mut days = Days::new();
    for batch in &batches {
        let names =
            arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        let requests = batch.column(1).as_primitive::<Int64Type>();
        let rows = names.as_string::<i32>().iter().zip(requests.iter());
        days.extend(rows.map(|(day, n)| (format!("date={}", day.unwrap()), n.unwrap())));
    }
    Some(days)
}

#[test]
fn no_reader_sees_a_day_that_is_neither_before_nor_after() {
    let place = Place::disk();
    let out = place.out("out");
    let all = objects();
    // Each batch adds to days that are there, and to new ones.
    let batches: Vec<_> = (0..5).map(|n| all.iter().skip(n).step_by(5)).collect();
    let done = AtomicBool::new(false);
    let mut states = vec![Days::new()];
    let (seen, asked_again) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (mut seen, mut asked_again) = (BTreeSet::new(), 0);
            while !done.load(Ordering::SeqCst) {
                let days = if out.exists() { by_glob(&out) } else { Days::new() };
                // Before the first file there is no table to ask.
                if days.is_empty() {
                    continue;
                }
                seen.insert(days);
                match runtime.block_on(by_datafusion(&out)) {
                    Some(days) => {
                        seen.insert(days);
                    }
                    None => asked_again += 1,
                }
            }
            (seen, asked_again)
        });
        for batch in batches {
            place.deliver(batch);
            place.audit("out").done();
            states.push(by_glob(&out));
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    assert!(seen.len() >= 3, "only {} states were seen", seen.len());
    for days in &seen {
        for (day, requests) in days {
            let of = |state: &Days| state.get(day).copied();
            let right = states.iter().any(|state| of(state) == Some(*requests));
            assert!(right, "{day} had {requests} requests, at rest it has {:?}", {
                states.iter().map(of).collect::<Vec<_>>()
            });
        }
    }
    assert!(asked_again < 50, "{asked_again} queries had to be asked again");
}
