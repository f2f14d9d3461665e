//! Where strings end, by masks.

use super::super::json::{Fault, Step};
use super::super::lanes::{BLOCK, Compare, Task};
use super::masks::{below_first, escaped, padded_reach, part, reach};

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
