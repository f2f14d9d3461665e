//! Prices: from a logged model id to the rates that apply. Unknown is a value, never zero.
//!
//! Pure: the embedded price book is text compiled in, a user's own comes in as text.

pub mod book;
pub mod model;
pub mod parse;
pub mod rates;
