//! Lines of text within a width: escaping, cutting and wrapping.
//!
//! Callers and tags come from logs. A control or formatting character in them could rewrite the
//! terminal, so nothing reaches a line unescaped.

/// Narrower than this, the arithmetic would not fit on its lines.
const MIN_WIDTH: usize = 72;

/// Wider than this, prose is hard to read.
const MAX_WIDTH: usize = 120;

/// A page under construction.
pub(super) struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// An empty page of `width` columns, within reason.
    pub(super) fn new(width: usize) -> Self {
        Self { width: width.clamp(MIN_WIDTH, MAX_WIDTH), text: String::new() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A heading after an empty line.
    pub(super) fn heading(&mut self, title: &str) {
        self.blank();
        self.paragraph("", title);
    }

    /// One line, cut where the page ends.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(fit(&escape(line), self.width).trim_end());
        self.text.push('\n');
    }

    /// A paragraph wrapped at the page's end: `first` before its first line, as many spaces before
    /// the rest.
    pub(super) fn paragraph(&mut self, first: &str, text: &str) {
        let indent = width_of(first);
        let mut lead = first.to_owned();
        for line in wrap(&escape(text), self.width.saturating_sub(indent)) {
            self.text.push_str(format!("{lead}{line}").trim_end());
            self.text.push('\n');
            lead = " ".repeat(indent);
        }
    }

    /// A bullet of a list.
    pub(super) fn bullet(&mut self, text: &str) {
        self.paragraph("  - ", text);
    }

    /// Rows of columns: each as wide as its widest cell, two spaces between, the first two spaces
    /// in.
    pub(super) fn columns<const N: usize>(&mut self, align: [Align; N], rows: &[[String; N]]) {
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(width_of(&escape(cell)));
            }
        }
        for row in rows {
            let cells = row.iter().zip(widths).zip(align);
            let cells = cells.map(|((cell, width), align)| pad(&escape(cell), width, align));
            let line = format!("  {}", cells.collect::<Vec<_>>().join("  "));
            self.text.push_str(fit(&line, self.width).trim_end());
            self.text.push('\n');
        }
    }
}

/// Where a cell's spaces go.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Right,
}

/// The text filled up with spaces to `width` columns.
pub(super) fn pad(text: &str, width: usize, align: Align) -> String {
    let spaces = " ".repeat(width.saturating_sub(width_of(text)));
    match align {
        Align::Left => format!("{text}{spaces}"),
        Align::Right => format!("{spaces}{text}"),
    }
}

/// The text with characters made visible that would not be, or would move others.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Control characters, line and paragraph separators, and the invisible ones that join or reorder
/// others.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns a terminal uses for `text`, once escaped: two for East Asian and emoji blocks, none for
/// combining marks. Coarser than Unicode's tables, but names in AWS are all but always ASCII.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().map(width_of_char).sum()
}

fn width_of_char(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text cut to `width` columns, an ellipsis for what is gone.
pub(super) fn fit(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += width_of_char(c);
        if used > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// The text cut in its middle, because the ends of a caller tell it from its neighbours.
pub(super) fn fit_middle(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let tail = width.saturating_sub(1) / 2;
    let mut end = String::new();
    for c in text.chars().rev() {
        if width_of(&end) + width_of_char(c) > tail {
            break;
        }
        end.insert(0, c);
    }
    format!("{}{end}", fit(text, width - width_of(&end)))
}

/// The words of `text` in lines of at most `width` columns; longer words are cut into pieces.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in words(text) {
        let gap = usize::from(!line.is_empty());
        if used + gap + width_of(&word) <= width {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(&word);
            used += gap + width_of(&word);
            continue;
        }
        if gap == 1 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for c in word.chars() {
            if used + width_of_char(c) > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += width_of_char(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The words of `text`, a unit together with its number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let unit = word.trim_end_matches(['.', ',', ';', ':', ')']);
        let is_unit =
            matches!(unit, "%" | "K" | "M" | "B" | "T" | "KB" | "MB" | "GB" | "TB" | "PB");
        match words.last_mut() {
            Some(number) if is_unit && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_could_move_the_cursor_are_spelled_out() {
        assert_eq!(escape("a\u{1b}[31mb\r\n\u{202e}é"), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{202e}é");
        assert_eq!(escape("tab\tnul\0c1\u{9b}"), "tab\\u{9}nul\\u{0}c1\\u{9b}");
    }

    #[test]
    fn cut_text_keeps_its_width_and_its_ends() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit_middle("nightly-etl/GlueJobRunnerSession", 15), "nightly…Session");
        assert_eq!(fit_middle("数据管道数据管道数据管道", 9), "数据…管道");
    }

    #[test]
    fn wrapping_loses_nothing_and_stays_inside() {
        let text = "one two  three averyveryverylongword end";
        for width in 2..50 {
            let lines = wrap(text, width);
            assert!(lines.iter().all(|line| width_of(line) <= width && !line.is_empty()));
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text));
        }
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("holds 12 %, or 1 MB.", 8), ["holds", "12 %, or", "1 MB."]);
        assert!(wrap("  ", 10).is_empty());
    }
}
