//! Workload keys, read once for each identity that records spell, and kept from object to object.
//!
//! Reading a caller's ARN or a model's id takes microseconds, and a log spells the same few thousand of
//! them millions of times.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hasher};
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

/// The identities met at one desk of a decoding thread.
#[derive(Debug, Default)]
pub(super) struct Interned {
    /// What decided the keys; others would be other keys.
    options: Option<Arc<ScanOptions>>,
    /// Identities by their hash. One that shares it with another is read each time.
    identities: HashMap<u64, Identity, RandomState>,
    /// Numbers of the places in objects' keys.
    places: HashMap<(String, String), u32, RandomState>,
    /// Account and region of the object's key, for records that lack them, and their number.
    place: ((String, String), u32),
    /// Workloads by number, each once.
    workloads: Vec<Arc<Workload>>,
    by_key: HashMap<WorkloadKey, u32, RandomState>,
}

/// An identity as records spell it.
#[derive(Debug)]
struct Identity {
    /// The fields, each with an end that is in no UTF-8.
    spelled: Box<[u8]>,
    place: u32,
    /// Number of its workload.
    number: u32,
}

/// What a record tells of its identity: account, region, caller, model, operation, tags.
type Fields<'f> = [&'f str; 6];

impl Identity {
    fn new(fields: &Fields<'_>, place: u32, number: u32) -> Self {
        let fields = fields.iter().flat_map(|field| field.as_bytes().iter().chain(&[END]));
        Self { spelled: fields.copied().collect(), place, number }
    }

    fn is(&self, fields: &Fields<'_>, place: u32) -> bool {
        let mut rest = &*self.spelled;
        self.place == place
            && fields.iter().all(|field| {
                let Some((met, [END, behind @ ..])) = rest.split_at_checked(field.len()) else {
                    return false;
                };
                rest = behind;
                equal(met, field.as_bytes())
            })
    }
}

/// Whether two texts of one length are equal, eight bytes at a time: most are so short that a call takes longer.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a.iter().zip(b).all(|(a, b)| a == b) && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

/// Ends a field of an identity.
const END: u8 = 0xff;

impl Interned {
    /// Readies itself for an object that is read with `options`; `place` are account and region of its key.
    pub(super) fn begin(&mut self, options: &Arc<ScanOptions>, place: (&str, &str)) {
        let same = self.options.as_ref().is_some_and(|of| Arc::ptr_eq(of, options));
        if !same || self.identities.len() >= MOST || self.places.len() >= MOST {
            *self = Self { options: Some(Arc::clone(options)), ..Self::default() };
        }
        let (next, place) = (self.places.len() as u32, (place.0.to_owned(), place.1.to_owned()));
        let number = *self.places.entry(place.clone()).or_insert(next);
        self.place = (place, number);
    }

    /// The number of a record's workload.
    pub(super) fn number(&mut self, record: &Record<'_>, options: &ScanOptions) -> u32 {
        let tags = match options.group_by.as_slice() {
            [] => String::new(),
            group_by => tags(record, group_by),
        };
        let fields: Fields<'_> = [
            &record.account,
            &record.region,
            &record.arn,
            &record.model_id,
            &record.operation,
            &tags,
        ];
        let mut hasher = self.identities.hasher().build_hasher();
        fields.iter().for_each(|field| hasher.write(field.as_bytes()));
        hasher.write_u32(self.place.1);
        let hash = hasher.finish();
        if let Some(known) = self.identities.get(&hash)
            && known.is(&fields, self.place.1)
        {
            return known.number;
        }
        let (account, region) = &self.place.0;
        let key = workload_key(record, tags.clone(), (account, region));
        let number = self.read(key, options);
        if let Entry::Vacant(vacant) = self.identities.entry(hash) {
            vacant.insert(Identity::new(&fields, self.place.1, number));
        }
        number
    }

    fn read(&mut self, key: WorkloadKey, options: &ScanOptions) -> u32 {
        let next = self.workloads.len() as u32;
        *self.by_key.entry(key).or_insert_with_key(|key| {
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
        })
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
    struct Numbers<'o>(&'o mut Interned, &'o ScanOptions, Vec<u32>);

    impl Sink for Numbers<'_> {
        fn record(&mut self, record: &Record<'_>) {
            self.2.push(self.0.number(record, self.1));
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
        interned.begin(options, place);
        let bounds = Bounds { max_record_bytes: 10_000, max_tokens: 1000 };
        let (mut finder, mut sink) = (Records::new(bounds), Numbers(interned, options, Vec::new()));
        for members in records {
            let record = format!(r#"{{"timestamp":"2026-10-01T02:00:07Z",{members}}}"#);
            finder.push(record.as_bytes(), &mut sink);
        }
        finder.finish(&mut sink);
        sink.2
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
    fn an_identity_is_its_fields_one_by_one() {
        let known = Identity::new(&["a", "", "bc", "d", "", "e"], 3, 0);
        assert!(known.is(&["a", "", "bc", "d", "", "e"], 3));
        assert!(!known.is(&["a", "", "bc", "d", "", "e"], 4));
        for other in [
            ["a", "b", "c", "d", "", "e"],
            ["a", "", "b", "cd", "", "e"],
            ["a", "", "bc", "d", "", ""],
            ["a", "", "bc", "d", "", "ef"],
            ["", "a", "bc", "d", "", "e"],
        ] {
            assert!(!known.is(&other, 3), "{other:?}");
        }
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
