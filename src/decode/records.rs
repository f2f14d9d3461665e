//! Record boundaries: newline-delimited, concatenated, pretty-printed or in one array, in any
//! chunking.
//!
//! A record begins with a brace and ends where the brace is closed. Lines of a CloudWatch Logs
//! export begin with a time, which is stepped over. After a bad record, reading goes on at the
//! first later line that begins (in its first column) with a brace or a time, so one bad record
//! costs one reject, and a cut one does not take its successor along.

use super::ends::{Ends, Fast};
use super::gunzip::Consumer;
use super::json::{Cursor, Fault};
use super::record::{Reader, Record};
use super::shapes::{Recall, Shapes};
use super::time;
use super::{BOM, Reject, Sink};

/// Bounds that a record must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Longest record in bytes.
    pub max_record_bytes: usize,
    /// Largest token count of one call.
    pub max_tokens: i64,
}

/// Finds the records in pushed bytes.
#[derive(Debug)]
pub struct Records<E = Fast> {
    bounds: Bounds,
    /// The tail of what was pushed that is not decided yet. Between pushes it is no longer than a
    /// record may be, or than the time before one.
    pending: Vec<u8>,
    /// Position of `pending[0]` in the stream.
    offset: u64,
    /// `pending` is not looked at again before it is this long, so that a record pushed byte by
    /// byte is read a logarithmic number of times, not once a byte.
    patience: usize,
    /// Between a bad record and the next line that begins like one.
    skipping: bool,
    /// The stream opened with `[`: commas and the closing bracket separate records.
    in_array: bool,
    /// Nothing but white space has been met yet.
    at_start: bool,
    /// Shapes of the records met, kept from stream to stream.
    shapes: Shapes,
    ends: E,
}

/// [`Records::feed`].
#[derive(Debug)]
pub struct Feed<'r, S, E = Fast> {
    records: &'r mut Records<E>,
    sink: &'r mut S,
}

impl<S: Sink, E: Ends> Consumer for Feed<'_, S, E> {
    fn push(&mut self, bytes: &[u8]) {
        self.records.push(bytes, self.sink);
    }

    fn offer(&mut self, bytes: &[u8]) -> usize {
        self.records.offer(bytes, self.sink)
    }
}

/// What the bytes at one position came to.
enum Found {
    /// A record, good or rejected, that ends here.
    End(usize),
    /// A reject; reading goes on at the next line that begins like a record.
    Lost(&'static str),
    /// Not decidable before more is pushed.
    More,
}

impl Records {
    /// A finder at the start of a stream.
    pub fn new(bounds: Bounds) -> Self {
        Self::with(bounds, Fast::new())
    }
}

impl<E: Ends> Records<E> {
    /// A finder that runs over values with `ends`; which, never shows in what it finds.
    pub fn with(bounds: Bounds, ends: E) -> Self {
        Self {
            bounds,
            pending: Vec::new(),
            offset: 0,
            patience: 0,
            skipping: false,
            in_array: false,
            at_start: true,
            shapes: Shapes::default(),
            ends,
        }
    }

    /// The same with shapes that were met in other streams.
    pub fn knowing(self, shapes: Shapes) -> Self {
        Self { shapes, ..self }
    }

    /// The shapes met, for another stream.
    pub fn into_shapes(self) -> Shapes {
        self.shapes
    }

    /// A consumer of what an object inflates to, whose records go to `sink`.
    pub fn feed<'r, S: Sink>(&'r mut self, sink: &'r mut S) -> Feed<'r, S, E> {
        Feed { records: self, sink }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        if self.pending.is_empty() {
            let used = self.advance(bytes, false, sink);
            self.pending.extend_from_slice(&bytes[used..]);
            self.used(used);
        } else {
            self.pending.extend_from_slice(bytes);
            if self.pending.len() >= self.patience {
                let pending = std::mem::take(&mut self.pending);
                let used = self.advance(&pending, false, sink);
                self.pending = pending;
                self.pending.drain(..used);
                self.used(used);
            }
        }
    }

    /// Takes as many of the next bytes as belong to records that end in them, unless bytes wait already: then all.
    /// Returns how many; the others come again with what follows.
    fn offer(&mut self, bytes: &[u8], sink: &mut impl Sink) -> usize {
        if !self.pending.is_empty() {
            self.push(bytes, sink);
            return bytes.len();
        }
        let used = self.advance(bytes, false, sink);
        self.used(used);
        used
    }

    /// Ends the stream: whatever is still open is cut.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let pending = std::mem::take(&mut self.pending);
        self.advance(&pending, true, sink);
        let shapes = std::mem::take(&mut self.shapes);
        *self = Self { shapes, ..Self::with(self.bounds, self.ends) };
    }

    /// Bytes held for the next push.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.pending.len()
    }

    /// Notes that `used` bytes are decided and that `pending` holds what follows them.
    fn used(&mut self, used: usize) {
        self.offset += used as u64;
        let too_long = self.bounds.max_record_bytes.saturating_add(1);
        self.patience = (self.pending.len() * 2).min(too_long);
    }

    /// Reads what can be read of `data` and returns how many bytes are decided.
    fn advance(&mut self, data: &[u8], last: bool, sink: &mut impl Sink) -> usize {
        let mut at = 0;
        loop {
            if self.skipping {
                match next_line(data, at, last) {
                    Ok(line) => (at, self.skipping) = (line, false),
                    Err(decided) => return decided,
                }
            }
            at = self.skip_separators(data, at);
            let Some(&byte) = data.get(at) else { return at };
            let found = match byte {
                b'{' => self.record(data, at, last, sink),
                _ => self.preamble(data, at, last),
            };
            match found {
                Found::End(end) => at = end,
                Found::More => return at,
                Found::Lost(reason) => {
                    sink.reject(Reject { position: self.offset + at as u64, reason });
                    at += 1;
                    self.skipping = true;
                }
            }
        }
    }

    fn skip_separators(&mut self, data: &[u8], mut at: usize) -> usize {
        while let Some(&byte) = data.get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                b'[' if self.at_start => {
                    (self.in_array, self.at_start) = (true, false);
                    at += 1;
                }
                b',' | b']' if self.in_array => at += 1,
                0xef if self.at_start && data[at..].starts_with(BOM) => at += BOM.len(),
                _ => break,
            }
        }
        at
    }

    fn record(&mut self, data: &[u8], at: usize, last: bool, sink: &mut impl Sink) -> Found {
        self.at_start = false;
        let limit = data.len().min(at.saturating_add(self.bounds.max_record_bytes));
        let limited = limit < data.len();
        let window = &data[..limit];
        let position = self.offset + at as u64;
        let max_tokens = self.bounds.max_tokens;
        let mut record = Record::at(position);
        if E::SHAPED {
            let shapes = &self.shapes;
            let recall = Recall { shapes, bytes: window, at, max_tokens, record: &mut record };
            if let Some(end) = self.ends.recall(recall) {
                self.shapes.count();
                sink.record(&record);
                return Found::End(end);
            }
            record = Record::at(position);
        }
        let (read, end) = if E::SHAPED && self.shapes.are_worth_it() {
            self.shapes.learn(window, at, self.ends, max_tokens, &mut record)
        } else {
            let mut cursor = Cursor::new(window, at, self.ends);
            let read = Reader::new(window, max_tokens, &mut record).read(&mut cursor);
            (read, cursor.position())
        };
        match read {
            Ok(Ok(())) => {
                sink.record(&record);
                Found::End(end)
            }
            Ok(Err(reason)) => {
                sink.reject(Reject { position, reason });
                Found::End(end)
            }
            Err(Fault::Cut) if limited => Found::Lost("record is longer than the limit"),
            Err(Fault::Cut) if last => Found::Lost("record is cut off"),
            Err(Fault::Cut) => Found::More,
            Err(Fault::Bad) => Found::Lost("not well-formed JSON"),
        }
    }

    /// A line that does not begin with a record: the time of a CloudWatch Logs export, or nothing
    /// known.
    fn preamble(&mut self, data: &[u8], at: usize, last: bool) -> Found {
        let rest = &data[at..];
        if self.at_start && !last && BOM.starts_with(rest) {
            return Found::More;
        }
        self.at_start = false;
        match line_time(rest, last) {
            Time::Length(length) => Found::End(at + length),
            Time::None => Found::Lost("not a JSON object"),
            Time::More => Found::More,
        }
    }
}

/// What the beginning of a line came to.
enum Time {
    /// The time before a record, of so many bytes.
    Length(usize),
    /// No time.
    None,
    /// Not decidable before more is pushed.
    More,
}

/// The time with which `line` begins, if more than a line break follows it.
fn line_time(line: &[u8], last: bool) -> Time {
    /// `2026-10-01T00:00:00.000Z `, with room for nanoseconds and an offset.
    const LONGEST: usize = 40;
    if !line.first().is_some_and(u8::is_ascii_digit) {
        return Time::None;
    }
    let start = &line[..line.len().min(LONGEST)];
    match start.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'{') {
        Some(length) if !matches!(start[length], b'\n' | b'\r') => {
            match std::str::from_utf8(&start[..length]).ok().and_then(time::seconds) {
                Some(_) => Time::Length(length),
                None => Time::None,
            }
        }
        None if start.len() < LONGEST && !last => Time::More,
        _ => Time::None,
    }
}

/// The first line after `from` that begins like a record or its time; else how many bytes are
/// decided.
fn next_line(data: &[u8], from: usize, last: bool) -> Result<usize, usize> {
    for newline in memchr::memchr_iter(b'\n', &data[from..]) {
        let line = from + newline + 1;
        match data.get(line) {
            Some(b'{') => return Ok(line),
            Some(_) => match line_time(&data[line..], last) {
                Time::Length(_) => return Ok(line),
                Time::None => {}
                Time::More => return Err(line - 1),
            },
            // The newline may be the one before a record.
            None if !last => return Err(line - 1),
            None => {}
        }
    }
    Err(data.len())
}
