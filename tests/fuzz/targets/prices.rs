//! Price files: any text is a price book or an error that names the line; amounts stay as written.

#![no_main]

use halfrate_fuzz::price::book::PriceBook;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    thread_local! {
        static BOOK: PriceBook = PriceBook::embedded();
    }
    match BOOK.with(Clone::clone).with_user(text, "mine.csv") {
        Ok(book) => {
            let _ = book.long_context_thresholds();
            assert!(!book.date_line().is_empty());
        }
        Err(error) => assert!(error.to_string().contains("mine.csv"), "{error}"),
    }
});
