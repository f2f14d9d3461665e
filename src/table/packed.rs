//! Partial facts as bytes: how they travel from the decoder to the state and from there to the merge.
//!
//! What one object yields is a few workloads, some dozens of minutes and sizes, and an id a record. As nested
//! Arrow lists that were 25 columns for each object, and building, copying, writing and reading them cost
//! more than decoding the object. Packed, each kind of fact is one value.
//!
//! Numbers are LEB128; a text or a minute has its length before it. Whoever unpacks is told where the bytes
//! are torn.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::columns::{NUMBERS, numbers};
use super::interned::Workload;
use super::partial::RequestId;
use crate::schema::KEY_COLUMNS;
use crate::units::{Day, Minute};
use crate::workload::MinuteFacts;

/// Packed facts that end early or hold what none can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packed facts are torn")]
pub struct Torn;

/// The workloads of an object: of each the texts of its key columns, in their order.
pub(super) fn pack_workloads<'w>(workloads: impl Iterator<Item = &'w Workload>) -> Vec<u8> {
    let mut packed = Vec::new();
    for workload in workloads {
        put_bytes(&mut packed, &workload.packed);
    }
    packed
}

/// The texts of a workload's key columns.
pub fn pack_texts(texts: [&str; KEY_COLUMNS.len()]) -> Box<[u8]> {
    let mut packed = Vec::new();
    texts.iter().for_each(|text| put_bytes(&mut packed, text.as_bytes()));
    packed.into()
}

/// The minutes of an object, in the order of workloads and minutes. Of each workload its place among the object's
/// and the count of its minutes; of each minute its distance from the one before (of the first: from the first of the
/// workload before) and its numbers.
pub fn pack_minutes(minutes: &[(u32, MinuteFacts)]) -> Vec<u8> {
    let mut rows: Vec<&(u32, MinuteFacts)> = minutes.iter().collect();
    rows.sort_unstable_by_key(|(workload, facts)| (*workload, facts.minute));
    let (mut packed, mut packed_numbers) = (Vec::with_capacity(rows.len() * 28), Vec::new());
    let mut first = 0;
    for run in rows.chunk_by(|a, b| a.0 == b.0) {
        put(&mut packed, u64::from(run[0].0));
        put(&mut packed, run.len() as u64);
        let mut last = first;
        first = run[0].1.minute.0;
        for (_, facts) in run {
            put(&mut packed, distance(last, facts.minute.0));
            last = facts.minute.0;
            packed_numbers.clear();
            pack_numbers(&numbers(facts), &mut packed_numbers);
            put_bytes(&mut packed, &packed_numbers);
        }
    }
    packed
}

/// The size of a call in one number, because an object has thousands: workload, kind and bin, which is never
/// negative. In their order, numbers are in that of workloads, kinds and bins.
pub fn size(workload: u32, is_output: bool, bin: i32) -> u64 {
    (u64::from(workload) << (BIN_BITS + 1)) | (u64::from(is_output) << BIN_BITS) | bin as u64
}

/// Bits of a bin.
const BIN_BITS: u32 = 31;

/// The sizes of an object, in the order of days, workloads, kinds and bins. Of each kind the distance of its day from
/// the one before, workload and kind, and the count of its bins; of each bin its distance from the one before, and its
/// calls if they are several, which a bit beside the distance tells. `days` are of each day the sizes of its calls.
pub fn pack_sizes(days: &mut BTreeMap<Day, Vec<u64>>) -> Vec<u8> {
    let calls: usize = days.values().map(Vec::len).sum();
    let mut packed = Vec::with_capacity(calls * 2 + 16);
    let mut last_day = 0;
    for (day, sizes) in days {
        sizes.sort_unstable();
        for kind in sizes.chunk_by(|a, b| a >> BIN_BITS == b >> BIN_BITS) {
            put(&mut packed, distance(last_day, i64::from(day.0)));
            last_day = i64::from(day.0);
            put(&mut packed, kind[0] >> BIN_BITS);
            let bins = || kind.chunk_by(|a, b| a == b);
            put(&mut packed, bins().count() as u64);
            let mut last = kind[0] >> BIN_BITS << BIN_BITS;
            for same in bins() {
                put(&mut packed, (same[0] - last) << 1 | u64::from(same.len() > 1));
                last = same[0];
                if same.len() > 1 {
                    put(&mut packed, same.len() as u64);
                }
            }
        }
    }
    packed
}

/// How far it is between two numbers, small ones near 0 in both directions.
fn distance(from: i64, to: i64) -> u64 {
    let distance = to.wrapping_sub(from);
    ((distance << 1) ^ (distance >> 63)) as u64
}

/// The number at a [`distance`].
fn at_distance(from: i64, distance: u64) -> i64 {
    from.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64))
}

/// Ids of requests: for each run of one day the day, how many there are, and 8 bytes each.
pub fn pack_ids(ids: &[RequestId]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(ids.len() * 8 + 16);
    for run in ids.chunk_by(|a, b| a.0 == b.0) {
        put(&mut packed, run[0].0.0 as u64);
        put(&mut packed, run.len() as u64);
        run.iter().for_each(|(_, id)| packed.extend_from_slice(&id.to_le_bytes()));
    }
    packed
}

/// Appends the numbers of a minute, without those that are zero, as most are: 32 bits that tell which
/// follow, then these.
pub fn pack_numbers(numbers: &[i64; NUMBERS], packed: &mut Vec<u8>) {
    let each = numbers.iter().enumerate();
    let present = each.fold(0_u32, |bits, (at, number)| bits | u32::from(*number != 0) << at);
    packed.extend_from_slice(&present.to_le_bytes());
    bits(present).for_each(|at| put(packed, numbers[at] as u64));
}

/// The places of the bits that are set, in order.
fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = set.trailing_zeros();
        set &= set.checked_sub(1)?;
        Some(at as usize)
    })
}

/// The packed workloads of an object, one after the other; equal ones have equal bytes.
pub fn workloads(packed: &[u8]) -> impl Iterator<Item = Result<&[u8], Torn>> {
    items(packed, |rest| take_bytes(rest))
}

/// The texts of a workload's key columns, in their order.
///
/// # Errors
/// The bytes are torn.
pub fn texts(workload: &[u8]) -> Result<[&str; KEY_COLUMNS.len()], Torn> {
    let mut rest = workload;
    let mut texts = [""; KEY_COLUMNS.len()];
    for text in &mut texts {
        *text = std::str::from_utf8(take_bytes(&mut rest)?).map_err(|_| Torn)?;
    }
    if rest.is_empty() { Ok(texts) } else { Err(Torn) }
}

/// One workload in one minute of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedMinute<'b> {
    /// Place of the workload among the object's.
    pub workload: usize,
    /// The minute.
    pub minute: Minute,
    /// Its numbers, for [`numbers_of`].
    pub numbers: &'b [u8],
}

/// The packed minutes of an object.
pub fn minutes(packed: &[u8]) -> impl Iterator<Item = Result<PackedMinute<'_>, Torn>> {
    let (mut workload, mut left, mut first, mut last) = (0, 0, 0, 0);
    items(packed, move |rest| {
        let begins = left == 0;
        if begins {
            workload = usize::try_from(take(rest)?).map_err(|_| Torn)?;
            left = take(rest)?;
            last = first;
        }
        last = at_distance(last, take(rest)?);
        if begins {
            first = last;
        }
        let numbers = take_bytes(rest)?;
        left = left.checked_sub(1).ok_or(Torn)?;
        if left > 0 && rest.is_empty() {
            return Err(Torn);
        }
        Ok(PackedMinute { workload, minute: Minute(last), numbers })
    })
}

/// Position and value of a minute's numbers that are not zero, in order. Ends early where they are torn.
pub fn numbers_of(packed: &[u8]) -> impl Iterator<Item = (usize, i64)> {
    let (present, mut rest) = match packed.split_first_chunk::<4>() {
        Some((present, rest)) => (u32::from_le_bytes(*present), rest),
        None => (0, packed),
    };
    let present = bits(present).take_while(|at| *at < NUMBERS);
    present.map_while(move |at| Some((at, take(&mut rest).ok()? as i64)))
}

/// The numbers of minutes, row by row, as the number columns of `usage`.
pub fn number_columns<'b>(rows: impl ExactSizeIterator<Item = &'b [u8]>) -> Vec<ArrayRef> {
    let mut columns = vec![vec![0_i64; rows.len()]; NUMBERS];
    for (row, packed) in rows.enumerate() {
        for (at, number) in numbers_of(packed) {
            columns[at][row] = number;
        }
    }
    columns.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef).collect()
}

impl PackedMinute<'_> {
    /// Its requests: the first of its numbers.
    pub fn requests(&self) -> i64 {
        match numbers_of(self.numbers).next() {
            Some((0, requests)) => requests,
            _ => 0,
        }
    }
}

/// One size bin of a workload on a day in one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedSize {
    /// Place of the workload among the object's.
    pub workload: usize,
    /// The UTC day.
    pub day: Day,
    /// Whether sizes are of output; else of input.
    pub is_output: bool,
    /// The bin.
    pub bin: i32,
    /// Calls of that size.
    pub requests: i64,
}

/// The packed sizes of an object.
pub fn sizes(packed: &[u8]) -> impl Iterator<Item = Result<PackedSize, Torn>> {
    let (mut day, mut kind, mut left, mut bin) = (0, 0, 0, 0);
    items(packed, move |rest| {
        if left == 0 {
            day = at_distance(day, take(rest)?);
            kind = take(rest)?;
            left = take(rest)?;
            bin = 0;
        }
        let distance = take(rest)?;
        bin = (distance >> 1).checked_add(bin).ok_or(Torn)?;
        let requests = if distance & 1 == 1 { take(rest)? } else { 1 };
        left = left.checked_sub(1).ok_or(Torn)?;
        if left > 0 && rest.is_empty() {
            return Err(Torn);
        }
        Ok(PackedSize {
            workload: usize::try_from(kind >> 1).map_err(|_| Torn)?,
            day: Day(i32::try_from(day).map_err(|_| Torn)?),
            is_output: kind & 1 == 1,
            bin: i32::try_from(bin).map_err(|_| Torn)?,
            requests: i64::try_from(requests).map_err(|_| Torn)?,
        })
    })
}

/// Runs of packed ids: a day and its ids.
pub fn ids(
    packed: &[u8],
) -> impl Iterator<Item = Result<(Day, impl Iterator<Item = u64> + Clone), Torn>> {
    items(packed, |rest| {
        let day = Day(take(rest)? as i32);
        let bytes = usize::try_from(take(rest)?).ok().and_then(|count| count.checked_mul(8));
        let (ids, behind) = rest.split_at_checked(bytes.ok_or(Torn)?).ok_or(Torn)?;
        *rest = behind;
        Ok((day, ids.as_chunks::<8>().0.iter().map(|id| u64::from_le_bytes(*id))))
    })
}

/// What `next` takes from the bytes until none are left; nothing more once they are torn.
fn items<'b, T>(
    mut rest: &'b [u8],
    mut next: impl FnMut(&mut &'b [u8]) -> Result<T, Torn>,
) -> impl Iterator<Item = Result<T, Torn>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = next(&mut rest);
        if item.is_err() {
            rest = &[];
        }
        Some(item)
    })
}

#[inline]
fn put(packed: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        packed.push(number as u8 | 0x80);
        number >>= 7;
    }
    packed.push(number as u8);
}

fn put_bytes(packed: &mut Vec<u8>, bytes: &[u8]) {
    put(packed, bytes.len() as u64);
    packed.extend_from_slice(bytes);
}

#[inline]
fn take(rest: &mut &[u8]) -> Result<u64, Torn> {
    // Most numbers are small.
    if let [byte @ ..0x80, behind @ ..] = *rest {
        *rest = behind;
        return Ok(u64::from(*byte));
    }
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, behind) = rest.split_first().ok_or(Torn)?;
        *rest = behind;
        number |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(Torn)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
}

fn take_bytes<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Torn> {
    let length = usize::try_from(take(rest)?).map_err(|_| Torn)?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or(Torn)?;
    *rest = behind;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::columns::minute_facts;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    type Facts = (u32, i64, Vec<(usize, i64)>);

    fn facts() -> impl Strategy<Value = Vec<Facts>> {
        let numbers = prop::collection::vec((0..NUMBERS, any::<i64>()), 0..40);
        prop::collection::vec((any::<u32>(), 0..i64::from(u32::MAX), numbers), 0..20)
    }

    proptest! {
        #[test]
        fn minutes_come_back_in_order_or_are_torn(facts in facts()) {
            let mut expected = BTreeMap::new();
            for (workload, minute, sparse) in facts {
                let mut all = [0; NUMBERS];
                sparse.into_iter().for_each(|(at, number)| all[at] = number);
                let minute = Minute(minute);
                expected.insert((workload, minute), minute_facts(minute, all));
            }
            let rows = expected.iter().rev().map(|((workload, _), facts)| (*workload, *facts));
            let packed = pack_minutes(&rows.collect::<Vec<_>>());
            let found: Vec<_> = minutes(&packed).map(Result::unwrap).collect();
            prop_assert_eq!(found.len(), expected.len());
            for (found, ((workload, minute), facts)) in found.iter().zip(&expected) {
                prop_assert_eq!((found.workload, found.minute), (*workload as usize, *minute));
                let mut all = [0; NUMBERS];
                numbers_of(found.numbers).for_each(|(at, number)| all[at] = number);
                prop_assert_eq!(all, numbers(facts));
                prop_assert_eq!(found.requests(), all[0]);
                let columns = number_columns([&[], found.numbers].into_iter());
                for (column, number) in columns.iter().zip(all) {
                    let column = column.as_primitive::<Int64Type>();
                    prop_assert_eq!(column.values().to_vec(), vec![0, number]);
                }
            }
            let few = packed.len().min(300);
            for cut in (0..few).chain(packed.len() - few..packed.len()) {
                let (mut whole, mut torn) = (0, false);
                for (cut, found) in minutes(&packed[..cut]).zip(&found) {
                    torn = cut.is_err();
                    if let Ok(cut) = cut {
                        prop_assert_eq!(cut, *found);
                        whole += 1;
                    }
                }
                // Without a word only where a workload ends.
                let ends = whole == 0 || found[whole - 1].workload != found[whole].workload;
                prop_assert!(torn || (ends && pack_minutes_of(&found[..whole]) == packed[..cut]));
            }
        }

        #[test]
        fn sizes_and_ids_come_back(
            sizes_in in prop::collection::vec(
                (any::<u32>(), any::<i32>(), any::<bool>(), 0..i32::MAX, 1..9_usize), 0..30),
            ids_in in prop::collection::vec((0..3, any::<u64>()), 0..50),
        ) {
            let (mut days, mut expected) = (BTreeMap::<Day, Vec<u64>>::new(), BTreeMap::new());
            for (workload, day, is_output, bin, requests) in sizes_in {
                let calls = vec![size(workload, is_output, bin); requests];
                days.entry(Day(day)).or_default().extend(calls);
                *expected.entry((Day(day), workload as usize, is_output, bin)).or_insert(0) +=
                    requests as i64;
            }
            let packed = pack_sizes(&mut days);
            let found = sizes(&packed).map(Result::unwrap);
            let found = found.map(|s| ((s.day, s.workload, s.is_output, s.bin), s.requests));
            prop_assert!(found.eq(expected));
            let of_days: Vec<RequestId> = ids_in.iter().map(|(day, id)| (Day(*day), *id)).collect();
            let packed = pack_ids(&of_days);
            let found = ids(&packed).flat_map(|run| {
                let (day, ids) = run.unwrap();
                ids.map(move |id| (day, id))
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), of_days);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let most = bytes.len();
            prop_assert!(minutes(&bytes).count() <= most);
            prop_assert!(sizes(&bytes).count() <= most);
            prop_assert!(workloads(&bytes).count() <= most);
            prop_assert!(ids(&bytes).count() <= most);
            let _ = texts(&bytes);
            prop_assert!(numbers_of(&bytes).count() <= NUMBERS);
        }
    }

    fn pack_minutes_of(minutes: &[PackedMinute<'_>]) -> Vec<u8> {
        let facts = |minute: &PackedMinute<'_>| {
            let mut all = [0; NUMBERS];
            numbers_of(minute.numbers).for_each(|(at, number)| all[at] = number);
            (minute.workload as u32, minute_facts(minute.minute, all))
        };
        pack_minutes(&minutes.iter().map(facts).collect::<Vec<_>>())
    }

    #[test]
    fn a_size_or_a_minute_of_one_call_is_short() {
        let size = |workload, bin| size(workload, false, bin);
        let calls: Vec<u64> = (0..100).map(|bin| size(3, 40 + bin)).collect();
        let packed = pack_sizes(&mut BTreeMap::from([(Day(20_000), calls)]));
        assert_eq!(packed.len(), 3 + 1 + 1 + 100);
        let mut of_one = [0; NUMBERS];
        of_one[0] = 1;
        let facts = |minute: i64| (5, minute_facts(Minute(29_000_000 + minute), of_one));
        let packed = pack_minutes(&(0..50).map(facts).collect::<Vec<_>>());
        assert_eq!(packed.len(), 1 + 1 + 3 + 50 * (1 + 1 + 4 + 1));
    }

    #[test]
    fn texts_are_nine() {
        let all = ["a", "", "c", "d", "e", "f", "g", "h", "ü"];
        let packed = pack_texts(all);
        assert_eq!(texts(&packed), Ok(all));
        assert_eq!(texts(&packed[..packed.len() - 1]), Err(Torn));
        assert_eq!(texts(&[&packed[..], &[0]].concat()), Err(Torn));
        let mut listed = Vec::new();
        put_bytes(&mut listed, &packed);
        put_bytes(&mut listed, &packed);
        let found: Result<Vec<_>, _> = workloads(&listed).collect();
        assert_eq!(found, Ok(vec![&packed[..]; 2]));
    }
}
