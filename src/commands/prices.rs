//! `halfrate prices`: the rows of the price book, with source and date.

use anyhow::bail;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};

use super::Outcome;
use super::inputs::Settings;
use super::output::print;
use crate::cli::{ConfigArgs, PriceFormat, PricesArgs};
use crate::price::book::Row;
use crate::price::rates::{Cell, Price};

/// Prices shown to people: the modes that audits compare. CSV and JSON have all of them.
const SHOWN: [Price; 8] = [
    Price::Input,
    Price::Output,
    Price::CacheRead,
    Price::CacheWrite5m,
    Price::BatchInput,
    Price::BatchOutput,
    Price::FlexInput,
    Price::FlexOutput,
];

/// Prints the rows.
pub(super) fn run(args: &PricesArgs) -> anyhow::Result<Outcome> {
    let files = ConfigArgs { config: None, prices: args.prices.clone() };
    let book = Settings::load(&files)?.book;
    let rows = book.rows(args.model.as_deref());
    if rows.is_empty() {
        bail!(
            "no rates for '{}'; `halfrate prices` without a name lists all of them",
            args.model.as_deref().unwrap_or_default()
        );
    }
    print(&match args.format {
        PriceFormat::Text => text(&rows, &book.date_line()),
        PriceFormat::Csv => csv(&rows),
        PriceFormat::Json => format!("{:#}\n", json(&rows)),
    })?;
    Ok(Outcome::Complete)
}

fn text(rows: &[&Row], dates: &str) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let heads = SHOWN.iter().map(|price| price.as_str());
    table.set_header(["model", "scope"].into_iter().chain(heads).chain(["source", "date"]));
    for row in rows {
        let prices = SHOWN.iter().map(|price| shown(row.cell(*price)));
        let names = [row.model.clone(), row.scope.clone()];
        let origin = [row.source.clone(), row.date.clone()];
        table.add_row(names.into_iter().chain(prices).chain(origin));
    }
    for column in table.column_iter_mut().skip(2).take(SHOWN.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let table = table.trim_fmt();
    format!("{table}\n\nUSD per million tokens. Empty: unknown. none: not sold. Lists: {dates}\n")
}

/// What a cell says: a number, `none`, or nothing where it is unknown.
fn shown(cell: Cell) -> String {
    match cell {
        Cell::Unknown => String::new(),
        Cell::Absent => "none".to_owned(),
        Cell::Usd(usd) => usd.to_string(),
    }
}

fn threshold(row: &Row) -> String {
    row.long_context_threshold.map_or(String::new(), |tokens| tokens.to_string())
}

fn csv(rows: &[&Row]) -> String {
    let heads: Vec<&str> = Price::ALL.iter().map(|price| price.as_str()).collect();
    let mut text =
        format!("model,scope,kind,{},long_context_threshold,source,date\n", heads.join(","));
    for row in rows {
        let prices: Vec<String> = row.cells.iter().map(|cell| shown(*cell)).collect();
        let fields = [&row.model, &row.scope, &row.kind, &prices.join(","), &threshold(row)];
        let fields: Vec<&str> = fields.into_iter().map(String::as_str).collect();
        text.push_str(&format!("{},{},{}\n", fields.join(","), quoted(&row.source), row.date));
    }
    text
}

/// A CSV field, in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn json(rows: &[&Row]) -> Value {
    let object = |row: &&Row| {
        let mut object = Map::new();
        for (name, value) in [("model", &row.model), ("scope", &row.scope), ("kind", &row.kind)] {
            object.insert(name.into(), Value::from(value.as_str()));
        }
        for (price, cell) in Price::ALL.iter().zip(row.cells) {
            let value = match cell {
                Cell::Unknown => Value::Null,
                Cell::Absent => Value::from("none"),
                Cell::Usd(usd) => usd.to_string().parse::<f64>().map_or(Value::Null, Value::from),
            };
            object.insert(price.as_str().into(), value);
        }
        object.insert("long_context_threshold".into(), row.long_context_threshold.into());
        object.insert("source".into(), Value::from(row.source.as_str()));
        object.insert("date".into(), Value::from(row.date.as_str()));
        Value::Object(object)
    };
    Value::Array(rows.iter().map(object).collect())
}
