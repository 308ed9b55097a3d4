//! docs/commands.md, made of the definition of the command line: it says what `--help` says.

use clap::{Arg, Command, CommandFactory};

use super::args::Line;
use crate::docs::{assert_generated, head, linked, row};

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
