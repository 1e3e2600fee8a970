#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn text(path: &str) -> String {
    String::from_utf8(file(path).unwrap().bytes.into_owned()).unwrap()
}

#[test]
fn the_page_is_here_with_its_kind_and_a_tag_of_its_bytes() {
    let index = file(INDEX).unwrap();
    assert_eq!(index.content_type, "text/html; charset=utf-8");
    assert_eq!(index.etag.len(), 34);
    assert_ne!(index.etag, file("app.js").unwrap().etag);
    assert_eq!(file("app.js").unwrap().content_type, "text/javascript; charset=utf-8");
    assert_eq!(file("no-such-file.js"), None);
    assert_eq!(file("../Cargo.toml"), None);
}

#[test]
fn every_file_has_a_kind() {
    for path in files() {
        assert_ne!(file(&path).unwrap().content_type, "application/octet-stream", "{path}");
    }
}

#[test]
fn nothing_in_the_page_is_inline_or_from_elsewhere() {
    let index = text(INDEX);
    assert!(!index.contains("style=\"") && !index.contains("<style"), "styles belong into style sheets");
    for script in index.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains("src=\"") && script.split_once('>').unwrap().1.starts_with("</script>"), "{tag}");
    }
    assert!(!index.contains(" on"), "no handler in an attribute");
    for path in files().filter(|path| !path.starts_with("vendor/")) {
        let text = text(&path);
        for address in ["http://", "https://", "wss://"] {
            // The name of a vocabulary, and an address that is put together from the page's own.
            let foreign = text.split(address).skip(1).filter(|rest| !rest.starts_with("www.w3.org/2000/svg") && !rest.starts_with("${"));
            assert_eq!(foreign.count(), 0, "{path} names another host");
        }
    }
}

#[test]
fn the_policy_allows_nothing_but_the_page_itself() {
    let policy = HEADERS.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
    assert!(policy.starts_with("default-src 'none'"));
    for loose in ["unsafe", "*", "http:", "https:", "data:"] {
        assert!(!policy.contains(loose), "{loose}");
    }
}
