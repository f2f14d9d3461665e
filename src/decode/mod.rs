//! Decoding: from the bytes of one log object to records, without a word of prompt or answer.
//!
//! Bytes go one way: [`gunzip`] inflates them (two objects at once by `pair` and `deflate`),
//! [`records`] finds where records begin and end (and where the next good one begins after a bad
//! one), [`record`] reads a record's fields, [`body`] looks into the bodies for yes/no signals and numbers, and a [`Sink`] receives each
//! [`record::Record`] or [`Reject`]. [`json`] is the cursor all of them step with: it checks the
//! grammar of what is read and keeps none of it. Where strings and values that are stepped over end,
//! [`ends`] tells, in a fast way (by the comparisons of `lanes`) and a slow one; what such a value must be,
//! `balance` says. A record like one before it is read by its shape ([`shapes`]). [`text`] resolves the few strings that are taken out.
//!
//! Architecture invariant: nothing here knows a file, a socket, a clock or a column. How the bytes
//! were cut into pushes never shows in what a sink receives.

mod balance;
pub mod body;
mod deflate;
pub mod ends;
pub mod fields;
pub mod gunzip;
mod inflate;
pub mod json;
mod keys;
mod lanes;
mod pair;
pub mod record;
pub mod records;
mod scalars;
pub mod shapes;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;

use record::Record;

/// The byte order mark that some tools write before the first record.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A record (or, without a position, an object) that could not be read. Holds no content of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Byte position in the inflated object where the record begins.
    pub position: u64,
    /// Why, as a lowercase fragment.
    pub reason: &'static str,
}

/// Who receives what was decoded, in the order of the object's bytes.
pub trait Sink {
    /// A record that can be read; it borrows from the bytes being decoded.
    fn record(&mut self, record: &Record<'_>);
    /// A record that cannot.
    fn reject(&mut self, reject: Reject);
}
