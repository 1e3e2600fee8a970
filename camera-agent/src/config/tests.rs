#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use wire::label::Label;

use super::*;
use crate::capture::rtsp;
use crate::mask::Shape;

fn parse(text: &str) -> Result<Config, Problems> {
    settings::parse(text, "f")
}

fn problems(text: &str) -> Vec<String> {
    parse(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// All keys of a document, as dotted paths.
fn keys(value: &toml::Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = format!("{path}.{key}");
                keys(value, &path, into);
                into.insert(path);
            }
        }
        toml::Value::Array(array) => array.iter().for_each(|value| keys(value, path, into)),
        _ => {}
    }
}

/// The annotated file with its examples in force: lines that begin with "#" and no space.
fn with_examples() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example.to_owned(),
        _ => line.to_owned(),
    };
    ANNOTATED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_annotated_file_is_the_defaults() {
    assert_eq!(parse(ANNOTATED).unwrap(), Config::default());
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn the_annotated_file_names_every_key() {
    let mut everything = Config::default();
    everything.camera.name = Some("front-door".to_owned());
    everything.camera.relay = Some("relay.example".to_owned());
    everything.source.device = Some("0".to_owned());
    everything.source.path = Some("x".into());
    everything.source.url = Some(rtsp::Address::new("rtsp://x/"));
    everything.source.credentials = Some("x".into());
    everything.detect.model = Some("x".into());
    everything.mask = vec![Mask::rectangle("till", [0, 0, 64, 64]), Mask { points: Some(vec![[0, 0]]), ..Mask::default() }];
    let rectangle = Zone { x: Some(0), y: Some(0), w: Some(64), h: Some(64), ..Zone::default() };
    everything.zone = vec![rectangle, Zone { points: Some(vec![[0, 0]]), ..Zone::default() }];
    let (mut known, mut named) = (BTreeSet::new(), BTreeSet::new());
    keys(&toml::Value::try_from(&everything).unwrap(), "", &mut known);
    keys(&toml::from_str::<toml::Value>(&with_examples()).unwrap(), "", &mut named);
    assert_eq!(known, named);
    assert!(known.len() > 30, "{known:?}");
}

#[test]
fn the_examples_can_be_used() {
    let text = with_examples().replace("kind = \"sample\"", "kind = \"webcam\"").replace("mode = \"masks\"", "mode = \"inverse\"");
    let other = |line: &&str| !["path = ", "url = ", "credentials = "].iter().any(|key| line.starts_with(key));
    let text = text.lines().filter(other).collect::<Vec<_>>().join("\n");
    let config = parse(&text).unwrap();
    assert_eq!(config.name().unwrap().as_str(), "front-door");
    assert_eq!(config.relay().unwrap().to_string(), "relay.example:7443");
    assert_eq!(config.labels().find("till"), Label::from_number(0));
    assert!(config.mask.iter().all(|mask| mask.shape().is_some()) && config.zone.iter().all(|zone| zone.shape().is_some()));
}

#[test]
fn all_problems_come_at_once() {
    let found = problems(
        "[camera]\nname = \"Door\"\nrelay = \"a b\"\nepoch = \"0s\"\nowner = \"nobody\"\n\
         [source]\nkind = \"y4m\"\nfaces = 2\nrate = 1000.0\n\
         [detect]\nthreshold = 2.0\nlook_ahead = \"soon\"\nholt = \"1s\"\nmargin = 0.5\n\
         [encode]\nquality = 101\n\
         [spool]\nbytes = 1\nshare = 0.0\n\
         [[mask]]\nlabel = \"face\"\nx = 0\ny = 0\nw = 0\nh = 16\n\
         [[mask]]\nlabel = \"Till\"\nx = 70000\ny = 0\nw = 16\nh = 16\n",
    );
    let all = found.join("\n");
    for part in [
        "f:2: camera.name",
        "f:3: camera.relay",
        "f:4: camera.epoch",
        "f:5: camera.owner",
        "source.path: this key is missing",
        "f:8: source.faces: this kind of source",
        "f:9: source.rate",
        "f:11: detect.threshold",
        "f:12: detect.look_ahead: a duration such as",
        "f:13: detect.holt: there is no such key",
        "f:14: detect.margin",
        "f:16: encode.quality",
        "f:18: spool.bytes",
        "f:19: spool.share",
        "f:21: mask[0].label: this label has a meaning of its own",
        "f:24: mask[0].w",
        "f:28: mask[1].x",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
}

#[test]
fn a_key_that_does_nothing_is_refused() {
    for (good, bad) in [
        ("[source]\nkind = \"sample\"\nfaces = 1", "[source]\nkind = \"webcam\"\nfaces = 1"),
        ("[source]\nkind = \"webcam\"\ndevice = \"0\"", "[source]\nkind = \"sample\"\ndevice = \"0\""),
        ("[source]\nkind = \"y4m\"\npath = \"a.y4m\"\nrepeat = true", "[source]\nkind = \"y4m\"\npath = \"-\"\nrepeat = true"),
        ("[source]\nkind = \"pictures\"\npath = \"d\"\nrate = 2.0", "[source]\nkind = \"y4m\"\npath = \"a\"\nrate = 2.0"),
        (
            "[source]\nkind = \"rtsp\"\nurl = \"rtsp://c/1\"\ntransport = \"udp\"",
            "[source]\nkind = \"rtsp\"\nurl = \"rtsp://c/1\"\nrate = 5.0",
        ),
        ("[source]\nkind = \"rtsp\"\nurl = \"rtsp://c/1\"", "[source]\nkind = \"webcam\"\nurl = \"rtsp://c/1\""),
    ] {
        parse(good).unwrap();
        assert_eq!(problems(bad).len(), 1, "{bad}");
    }
}

#[test]
fn a_cameras_url_holds_no_password() {
    let url = |url: &str| problems(&format!("[source]\nkind = \"rtsp\"\nurl = \"{url}\"")).join("\n");
    let said = url("rtsp://admin:s3cret@camera.local/stream");
    assert!(said.contains("f:3: source.url: a password does not belong into a URL") && said.contains("`credentials`"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    assert!(url("http://camera.local/stream").contains("only rtsp://"));
    assert!(problems("[source]\nkind = \"rtsp\"").join("\n").contains("source.url: this key is missing"));
    // Nor does anybody who prints the configuration learn more than where the camera is.
    let config = parse("[source]\nkind = \"rtsp\"\nurl = \"rtsp://camera.local/hidden?token=1\"").unwrap();
    let printed = format!("{config:?}");
    assert!(printed.contains("camera.local:554") && !printed.contains("hidden"), "{printed}");
}

#[test]
fn areas_with_one_reason_share_a_label_and_the_first_goes_first() {
    let area = |label: &str, x: u16| format!("[[mask]]\nlabel = \"{label}\"\nx = {x}\ny = 0\nw = 16\nh = 16\n");
    let config = parse(&[area("till", 0), area("window", 16), area("till", 32)].concat()).unwrap();
    let labels = config.labels();
    let fixed = masks::fixed(&config.mask, &labels);
    let all: Vec<_> = fixed.iter().map(|fixed| (labels.name(fixed.label).unwrap(), fixed.label.number())).collect();
    assert_eq!(all, [("till", 0), ("window", 1), ("till", 0)]);

    let nine: String = (0..9).map(|number| area(&format!("l{number}"), 0)).collect();
    assert!(problems(&nine)[0].contains("more than 8 labels"));
    let crowd: String = (0..65).map(|_| area("till", 0)).collect();
    assert!(problems(&crowd)[0].contains("more than 64 areas"));
}

#[test]
fn folders_are_the_files_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agent.toml");
    std::fs::write(&file, "[source]\nkind = \"y4m\"\npath = \"clip.y4m\"\n[detect]\nmodel = \"m.onnx\"").unwrap();
    let config = Config::load(Some(&file)).unwrap();
    assert_eq!(config.camera.dir, dir.path().join("agent"));
    assert_eq!(config.source.path.unwrap(), dir.path().join("clip.y4m"));
    assert_eq!(config.detect.model.unwrap(), dir.path().join("m.onnx"));
    std::fs::write(&file, "[source]\nkind = \"y4m\"\npath = \"-\"").unwrap();
    assert_eq!(Config::load(Some(&file)).unwrap().source.path.unwrap(), Path::new("-"), "standard input is no file of that folder");
    let missing = Config::load(Some(&dir.path().join("none.toml"))).unwrap_err();
    assert!(missing.to_string().contains("there is no such file"), "{missing}");
}

#[test]
fn an_area_is_a_rectangle_or_a_polygon() {
    let mask = |text: &str| format!("[[mask]]\nlabel = \"till\"\n{text}");
    let shape = |text: &str| parse(&mask(text)).unwrap().mask[0].shape().unwrap();
    assert!(matches!(shape("x = 0\ny = 0\nw = 16\nh = 16"), Shape::Rectangle(_)));
    assert!(matches!(shape("points = [[0, 0], [64, 0], [0, 64]]"), Shape::Polygon(_)));
    let many = format!("points = {:?}", (0..65).map(|index| [index, index * index]).collect::<Vec<_>>());
    for (text, key, words) in [
        ("x = 0\ny = 0\nw = 16", "mask[0].h", "this key is missing"),
        ("", "mask[0].x", "this key is missing"),
        ("x = 0\npoints = [[0, 0], [64, 0], [0, 64]]", "mask[0].x", "either points or x, y, w and h"),
        ("points = [[0, 0], [64, 0]]", "mask[0].points", "enclose nothing"),
        ("points = [[0, 0], [64, 64], [128, 128]]", "mask[0].points", "enclose nothing"),
        ("points = [[0, 0], [64, 0], [0, 70000]]", "mask[0].points", ""),
        ("points = [[0, 0], [64, 0], [0]]", "mask[0].points", ""),
        (&many, "mask[0].points", "more than 64 points"),
    ] {
        let found = problems(&mask(text)).join("\n");
        assert!(found.contains(key) && found.contains(words), "{text}: {found}");
    }
}

#[test]
fn zones_are_for_the_mode_that_shows_them() {
    let zone = |text: &str| format!("[masking]\nmode = \"inverse\"\n[[zone]]\n{text}");
    parse(&zone("name = \"door\"\nx = 0\ny = 0\nw = 64\nh = 64")).unwrap();
    parse(&zone("name = \"door\"\npoints = [[0, 0], [64, 0], [0, 64]]")).unwrap();
    for (text, words) in [
        ("[masking]\nmode = \"inverse\"".to_owned(), "zone: this key is missing"),
        ("[[zone]]\nname = \"door\"\nx = 0\ny = 0\nw = 64\nh = 64".to_owned(), "alone"),
        (zone("x = 0\ny = 0\nw = 64\nh = 64"), "zone[0].name: this key is missing: a zone has a name"),
        (zone("name = \"The Door\"\nx = 0\ny = 0\nw = 64\nh = 64"), "zone[0].name: not a name"),
        (zone("name = \"door\""), "zone[0].x: this key is missing"),
        // What crosses itself hides more as a mask; as a zone nobody knows what it shows.
        (zone("name = \"door\"\npoints = [[0, 0], [64, 64], [64, 0], [0, 64]]"), "zone[0].points: the outline crosses itself"),
    ] {
        let found = problems(&text).join("\n");
        assert!(found.contains(words), "{words} is not in\n{found}");
    }
    parse("[[mask]]\nlabel = \"till\"\npoints = [[0, 0], [64, 64], [64, 0], [0, 64]]").unwrap();
}
