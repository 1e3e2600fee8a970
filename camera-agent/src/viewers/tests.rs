#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;

use seal::identity::Identity;

use super::*;

fn key() -> PublicIdentity {
    PublicIdentity::new(Identity::generate().unwrap().public()).unwrap()
}

fn labels(text: &str) -> BTreeSet<LabelName> {
    text.split_whitespace().map(|label| label.parse().unwrap()).collect()
}

fn viewer(name: &str, key: PublicIdentity) -> Viewer {
    Viewer { name: name.parse().unwrap(), key, labels: labels("face till"), owner: false }
}

fn names(viewers: &Viewers) -> Vec<&str> {
    viewers.list().iter().map(|viewer| viewer.name.as_str()).collect()
}

#[test]
fn a_missing_file_names_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let viewers = Viewers::load(&dir.path().join(FILE)).unwrap();
    assert_eq!(viewers, Viewers::nobody());
    assert_eq!((viewers.version(), viewers.digest()), (0, Digest::ZERO));
}

#[test]
fn who_is_added_is_read_back_and_every_change_counts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let (ana, ben) = (key(), key());
    let mut editor = Editor::open(&file).unwrap();
    assert_eq!(editor.add(&Viewer { owner: true, ..viewer("ana", ana) }).unwrap(), Added::New);
    assert_eq!(editor.add(&viewer("ben", ben)).unwrap(), Added::New);
    let read = Viewers::load(&file).unwrap();
    assert_eq!((names(&read), read.version()), (vec!["ana", "ben"], 2));
    assert_eq!(read, *editor.viewers());
    assert_eq!(read.owners().map(|owner| owner.key).collect::<Vec<_>>(), [ana]);
    assert_eq!(read.digest(), Digest::of(&[&fs::read(&file).unwrap()]));

    // The same once more is no change; other rights are.
    assert_eq!(Editor::open(&file).unwrap().add(&viewer("ben", ben)).unwrap(), Added::Same);
    let more = Viewer { labels: labels("whole-frame"), owner: true, ..viewer("ben", ben) };
    assert_eq!(Editor::open(&file).unwrap().add(&more).unwrap(), Added::Changed);
    assert_eq!(Editor::open(&file).unwrap().add(&viewer("ben", ben)).unwrap(), Added::Changed);
    assert_eq!(Viewers::load(&file).unwrap().list()[1], viewer("ben", ben));

    let mut editor = Editor::open(&file).unwrap();
    assert_eq!(editor.remove(&"ana".parse().unwrap()).unwrap().key, ana);
    assert!(matches!(editor.remove(&"ana".parse().unwrap()), Err(Error::Nobody(_))));
    let read = Viewers::load(&file).unwrap();
    assert_eq!((names(&read), read.version()), (vec!["ben"], 5));
}

#[test]
fn a_name_keeps_its_key_and_a_key_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let (ana, other) = (key(), key());
    let mut editor = Editor::open(&file).unwrap();
    editor.add(&viewer("ana", ana)).unwrap();
    let before = fs::read(&file).unwrap();

    let error = editor.add(&viewer("ana", other)).unwrap_err();
    assert!(matches!(error, Error::OtherKey(_)) && error.to_string().contains("viewers remove ana"), "{error}");
    assert!(matches!(editor.add(&viewer("anna", ana)), Err(Error::OtherName(name)) if name.as_str() == "ana"));
    assert_eq!(fs::read(&file).unwrap(), before, "nothing was changed");

    // As the sentence says: removed first, the name takes the new key.
    editor.remove(&"ana".parse().unwrap()).unwrap();
    assert_eq!(editor.add(&viewer("ana", other)).unwrap(), Added::New);
}

#[test]
fn what_people_wrote_around_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let (ana, ben) = (key(), key());
    fs::write(&file, format!("# the night shift\nversion = 7\nviewer = [{{ name = \"ana\", key = \"{ana}\", labels = [\"face\"] }}]\n"))
        .unwrap();
    Editor::open(&file).unwrap().add(&viewer("ben", ben)).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("# the night shift"), "{text}");
    let read = Viewers::load(&file).unwrap();
    assert_eq!((names(&read), read.version()), (vec!["ana", "ben"], 8));
}

#[test]
fn there_is_room_for_so_many() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let entry =
        |number: usize, owner: bool| format!("[[viewer]]\nname = \"viewer-{number}\"\nkey = \"{}\"\nlabels = []\nowner = {owner}\n", key());
    fs::write(&file, (0..MAX_VIEWERS).map(|number| entry(number, number < MAX_OWNERS)).collect::<String>()).unwrap();
    let mut editor = Editor::open(&file).unwrap();
    assert!(matches!(editor.add(&viewer("one-more", key())), Err(Error::Full)));
    let promoted = Viewer { owner: true, ..editor.viewers().list()[MAX_OWNERS].clone() };
    assert!(matches!(editor.add(&promoted), Err(Error::OwnersFull)));
    assert!(Viewers::parse(&(0..=MAX_VIEWERS).map(|number| entry(number, false)).collect::<String>(), "f").is_err());
    assert!(Viewers::parse(&(0..=MAX_OWNERS).map(|number| entry(number, true)).collect::<String>(), "f").is_err());
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let good = key();
    let text = format!(
        "version = 1\n[[viewer]]\nname = \"ana\"\nkey = \"{good}\"\nlabels = [\"face\"]\n\
         [[viewer]]\nname = \"ana\"\nkey = \"{good}\"\nlabels = [\"Face\"]\n\
         [[viewer]]\nname = \"B\"\nkey = \"celosia1abc\"\nlabels = []\nadmin = true\n"
    );
    let problems = Viewers::parse(&text, "f").unwrap_err().to_string();
    for part in [
        "f:7: viewer[1].name: another viewer",
        "f:8: viewer[1].key: another viewer",
        "f:9: viewer[1].labels: not a label",
        "f:11: viewer[2].name: not a name",
        "f:12: viewer[2].key: ",
        "f:14: viewer[2].admin: there is no such key",
    ] {
        assert!(problems.contains(part), "{part} is not in\n{problems}");
    }
}

#[test]
fn a_running_agent_takes_changes_and_keeps_the_last_good_list() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let mut watch = Watch::open(&file).unwrap();
    assert!(watch.current().list().is_empty());
    assert!(matches!(watch.poll(), Change::Same));

    Editor::open(&file).unwrap().add(&viewer("ana", key())).unwrap();
    assert!(matches!(watch.poll(), Change::New(list) if names(&list) == ["ana"]));
    assert!(matches!(watch.poll(), Change::Same));

    fs::write(&file, "version = \"seven\"").unwrap();
    assert!(matches!(watch.poll(), Change::Unusable(Error::Wrong(_))));
    assert!(matches!(watch.poll(), Change::Same), "said once");
    assert_eq!(names(watch.current()), ["ana"]);

    fs::remove_file(&file).unwrap();
    assert!(matches!(watch.poll(), Change::Gone));
    assert_eq!(names(watch.current()), ["ana"], "a lost file takes nobody's rights");
    assert!(matches!(watch.poll(), Change::Same));

    Editor::open(&file).unwrap().add(&viewer("ben", key())).unwrap();
    assert!(matches!(watch.poll(), Change::New(list) if names(&list) == ["ben"]));
}

#[test]
fn whole_frames_are_granted_only_by_name() {
    let configured = Labels::new(vec!["till".parse().unwrap(), "window".parse().unwrap()]).unwrap();
    assert_eq!(usual_labels(&configured), labels("till window face outside"));
    assert_eq!(usual_labels(&Labels::default()), labels("face outside"));
    let viewers = Viewers::parse(&format!("[[viewer]]\nname = \"ana\"\nkey = \"{}\"\nlabels = [\"till\", \"tlil\"]", key()), "f").unwrap();
    assert_eq!(viewers.strange_labels(&configured).into_iter().collect::<Vec<_>>(), [&"tlil".parse().unwrap()]);
}
