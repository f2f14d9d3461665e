//! Two objects inflated side by side: the same bytes and verdicts as one by one, nothing handed on twice, and nothing
//! written beyond the windows.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::deflate::{HISTORY, Kernel, ROOM, Stream, Tables};
use super::super::gunzip::{Consumer, Gunzip};
use super::super::inflate::crc32;
use super::super::pair::Pair;

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// By libdeflate, whose blocks and parses are others; levels to 12.
fn gzip_libdeflate(plain: &[u8], level: i32) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::new(level).unwrap();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut object = vec![0; compressor.gzip_compress_bound(plain.len())];
    let length = compressor.gzip_compress(plain, &mut object).unwrap();
    object.truncate(length);
    object
}

/// A gzip object around a stream made by hand.
fn member(stream: &[u8], plain: &[u8]) -> Vec<u8> {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let trailer = [crc32(0, plain).to_le_bytes(), (plain.len() as u32).to_le_bytes()];
    [&header, stream, trailer.as_flattened()].concat()
}

/// Keeps what it is handed, and leaves of what it is offered a rest as long as one of `leaves` in turn.
#[derive(Default)]
struct Keeper {
    plain: Vec<u8>,
    leaves: &'static [usize],
    offers: usize,
}

impl Keeper {
    fn new(leaves: &'static [usize]) -> Self {
        Self { leaves, ..Self::default() }
    }
}

impl Consumer for &mut Keeper {
    fn push(&mut self, bytes: &[u8]) {
        self.plain.extend_from_slice(bytes);
    }

    fn offer(&mut self, bytes: &[u8]) -> usize {
        let leave = self.leaves[self.offers % self.leaves.len()];
        self.offers += 1;
        let taken = bytes.len().saturating_sub(leave);
        self.plain.extend_from_slice(&bytes[..taken]);
        taken
    }
}

/// Rests of nothing, of a record, of a page more than history, of half a window and more, of all.
const LEAVES: [&[usize]; 2] = [&[0, 2_000, 36_864, 1], &[150_000, 0, usize::MAX, 70_000, 144_000]];

/// Inflates both objects and holds each against the same object inflated alone. Returns whose first members were
/// inflated side by side.
fn agree(gunzip: &mut Gunzip, objects: [&[u8]; 2], most: u64) -> [bool; 2] {
    let [mut one, mut other] = LEAVES.map(Keeper::new);
    let outcomes = gunzip.inflate_both(objects, most, (&mut one, &mut other));
    for (object, (outcome, keeper)) in objects.iter().zip(outcomes.iter().zip([&one, &other])) {
        let mut plain = Vec::new();
        let total =
            Gunzip::default().inflate(object, most, |piece: &[u8]| plain.extend_from_slice(piece));
        assert_eq!(*outcome, total);
        assert!(keeper.plain.len() as u64 <= most);
        if outcome.is_ok() {
            assert!(keeper.plain == plain, "{} and {}", keeper.plain.len(), plain.len());
        }
    }
    // Without the instructions for it, nothing is.
    let able = Kernel::detect().is_some();
    let [mut one, mut other] = LEAVES.map(Keeper::new);
    let firsts = Pair::default().inflate(objects, most, (&mut &mut one, &mut &mut other));
    for (first, keeper) in firsts.iter().zip([&one, &other]) {
        assert_eq!(first.handed, keeper.plain.len() as u64);
        assert_eq!(first.crc, crc32(0, &keeper.plain));
    }
    let beside = firsts.map(|first| first.used.is_some());
    assert!(able || beside == [false; 2]);
    beside.map(|beside| beside || !able)
}

/// Bytes of every sort: text, numbers, noise, runs, and words of every length in the codes.
fn samples() -> Vec<Vec<u8>> {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let words = ["\"text\":", "the ", "of ", "customer ", "{\"inputTokenCount\":", "},", "\n"];
    let text: Vec<u8> = (0..40_000)
        .flat_map(|_| match random() % 9 {
            word @ 0..7 => words[word as usize].as_bytes().to_vec(),
            _ => random().to_string().into_bytes(),
        })
        .collect();
    let noise: Vec<u8> = (0..90_000).map(|_| random() as u8).collect();
    let numbers: Vec<u8> =
        (0..20_000).flat_map(|_| format!("{:.7},", random() as f32 / 4e9).into_bytes()).collect();
    // Each byte half as frequent as the one before: words from 1 to 15 bits.
    let skewed = (0..200_000).map(|_| (random() | 1 << 24).trailing_zeros() as u8 * 7).collect();
    let periods = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 258, 259, 32767, 32768, 32769];
    let runs = periods.iter().flat_map(|&period| noise[..period].repeat(1 + 70_000 / period));
    let mixed = [&text[..50_000], &noise[..70_000], &text[..50_000]].concat();
    vec![
        text,
        noise.clone(),
        numbers,
        skewed,
        runs.collect(),
        mixed,
        vec![b' '; 1_000_000],
        noise[..300].to_vec(),
        b"{}".to_vec(),
        Vec::new(),
    ]
}

#[test]
fn every_level_and_both_makers() {
    let mut gunzip = Gunzip::default();
    for plain in samples() {
        let mut objects: Vec<_> = (0..=9).map(|level| gzip(&plain, level)).collect();
        objects.extend((0..=12).map(|level| gzip_libdeflate(&plain, level)));
        for pair in objects.windows(2) {
            let (a, b) = (pair[0].len(), pair[1].len());
            let near = a.max(b) / 4 <= a.min(b);
            let ahead = agree(&mut gunzip, [&pair[0], &pair[1]], u64::MAX);
            assert!(ahead == [true; 2] || !near, "{} bytes", plain.len());
        }
    }
}

#[test]
fn every_sort_beside_every_other() {
    let mut gunzip = Gunzip::default();
    let objects: Vec<_> = samples().iter().map(|plain| gzip(plain, 6)).collect();
    for a in &objects {
        for b in &objects {
            agree(&mut gunzip, [a, b], u64::MAX);
        }
    }
}

/// Bits, lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A word: highest bit first.
    fn word(&mut self, value: u32, count: usize) {
        self.put(value.reverse_bits() >> (32 - count), count);
    }

    /// A literal or length of the fixed code.
    fn symbol(&mut self, symbol: u32) {
        match symbol {
            0..144 => self.word(0x30 + symbol, 8),
            144..256 => self.word(0x190 + symbol - 144, 9),
            256..280 => self.word(symbol - 256, 7),
            _ => self.word(0xc0 + symbol - 280, 8),
        }
    }

    /// A match in the fixed code, by the tables of RFC 1951 as it words them.
    fn copy(&mut self, length: u32, offset: u32) {
        match length {
            258 => self.symbol(285),
            3..=10 => self.symbol(254 + length),
            _ => {
                let extra = (length - 3).ilog2() - 2;
                self.symbol(257 + 4 * extra + ((length - 3) >> extra));
                self.put((length - 3) % (1 << extra), extra as usize);
            }
        }
        match offset {
            1..=4 => self.word(offset - 1, 5),
            _ => {
                let extra = (offset - 1).ilog2() - 1;
                self.word(2 * extra + ((offset - 1) >> extra), 5);
                self.put((offset - 1) % (1 << extra), extra as usize);
            }
        }
    }
}

/// A fixed block of so many literals and then these matches; and what it inflates to.
fn matches(literals: usize, copies: impl Iterator<Item = (usize, usize)>) -> (Vec<u8>, Vec<u8>) {
    let (mut bits, mut plain) = (Bits::default(), Vec::new());
    bits.put(0b011, 3);
    for at in 0..literals {
        plain.push((at * at / 7 + at) as u8);
        bits.symbol(u32::from(plain[at]));
    }
    for (length, offset) in copies {
        bits.copy(length as u32, offset as u32);
        for _ in 0..length {
            plain.push(plain[plain.len() - offset]);
        }
    }
    bits.symbol(256);
    (bits.bytes, plain)
}

#[test]
fn every_length_and_offset() {
    let mut gunzip = Gunzip::default();
    let lengths = matches(
        32_768,
        (3..=258).flat_map(|length| {
            [1, 2, 3, 5, 8, 31, 32, 33, 34, 63, 64, 65, 257, 32_767, 32_768]
                .map(|offset| (length, offset))
        }),
    );
    let offsets = matches(32_768, (1..=32_768).map(|offset| (3 + offset % 256, offset)));
    // From the first byte on, where every offset is held against what there is.
    let early = matches(1, (1..2_000).map(|offset| (3 + offset % 9, offset)));
    for (stream, plain) in [lengths, offsets, early] {
        let object = member(&stream, &plain);
        assert_eq!(agree(&mut gunzip, [&object, &object], u64::MAX), [true; 2]);
    }
}

#[test]
fn an_offset_beyond_the_beginning() {
    let mut gunzip = Gunzip::default();
    for (literals, offset) in [(0, 1), (1, 2), (300, 301), (5_000, 32_768), (32_767, 32_768)] {
        let mut bits = Bits::default();
        bits.put(0b011, 3);
        (0..literals).for_each(|_| bits.symbol(32));
        bits.copy(10, offset);
        // Enough behind it for the loops to reach it.
        (0..500).for_each(|_| bits.symbol(32));
        bits.symbol(256);
        let object = member(&bits.bytes, &vec![b' '; literals as usize + 510]);
        let good = gzip(&[b' '; 100], 6);
        assert_eq!(agree(&mut gunzip, [&object, &object], u64::MAX)[0], Kernel::detect().is_none());
        agree(&mut gunzip, [&object, &good], u64::MAX);
    }
}

/// Streams through windows that are slices of a larger buffer: what lies around them stays as it is, whatever is taken
/// out when, and damage is found or changes nothing.
#[test]
fn nothing_is_written_beyond_the_window() {
    const GUARD: usize = 600;
    let Some(kernel) = Kernel::detect() else { return };
    let mut tables = Tables::pair();
    for plain in samples() {
        let stream = &gzip(&plain, 6)[10..];
        for more in [0, 1, 31, 300, 9_000, 300_000] {
            let room = HISTORY + ROOM + more;
            for damage in [None, Some(stream.len() / 3), Some(stream.len() / 2)] {
                let mut broken = stream.to_vec();
                damage.inspect(|&at| broken[at] ^= 0x55);
                let mut buffers = [(); 2].map(|()| vec![0xa5; room + 2 * GUARD]);
                let [a, b] = &mut buffers;
                let mut streams = [
                    Stream::new(stream, &mut a[GUARD..GUARD + room]),
                    Stream::new(&broken, &mut b[GUARD..GUARD + room]),
                ];
                let mut plains = [Vec::new(), Vec::new()];
                while streams.iter().any(Stream::goes_on) {
                    let [a, b] = &mut streams;
                    match (a.goes_on(), b.goes_on()) {
                        (true, true) => Stream::both(a, b, &mut tables, kernel),
                        (true, false) => a.alone(&mut tables[0], kernel),
                        (false, _) => b.alone(&mut tables[1], kernel),
                    }
                    for (stream, plain) in streams.iter_mut().zip(&mut plains) {
                        let fresh = stream.fresh().len().div_ceil(1 + plain.len() % 3);
                        plain.extend_from_slice(&stream.fresh()[..fresh]);
                        stream.take_out(fresh);
                    }
                }
                plains[0].extend_from_slice(streams[0].fresh());
                assert!(streams[0].ended().is_some() && plains[0] == plain);
                assert_eq!(streams[0].inflated(), (plain.len() as u64, crc32(0, &plain)));
                for buffer in &buffers {
                    let (before, rest) = buffer.split_at(GUARD);
                    let around = before.iter().chain(&rest[room..]);
                    assert!(around.into_iter().all(|&byte| byte == 0xa5), "{room}");
                }
            }
        }
    }
}

/// Small objects with every sort of block, broken in every way.
#[test]
fn every_flipped_bit_and_every_cut() {
    let text = b"{\"timestamp\":\"2026-10-01T02:00:07Z\",\"tokens\":[1,22,333,1,22,333,4444]}\n";
    let plain = text.repeat(3);
    let good = gzip_libdeflate(&plain, 12);
    let mut gunzip = Gunzip::default();
    let several = [gzip(text, 6), gzip(text, 9)].concat();
    for object in [gzip(&plain, 0), gzip(&plain, 1), gzip(&plain.repeat(9), 9), several] {
        for cut in 0..object.len() {
            agree(&mut gunzip, [&object[..cut], &good], u64::MAX);
        }
        for bit in 0..object.len() * 8 {
            let mut flipped = object.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            agree(&mut gunzip, [&good, &flipped], u64::MAX);
        }
    }
}

#[test]
fn headers_and_what_follows_a_member() {
    let plain = b"{\"a\":1}\n".repeat(100);
    let good = gzip(&plain, 6);
    let full = flate2::GzBuilder::new().filename("a.json").comment("b").extra(vec![1, 2, 3]);
    let mut full = full.write(Vec::new(), Compression::best());
    full.write_all(&plain).unwrap();
    let full = full.finish().unwrap();
    let mut summed = [&good[..10], &[0, 0], &good[10..]].concat();
    summed[3] |= 2;
    let mut reserved = good.clone();
    reserved[3] |= 0x80;
    let mut gunzip = Gunzip::default();
    assert_eq!(agree(&mut gunzip, [&full, &good], u64::MAX), [true; 2]);
    for other in [
        full.clone(),
        summed,
        reserved,
        [good.as_slice(), &full, &good].concat(),
        [good.as_slice(), &[0; 100]].concat(),
        [good.as_slice(), b"x"].concat(),
        full[..20].to_vec(),
        plain.clone(),
        b"PK\x03\x04".to_vec(),
        vec![0x1f, 0x8b],
        Vec::new(),
    ] {
        agree(&mut gunzip, [&good, &other], u64::MAX);
        agree(&mut gunzip, [&other, &good], u64::MAX);
        agree(&mut gunzip, [&other, &other], plain.len() as u64);
    }
}

#[test]
fn bounds_and_memory() {
    let plain = b"{\"a\":1}\n".repeat(1_000);
    let object = gzip(&plain, 6);
    let mut gunzip = Gunzip::default();
    for most in [0, 7_999, 8_000] {
        agree(&mut gunzip, [&object, &object], most);
    }
    // Trailers that lie cost no memory, and no verdict.
    for size in [0, 7_999, 8_001, 1 << 20, 64 << 20, u32::MAX] {
        let mut lying = object.clone();
        let at = lying.len() - 4;
        lying[at..].copy_from_slice(&size.to_le_bytes());
        agree(&mut gunzip, [&object, &lying], u64::MAX);
    }
    assert!(gunzip.held() < 2 << 20, "{} bytes held", gunzip.held());
}

/// Long members pass through the windows many times, and are given up late.
#[test]
fn long_members() {
    let plain = samples().concat().repeat(4);
    for (level, other) in [(6, 1), (0, 0)] {
        let objects = [gzip(&plain, level), gzip_libdeflate(&plain, other)];
        let mut gunzip = Gunzip::default();
        assert_eq!(agree(&mut gunzip, [&objects[0], &objects[1]], u64::MAX), [true; 2]);
        if Kernel::detect().is_some() {
            assert!(gunzip.held() < 1 << 20, "{} bytes held", gunzip.held());
        }
        let most = plain.len() as u64 - 1;
        agree(&mut gunzip, [&objects[0], &objects[1]], most);
        for share in [2, 10] {
            let mut damaged = objects[0].clone();
            let at = damaged.len() - damaged.len() / share;
            damaged[at] ^= 0x10;
            agree(&mut gunzip, [&damaged, &objects[1]], u64::MAX);
            agree(&mut gunzip, [&objects[1], &objects[0][..at]], most);
        }
    }
}

/// Some of a sample, more than once: matches near and far.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let samples = samples();
    vec((0..samples.len(), any::<(Index, Index)>(), 0..40_000usize), 0..4).prop_map(move |parts| {
        let mut plain = Vec::new();
        for (sample, (at, back), length) in parts {
            let sample = &samples[sample];
            let at = at.index(sample.len() + 1);
            plain.extend_from_slice(&sample[at..sample.len().min(at + length)]);
            let back = back.index(plain.len() + 1);
            plain.extend_from_within(back..plain.len().min(back + length / 2));
        }
        plain
    })
}

proptest! {
    #[test]
    fn any_pair(a in plain(), b in plain(), levels: (Index, Index)) {
        let a = gzip(&a, levels.0.index(10) as u32);
        let b = gzip_libdeflate(&b, levels.1.index(13) as i32);
        agree(&mut Gunzip::default(), [&a, &b], u64::MAX);
    }

    #[test]
    fn any_damage(a in plain(), b in plain(), at: Index, byte: u8, cut in any::<Option<Index>>()) {
        let a = gzip(&a, 6);
        let mut b = gzip(&b, 9);
        let at = at.index(b.len());
        b[at] = byte;
        if let Some(cut) = cut {
            b.truncate(cut.index(b.len()));
        }
        agree(&mut Gunzip::default(), [&a, &b], u64::MAX);
        agree(&mut Gunzip::default(), [&b, &a], u64::MAX);
    }

    #[test]
    fn any_bytes_for_a_stream(bytes in vec(any::<u8>(), 0..2_000), kind in 0..3u8) {
        let mut stream = bytes;
        if let Some(first) = stream.first_mut() {
            *first = *first & !7 | kind << 1;
        }
        let object = member(&stream, &vec![0; 100_000]);
        let good = gzip(&object.repeat(9), 1);
        agree(&mut Gunzip::default(), [&object, &good], u64::MAX);
        agree(&mut Gunzip::default(), [&object, &object], u64::MAX);
    }
}
