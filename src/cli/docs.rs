//! Generates docs/commands.md from the definition of the command line, so that it matches `--help`.

use clap::{Arg, Command, CommandFactory, Parser, error::ErrorKind};

use super::args::Line;
use crate::docs::{assert_generated, head, linked, pages, read, row};

#[test]
fn commands() {
    let mut line = Line::command().disable_help_subcommand(true);
    line.build();
    let mut index = head(&["command", ""]);
    let mut text = String::new();
    describe(&line, &mut index, &mut text);
    let globals: String = line.get_arguments().filter_map(option).collect();
    assert_generated("docs/commands.md", "index", &index);
    assert_generated("docs/commands.md", "options", &format!("{}{globals}", head(&["option", ""])));
    assert_generated("docs/commands.md", "commands", &text);
}

/// Every command below one, in the order of `help`.
fn describe(of: &Command, index: &mut String, text: &mut String) {
    for command in of.get_subcommands() {
        if command.has_subcommands() {
            describe(command, index, text);
            continue;
        }
        let name = command.get_bin_name().unwrap().trim_start_matches("portcullis ");
        let about = about(command);
        let anchor = name.replace(' ', "-");
        index.push_str(&row(&[&format!("[`{name}`](#{anchor})"), &linked(&about)]));
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace('\n', "\n   ");
        text.push_str(&format!("## {name}\n\n{}.\n\n    {}\n\n", linked(&about), usage.trim()));
        let own = command.get_arguments().filter(|argument| !argument.is_global_set());
        let rows: String = own.filter_map(option).collect();
        if !rows.is_empty() {
            text.push_str(&format!("{}{rows}\n", head(&["argument", ""])));
        }
    }
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_else(|| panic!("`{}` says nothing of itself", command.get_name()))
}

/// A row of an argument; clap's own of every command go without.
fn option(argument: &Arg) -> Option<String> {
    let id = argument.get_id().as_str();
    if ["help", "version"].contains(&id) {
        return None;
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    assert!(!help.is_empty(), "`{id}` has no help");
    let values: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(value_name).collect();
    let takes = argument.get_action().takes_values();
    let value = if takes { values.join(" ") } else { String::new() };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let name = match argument.get_long() {
        Some(long) => format!("{short}`{}`", format!("--{long} {value}").trim()),
        None => format!("`{value}`"),
    };
    let choices: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .filter(|_| takes)
        .collect();
    let choices = if choices.is_empty() { String::new() } else { format!(": {}", choices.join(", ")) };
    Some(row(&[&name, &format!("{}{choices}", linked(&help))]))
}

fn value_name(name: &clap::builder::Str) -> String {
    name.as_str().to_owned()
}

/// In blocks the whole line has to parse; in running text a command may go without its arguments.
#[test]
fn every_command_line_in_the_docs_parses() {
    let mut found = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        for (number, part) in text.split("```").enumerate() {
            let is_block = number % 2 == 1;
            for line in command_lines(part, is_block) {
                found += 1;
                if let Err(error) = Line::try_parse_from(words(&line)) {
                    let is_name = matches!(
                        error.kind(),
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::MissingSubcommand
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    );
                    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
                    if !is_help && (is_block || !is_name) {
                        wrong.push(format!("{page}: {line}: {error}"));
                    }
                }
            }
        }
    }
    assert!(found > 80, "only {found} lines were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands behind `portcullis `, in a block or in backticks, with lines that go on put together.
fn command_lines(part: &str, is_block: bool) -> Vec<String> {
    let part = part.replace("\\\n", " ");
    let pattern = if is_block {
        r"(?m)^\s*(?:\$ |ExecStart=\S*/)?portcullis ([^\n]*)$"
    } else {
        r"`portcullis ([^`\n]*)`"
    };
    let line = regex::Regex::new(pattern).unwrap();
    line.captures_iter(&part).map(|found| found[1].to_owned()).collect()
}

/// As a shell has them, up to a comment, a pipe or a file.
fn words(line: &str) -> Vec<String> {
    let mut words = vec!["portcullis".to_owned()];
    let (mut word, mut quote) = (String::new(), None);
    for c in line.chars().chain([' ']) {
        match quote {
            Some(mark) if c == mark => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c != ' ' => word.push(c),
            None if ["#", ">", "|", "<", "&&", "…"].contains(&word.as_str()) => break,
            None if word.is_empty() => {}
            None => words.push(std::mem::take(&mut word)),
        }
    }
    words
}

#[test]
fn command_lines_are_found_as_a_shell_reads_them() {
    let block = "portcullis user add \\\n  --email a@b   # asks\n$ portcullis check > x\nExecStart=/usr/bin/portcullis serve";
    let lines = command_lines(block, true);
    let read: Vec<String> = lines.iter().map(|line| words(line).join(" ")).collect();
    assert_eq!(read, ["portcullis user add --email a@b", "portcullis check", "portcullis serve"]);
    assert_eq!(command_lines("a `portcullis x y` and portcullis z", false), ["x y"]);
    assert_eq!(words("acl add '{\"a\": 1}'"), ["portcullis", "acl", "add", "{\"a\": 1}"]);
    assert!(Line::try_parse_from(words("user ad --email a@b")).is_err());
}
