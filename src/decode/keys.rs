//! Keys that are known, met mostly in one order: the next is guessed and compared as words.
//!
//! Finding a string's end and then a name that equals it makes each step wait for the one before. A key that was
//! guessed right costs two comparisons, and its length is known before they are done.

/// Longest name, with the quote and the colon behind it.
const LONGEST: usize = 40;

/// What a name means.
#[derive(Clone, Copy, Debug)]
struct Key<T> {
    /// The name, a quote and a colon.
    text: [u8; LONGEST],
    length: usize,
    /// The first eight bytes (fewer, if there are fewer) and which bits of them count.
    first: u64,
    mask: u64,
    /// The last eight bytes, if there are more.
    last: u64,
    meaning: T,
}

/// The known keys of an object, in the order in which they mostly stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys<T, const N: usize> {
    keys: [Key<T>; N],
    /// What all others mean.
    other: T,
}

impl<T: Copy, const N: usize> Keys<T, N> {
    /// Names and what they mean; `other` is what all others mean.
    pub(super) const fn new(names: [(&str, T); N], other: T) -> Self {
        let nothing =
            Key { text: [0; LONGEST], length: 0, first: 0, mask: 0, last: 0, meaning: other };
        let (mut keys, mut index) = ([nothing; N], 0);
        while index < N {
            let (name, meaning) = names[index];
            let (name, key) = (name.as_bytes(), &mut keys[index]);
            assert!(name.len() + 2 <= LONGEST, "a name is too long");
            let mut at = 0;
            while at < name.len() {
                key.text[at] = name[at];
                at += 1;
            }
            key.text[at] = b'"';
            key.text[at + 1] = b':';
            key.length = at + 2;
            key.meaning = meaning;
            key.first = word(&key.text, 0);
            if key.length < 8 {
                key.mask = !0 >> (64 - 8 * key.length);
            } else {
                key.mask = !0;
                key.last = word(&key.text, key.length - 8);
            }
            index += 1;
        }
        Self { keys, other }
    }

    /// What the key whose text begins `rest` means, its length with quote and colon, and its place in the order; the
    /// one at `guess` is tried first. `None` says nothing.
    #[inline(always)]
    pub(super) fn find(&self, rest: &[u8], guess: usize) -> Option<(T, usize, usize)> {
        let first = u64::from_le_bytes(*rest.first_chunk()?);
        let (before, from) = self.keys.split_at_checked(guess)?;
        for (index, key) in from.iter().enumerate() {
            if first & key.mask == key.first && key.ends(rest) {
                return Some((key.meaning, key.length, guess + index));
            }
        }
        for (index, key) in before.iter().enumerate() {
            if first & key.mask == key.first && key.ends(rest) {
                return Some((key.meaning, key.length, index));
            }
        }
        None
    }

    /// What `name` means.
    pub(super) fn meaning(&self, name: &[u8]) -> T {
        let found = self.keys.iter().find(|key| key.text.get(..key.length - 2) == Some(name));
        found.map_or(self.other, |key| key.meaning)
    }
}

impl<T> Key<T> {
    /// Whether `rest`, whose first word is the key's, goes on as the key.
    #[inline(always)]
    fn ends(&self, rest: &[u8]) -> bool {
        if self.length <= 8 {
            return true;
        }
        let Some(rest) = rest.get(..self.length) else { return false };
        let last = rest.last_chunk().is_some_and(|last| u64::from_le_bytes(*last) == self.last);
        // Words between the first and the last: no call for so few bytes.
        let (words, _) = rest.as_chunks::<8>();
        let (of_key, _) = self.text.as_chunks::<8>();
        last && words.iter().zip(of_key).skip(1).all(|(a, b)| a == b)
    }
}

/// Eight bytes of `text` as a number.
const fn word(text: &[u8; LONGEST], from: usize) -> u64 {
    let (mut word, mut at) = (0, 0);
    while at < 8 {
        word |= (text[from + at] as u64) << (8 * at);
        at += 1;
    }
    word
}
