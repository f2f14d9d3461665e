//! What is balanced, by masks of 64 bytes.

use super::super::json::{Fault, Step};
use super::super::lanes::{BLOCK, Compare, Task};
use super::masks::{
    CLOSING, COLON, LETTER, Masks, OPENING, SCALAR, SEPARATOR, Spaced, TOKENS, behind, below,
    below_first, escaped, padded_reach, part, reach, white, words,
};
use super::{Inside, Names, Stop};

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
            // All before the key is known to be good: what is not, or has no end, is the element with the key.
            if walk.run_unbalanced(lanes, None).is_err() || walk.at > told.at {
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

    /// Walks to the bracket that closes the last open one. The hot loop: the longest function here, for its state to be
    /// held in registers.
    #[inline(always)]
    #[expect(clippy::too_many_lines, reason = "the hot loop")]
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
                (bad, walk.last) = spaced.judge(walk.bytes, walk.at, walk.in_string, walk.last);
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
                let firsts = lanes.classify_roughly(firsts, &names.firsts);
                let thirds = lanes.classify_roughly(thirds, &names.thirds);
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
