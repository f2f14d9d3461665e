//! What belongs to a shell: completions, manual pages, colour, pipes, and what the tables are called.

use std::fs;
use std::process::Command;

use clap::CommandFactory;
use halfrate::cli::Cli;
use halfrate::schema::TABLES;

use crate::program::{halfrate, sample_audit};

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = halfrate(["completions", shell]).ok();
        for command in Cli::command().get_subcommands() {
            assert!(script.text().contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        // Elvish and PowerShell are given no values.
        let values = !matches!(shell, "elvish" | "powershell");
        assert_eq!(script.text().contains("savings_by_model"), values, "{shell}");
    }
    let near = halfrate(["completions", "bsh"]).exits(2);
    assert!(near.stderr.contains("bash"), "{}", near.stderr);
}

#[test]
fn bash_completes_what_was_begun() {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("halfrate.bash");
    fs::write(&script, &halfrate(["completions", "bash"]).ok().stdout).unwrap();
    let complete = r#"source "$0"; COMP_WORDS=(halfrate rep); COMP_CWORD=1; _halfrate halfrate rep halfrate; echo "${COMPREPLY[@]}""#;
    let done = Command::new("bash").args(["-c", complete]).arg(&script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "report", "{done:?}");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let home = tempfile::tempdir().unwrap();
    halfrate(["man", "--dir"]).arg(home.path()).ok();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let file = home.path().join(format!("halfrate-{name}.1"));
        let page = fs::read_to_string(&file).unwrap();
        assert!(page.contains("Examples:"), "{name}");
        assert_eq!(halfrate(["man", name]).ok().text(), page, "{name}");
    }
    let whole = halfrate(["man"]).ok();
    assert_eq!(fs::read_to_string(home.path().join("halfrate.1")).unwrap(), whole.text());
    assert!(whole.text().starts_with(".ie") && whole.text().contains(".TH halfrate 1"));
    assert!(halfrate(["man", "nothing"]).exits(1).stderr.contains("no command 'nothing'"));
}

#[test]
fn nothing_is_coloured_when_colour_is_not_wanted() {
    // A terminal would get colour: `CLICOLOR_FORCE` stands for one here.
    let wrong = || halfrate(["audit", "--no-such-flag"]);
    assert!(wrong().envs([("CLICOLOR_FORCE", "1")]).exits(2).stderr.contains('\u{1b}'));
    for variables in [&[("NO_COLOR", "1"), ("TERM", "xterm")][..], &[]] {
        let done = wrong().envs(variables.iter().copied()).exits(2);
        assert!(!done.stderr.contains('\u{1b}'), "{}", done.stderr);
    }
}

#[test]
fn the_tables_are_described_as_the_schema_has_them() {
    let all = halfrate(["schema"]).ok();
    for table in TABLES {
        assert!(all.text().contains(&format!("  {}", table.name)), "{}", table.name);
        let one = halfrate(["schema", table.name]).ok();
        for column in table.all_columns() {
            let line =
                one.text().lines().find(|line| line.starts_with(&format!("{} ", column.name)));
            let line = line.unwrap_or_else(|| panic!("{}.{}", table.name, column.name));
            assert!(line.ends_with(column.about) && line.contains(column.kind.sql()), "{line}");
        }
    }
    let near = halfrate(["schema", "workload"]).exits(2);
    assert!(near.stderr.contains("'workloads'"), "{}", near.stderr);
    halfrate(["schema", "--athena"]).exits(2);
    halfrate(["schema", "--athena", "--duckdb", "--data", "s3://a/b"]).exits(2);
}

#[test]
fn a_pager_that_closes_early_is_no_failure() {
    let out = sample_audit().display().to_string();
    let page = ["report", "--html", "-", "--data", &out];
    let summary = ["report", "--data", &out];
    for arguments in [&page[..], &summary, &["schema", "--athena", "--data", "s3://a/b"], &["man"]]
    {
        let (mut child, _home) = halfrate(arguments).spawn();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{arguments:?}");
    }
}
