//! `halfrate completions` and `halfrate man`: what shells and `man` want to know of the command line.

use std::fs;

use anyhow::{Context, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Outcome;
use super::output::print;
use crate::cli::{Cli, CompletionsArgs, ManArgs};

/// Prints completions.
pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "halfrate", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Outcome::Complete)
}

/// Prints one manual page, or writes all.
pub(super) fn man(args: &ManArgs) -> anyhow::Result<Outcome> {
    let mut program = Cli::command();
    program.build();
    if let Some(folder) = &args.dir {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for command in std::iter::once(&program).chain(program.get_subcommands()) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let file = folder.join(format!("{name}.1"));
            fs::write(&file, page(command)?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        return Ok(Outcome::Complete);
    }
    let command = match &args.command {
        None => &program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command,
            None => bail!("no command '{name}'; halfrate --help lists them"),
        },
    };
    print(&String::from_utf8(page(command)?)?)?;
    Ok(Outcome::Complete)
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
