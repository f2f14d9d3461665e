//! What `source` knows of names, without the stores.

#[path = "../../src/source/key.rs"]
pub mod key;
#[path = "../../src/source/names.rs"]
pub mod names;
#[path = "../../src/source/selection.rs"]
pub mod selection;
