//! The reference pages in docs/ that tests make of the types, between `<!-- generated: NAME -->` and `<!-- end -->`.
//!
//! Without more, a test fails where a page is stale. `UPDATE_DOCS=1 cargo test --lib docs::` writes the pages.

mod regressions;

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Parts of one page are written by several tests at once.
static WRITING: Mutex<()> = Mutex::new(());

/// Holds a part of a page to `text`, or writes it.
pub(crate) fn assert_generated(page: &str, name: &str, text: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = read(page);
    let wanted = with_part(&found, name, text)
        .unwrap_or_else(|| panic!("{page} has no `<!-- generated: {name} -->` with an `<!-- end -->`"));
    assert_same(page, &found, &wanted);
}

/// Holds a whole file to `text`, or writes it.
pub(crate) fn assert_whole(file: &str, text: &str) {
    assert_same(file, &read(file), text);
}

/// The text of a page.
pub(crate) fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The pages in docs/ and those at the top.
pub(crate) fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    below("docs/").into_iter().chain(below("")).filter(|page| page.ends_with(".md")).collect()
}

/// A row of a table. A bar would end its cell.
pub(crate) fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
}

/// The head of a table.
pub(crate) fn head(cells: &[&str]) -> String {
    format!("{}|{}\n", row(cells), "---|".repeat(cells.len()))
}

/// `docs/a-page.md#section` of a comment or a help text as a link of a page.
pub(crate) fn linked(text: &str) -> String {
    let link = regex::Regex::new(r"docs/([a-z0-9.-]+\.md)(#[a-z0-9-]+)?").unwrap();
    link.replace_all(text, "[$1]($1$2)").into_owned()
}

fn assert_same(file: &str, found: &str, wanted: &str) {
    if found == wanted {
        return;
    }
    if is_update() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), wanted).unwrap();
        return;
    }
    let differs = (1..).zip(found.lines().zip(wanted.lines())).find(|(_, (found, wanted))| found != wanted);
    panic!("{file} is stale: {differs:?}\nwrite it anew: UPDATE_DOCS=1 cargo test --lib docs::");
}

/// The page with another text between the markers of a part.
fn with_part(page: &str, name: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(&format!("<!-- generated: {name} -->\n"))?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}<!-- generated: {name} -->\n\n{}\n\n<!-- end -->{after}", text.trim()))
}

#[expect(clippy::disallowed_methods, reason = "a switch of the tests, no setting")]
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

#[test]
fn a_part_is_replaced_and_the_rest_is_kept() {
    let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n";
    let new = with_part(page, "x", "new\n").unwrap();
    assert_eq!(
        new,
        "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n"
    );
    assert_eq!(with_part(&new, "x", "new").unwrap(), new);
    assert_eq!(with_part(page, "z", ""), None);
    assert_eq!(row(&["a|b", "", "c"]), "| a\\|b | | c |\n");
    assert_eq!(linked("see docs/a-b.md#c."), "see [a-b.md](a-b.md#c).");
}
