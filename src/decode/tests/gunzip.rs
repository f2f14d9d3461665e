//! Inflating: every shape of gzip that turns up, every way to break it, and both inflaters alike.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::gunzip::{Gunzip, GunzipError};

const NO_LIMIT: u64 = u64::MAX;

fn gzip(plain: &[u8]) -> Vec<u8> {
    gzip_level(plain, 6)
}

fn gzip_level(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn inflate_with(mut gunzip: Gunzip, object: &[u8], max: u64) -> Result<Vec<u8>, GunzipError> {
    let mut plain = Vec::new();
    let total = gunzip.inflate(object, max, |piece: &[u8]| plain.extend_from_slice(piece))?;
    assert_eq!(total, plain.len() as u64);
    Ok(plain)
}

/// What both inflaters say, which must be the same.
fn inflate(object: &[u8]) -> Result<Vec<u8>, GunzipError> {
    let whole = inflate_with(Gunzip::default(), object, NO_LIMIT);
    let in_pieces = inflate_with(Gunzip::in_pieces(), object, NO_LIMIT);
    assert_eq!(whole, in_pieces);
    whole
}

const PLAIN: &[u8] = b"{\"timestamp\":\"2026-10-01T02:00:07Z\"}\n{\"a\":[1,2,3,3,3,3,3,3,3,3,3]}\n";

#[test]
fn one_member() {
    for level in [0, 1, 6, 9] {
        for plain in [PLAIN, b"", b"{", &[0u8; 100_000], &PLAIN.repeat(20_000)] {
            assert_eq!(inflate(&gzip_level(plain, level)).unwrap(), plain);
        }
    }
}

#[test]
fn several_members() {
    let [one, two, none] = [gzip(PLAIN), gzip(b"{\"b\":2}"), gzip(b"")];
    for (members, expected) in [
        (vec![&one, &two], [PLAIN, b"{\"b\":2}"].concat()),
        (vec![&one, &one], PLAIN.repeat(2)),
        (vec![&none], Vec::new()),
        (vec![&none, &none, &one, &none, &two, &none], [PLAIN, b"{\"b\":2}"].concat()),
        // The last size is no hint for the first.
        (
            vec![&gzip(&PLAIN.repeat(10_000)), &two],
            [PLAIN.repeat(10_000), b"{\"b\":2}".to_vec()].concat(),
        ),
    ] {
        let object: Vec<u8> = members.into_iter().flatten().copied().collect();
        assert_eq!(inflate(&object).unwrap(), expected);
    }
}

#[test]
fn a_header_with_every_optional_part() {
    let mut encoder = flate2::GzBuilder::new()
        .filename("20261001T020007Z_ab.json")
        .comment("a comment")
        .extra(vec![1, 2, 3, 4])
        .mtime(1_790_820_007)
        .write(Vec::new(), Compression::default());
    encoder.write_all(PLAIN).unwrap();
    assert_eq!(inflate(&encoder.finish().unwrap()).unwrap(), PLAIN);
}

#[test]
fn zero_padding_behind_the_last_member() {
    for padding in [1, 2, 3, 9, 10, 11, 18, 512, 100_000] {
        let object = [gzip(PLAIN), gzip(PLAIN), vec![0; padding]].concat();
        assert_eq!(inflate(&object).unwrap(), PLAIN.repeat(2), "{padding}");
    }
    // Between members it is no padding.
    let object = [gzip(PLAIN), vec![0; 512], gzip(PLAIN)].concat();
    assert_eq!(inflate(&object), Err(GunzipError::Corrupt));
}

#[test]
fn garbage_behind_the_last_member() {
    for garbage in
        [&b"x"[..], b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"{}", b"\0\0\0\x01"]
    {
        let object = [&gzip(PLAIN), garbage].concat();
        assert_eq!(inflate(&object), Err(GunzipError::Corrupt), "{garbage:?}");
    }
}

#[test]
fn truncated_at_every_byte() {
    // The trailer of the second object ends in zeros, which must not pass for padding.
    for plain in [PLAIN.to_vec(), PLAIN.repeat(1000)] {
        let object = gzip(&plain);
        for length in 1..object.len() {
            assert!(inflate(&object[..length]).is_err(), "{length} of {}", object.len());
        }
    }
    let members = [gzip(PLAIN), gzip(PLAIN)].concat();
    for length in 1..members.len() {
        // Between its members nothing shows that there was a second.
        if length == members.len() / 2 {
            assert_eq!(inflate(&members[..length]).unwrap(), PLAIN);
        } else {
            assert!(inflate(&members[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn every_flipped_bit() {
    for level in [0, 6] {
        let object = gzip_level(PLAIN, level);
        for bit in 0..object.len() * 8 {
            let mut flipped = object.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            for gunzip in [Gunzip::default(), Gunzip::in_pieces()] {
                // Some bits say nothing about the content: the header's time, a stored block's
                // padding.
                match inflate_with(gunzip, &flipped, NO_LIMIT) {
                    Ok(plain) => assert_eq!(plain, PLAIN, "bit {bit}"),
                    Err(error) => assert_ne!(error, GunzipError::TooLarge, "bit {bit}"),
                }
            }
        }
    }
}

#[test]
fn trailers_that_lie() {
    for size in [0u32, 1, PLAIN.len() as u32 - 1, PLAIN.len() as u32 + 1, u32::MAX] {
        let mut object = gzip(PLAIN);
        let at = object.len() - 4;
        object[at..].copy_from_slice(&size.to_le_bytes());
        assert_eq!(inflate(&object), Err(GunzipError::Corrupt), "{size}");
        // The lie of a last member does not hurt the first, but the object is corrupt.
        assert_eq!(inflate(&[gzip(PLAIN), object].concat()), Err(GunzipError::Corrupt), "{size}");
    }
    let mut object = gzip(PLAIN);
    let at = object.len() - 8;
    object[at] ^= 1;
    assert_eq!(inflate(&object), Err(GunzipError::Corrupt));
}

/// Larger than the one buffer: inflated in pieces, before and behind members that are not.
#[test]
fn a_member_too_large_for_one_buffer() {
    let line = b"{\"timestamp\":\"2026-10-01T02:00:07Z\",\"modelId\":\"m\",\"x\":\"0123456789\"}\n";
    let large = line.repeat((70 << 20) / line.len());
    let object = [gzip(PLAIN), gzip_level(&large, 1), gzip(PLAIN), vec![0; 7]].concat();
    let expected = [PLAIN, &large, PLAIN].concat();
    let mut gunzip = Gunzip::default();
    let (mut at, mut longest) = (0, 0);
    let total = gunzip
        .inflate(&object, NO_LIMIT, |piece: &[u8]| {
            assert!(expected[at..].starts_with(piece), "at {at}");
            (at, longest) = (at + piece.len(), longest.max(piece.len()));
        })
        .unwrap();
    assert_eq!((total, at), (expected.len() as u64, expected.len()));
    assert!(longest <= 1 << 20, "a piece of {longest} bytes");
    // Its checksum, and its size, are checked on this way too; both trailers end in zeros or not.
    for (size, flip) in [(large.len() as u32, 1u8), (16 << 20, 0), (0, 0)] {
        let mut broken = gzip_level(&large, 1);
        let at = broken.len() - 8;
        broken[at] ^= flip;
        broken[at + 4..].copy_from_slice(&size.to_le_bytes());
        let outcome = gunzip.inflate(&broken, NO_LIMIT, |_: &[u8]| ());
        assert_eq!(outcome, Err(GunzipError::Corrupt), "size {size}, checksum ^ {flip}");
    }
    // The same inflater goes on with the next object.
    assert_eq!(inflate_with(gunzip, &gzip(PLAIN), NO_LIMIT).unwrap(), PLAIN);
}

/// A gigabyte of zeros in a megabyte, against a bound: given up in time, with one buffer's memory.
#[test]
fn bombs() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(9));
    for _ in 0..1024 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    for (gunzip, object) in [
        (Gunzip::default(), bomb.clone()),
        (Gunzip::in_pieces(), bomb.clone()),
        (Gunzip::default(), [gzip(PLAIN), bomb.clone()].concat()),
    ] {
        let mut gunzip = gunzip;
        let (mut seen, mut longest) = (0, 0);
        let outcome = gunzip.inflate(&object, 100 << 20, |piece: &[u8]| {
            (seen, longest) = (seen + piece.len(), longest.max(piece.len()));
        });
        assert_eq!(outcome, Err(GunzipError::TooLarge));
        assert!(seen <= 100 << 20 && longest <= 64 << 20, "{seen} seen, {longest} at once");
        assert!(gunzip.held() <= 64 << 20, "{} bytes held", gunzip.held());
    }
    // Many small members add up.
    let members = gzip(&[b' '; 1000]).repeat(1000);
    assert_eq!(inflate_with(Gunzip::default(), &members, 999_999), Err(GunzipError::TooLarge));
    assert_eq!(
        inflate_with(Gunzip::default(), &members, 1_000_000).map(|plain| plain.len()),
        Ok(1_000_000)
    );
}

#[test]
fn plain_json_is_handed_on() {
    for plain in
        [PLAIN, b"", b" \r\n", b"\t{}", b"[{}]", b"2026-10-01T02:00:09Z {}", b"\xef\xbb\xbf{}"]
    {
        assert_eq!(inflate(plain).unwrap(), plain);
    }
    assert_eq!(inflate_with(Gunzip::default(), PLAIN, PLAIN.len() as u64).unwrap(), PLAIN);
    let bound = PLAIN.len() as u64 - 1;
    assert_eq!(inflate_with(Gunzip::default(), PLAIN, bound), Err(GunzipError::TooLarge));
}

#[test]
fn foreign_bytes() {
    for foreign in [
        &b"PK\x03\x04"[..],
        b"\x28\xb5\x2f\xfd",
        b"BZh9",
        b"%PDF-1.7",
        b"<?xml version=\"1.0\"?>",
        b"PAR1",
        b"\x1f",
        b"\x1f\x9d\x90",
        b"\0",
        b"timestamp,modelId",
        b"\xff\xfe{\0}\0",
        b"\xef",
        b"\xef\x8b\x08",
        b"\xef\xbb\xbftimestamp",
    ] {
        assert_eq!(inflate(foreign), Err(GunzipError::Foreign), "{foreign:?}");
    }
    for corrupt in
        [&b"\x1f\x8b"[..], b"\x1f\x8b\x07\0\0\0\0\0\0\0", &[0x1f, 0x8b, 8, 0xff, 0, 0, 0, 0]]
    {
        assert_eq!(inflate(corrupt), Err(GunzipError::Corrupt), "{corrupt:?}");
    }
}

proptest! {
    #[test]
    fn any_members(
        plains in vec((vec(any::<u8>(), 0..2000), 0u32..10), 1..6),
        padding in 0usize..20,
    ) {
        let members = plains.iter().map(|(plain, level)| gzip_level(plain, *level));
        let mut object: Vec<u8> = members.flatten().collect();
        object.extend(std::iter::repeat_n(0, padding));
        let expected: Vec<u8> = plains.iter().flat_map(|(plain, _)| plain).copied().collect();
        prop_assert_eq!(inflate(&object), Ok(expected));
    }

    #[test]
    fn damage_is_told_or_harmless(at in any::<Index>(), byte in any::<u8>(), level in 0u32..10) {
        let plain = PLAIN.repeat(50);
        let mut object = gzip_level(&plain, level);
        // Without its first byte it is no gzip, and may begin as JSON does.
        let at = 1 + at.index(object.len() - 1);
        object[at] = byte;
        for gunzip in [Gunzip::default(), Gunzip::in_pieces()] {
            if let Ok(inflated) = inflate_with(gunzip, &object, NO_LIMIT) {
                prop_assert_eq!(&inflated, &plain);
            }
        }
    }

    #[test]
    fn any_bytes_at_all(bytes in vec(any::<u8>(), 0..200), is_gzip in any::<bool>()) {
        let magic: &[u8] = if is_gzip { &[0x1f, 0x8b, 8, 0] } else { &[] };
        let object = [magic, &bytes].concat();
        let _ = inflate_with(Gunzip::default(), &object, 1 << 20);
        let _ = inflate_with(Gunzip::in_pieces(), &object, 1 << 20);
    }
}
