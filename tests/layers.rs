//! The architecture, held against the source: ranks of imports, heads, sizes, and no IO in pure modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::program::repository;

/// Every module below `src` with its rank: it imports lower ranks only. The table in `src/lib.rs` says
/// the same.
const RANKS: &[(u8, &[&str])] = &[
    (0, &["failpoint", "units"]),
    (1, &["config", "workload", "schema"]),
    (2, &["cli", "source", "decode", "tolerance", "price", "simulate"]),
    (3, &["table", "savings", "store"]),
    (4, &["engine", "report"]),
    (5, &["usage"]),
    (6, &["commands"]),
];

/// Modules that read no clock, environment, file or socket, and know no DataFusion session.
const PURE: [&str; 7] =
    ["units", "workload", "decode", "tolerance", "price", "savings", "simulate"];

/// What a pure module never names.
const IMPURE: &str = r"\b(std::(fs|env|net|process|time::(SystemTime|Instant))|std::\{[^;]*\b(fs|env|net|process|SystemTime|Instant)\b[^;]*\}|std::time::\{[^;]*\b(SystemTime|Instant)\b[^;]*\}|(tokio|object_store|datafusion|rayon|aws_[a-z0-9_]+)::|Utc::now|Local::now|println!|eprintln!|print!|eprint!|stdin\(|stdout\(|stderr\()";

/// Longest file, in lines, not counting what only tests compile.
const MOST_LINES: usize = 400;

/// One file of the library.
struct Source {
    /// Its path from the repository, such as `src/report/text.rs`.
    path: String,
    /// Its module, such as `report::text`; empty for the crate's root.
    module: Vec<String>,
    text: String,
    /// The text without comments, strings and what only tests compile; newlines stay.
    code: String,
}

impl Source {
    /// The part of `RANKS` it belongs to; `None` for `main` and `lib`, which may import everything.
    fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Fuzz targets are built in a target folder of their own.
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// The library's files that are compiled outside tests.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    rust_files(&repository().join("src"), &mut files);
    let all: Vec<Source> = files.iter().map(|file| source(file)).collect();
    let mut for_tests = BTreeSet::new();
    let declared =
        Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod ([a-z_0-9]+);").unwrap();
    for source in &all {
        for found in declared.captures_iter(&source.text) {
            for_tests.insert([source.module.clone(), vec![found[1].to_owned()]].concat());
        }
    }
    let tested = |module: &[String]| (1..=module.len()).any(|n| for_tests.contains(&module[..n]));
    all.into_iter().filter(|source| !tested(&source.module)).collect()
}

fn source(file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let path = file.strip_prefix(repository()).unwrap();
    let mut module: Vec<String> =
        path.with_extension("").iter().skip(1).map(|part| part.to_str().unwrap().into()).collect();
    let last = module.last().unwrap();
    if last == "mod" || (module.len() == 1 && (last == "lib" || last == "main")) {
        module.pop();
    }
    Source { path: path.display().to_string(), module, code: without_tests(&blanked(&text)), text }
}

/// The text with comments, strings and character literals replaced by spaces, line by line as before.
fn blanked(text: &str) -> String {
    let token = Regex::new(concat!(
        r"//[^\n]*",
        r"|(?s:/\*.*?\*/)",
        r##"|(?s:\bb?r#".*?"#)"##,
        r#"|(?s:\bb?r"[^"]*")"#,
        r#"|(?s:"(?:[^"\\]|\\.)*")"#,
        r"|b?'(?:[^'\\\n]|\\[^\n]|\\u\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2})'",
    ))
    .unwrap();
    let blank = |found: &regex::Captures<'_>| -> String {
        found[0].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
    };
    token.replace_all(text, blank).into_owned()
}

/// Blanked code without the items that follow `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        let mut depth = 0_u32;
        let end = rest.char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            (depth == 0 && matches!(c, ';' | '}')).then_some(at + 1)
        });
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    kept + rest
}

/// Top-level modules that the code names, by `crate::` or by enough `super::`.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let path = Regex::new(r"\bcrate::(?:([a-z_0-9]+)|\{)").unwrap();
    for hit in path.captures_iter(&source.code) {
        match hit.get(1) {
            Some(name) => {
                found.insert(name.as_str().to_owned());
            }
            None => found.extend(first_names(&source.code[hit.get(0).unwrap().end()..])),
        }
    }
    let supers = Regex::new(r"\b((?:super::)+)([a-z_0-9]+)?").unwrap();
    for hit in supers.captures_iter(&source.code) {
        let up = hit[1].len() / "super::".len();
        if up >= source.module.len() && source.top().is_some() {
            found.extend(hit.get(2).map(|name| name.as_str().to_owned()));
        }
    }
    found
}

/// The first names of a braced list of imports, whose brace is already open.
fn first_names(list: &str) -> BTreeSet<String> {
    let (mut names, mut depth, mut name) = (BTreeSet::new(), 0, String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c.is_alphanumeric() || c == '_') {
            name.push(c);
        } else if depth == 0 && c == ',' {
            names.insert(std::mem::take(&mut name));
        } else if c == ':' && !name.is_empty() {
            names.insert(name.clone());
        }
    }
    names.insert(name);
    names.retain(|name| RANKS.iter().any(|(_, modules)| modules.contains(&name.as_str())));
    names
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(_, modules)| modules.contains(&module)).map(|(rank, _)| *rank)
}

#[test]
fn every_module_has_a_rank_and_the_crate_doc_tells_the_same() {
    let lib = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let declared = Regex::new(r"(?m)^(?:pub )?mod ([a-z_]+);").unwrap();
    let declared: BTreeSet<&str> =
        declared.captures_iter(&lib).map(|hit| hit.get(1).unwrap().as_str()).collect();
    let ranked: BTreeSet<&str> =
        RANKS.iter().flat_map(|(_, modules)| modules.iter().copied()).collect();
    assert_eq!(declared, ranked);

    let row = Regex::new(r"(?m)^//! \| ([0-9]) \| (.*) \|$").unwrap();
    let name = Regex::new(r"\[`([a-z]+)`\]").unwrap();
    let told: BTreeMap<u8, BTreeSet<&str>> = row
        .captures_iter(&lib)
        .map(|hit| {
            let names = name.captures_iter(hit.get(2).unwrap().as_str());
            (hit[1].parse().unwrap(), names.map(|hit| hit.get(1).unwrap().as_str()).collect())
        })
        .collect();
    let known: BTreeMap<u8, BTreeSet<&str>> =
        RANKS.iter().map(|(rank, modules)| (*rank, modules.iter().copied().collect())).collect();
    assert_eq!(told, known, "the table of ranks in src/lib.rs");
}

#[test]
fn imports_go_to_lower_ranks_only() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for source in sources() {
        let Some(own) = source.top().map(str::to_owned) else { continue };
        let own_rank = rank(&own).unwrap_or_else(|| panic!("{} has no rank", source.path));
        for name in imports(&source).into_iter().filter(|name| *name != own) {
            // A name that is no module is an item of the crate's root, and there are none.
            let other = rank(&name).unwrap_or_else(|| panic!("{}: crate::{name}", source.path));
            seen += 1;
            if other >= own_rank {
                wrong.push(format!("{} ({own_rank}) imports {name} ({other})", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} imports were found: the search must be broken");
}

#[test]
fn pure_modules_name_no_io() {
    let impure = Regex::new(IMPURE).unwrap();
    let mut wrong = Vec::new();
    for source in sources() {
        if source.top().is_some_and(|top| PURE.contains(&top)) {
            let hits = impure.find_iter(&source.code);
            wrong.extend(hits.map(|hit| format!("{}: {}", source.path, hit.as_str())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_but_commands_uses_anyhow_or_prints() {
    let wanted = Regex::new(r"\banyhow\b|\be?print(ln)?!|\bprocess::exit\b").unwrap();
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| source.top().is_some_and(|top| top != "commands"))
        .flat_map(|source| {
            let hits = wanted.find_iter(&source.code);
            hits.map(|hit| format!("{}: {}", source.path, hit.as_str())).collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        rust_files(&repository().join(folder), &mut files);
    }
    let wrong: Vec<_> = files
        .iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            let head = text.lines().next().unwrap_or_default().strip_prefix("//! ");
            head.is_none_or(|head| head.trim().len() < 10)
        })
        .collect();
    assert!(wrong.is_empty(), "no //! head: {wrong:?}");
}

#[test]
fn files_are_short() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter_map(|source| {
            let lines = without_tests_lines(&source.text);
            (lines > MOST_LINES).then(|| format!("{}: {lines} lines", source.path))
        })
        .collect();
    assert!(wrong.is_empty(), "longer than {MOST_LINES}:\n{}", wrong.join("\n"));
}

/// Lines before the module of tests, comments included.
fn without_tests_lines(text: &str) -> usize {
    let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:#\[[^\n]*\]\n)*mod [a-z_]+ \{").unwrap();
    let end = tests.find(text).map_or(text.len(), |found| found.start());
    text[..end].lines().count()
}

#[test]
fn the_search_sees_what_it_should() {
    let example = "\
use crate::report::text; // use crate::engine::x
use crate::{table::columns, savings::{Mode, units_of}, units};
fn f() { let s = \"crate::commands\"; super::super::usage::f(); super::near(); }
#[cfg(test)]
mod tests { use crate::cli::Cli; fn g() { let c = '}'; } }
fn h() { crate::store::x() }
";
    let source = Source {
        path: String::new(),
        module: vec!["engine".into(), "scan".into()],
        text: String::new(),
        code: without_tests(&blanked(example)),
    };
    let found: Vec<String> = imports(&source).into_iter().collect();
    assert_eq!(found, ["report", "savings", "store", "table", "units", "usage"]);
    let impure = Regex::new(IMPURE).unwrap();
    for text in
        ["use std::{fmt, fs};", "std::time::Instant::now()", "use tokio::sync;", "std::env::var("]
    {
        assert!(impure.is_match(text), "{text}");
    }
    for text in ["use std::{fmt, iter};", "std::time::Duration", "env!()", "use crate::units;"] {
        assert!(!impure.is_match(text), "{text}");
    }
}
