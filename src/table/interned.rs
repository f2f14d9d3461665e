//! Workload keys, read once for each identity that records spell, and kept from object to object.
//!
//! Reading a caller's ARN or a model's id takes microseconds, and a log spells the same few thousand of
//! them millions of times.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::ScanOptions;
use super::packed::pack_texts;
use super::partial::{tags, workload_key};
use crate::decode::record::Record;
use crate::workload::WorkloadKey;

/// Most identities kept. A log that spells more (sessions with a number each) starts over: that costs
/// reading them again, not memory. About 400 bytes each.
const MOST: usize = 50_000;

/// A workload key and what follows from it.
#[derive(Debug)]
pub struct Workload {
    /// The key.
    pub key: WorkloadKey,
    /// Its name in tables.
    pub id: String,
    /// Total input above which a call is priced as long context.
    pub threshold: Option<i64>,
    /// The texts of its key columns, packed.
    pub(super) packed: Box<[u8]>,
}

/// The identities met by one decoding thread.
#[derive(Debug, Default)]
pub(super) struct Interned {
    /// What decided the keys; others would be other keys.
    options: Option<Arc<ScanOptions>>,
    /// An identity as records spell it (joined in `spelled`) → number of its workload.
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    /// Workloads by number, each once.
    workloads: Vec<Arc<Workload>>,
    by_key: HashMap<WorkloadKey, u32, RandomState>,
    spelled: Vec<u8>,
}

impl Interned {
    /// Readies itself for an object that is read with `options`.
    pub(super) fn begin(&mut self, options: &Arc<ScanOptions>) {
        let same = self.options.as_ref().is_some_and(|of| Arc::ptr_eq(of, options));
        if !same || self.numbers.len() >= MOST {
            *self = Self { options: Some(Arc::clone(options)), ..Self::default() };
        }
    }

    /// The number of a record's workload; `place` are account and region of the object's key.
    pub(super) fn number(
        &mut self,
        record: &Record<'_>,
        options: &ScanOptions,
        place: (&str, &str),
    ) -> u32 {
        let tags = match options.group_by.as_slice() {
            [] => String::new(),
            group_by => tags(record, group_by),
        };
        self.spelled.clear();
        for field in [
            &record.account,
            &record.region,
            &record.arn,
            &record.model_id,
            &record.operation,
            tags.as_str(),
            place.0,
            place.1,
        ] {
            self.spelled.extend_from_slice(field.as_bytes());
            // In no UTF-8, so that no two lists of fields are joined alike.
            self.spelled.push(0xff);
        }
        match self.numbers.get(self.spelled.as_slice()) {
            Some(number) => *number,
            None => self.add(workload_key(record, tags, place), options),
        }
    }

    fn add(&mut self, key: WorkloadKey, options: &ScanOptions) -> u32 {
        let next = self.workloads.len() as u32;
        let number = *self.by_key.entry(key).or_insert_with_key(|key| {
            let threshold = options.long_context.get(&key.model).copied();
            let id = key.id();
            let packed = pack_texts([
                &id,
                &key.account,
                &key.region,
                &key.caller,
                key.caller_kind.as_str(),
                &key.model,
                &key.scope,
                &key.operation,
                &key.tags,
            ]);
            self.workloads.push(Arc::new(Workload { key: key.clone(), id, threshold, packed }));
            next
        });
        self.numbers.insert(self.spelled.as_slice().into(), number);
        number
    }

    /// The workload of that number.
    pub(super) fn workload(&self, number: u32) -> &Arc<Workload> {
        &self.workloads[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::decode::records::{Bounds, Records};
    use crate::decode::{Reject, Sink};

    /// The workloads of records, by the interned numbers.
    struct Numbers<'o>(&'o mut Interned, &'o ScanOptions, (&'o str, &'o str), Vec<u32>);

    impl Sink for Numbers<'_> {
        fn record(&mut self, record: &Record<'_>) {
            self.3.push(self.0.number(record, self.1, self.2));
        }

        fn reject(&mut self, reject: Reject) {
            panic!("{reject:?}");
        }
    }

    fn numbers(
        interned: &mut Interned,
        options: &Arc<ScanOptions>,
        place: (&str, &str),
        records: &[&str],
    ) -> Vec<u32> {
        interned.begin(options);
        let bounds = Bounds { max_record_bytes: 10_000, max_tokens: 1000 };
        let (mut finder, mut sink) =
            (Records::new(bounds), Numbers(interned, options, place, Vec::new()));
        for members in records {
            let record = format!(r#"{{"timestamp":"2026-10-01T02:00:07Z",{members}}}"#);
            finder.push(record.as_bytes(), &mut sink);
        }
        finder.finish(&mut sink);
        sink.3
    }

    #[test]
    fn spellings_of_one_workload_share_its_number_from_object_to_object() {
        let options = Arc::new(ScanOptions {
            long_context: HashMap::from([("anthropic.claude-sonnet-4-6".to_owned(), 200_000)]),
            ..ScanOptions::new(Limits::default())
        });
        let mut interned = Interned::default();
        let bare = r#""modelId":"us.anthropic.claude-sonnet-4-6","operation":"Converse""#;
        let stream = r#""modelId":"us.anthropic.claude-sonnet-4-6","operation":"ConverseStream""#;
        let other = r#""modelId":"amazon.nova-lite-v1:0","operation":"Converse""#;
        let place = ("111122223333", "us-east-1");
        let found = numbers(&mut interned, &options, place, &[bare, stream, other, bare]);
        assert_eq!(found, [0, 0, 1, 0]);
        assert_eq!(numbers(&mut interned, &options, place, &[other, bare]), [1, 0]);
        assert_eq!(interned.workload(0).key.account, "111122223333");
        assert_eq!(interned.workload(0).id, interned.workload(0).key.id());
        assert_eq!(interned.workload(0).threshold, Some(200_000));
        assert_eq!(interned.workload(1).threshold, None);
        // Where the key of an object says another place, the same record is another workload.
        let elsewhere = numbers(&mut interned, &options, ("111122223333", "eu-west-1"), &[bare]);
        assert_eq!(elsewhere, [2]);
    }

    #[test]
    fn other_options_start_over() {
        let mut interned = Interned::default();
        let record = r#""modelId":"m","requestMetadata":{"app":"a"}"#;
        let other = r#""modelId":"m","requestMetadata":{"app":"b"}"#;
        let plain = Arc::new(ScanOptions::new(Limits::default()));
        assert_eq!(numbers(&mut interned, &plain, ("", ""), &[record, other]), [0, 0]);
        let group_by = vec!["app".to_owned()];
        let grouped = Arc::new(ScanOptions { group_by, ..ScanOptions::new(Limits::default()) });
        assert_eq!(numbers(&mut interned, &grouped, ("", ""), &[record, other]), [0, 1]);
        assert_eq!(interned.workload(1).key.tags, "app=b");
    }
}
