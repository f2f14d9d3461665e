//! Filler text: words with a natural frequency, already escaped for a JSON string.

use super::random::Random;

/// Common words, the frequent ones first: a word is drawn with a bias to the front.
#[rustfmt::skip]
const WORDS: [&str; 128] = [
    "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "with", "as", "was", "on",
    "be", "by", "order", "this", "are", "from", "customer", "at", "not", "have", "which", "or",
    "an", "ticket", "they", "will", "has", "we", "can", "all", "their", "invoice", "one", "if",
    "more", "would", "there", "been", "account", "about", "when", "its", "so", "time", "other",
    "out", "product", "into", "only", "new", "some", "could", "request", "these", "two", "may",
    "first", "then", "do", "any", "like", "my", "now", "over", "shipment", "such", "our",
    "service", "even", "most", "after", "also", "made", "report", "many", "before", "must",
    "through", "delivery", "years", "where", "much", "your", "should", "refund", "well", "down",
    "because", "people", "contract", "each", "just", "those", "payment", "how", "too", "policy",
    "state", "good", "very", "summary", "make", "world", "still", "review", "see", "work",
    "supplier", "long", "here", "get", "both", "between", "warehouse", "life", "being", "under",
    "never", "region", "day", "same", "another", "category", "quarterly",
];

/// Boilerplate, as prompts and mails are full of: it is what makes them compress as well as they
/// do.
const PHRASES: [&str; 8] = [
    "Please answer in the language of the customer and keep to the facts given below. ",
    "Thank you for your message; we are looking into it and will get back to you. ",
    "You are a careful assistant. Do not make up order numbers, prices or dates. ",
    "If the answer is not in the documents, say that you do not know. ",
    "Return only the label, without explanation or punctuation. ",
    "Kind regards, the customer service team. ",
    "The following passages were retrieved from the knowledge base: ",
    "According to the terms and conditions, section ",
];

/// What breaks naive readers: quotes, backslashes, newlines, other scripts, surrogate pairs,
/// braces, JSON inside the string with the very keys that a log scanner looks for, and the end of a
/// body's look.
const ODDITIES: [&str; 14] = [
    "\\\"as agreed\\\"",
    "C:\\\\exports\\\\2026\\\\",
    "\\n\\n- ",
    "Gr\u{fc}\u{df}e aus K\u{f6}ln",
    "\u{6771}\u{4eac}\u{306e}\u{9867}\u{5ba2}",
    "\\u00e9t\\u00e9",
    "\\ud83d\\ude80",
    "\u{1f680}",
    "fn main() {\\n\\tlet x = \\\"}]\\\";\\n}",
    "{\\\"inputTokenCount\\\":999999,\\\"output\\\":{\\\"outputTokenCount\\\":888888}}",
    "{\\\"modelId\\\":\\\"decoy\\\",\\\"timestamp\\\":\\\"1999-01-01T00:00:00Z\\\"}",
    "\\\"}}}],\\\"requestId\\\":\\\"decoy\\\"",
    "\\/path\\/to\\/file",
    "a\\\\",
];

/// Appends about `bytes` bytes of text (at least one word, at most one oddity more). No oddities
/// below 40 bytes: the small records of sample-data should stay small.
pub(crate) fn text(random: &mut Random, bytes: usize, out: &mut String) {
    let end = out.len() + bytes;
    let oddities = bytes >= 40;
    loop {
        let mut bits = random.next();
        for _ in 0..4 {
            // The product of two uniform numbers crowds towards zero, much as word frequencies do.
            let place = ((bits & 0xff) * ((bits >> 8) & 0xff)) >> 9;
            out.push_str(WORDS[place as usize]);
            if out.len() >= end {
                return;
            }
            out.push(' ');
            bits >>= 16;
        }
        match random.next() {
            bits if oddities && bits & 0x1f == 0 => {
                out.push_str(ODDITIES[((bits >> 5) % ODDITIES.len() as u64) as usize]);
                out.push(' ');
            }
            bits if oddities && bits & 0xf == 1 => {
                out.push_str(&format!("{} ", (bits >> 8) % 1_000_000));
            }
            bits if oddities && bits & 0x7 == 3 => {
                out.push_str(PHRASES[((bits >> 5) % PHRASES.len() as u64) as usize]);
            }
            bits if bits & 0x7 == 2 => out.push_str("- "),
            _ => {}
        }
    }
}

/// Appends `count` numbers in −1 to 1, comma-separated, as an embedding has them.
pub(crate) fn vector(random: &mut Random, count: usize, out: &mut String) {
    for i in 0..count {
        if i > 0 {
            out.push(',');
        }
        let bits = random.next();
        out.push_str(if bits & 1 == 0 { "0." } else { "-0." });
        let mut digits = [b'0'; 9];
        let mut rest = (bits >> 8) % 200_000_000;
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        out.extend(digits.map(char::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_inside_of_a_json_string_of_the_asked_size() {
        let mut random = Random::of(3, "text");
        for bytes in [0, 1, 25, 500, 50_000] {
            let mut text = String::new();
            super::text(&mut random, bytes, &mut text);
            let parsed: Result<String, _> = serde_json::from_str(&format!("\"{text}\""));
            assert!(parsed.is_ok(), "{text}");
            assert!(text.len() >= bytes && text.len() < bytes + 90, "{} for {bytes}", text.len());
        }
    }

    #[test]
    fn every_oddity_is_escaped_and_turns_up() {
        let mut random = Random::of(4, "oddities");
        let mut text = String::new();
        super::text(&mut random, 200_000, &mut text);
        for oddity in ODDITIES {
            assert!(text.contains(oddity), "{oddity}");
        }
    }
}
