//! The documentation: commands in it parse, configurations in it are read, links in it lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use halfrate::cli::Cli;
use halfrate::config::Config;
use regex::Regex;

use crate::program::{halfrate, repository};

/// The repository's pages: Markdown files in its root, `docs` and `sample-data`.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "sample-data"] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The fenced blocks of a page whose language is one of these.
pub(crate) fn blocks(page: &Path, languages: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let fence = Regex::new(r"(?ms)^```([a-z]*)\n(.*?)^```$").unwrap();
    let wanted = fence.captures_iter(&text).filter(|hit| languages.contains(&&hit[1]));
    wanted.map(|hit| hit[2].to_owned()).collect()
}

/// The words of a shell command up to a pipe, a redirection, a comment or its end.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut open, mut quote) = (Vec::new(), String::new(), false, None);
    for c in command.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, '|' | '>' | '<' | ';' | '&') => break,
            (None, '#') if !open => break,
            (None, c) if c.is_whitespace() => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (None, c) => {
                word.push(c);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

/// The command line of halfrate in a line of shell, however it is started.
fn command_line(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let variable = Regex::new(r"^[A-Z_]+=").unwrap();
    let mut words = words(line);
    while words.first().is_some_and(|word| variable.is_match(word)) {
        words.remove(0);
    }
    let program = words.first()?.rsplit('/').next()?.to_owned();
    match program.as_str() {
        "halfrate" => {}
        "cargo" if words.get(1).is_some_and(|word| word == "run") => {
            let end = words.iter().position(|word| word == "--")?;
            words.drain(..end);
        }
        _ => return None,
    }
    words[0] = "halfrate".to_owned();
    Some(words)
}

fn parse(words: &[String]) -> Result<(), String> {
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The script with the variable of each `for` loop replaced by its first value.
pub(crate) fn first_round(script: &str) -> String {
    let mut text = script.replace("$(seq 10)", "1");
    for line in script.replace("$(seq 10)", "1").lines() {
        let Some(rest) = line.trim().strip_prefix("for ") else { continue };
        let mut words = rest.split_whitespace();
        if let (Some(name), Some("in"), Some(first)) = (words.next(), words.next(), words.next()) {
            text = text.replace(&format!("${name}"), first.trim_end_matches(';'));
        }
    }
    text
}

#[test]
fn commands_on_the_pages_parse() {
    let mut wrong = Vec::new();
    for page in pages() {
        for block in blocks(&page, &["sh", "shell", "bash", "console", ""]) {
            for line in first_round(&block.replace("\\\n", " ")).lines() {
                let result = command_line(line).map_or(Ok(()), |words| parse(&words));
                wrong.extend(
                    result.err().map(|error| format!("{}: {line}\n{error}", page.display())),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn examples_in_the_help_parse() {
    let mut seen = 0;
    for command in Cli::command().get_subcommands() {
        let command = command.get_name();
        let help = halfrate([command, "--help"]).ok();
        assert!(help.text().contains("Examples:"), "{command} --help has no examples");
        for line in help.text().lines().filter(|line| line.starts_with("  halfrate ")) {
            // What follows several spaces is a remark.
            let line = line.trim().split("   ").next().unwrap();
            let words = command_line(line).unwrap();
            parse(&words).unwrap_or_else(|error| panic!("{line}\n{error}"));
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} examples were found");
}

#[test]
fn configurations_on_the_pages_are_read() {
    for page in pages() {
        for block in blocks(&page, &["toml"]) {
            // Cargo's own files are no configuration of ours.
            if !block.contains("[dependencies]") {
                Config::from_toml(&block)
                    .unwrap_or_else(|error| panic!("{}: {error}\n{block}", page.display()));
            }
        }
    }
}

#[test]
fn links_on_the_pages_lead_to_files() {
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)\s]*)?\)").unwrap();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for hit in link.captures_iter(&text).filter(|hit| !hit[1].contains("://")) {
            let target = page.parent().unwrap().join(&hit[1]);
            assert!(target.exists(), "{}: {}", page.display(), &hit[1]);
        }
    }
}

#[test]
fn nothing_mentions_what_is_outside_the_repository() {
    let mut wrong = BTreeSet::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for place in ["../shared", "/work/", "/home/", "/root/"] {
            if text.contains(place) {
                wrong.insert(format!("{}: {place}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_shell_is_understood_well_enough() {
    let line = "AWS_REGION=x cargo run --release -- sql 'SELECT 1; # no' --data \"a b\" | head # x";
    assert_eq!(command_line(line).unwrap(), ["halfrate", "sql", "SELECT 1; # no", "--data", "a b"]);
    assert_eq!(command_line("cargo test"), None);
    assert_eq!(command_line("ls # halfrate"), None);
    assert!(parse(&command_line("halfrate audit --nope x").unwrap()).is_err());
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let page = fs::read_to_string(repository().join("docs/reliability.md")).unwrap();
    let mut tests = String::new();
    for entry in fs::read_dir(repository().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rs") {
            tests += &fs::read_to_string(path).unwrap();
        }
    }
    let name = Regex::new("`([a-z0-9]+(?:_[a-z0-9]+)+)`").unwrap();
    let (_, promises) = page.split_once("## Promises").unwrap();
    let (promises, _) = promises.split_once("\n## ").unwrap();
    let rows = promises.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut promises = 0;
    for row in rows {
        let proof = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        let names: Vec<&str> =
            name.captures_iter(proof).map(|hit| hit.get(1).unwrap().as_str()).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "no test {name}: {row}");
        }
        promises += 1;
    }
    assert!(promises > 15);
}
