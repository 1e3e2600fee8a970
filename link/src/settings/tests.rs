#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    name: String,
    port: u16,
    rate: f64,
    fill: Option<Fill>,
    secret: u32,
    web: Web,
    mask: Vec<Mask>,
    source: Option<Source>,
    cameras: BTreeMap<String, Web>,
}

/// Forgets `deny_unknown_fields` on purpose.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Web {
    listen: String,
    open: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mask {
    x: u16,
    label: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fill {
    Solid,
    Surround,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Source {
    Sample,
    Y4m { file: String },
}

impl Validate for Config {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure(self.port != 7, "port", "7 is the echo service's");
        check.ensure(!self.name.is_empty(), "name", "the camera needs a name");
        check.within("web", |check| check.ensure(self.web.listen != "nowhere", "listen", "that is nowhere"));
        for (index, mask) in self.mask.iter().enumerate() {
            check.entry("mask", index, |check| check.ensure(mask.label != "face", "label", "`face` is built in"));
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    match parse::<Config>(text, "f") {
        Ok(config) => vec![format!("{config:?}")],
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn a_good_file_is_read() {
    let text = "
        name = 'door'
        port = 0x1f_00
        rate = 25
        fill = 'surround'
        web = { listen = 'here', open = true }
        source = { y4m = { file = '-' } }
        [[mask]]
        x = 16
        label = 'till'
        [cameras.door]
        open = true
    ";
    let config: Config = parse(text, "f").unwrap();
    assert_eq!((config.port, config.rate, config.fill), (0x1f00, 25.0, Some(Fill::Surround)));
    assert_eq!(config.mask, [Mask { x: 16, label: "till".to_owned() }]);
    assert_eq!(config.source, Some(Source::Y4m { file: "-".to_owned() }));
    assert!(config.cameras["door"].open && config.web.open);
    assert_eq!(parse::<Config>("name='x'\nsource = 'sample'", "f").unwrap().source, Some(Source::Sample));
}

#[test]
fn every_problem_is_reported_in_one_run_with_its_line() {
    let text = "\
name = 3
prot = 7443
port = 70000
fill = 'blur'
[web]
listen = 'nowhere'
opne = true
[[mask]]
x = 'left'
label = 'face'
[[mask]]
x = 1
label = 'face'
colour = 'red'
[[mask]]
x = 2
";
    let wanted = [
        "f:1: name: a string is expected here, not integer `3`",
        "f:2: prot: there is no such key (did you mean `port`?)",
        "f:3: port: integer `70000` does not fit: u16 is expected here",
        "f:4: fill: `blur` is not one of: solid, surround",
        "f:6: web.listen: that is nowhere",
        "f:7: web.opne: there is no such key (did you mean `open`?)",
        "f:9: mask[0].x: u16 is expected here, not text",
        "f:14: mask[1].colour: there is no such key (known here: x, label)",
        "f:15: mask[2].label: this key is missing and has no default",
    ];
    assert_eq!(lines(text), wanted);
}

#[test]
fn entries_keep_their_numbers_after_others_were_left_out() {
    let found = lines("name = 'x'\n[[mask]]\nx = 1\n[[mask]]\nx = 'q'\nlabel = 'a'\n[[mask]]\nx = 3\nlabel = 4\n");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("mask[0].label") && found[1].contains("mask[1].x") && found[2].contains("mask[2].label"), "{found:?}");
}

#[test]
fn texts_of_the_file_are_not_quoted() {
    for text in ["secret = 'hunter2'", "name = 'x'\nsecret = 'hunter2' oops", "secret = hunter2"] {
        assert!(!lines(text).join("\n").contains("hunter2"), "{:?}", lines(text));
    }
    // The control: a value that is not secret would be seen.
    assert!(lines("fill = 'hunter2'").join("\n").contains("hunter2"));
}

#[test]
fn broken_text_is_reported_by_line() {
    let found = lines("name = 'x'\nport = = 3\n");
    assert!(found[0].starts_with("f:2: "), "{found:?}");
    let twice = lines("name = 'x'\nname = 'y'\n");
    assert!(twice[0].starts_with("f:2: "), "{twice:?}");
}

#[test]
fn validation_alone_reports_too() {
    assert_eq!(lines("name = 'x'\nport = 7"), ["f:2: port: 7 is the echo service's"]);
    assert_eq!(lines(""), ["f: name: the camera needs a name"]);
}

#[test]
fn a_named_file_must_be_there_and_the_usual_one_need_not() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let problems = load::<Config>(&missing).unwrap_err();
    assert!(problems.to_string().ends_with("none.toml: there is no such file"), "{problems}");
    assert_eq!(crate::exit::Error::from(problems).code, crate::exit::Code::Usage);
    assert!(load_or_default::<Config>(Some(&missing), &missing).is_err());
    // The defaults are validated too.
    assert!(load_or_default::<Config>(None, &missing).unwrap_err().to_string().contains("needs a name"));

    std::fs::write(&missing, "name = 'x'").unwrap();
    assert_eq!(load_or_default::<Config>(None, &missing).unwrap().name, "x");
    std::fs::write(&missing, [0xff, 0xfe]).unwrap();
    assert!(load::<Config>(&missing).unwrap_err().to_string().contains("UTF-8"));
    std::fs::write(&missing, "#".repeat(2 << 20)).unwrap();
    assert!(load::<Config>(&missing).unwrap_err().to_string().contains("larger"));
}

#[test]
fn a_file_full_of_mistakes_ends() {
    let text: String = (0..1000).map(|number| format!("wrong{number} = {number}\n")).collect();
    assert_eq!(lines(&text).len(), MAX_PROBLEMS);
}
