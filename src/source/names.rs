//! Object keys and file names as store paths and back, without loss.
//!
//! A store path has no empty, `.` or `..` segments and no control characters; an S3 key and a file
//! name may have all of them. A path therefore is the key with those, and the percent sign itself,
//! written `%XX`, and `%_` for an empty segment. Every key has one path and every path one key,
//! segment by segment, so that prefixes stay prefixes; ordinary keys are their own path. As a path
//! holds no control characters, it can be printed.

use object_store::path::Path;

/// An empty segment, as between the slashes of `a//b`. No other segment is written like this: a
/// percent sign of the key becomes `%25`.
const EMPTY: &str = "%_";

/// The path of an object key or of a file name's bytes. Slashes separate; a leading slash counts.
pub fn encode_key(key: &[u8]) -> Path {
    if key.is_empty() {
        return Path::ROOT;
    }
    let mut raw = String::with_capacity(key.len());
    for (i, segment) in key.split(|b| *b == b'/').enumerate() {
        if i > 0 {
            raw.push('/');
        }
        encode_segment(segment, &mut raw);
    }
    // The segments just made are what `parse` accepts; `from` would only escape them once more.
    Path::parse(&raw).unwrap_or_else(|_| Path::from(raw))
}

/// The path of a folder, which is a key's beginning without its last slash: an empty one is what a leading
/// slash ends, and not the whole store.
pub(super) fn encode_folder(folder: &[u8]) -> Path {
    match folder {
        b"" => Path::parse(EMPTY).unwrap_or(Path::ROOT),
        _ => encode_key(folder),
    }
}

fn encode_segment(segment: &[u8], raw: &mut String) {
    match segment {
        b"" => return raw.push_str(EMPTY),
        b"." | b".." => return segment.iter().for_each(|_| raw.push_str("%2E")),
        _ => {}
    }
    for chunk in segment.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() {
                let mut utf8 = [0; 4];
                c.encode_utf8(&mut utf8).bytes().for_each(|b| push_escaped(b, raw));
            } else {
                raw.push(c);
            }
        }
        chunk.invalid().iter().for_each(|b| push_escaped(*b, raw));
    }
}

fn push_escaped(byte: u8, raw: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    raw.push('%');
    raw.push(char::from(HEX[usize::from(byte >> 4)]));
    raw.push(char::from(HEX[usize::from(byte & 15)]));
}

/// The key or file name of a path. What is no escape, such as `100%`, stands for itself, so that
/// paths made by others are understood as well.
pub fn decode_path(path: &Path) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.as_ref().len());
    if path.is_root() {
        return key;
    }
    for (i, segment) in path.as_ref().split('/').enumerate() {
        if i > 0 {
            key.push(b'/');
        }
        if segment != EMPTY {
            percent_decode(segment.as_bytes(), &mut key);
        }
    }
    key
}

/// Appends `text` to `out` with every `%XX` replaced by its byte.
pub(super) fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, hex(tail.first()), hex(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_keys_are_their_own_path() {
        for key in ["a", "AWSLogs/1/x_y-z.json.gz", "date=2026-10-01/ü b+c[~]*?#1.json"] {
            assert_eq!(encode_key(key.as_bytes()).as_ref(), key);
        }
    }

    #[test]
    fn odd_keys_are_escaped() {
        for (key, path) in [
            ("a//b", "a/%_/b"),
            ("/a", "%_/a"),
            ("a/", "a/%_"),
            ("a/../b/.", "a/%2E%2E/b/%2E"),
            ("100%/a%20b", "100%25/a%2520b"),
            ("line\nbreak\u{85}", "line%0Abreak%C2%85"),
            ("%_", "%25_"),
        ] {
            assert_eq!(encode_key(key.as_bytes()).as_ref(), path);
            assert_eq!(decode_path(&Path::parse(path).unwrap()), key.as_bytes());
        }
        assert_eq!(encode_key(b"\xff.gz").as_ref(), "%FF.gz");
    }

    #[test]
    fn a_leading_slash_ends_a_folder() {
        assert_eq!(encode_folder(b"").as_ref(), EMPTY);
        assert_eq!(encode_folder(b"/").as_ref(), "%_/%_");
        assert_eq!(encode_folder(b"a/").as_ref(), "a/%_");
        assert!(encode_key(b"/a/b").prefix_matches(&encode_folder(b"")));
    }

    #[test]
    fn paths_of_others_are_understood() {
        assert_eq!(decode_path(&Path::from("a[b]/..")), b"a[b]/..");
        assert_eq!(decode_path(&Path::parse("100%/%zz").unwrap()), b"100%/%zz");
    }

    proptest! {
        #[test]
        fn every_key_survives(key in proptest::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), Just(b'%'), Just(b'_'), Just(b'2'), any::<u8>()], 0..40)) {
            let path = encode_key(&key);
            prop_assert!(!path.as_ref().chars().any(char::is_control));
            prop_assert_eq!(Path::parse(path.as_ref()).unwrap(), path.clone());
            prop_assert_eq!(decode_path(&path), key);
        }
    }
}
