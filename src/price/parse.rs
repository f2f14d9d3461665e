//! The price file: CSV text read into rows, with errors that name the cell.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::rates::{Cell, Price};

/// Columns that are not prices; the first two must be there.
const TEXT_COLUMNS: [&str; 6] =
    ["model", "scope", "kind", "source", "date", "long_context_threshold"];

/// Largest believed price, USD per million tokens. The dearest known is under 200; a number above
/// this is a price per token, per thousand or per hour in the wrong column, and keeps the
/// arithmetic from overflowing.
const MAX_USD_PER_MILLION: i64 = 100_000;

/// Most decimal places of a price; the finest known has five.
const MAX_DECIMALS: u32 = 9;

/// One line of a price file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Base model id; in `any` rows it may hold `*`, which stands for any characters.
    pub model: String,
    /// `base`, a region, a geo profile, `global`, `global@<region>`, or `any` (fills gaps only).
    pub scope: String,
    /// `chat` or `embedding`; information only, may be empty.
    pub kind: String,
    /// One cell for each of [`Price::ALL`].
    pub cells: [Cell; Price::ALL.len()],
    /// Total input tokens of a call above which its long-context prices hold.
    pub long_context_threshold: Option<i64>,
    /// The list's name.
    pub source: String,
    /// Its date, `YYYY-MM-DD`, or empty.
    pub date: String,
}

impl Row {
    /// The cell of `price`.
    pub fn cell(&self, price: Price) -> Cell {
        self.cells[price as usize]
    }
}

/// A price file could not be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The file has no line that could be the header.
    #[error(
        "{file} is empty; its first line must name the columns, such as `model,scope,input,output`"
    )]
    Empty {
        /// The file, as the user named it.
        file: String,
    },
    /// The header lacks a column.
    #[error("{file}, line {line}: there is no column `{column}`; add it to the header")]
    NoColumn {
        /// The file, as the user named it.
        file: String,
        /// The header's line.
        line: usize,
        /// What is missing.
        column: &'static str,
    },
    /// A line is longer or shorter than the header.
    #[error(
        "{file}, line {line}: {found} columns where the header has {expected}; check its commas"
    )]
    Width {
        /// The file, as the user named it.
        file: String,
        /// The line.
        line: usize,
        /// Columns in the line.
        found: usize,
        /// Columns in the header.
        expected: usize,
    },
    /// A cell cannot be read.
    #[error("{file}, line {line}, column {column}: {value:?} {remedy}")]
    Value {
        /// The file, as the user named it.
        file: String,
        /// The line.
        line: usize,
        /// The column's name, or its number in the header.
        column: String,
        /// What stands there.
        value: String,
        /// What should stand there.
        remedy: &'static str,
    },
}

/// Reads a price file. Blank lines and lines that open with `#` are skipped.
pub(super) fn rows(text: &str, file: &str) -> Result<Vec<Row>, PriceError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim_end()))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((header_line, header)) = lines.next() else {
        return Err(PriceError::Empty { file: file.to_owned() });
    };
    let header = Header::read(header, Place { file, line: header_line })?;
    let mut rows: Vec<Row> = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, text) in lines {
        let place = Place { file, line };
        let row = header.row(text, place)?;
        if !seen.insert((row.model.clone(), row.scope.clone())) {
            return Err(place.value(
                "scope",
                &row.scope,
                "stands twice for this model; keep one line",
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Where the reader is.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    line: usize,
}

impl Place<'_> {
    fn value(self, column: &str, value: &str, remedy: &'static str) -> PriceError {
        PriceError::Value {
            file: self.file.to_owned(),
            line: self.line,
            column: column.to_owned(),
            value: value.chars().take(80).collect(),
            remedy,
        }
    }
}

/// The column names of a file, in its order.
struct Header {
    columns: Vec<String>,
}

impl Header {
    fn read(text: &str, place: Place<'_>) -> Result<Self, PriceError> {
        let columns = fields(text, place)?;
        for (at, name) in columns.iter().enumerate() {
            let known = TEXT_COLUMNS.contains(&name.as_str())
                || Price::ALL.into_iter().any(|price| price.as_str() == name);
            if !known {
                let at = (at + 1).to_string();
                return Err(place.value(
                    &at,
                    name,
                    "is no column of a price file; see docs/money.md",
                ));
            }
            if columns[..at].contains(name) {
                let at = (at + 1).to_string();
                return Err(place.value(&at, name, "stands twice in the header; keep one"));
            }
        }
        for column in &TEXT_COLUMNS[..2] {
            if !columns.iter().any(|name| name == column) {
                let file = place.file.to_owned();
                return Err(PriceError::NoColumn { file, line: place.line, column });
            }
        }
        Ok(Self { columns })
    }

    fn row(&self, text: &str, place: Place<'_>) -> Result<Row, PriceError> {
        let fields = fields(text, place)?;
        let (found, expected) = (fields.len(), self.columns.len());
        if found != expected {
            let file = place.file.to_owned();
            return Err(PriceError::Width { file, line: place.line, found, expected });
        }
        let field = |name: &str| {
            let at = self.columns.iter().position(|column| column == name);
            at.map_or("", |at| fields[at].as_str())
        };
        let (model, scope) = (field("model"), field("scope"));
        if model.is_empty() {
            return Err(place.value(
                "model",
                model,
                "must be a model id, such as amazon.nova-lite-v1:0",
            ));
        }
        if super::model::read(model).base != model {
            return Err(place.value(
                "model",
                model,
                "must be a base id; the prefix goes into the scope",
            ));
        }
        if model.contains('*') && scope != "any" {
            return Err(place.value("scope", scope, "must be any where the model holds a *"));
        }
        if !is_scope(scope) {
            return Err(place.value("scope", scope, SCOPE_REMEDY));
        }
        let mut cells = [Cell::Unknown; Price::ALL.len()];
        for price in Price::ALL {
            cells[price as usize] = cell(field(price.as_str()), price.as_str(), place)?;
        }
        Ok(Row {
            model: model.to_owned(),
            scope: scope.to_owned(),
            kind: field("kind").to_owned(),
            cells,
            long_context_threshold: threshold(field("long_context_threshold"), place)?,
            source: match field("source") {
                "" => place.file.to_owned(),
                source => source.to_owned(),
            },
            date: date(field("date"), place)?.to_owned(),
        })
    }
}

const SCOPE_REMEDY: &str = "is no scope; write base, any, a region such as us-east-1, a profile \
                            such as us, global or global@us-east-1";

fn is_scope(scope: &str) -> bool {
    let name = scope.strip_prefix("global@").unwrap_or(scope);
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn cell(text: &str, column: &str, place: Place<'_>) -> Result<Cell, PriceError> {
    match text {
        "" => return Ok(Cell::Unknown),
        "none" => return Ok(Cell::Absent),
        _ => {}
    }
    let usd: Decimal = text.parse().map_err(|_| {
        place.value(column, text, "is no price; write USD per million tokens, none, or nothing")
    })?;
    if usd.is_sign_negative() || usd > Decimal::from(MAX_USD_PER_MILLION) {
        return Err(place.value(
            column,
            text,
            "must lie between 0 and 100000 USD per million tokens",
        ));
    }
    if usd.normalize().scale() > MAX_DECIMALS {
        return Err(place.value(
            column,
            text,
            "has more than nine decimal places; prices are per million",
        ));
    }
    Ok(Cell::Usd(usd.normalize()))
}

fn threshold(text: &str, place: Place<'_>) -> Result<Option<i64>, PriceError> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
        _ => Err(place.value(
            "long_context_threshold",
            text,
            "must be a whole number of tokens, such as 200000",
        )),
    }
}

fn date<'t>(text: &'t str, place: Place<'_>) -> Result<&'t str, PriceError> {
    if text.is_empty() || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        return Ok(text);
    }
    Err(place.value("date", text, "is no date; write YYYY-MM-DD or nothing"))
}

/// Splits a line at its commas. A field may be quoted, a quote inside is doubled; no field spans
/// lines.
fn fields(line: &str, place: Place<'_>) -> Result<Vec<String>, PriceError> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_field(quoted).ok_or_else(|| {
                place.value("?", rest, "has a quote that is not closed before a comma")
            })?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// The field whose opening quote was just passed, and what follows: a comma or nothing.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => break,
        }
    }
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with(',')).then_some((field, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        rows(text, "my.csv").unwrap_err().to_string()
    }

    #[test]
    fn a_file_may_hold_few_columns_comments_quotes_and_foreign_line_ends() {
        let text = "\u{feff}# ours\r\nscope,model,input, batch_input ,source\r\n\r\n\
                    base,a.b,3.0,none,\"deal, \"\"A\"\"\"\r\n";
        let rows = rows(text, "my.csv").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].cell(Price::Input), Cell::Usd(Decimal::from(3)));
        assert_eq!(rows[0].cell(Price::BatchInput), Cell::Absent);
        assert_eq!(rows[0].cell(Price::Output), Cell::Unknown);
        assert_eq!(rows[0].source, "deal, \"A\"");
    }

    #[test]
    fn errors_name_line_column_value_and_remedy() {
        let head = "model,scope,input,long_context_threshold,date\n";
        for (line, expected) in [
            ("a.b,base,three,,", "line 2, column input: \"three\" is no price"),
            ("a.b,base,-1,,", "column input: \"-1\" must lie between 0 and"),
            ("a.b,base,1e9,,", "column input: \"1e9\""),
            ("a.b,base,0.0000000001,,", "more than nine decimal places"),
            ("a.b,base,1,200k,", "column long_context_threshold: \"200k\" must be a whole number"),
            ("a.b,base,1,,17.9.26", "column date: \"17.9.26\" is no date"),
            (",base,1,,", "column model: \"\" must be a model id"),
            (
                "us.amazon.nova-lite-v1:0,us,1,,",
                "column model: \"us.amazon.nova-lite-v1:0\" must be a base id",
            ),
            ("a.b,US East,1,,", "column scope: \"US East\" is no scope"),
            ("a.*,base,1,,", "must be any where the model holds a *"),
            ("a.b,base,1", "line 2: 3 columns where the header has 5"),
            ("a.b,base,\"1,,", "has a quote that is not closed"),
            ("a.b,base,1,,\na.b,base,2,,", "line 3, column scope: \"base\" stands twice"),
        ] {
            let message = message(&format!("{head}{line}\n"));
            assert!(message.starts_with("my.csv, line"), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        assert!(message("").contains("my.csv is empty"));
        assert!(message("model,input\n").contains("no column `scope`"));
        assert!(message("model,scope,price\n").contains("column 3: \"price\" is no column"));
        assert!(message("model,scope,input,input\n").contains("stands twice in the header"));
    }
}
