//! What texts cite: documents, their sections, links, files and functions. Each checker is tested on made-up texts
//! first: one that finds nothing anywhere would be no check.

#![expect(clippy::string_slice, reason = "every place that is cut at was found by searching")]

use std::sync::LazyLock;

use regex::Regex;

use super::Tree;

/// A text in one line, without the signs of comments: a citation may go on in the next line.
struct Flat {
    text: String,
    /// Where each line of the file begins in it.
    lines: Vec<usize>,
}

/// Texts that speak of files which are made up.
const MADE_UP: [&str; 2] = ["tests/it/docs", "src/docs.rs"];

/// Files that are not ours to have: a test's, or any.
const OTHERS: [&str; 3] = ["readme.md", "name.rs", "mod.rs"];

static DOCUMENT: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"\d+(?:\.\d+)*";
    let list = format!("{number}(?:(?:,| and| to) {number})*");
    Regex::new(&format!(
        r#"(?P<name>[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.md)(?:#(?P<anchor>[a-z0-9_-]+))?\)?(?:,? sections? (?P<sections>{list})|, "(?P<heading>[^"]+)")?"#
    ))
    .unwrap()
});

static BARE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bsections? (\d+(?:\.\d+)*)").unwrap());

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^()\s]+)\)").unwrap());

static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`((?:[A-Za-z0-9_.-]+/)*[a-z0-9_-]+\.rs)(?:::([a-z0-9_]+))?`|\b((?:src|tests|fuzz|benches|docs)/[A-Za-z0-9_/.-]+\.(?:rs|toml|txt|js|py)\b)").unwrap()
});

static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`([A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)+)(?:\(\))?`").unwrap()
});

/// `file.rs` (`item`, `other`), and `Type::item` (`file.rs`).
static IN_FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"`(?P<of>[A-Za-z0-9_./:!-]+)` \((?P<list>`[A-Za-z0-9_./:!-]+`(?:, `[A-Za-z0-9_./:!-]+`)*)[),;]",
    )
    .unwrap()
});

/// Documents and sections that there are not.
pub(super) fn wrong_citations(path: &str, text: &str, tree: &Tree) -> Vec<String> {
    if is_made_up(path) {
        return Vec::new();
    }
    let flat = Flat::new(path, text);
    let mut found = Vec::new();
    for cited in DOCUMENT.captures_iter(&flat.text) {
        let at = cited.get(0).unwrap().start();
        let name = &cited["name"];
        if OTHERS.contains(&name) {
            continue;
        }
        let Some(page) = page(path, name, tree) else {
            found.push(flat.wrong(path, at, &format!("there is no `{name}`")));
            continue;
        };
        let headings = tree.headings(&page);
        for number in cited.name("sections").iter().flat_map(|list| numbers(list.as_str())) {
            if !headings.iter().any(|heading| is_section(heading, number)) {
                found.push(flat.wrong(path, at, &format!("`{page}` has no section {number}")));
            }
        }
        if let Some(heading) = cited.name("heading")
            && !headings.contains(&heading.as_str())
        {
            found.push(flat.wrong(path, at, &format!("`{page}` has no heading `{}`", heading.as_str())));
        }
        if let Some(anchor) = cited.name("anchor")
            && !tree.anchors(&page).contains(anchor.as_str())
        {
            found.push(flat.wrong(path, at, &format!("`{page}` has no anchor `{}`", anchor.as_str())));
        }
    }
    found.extend(bare_sections(path, &flat, tree));
    found
}

/// Links of a page that lead nowhere.
pub(super) fn wrong_links(path: &str, text: &str, tree: &Tree) -> Vec<String> {
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        fenced ^= line.trim_start().starts_with("```");
        for link in LINK.captures_iter(line).filter(|_| !fenced) {
            let target = &link[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.to_owned() } else { beside(path, file) };
            if !tree.has(&file) {
                found.push(format!("{path}:{number}: `{target}` leads nowhere"));
            } else if !anchor.is_empty() && !tree.anchors(&file).contains(anchor) {
                found.push(format!("{path}:{number}: `{file}` has no `#{anchor}`"));
            }
        }
    }
    found
}

/// Files of the source, functions and types that there are not.
pub(super) fn wrong_names(path: &str, text: &str, tree: &Tree) -> Vec<String> {
    if is_made_up(path) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for named in FILE.captures_iter(line) {
            let name = named.get(1).or(named.get(3)).unwrap().as_str();
            let near = ["", "src/", "tests/", "tests/it/"].iter().map(|folder| format!("{folder}{name}"));
            let files: Vec<String> = near.chain([beside(path, name)]).filter(|file| tree.has(file)).collect();
            let function = named.get(2).map(|function| format!("fn {}(", function.as_str()));
            let holds = |file: &String| function.as_ref().is_none_or(|name| tree.text(file).contains(name));
            // What only a change log speaks of may be gone.
            if !files.iter().any(holds) && path != "CHANGELOG.md" && !OTHERS.contains(&name) {
                found.push(format!("{path}:{number}: there is no `{}`", named.get(0).unwrap().as_str()));
            }
        }
        let is_page = path.ends_with(".md") && path != "CHANGELOG.md";
        for item in ITEM.captures_iter(line).filter(|_| is_page) {
            for name in item[1].split("::").filter(|name| !is_in_source(name, tree)) {
                found.push(format!("{path}:{number}: nothing is called `{name}` (`{}`)", &item[1]));
            }
        }
    }
    found
}

/// Items that the file which is named with them does not define.
pub(super) fn wrong_items(path: &str, text: &str, tree: &Tree) -> Vec<String> {
    if !path.ends_with(".md") || path == "CHANGELOG.md" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for named in IN_FILE.captures_iter(line) {
            let of = &named["of"];
            let list: Vec<&str> = named["list"].split(", ").map(|name| name.trim_matches('`')).collect();
            let (files, items): (Vec<&str>, Vec<&str>) =
                list.into_iter().chain([of]).partition(|name| name.ends_with(".rs"));
            let texts: Vec<&str> = files.iter().filter_map(|file| source(path, file, tree)).collect();
            if texts.is_empty() {
                continue;
            }
            for item in items.into_iter().filter(|item| !item.contains(['/', '.', '-'])) {
                let name = item.rsplit("::").next().unwrap_or(item);
                if !texts.iter().any(|text| defines(text, name)) {
                    found.push(format!("{path}:{number}: {files:?} define no `{item}`"));
                }
            }
        }
    }
    found
}

/// The text of a file that a page names.
fn source<'t>(path: &str, name: &str, tree: &'t Tree) -> Option<&'t str> {
    let near = ["", "src/", "tests/", "tests/it/"].map(|folder| format!("{folder}{name}"));
    near.into_iter().chain([beside(path, name)]).find(|file| tree.has(file)).map(|file| tree.text(&file))
}

/// Whether a file has a function, a type, a constant, a variant or a macro of this name.
fn defines(text: &str, name: &str) -> bool {
    let name = regex::escape(name.trim_end_matches('!'));
    let item = format!(
        r"\b(?:fn|struct|enum|trait|type|const|static|macro_rules!|mod) {name}\b|(?m)^    {name}(?:[,({{]| \{{| =)"
    );
    Regex::new(&item).unwrap().is_match(text)
}

/// Words for what lies beside the repository. The checks may run a kit from there.
pub(super) fn outside(path: &str, text: &str, _: &Tree) -> Vec<String> {
    if is_made_up(path) || path == ".ci/run" {
        return Vec::new();
    }
    let lines = (1..).zip(text.lines());
    let outside = lines.filter(|(_, line)| line.contains("../shared/") || line.contains("/work/"));
    outside.map(|(number, line)| format!("{path}:{number}: {}", line.trim())).collect()
}

/// `section 4` without a document is one of the page itself; code has none.
fn bare_sections(path: &str, flat: &Flat, tree: &Tree) -> Vec<String> {
    let standard = Regex::new(r"(?:RFC \d+|\.md\)?|WHATWG [A-Za-z ]+),? $").unwrap();
    let mut found = Vec::new();
    for cited in BARE.captures_iter(&flat.text) {
        let at = cited.get(0).unwrap().start();
        let before = &flat.text[..at];
        // A link says where it leads.
        let is_known = standard.is_match(before) || before.ends_with('[');
        let is_here =
            path.ends_with(".md") && tree.headings(path).iter().any(|own| is_section(own, &cited[1]));
        if !is_known && !is_here {
            found.push(flat.wrong(path, at, &format!("section {} of what?", &cited[1])));
        }
    }
    found
}

fn is_made_up(path: &str) -> bool {
    MADE_UP.iter().any(|prefix| path.starts_with(prefix))
}

/// The page that a text means: by its full path, beside it, in docs/ or at the top.
fn page(path: &str, name: &str, tree: &Tree) -> Option<String> {
    let places = [name.to_owned(), beside(path, name), format!("docs/{name}")];
    places.into_iter().find(|place| tree.has(place))
}

/// A relative path, from the folder of a file.
fn beside(path: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/').filter(|part| *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/").trim_end_matches('/').to_owned()
}

fn numbers(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ']).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_section(heading: &str, number: &str) -> bool {
    let first = heading.split(' ').next().unwrap_or_default();
    first.trim_end_matches('.') == number
}

fn is_in_source(name: &str, tree: &Tree) -> bool {
    let file = format!("/{name}.rs");
    tree.words().contains(name) || tree.paths().any(|path| path.ends_with(&file))
}

impl Flat {
    fn new(path: &str, text: &str) -> Self {
        let mut flat = Self { text: String::new(), lines: Vec::new() };
        for line in text.lines() {
            flat.lines.push(flat.text.len());
            let line = line.trim();
            let line =
                if path.ends_with(".md") { line } else { line.trim_start_matches(['/', '!', '#']).trim() };
            flat.text.push_str(line);
            flat.text.push(' ');
        }
        flat
    }

    fn wrong(&self, path: &str, at: usize, what: &str) -> String {
        let line = self.lines.partition_point(|start| *start <= at);
        format!("{path}:{line}: {what}")
    }
}

#[test]
fn what_does_not_resolve_is_found() {
    let tree = Tree::of(&[
        ("docs/a.md", "# A\n## 1. One\n### 1.2 Two\n## Some words\n"),
        ("src/x.rs", "pub struct Thing;\nfn made() {}\n"),
        ("README.md", ""),
    ]);
    for (path, text, wrong) in [
        ("src/x.rs", "// docs/a.md section 1.2", 0),
        ("src/x.rs", "// docs/a.md\n    /// section 1.3", 1),
        ("src/x.rs", "// docs/a.md sections 1 and 1.2 to 7", 1),
        ("src/x.rs", "// docs/a.md, \"Some words\"", 0),
        ("src/x.rs", "// docs/a.md, \"Other words\"", 1),
        ("src/x.rs", "// a.md, INTERFACE.md", 1),
        ("src/x.rs", "// docs/a.md#some-words docs/a.md#none", 1),
        ("src/x.rs", "// as section 1 has it", 1),
        ("src/x.rs", "// RFC 9112 section 2.2, RFC 9112, section 3", 0),
        ("docs/a.md", "section 1, section 3", 1),
        ("docs/a.md", "[section 3](b.html) of [a.md](a.md) section 1.2", 0),
    ] {
        assert_eq!(wrong_citations(path, text, &tree).len(), wrong, "{text}");
    }
    for (path, text, wrong) in [
        ("docs/a.md", "[x](#1-one) [x](a.md#12-two) [x](../README.md) [x](https://a.b/c)", 0),
        ("docs/a.md", "[x](#two) [x](b.md) [x](../a.md)", 3),
        ("README.md", "[x](docs/a.md#some-words) [x](docs/)", 0),
        ("src/x.rs", "[x](nowhere)", 0),
    ] {
        assert_eq!(wrong_links(path, text, &tree).len(), wrong, "{text}");
    }
    for (path, text, wrong) in [
        ("docs/a.md", "`x.rs::made` `src/x.rs` `x::Thing` `Thing::made()`", 0),
        ("docs/a.md", "`x.rs::lost` `y.rs` `x::Other`", 3),
        ("src/x.rs", "// tests/it/z.rs has it", 1),
    ] {
        assert_eq!(wrong_names(path, text, &tree).len(), wrong, "{text}");
    }
    for (text, wrong) in [
        ("`made` (`x.rs`), `x.rs` (`made`, `Thing`) and `Thing` (`x.rs`, of one kind)", 0),
        ("`x.rs` (`lost`, `made`)", 1),
        ("`Thing::lost` (`x.rs`)", 1),
        ("`a-setting` (`x.rs`), `x.rs` (a word), `y.rs` (`made`)", 0),
    ] {
        assert_eq!(wrong_items("docs/a.md", text, &tree).len(), wrong, "{text}");
    }
    assert_eq!(outside("src/x.rs", "// ../shared/faults", &tree).len(), 1);
}
