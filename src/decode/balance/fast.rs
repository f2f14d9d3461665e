//! What is balanced, by masks: bit *i* is byte *i* of a block, a shift by one is the byte behind.

use super::super::json::{Fault, Step, word_end};
use super::super::lanes::{BLOCK, Classes, Compare, Task};
use super::{Inside, Names, Stop};

/// Bytes that a block's judgement may look at: the one before it, and the third letter behind its last byte.
const REACH: usize = 1 + BLOCK + 3;

const OPENING: u8 = 1;
const CLOSING: u8 = 1 << 1;
const COMMA: u8 = 1 << 2;
const COLON: u8 = 1 << 3;
const QUOTE: u8 = 1 << 4;
const DIGIT: u8 = 1 << 5;
const SIGN: u8 = 1 << 6;
/// Letters of scalars, and some that share their halves: `words` looks closely.
const LETTER: u8 = 1 << 7;

const SEPARATOR: u8 = COMMA | COLON;
const SCALAR: u8 = DIGIT | SIGN | LETTER;

/// What tokens are made of, and which may stand side by side. A quote is the one that opens a string where it is
/// a follower, and the one that closes it where it is followed.
const TOKENS: Classes = Classes::new()
    .with(OPENING, b"{[", OPENING | CLOSING | QUOTE | SCALAR)
    .with(CLOSING, b"}]", CLOSING | COMMA)
    .with(COMMA, b",", OPENING | QUOTE | SCALAR)
    .with(COLON, b":", OPENING | QUOTE | SCALAR)
    .with(QUOTE, b"\"", CLOSING | SEPARATOR)
    .with(DIGIT, b"0123456789", SCALAR | CLOSING | COMMA)
    .with(SIGN, b"+-.", SCALAR | CLOSING | COMMA)
    .with(LETTER, b"aeflnrstuE", SCALAR | CLOSING | COMMA);

/// Blocks with brackets that are remembered, to find the element that a key is in.
const REMEMBERED: usize = 16;

/// Steps over an object or array.
pub(in crate::decode) struct Value<'t> {
    pub(in crate::decode) bytes: &'t [u8],
    pub(in crate::decode) at: usize,
}

impl Task for Value<'_> {
    type Output = Step<usize>;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> Step<usize> {
        let mut walk = Walk::new(self.bytes, Inside::before(self.at));
        match walk.run(lanes, None)? {
            Found::End => Ok(walk.at),
            Found::Tells(_) => Err(Fault::Bad),
        }
    }
}

/// Steps over elements of an array until it ends or one holds a key that tells.
pub(in crate::decode) struct Elements<'t> {
    pub(in crate::decode) bytes: &'t [u8],
    pub(in crate::decode) from: Inside,
    pub(in crate::decode) names: &'t Names,
}

impl Task for Elements<'_> {
    type Output = Step<Stop>;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> Step<Stop> {
        let mut walk = Walk::new(self.bytes, self.from);
        let mut telling = Telling { names: self.names, last: [(0, 0, 0); REMEMBERED], met: 0 };
        let told = match walk.run(lanes, Some(&mut telling))? {
            Found::End => return Ok(Stop::End(walk.at)),
            Found::Tells(told) => told,
        };
        if let Some(element) = telling.element(self.bytes, told) {
            return Ok(Stop::Tells(element.at, element));
        }
        // It began long ago: from the start, element by element.
        let mut inside = self.from;
        if inside.depth == 0 {
            inside = inside.behind(inside.at + 1);
        }
        loop {
            let at = opening(self.bytes, inside.at)?;
            let element = Inside { at, ..inside };
            let mut walk = Walk::new(self.bytes, Inside { depth: 0, ..element });
            walk.run_unbalanced(lanes, None)?;
            if walk.at > told.at {
                return Ok(Stop::Tells(at, element));
            }
            inside = Inside { braces: walk.braces, ..inside.behind(walk.at) };
        }
    }
}

/// What is looked for in elements.
struct Telling<'n> {
    names: &'n Names,
    /// Position, opening and closing brackets of the last blocks that have any: number `n` is at `n % REMEMBERED`.
    last: [(usize, u64, u64); REMEMBERED],
    /// How many were met.
    met: usize,
}

impl Telling<'_> {
    /// The element that `told` is in, if it began in a block that is remembered.
    #[inline(never)]
    fn element(&self, bytes: &[u8], told: Inside) -> Option<Inside> {
        let Inside { mut depth, mut braces, .. } = told;
        for number in (self.met.saturating_sub(REMEMBERED)..self.met).rev() {
            let (block, opening, closing) = self.last[number % REMEMBERED];
            // Those before the key.
            let before = below(told.at - block);
            let mut brackets = (opening | closing) & before;
            while brackets != 0 {
                let bit = 1 << (63 - brackets.leading_zeros());
                brackets ^= bit;
                let at = block + bit.trailing_zeros() as usize;
                let is_brace = i64::from(matches!(bytes.get(at), Some(b'{' | b'}')));
                let change = if opening & bit == 0 { 1 } else { -1 };
                (depth, braces) = (depth + change, braces + change * is_brace);
                if depth == 1 && change < 0 {
                    return Some(Inside { at, depth, braces });
                }
            }
        }
        None
    }
}

/// The lowest `count` bits.
#[inline(always)]
fn below(count: usize) -> u64 {
    if count < BLOCK { (1 << count) - 1 } else { !0 }
}

/// Position of the first opening bracket at or behind `at` that is in no string.
fn opening(bytes: &[u8], mut at: usize) -> Step<usize> {
    loop {
        match bytes.get(at).ok_or(Fault::Cut)? {
            b'{' | b'[' => return Ok(at),
            b'"' => at = super::text(bytes, at + 1)?.0 + 1,
            _ => at += 1,
        }
    }
}

/// Looks for the end of a string's text.
pub(in crate::decode) struct Text<'t> {
    pub(in crate::decode) bytes: &'t [u8],
    pub(in crate::decode) at: usize,
}

impl Task for Text<'_> {
    type Output = Step<(usize, bool)>;

    #[inline(always)]
    fn run(self, lanes: impl Compare) -> Step<(usize, bool)> {
        let (mut at, mut taken, mut any) = (self.at, 0, 0);
        loop {
            let room;
            let block = match reach(self.bytes, at) {
                Some(block) => block,
                None => {
                    room = padded_reach(self.bytes, at)?;
                    &room
                }
            };
            let block = lanes.load(part(block, 1));
            let special = lanes.special(block);
            if special == 0 {
                (at, taken) = (at + BLOCK, 0);
                continue;
            }
            let backslashes = lanes.equal(block, b'\\');
            let all_quotes = lanes.equal(block, b'"');
            let quotes = all_quotes & !escaped(backslashes, &mut taken);
            let before = below_first(quotes);
            if special & !backslashes & !all_quotes & before != 0 {
                return Err(Fault::Bad);
            }
            any |= backslashes & before;
            if quotes != 0 {
                return Ok((at + quotes.trailing_zeros() as usize, any != 0));
            }
            at += BLOCK;
        }
    }
}

/// The block at `at` and what may be looked at before and behind it, if the text goes that far.
#[inline(always)]
fn reach(bytes: &[u8], at: usize) -> Option<&[u8; REACH]> {
    bytes.get(at.wrapping_sub(1)..)?.first_chunk()
}

/// The same where the text does not: there are spaces.
#[cold]
#[inline(never)]
fn padded_reach(bytes: &[u8], at: usize) -> Step<[u8; REACH]> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Err(Fault::Cut);
    }
    let mut room = [b' '; REACH];
    let length = rest.len().min(REACH - 1);
    room[1..=length].copy_from_slice(&rest[..length]);
    if at > 0 {
        room[0] = bytes[at - 1];
    }
    Ok(room)
}

/// The block `offset` bytes further on.
#[inline(always)]
fn part(reach: &[u8; REACH], offset: usize) -> &[u8; BLOCK] {
    reach[offset..].first_chunk().unwrap_or(const { &[b' '; BLOCK] })
}

/// All bits below the lowest one of `bits`; all, if there is none.
#[inline(always)]
fn below_first(bits: u64) -> u64 {
    (bits & bits.wrapping_neg()).wrapping_sub(1)
}

/// Which bytes a backslash takes with it. `taken` is 1 where the first byte is one of them, and then says the
/// same of the next block's.
#[inline(always)]
fn escaped(backslashes: u64, taken: &mut u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    if backslashes == 0 {
        return std::mem::take(taken);
    }
    // Subtracting a run of backslashes from the bits behind them turns over every second one of the run.
    let potential = backslashes & !*taken;
    let codes = ((potential << 1) | ODD).wrapping_sub(potential) ^ ODD;
    let escaped = codes ^ (backslashes | *taken);
    *taken = (codes & backslashes) >> 63;
    escaped
}

/// What a walk came to.
enum Found {
    /// The closing bracket looked for: the walk stands behind it.
    End,
    /// A key that tells: where it is, and what is open there.
    Tells(Inside),
}

/// A walk over blocks.
#[derive(Clone, Copy)]
struct Walk<'t> {
    bytes: &'t [u8],
    /// The next block's first byte.
    at: usize,
    /// Brackets and braces open before it.
    depth: i64,
    braces: i64,
    /// All ones if it is inside a string.
    in_string: u64,
    /// 1 if a backslash takes it.
    taken: u64,
    /// 1 if it continues a string with a backslash.
    escape_before: u64,
    /// 1 if a string with a backslash ends before it, white space aside.
    escaped_before: u64,
    /// The last token's last byte before it, if there is only white space between; a comma where there is none.
    last: u8,
}

/// Which bytes of a block are what.
#[derive(Clone, Copy)]
struct Masks {
    /// In strings, opening quotes among them and closing ones not.
    inside: u64,
    opening_quotes: u64,
    closing_quotes: u64,
    /// Brackets outside strings.
    opening: u64,
    closing: u64,
}

impl<'t> Walk<'t> {
    #[inline(always)]
    fn new(bytes: &'t [u8], Inside { at, depth, braces }: Inside) -> Self {
        Self {
            bytes,
            at,
            depth,
            braces,
            in_string: 0,
            taken: 0,
            escape_before: 0,
            escaped_before: 0,
            last: if depth > 0 { b'}' } else { b',' },
        }
    }

    /// Walks to the bracket that closes the last open one; braces must be closed as often as opened.
    #[inline(always)]
    fn run(&mut self, lanes: impl Compare, telling: Option<&mut Telling<'_>>) -> Step<Found> {
        let found = self.run_unbalanced(lanes, telling)?;
        match found {
            Found::End if self.braces != 0 => Err(Fault::Bad),
            found => Ok(found),
        }
    }

    /// Walks to the bracket that closes the last open one. The hot loop.
    #[inline(always)]
    fn run_unbalanced<C: Compare>(
        &mut self,
        lanes: C,
        mut telling: Option<&mut Telling<'_>>,
    ) -> Step<Found> {
        // A copy that no other function sees, to be held in registers.
        let mut walk = *self;
        loop {
            let room;
            let reach = match reach(walk.bytes, walk.at) {
                Some(reach) => reach,
                None => {
                    room = padded_reach(walk.bytes, walk.at)?;
                    &room
                }
            };
            let block = lanes.load(part(reach, 1));
            if walk.in_string != 0 && lanes.special(block) == 0 {
                (walk.at, walk.taken) = (walk.at + BLOCK, 0);
                continue;
            }
            let backslashes = lanes.equal(block, b'\\');
            let quotes = lanes.equal(block, b'"') & !escaped(backslashes, &mut walk.taken);
            let inside = lanes.between_pairs(quotes) ^ walk.in_string;
            let controls = lanes.between(block, 0, 0x1f) & inside;
            if inside & !quotes == !0 {
                // Text with escapes.
                if controls != 0 {
                    return Err(Fault::Bad);
                }
                walk.escape_before |= u64::from(backslashes != 0);
                walk.at += BLOCK;
                continue;
            }
            let classes = lanes.classify(block, &TOKENS);
            let outside = |bits| lanes.any(classes, bits) & !inside;
            let masks = Masks {
                inside,
                opening_quotes: quotes & inside,
                closing_quotes: quotes & !inside,
                opening: outside(OPENING),
                closing: outside(CLOSING),
            };
            let letters = outside(LETTER);
            let followers = lanes.followers(lanes.load(part(reach, 0)), &TOKENS);
            let tokens = !(inside ^ quotes);
            let mut bad = tokens & !lanes.common(classes, followers);
            let mut space = 0;
            if bad == 0 {
                walk.last = 0;
            } else {
                space = white(lanes, block) & !inside;
                let spaced = Spaced {
                    masks,
                    separators: outside(SEPARATOR),
                    colons: outside(COLON),
                    scalars: outside(SCALAR),
                    space,
                };
                (bad, walk.last) = spaced.judge(walk);
            }
            bad |= controls;
            if letters != 0 {
                bad |= words(walk.bytes, walk.at, letters);
            }
            walk.in_string = ((inside as i64) >> 63) as u64;
            let mut tells = 0;
            if let Some(Telling { names, last, met }) = &mut telling {
                if backslashes | walk.escape_before | walk.escaped_before != 0 {
                    tells = walk.escaped_keys(&masks, backslashes, outside(COLON), space);
                }
                let [firsts, thirds] =
                    [part(reach, 2), part(reach, 4)].map(|part| lanes.load(part));
                let firsts = lanes.classify(firsts, &names.firsts);
                let thirds = lanes.classify(thirds, &names.thirds);
                tells |= masks.opening_quotes & lanes.common(firsts, thirds);
                last[*met % REMEMBERED] = (walk.at, masks.opening, masks.closing);
                *met += usize::from(masks.opening | masks.closing != 0);
            }
            let closed = masks.closing.count_ones().into();
            if walk.depth <= closed
                && let Some(end) = masks.closes(walk.depth)
            {
                let upto = below_first(end) | end;
                if bad & upto != 0 {
                    return Err(Fault::Bad);
                }
                if tells & upto != 0
                    && let Some(Telling { names, .. }) = &telling
                    && let Some(told) = walk.told(lanes, block, names, &masks, tells & upto)
                {
                    return Ok(Found::Tells(told));
                }
                walk.braces += masks.braces(lanes, block, upto);
                walk.at += end.trailing_zeros() as usize + 1;
                *self = walk;
                return Ok(Found::End);
            }
            if bad != 0 {
                return Err(Fault::Bad);
            }
            if tells != 0
                && let Some(Telling { names, .. }) = &telling
                && let Some(told) = walk.told(lanes, block, names, &masks, tells)
            {
                return Ok(Found::Tells(told));
            }
            walk.depth += i64::from(masks.opening.count_ones()) - closed;
            walk.braces += masks.braces(lanes, block, !0);
            walk.at += BLOCK;
        }
    }

    /// The first of `tells` that is in an element, and does tell.
    #[inline(always)]
    fn told<C: Compare>(
        &self,
        lanes: C,
        block: C::Block,
        names: &Names,
        masks: &Masks,
        mut tells: u64,
    ) -> Option<Inside> {
        while tells != 0 {
            let bit = tells & tells.wrapping_neg();
            tells ^= bit;
            let at = self.at + bit.trailing_zeros() as usize;
            let [opened, closed] = [masks.opening, masks.closing].map(|mask| mask & (bit - 1));
            let depth =
                self.depth + i64::from(opened.count_ones()) - i64::from(closed.count_ones());
            // What is no opening quote is the colon behind an escaped key.
            let is_key = masks.opening_quotes & bit == 0 || names.tell(self.bytes, at + 1);
            if depth > 1 && is_key {
                let braces = self.braces + masks.braces(lanes, block, bit - 1);
                return Some(Inside { at, depth, braces });
            }
        }
        None
    }

    /// The colons behind strings that hold a backslash.
    #[inline(always)]
    fn escaped_keys(&mut self, masks: &Masks, backslashes: u64, colons: u64, space: u64) -> u64 {
        // Adding a backslash to the string it stands in leaves a bit behind the string, at its quote.
        let (sum, first) = masks.inside.overflowing_add(backslashes & masks.inside);
        let (sum, second) = sum.overflowing_add(self.escape_before);
        self.escape_before = u64::from(first | second);
        let (behind, before) = behind(sum & masks.closing_quotes, self.escaped_before, space);
        self.escaped_before = before;
        colons & behind
    }
}

/// A block with white space outside strings, or with something bad.
struct Spaced {
    masks: Masks,
    /// Outside strings.
    separators: u64,
    colons: u64,
    scalars: u64,
    space: u64,
}

impl Spaced {
    /// What is bad in it, and what `Walk::last` is for the next block.
    #[inline(never)]
    fn judge(&self, walk: Walk<'_>) -> (u64, u8) {
        let Self { separators, colons, scalars, space, .. } = *self;
        let Masks { inside, opening_quotes, closing_quotes, opening, closing } = self.masks;
        let adjacent = walk.at.checked_sub(1).and_then(|at| walk.bytes.get(at)).copied();
        let last = match (walk.in_string, walk.last, adjacent) {
            (0, 0, Some(byte)) => byte,
            (0, last, _) => last,
            _ => 0,
        };
        let before = |classes| u64::from(TOKENS.of(last) & classes != 0);
        let ends = closing | scalars | closing_quotes;
        let (behind_end, _) = behind(ends, before(CLOSING | SCALAR | QUOTE), space);
        let (behind_separator, _) = behind(separators, before(SEPARATOR), space);
        let (behind_string, _) = behind(closing_quotes, before(QUOTE), space);
        let run_on = scalars << 1 | before(SCALAR) & u64::from(walk.last == 0);
        let begins = opening | opening_quotes | (scalars & !run_on);
        let mut bad = begins & behind_end;
        bad |= separators & !behind_end;
        bad |= closing & behind_separator;
        bad |= colons & !behind_string;
        bad |= !(inside | closing_quotes | opening | closing | separators | scalars | space);
        let last = match (space.leading_ones() as usize, last) {
            (0, _) => 0,
            (BLOCK, last) => last,
            (length, _) => walk.bytes.get(walk.at + BLOCK - 1 - length).copied().unwrap_or(b','),
        };
        (bad, last)
    }
}

/// The first of `letters` of a block that belongs to no number and no word, or to one with more of a scalar behind
/// it.
#[inline(never)]
fn words(bytes: &[u8], block: usize, mut letters: u64) -> u64 {
    let is_scalar = |at: usize| bytes.get(at).is_some_and(|byte| TOKENS.of(*byte) & SCALAR != 0);
    // A word that began in the block before was looked at there.
    for start in block.saturating_sub(4)..block {
        let ends_here = word_end(bytes, start).is_ok_and(|end| {
            letters &= !0 << end.saturating_sub(block);
            end > block
        });
        if ends_here {
            break;
        }
    }
    while letters != 0 {
        let (first, at) =
            (letters & letters.wrapping_neg(), block + letters.trailing_zeros() as usize);
        if is_scalar(at.wrapping_sub(1)) {
            if !matches!(bytes.get(at), Some(b'e' | b'E')) {
                return first;
            }
            letters ^= first;
            continue;
        }
        let end = match word_end(bytes, at) {
            Ok(end) if is_scalar(end) => return first,
            Ok(end) => end,
            // The last thing there is.
            Err(Fault::Cut) => return 0,
            Err(Fault::Bad) => return first,
        };
        let length = end - block;
        if length >= BLOCK {
            return 0;
        }
        letters &= !0 << length;
    }
    0
}

impl Masks {
    /// The closing bracket that leaves none of `depth` open brackets and those of this block.
    #[inline(always)]
    fn closes(&self, mut depth: i64) -> Option<u64> {
        let mut closing = self.closing;
        while closing != 0 {
            let bit = closing & closing.wrapping_neg();
            closing ^= bit;
            depth -= 1;
            if depth + i64::from((self.opening & (bit - 1)).count_ones()) == 0 {
                return Some(bit);
            }
        }
        None
    }

    /// Braces opened less braces closed, among `which` bytes.
    #[inline(always)]
    fn braces<C: Compare>(&self, lanes: C, block: C::Block, which: u64) -> i64 {
        // The bit in which braces differ from brackets.
        let braces = lanes.any(block, b'{' ^ b'[') & which;
        let [opened, closed] =
            [self.opening, self.closing].map(|mask| (mask & braces).count_ones());
        i64::from(opened) - i64::from(closed)
    }
}

/// Which bytes are white space.
#[inline(always)]
fn white<C: Compare>(lanes: C, block: C::Block) -> u64 {
    lanes.equal(block, b' ') | lanes.between(block, b'\t', b'\n') | lanes.equal(block, b'\r')
}

/// `bits` moved on by one, and over the white space there, with the one that goes on to the next block; `before` is
/// the one that comes from the block before.
#[inline(always)]
fn behind(bits: u64, before: u64, space: u64) -> (u64, u64) {
    // Adding a bit to the run of white space that it begins leaves it behind the run.
    let (sum, over) = (bits << 1 | before).overflowing_add(space);
    (sum & !space, bits >> 63 | u64::from(over))
}
