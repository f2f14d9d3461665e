//! Object keys: any bytes become a path and come back, stay below their root, and classify.

#![no_main]

use halfrate_fuzz::source::key::classify;
use halfrate_fuzz::source::names::{decode_path, encode_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|key: &[u8]| {
    let path = encode_key(key);
    for part in path.as_ref().split('/') {
        assert!(part != "." && part != "..", "{path} climbs");
    }
    assert!(!path.as_ref().chars().any(char::is_control), "{path:?} acts on a terminal");
    assert_eq!(object_store::path::Path::parse(path.as_ref()).ok().as_ref(), Some(&path));
    assert_eq!(decode_path(&path), key);
    for root in [0, 1, usize::MAX] {
        let _ = classify(path.as_ref(), root);
    }
});
