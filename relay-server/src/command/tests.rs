#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clap::CommandFactory as _;

use super::*;

fn every(command: &clap::Command, look: &mut impl FnMut(&clap::Command)) {
    look(command);
    command.get_subcommands().for_each(|below| every(below, look));
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_visible_command_has_an_example() {
    let mut seen = 0;
    every(&Cli::command(), &mut |command| {
        if command.get_name() == "relay-server" || command.is_hide_set() {
            return;
        }
        seen += 1;
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(example.starts_with("Example"), "{}", command.get_name());
    });
    assert_eq!(seen, 14);
}

#[test]
fn examples_are_understood() {
    let mut examples = Vec::new();
    every(&Cli::command(), &mut |command| {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        examples.extend(text.lines().filter(|line| line.trim_start().starts_with("relay-server")).map(str::to_owned));
    });
    assert!(examples.len() > 6);
    for example in examples {
        Cli::try_parse_from(example.split_whitespace()).map_err(|error| format!("{example}: {error}")).unwrap();
    }
}

#[test]
fn what_is_not_built_yet_is_not_advertised() {
    assert!(Cli::try_parse_from(["relay-server", "camera", "revoke", "front-door", "--distrust-since", "yesterday"]).is_ok());
    let mut camera = Cli::command().find_subcommand("camera").unwrap().clone();
    assert!(!camera.render_long_help().to_string().contains("revoke"));
}
