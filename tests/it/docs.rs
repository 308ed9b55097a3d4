//! The documentation stays true: what it cites and links to exists, what the code cites of it too, and what it says to
//! run runs. What can be made of the types is made of them: `src/docs.rs`.

mod citations;
mod codes;
mod commands;
mod operations;
mod snippets;
mod tree;

use tree::Tree;

#[test]
fn every_document_and_section_that_is_cited_exists() {
    assert_clean(citations::wrong_citations);
}

#[test]
fn every_link_leads_somewhere() {
    assert_clean(citations::wrong_links);
}

#[test]
fn every_file_and_function_that_is_named_exists() {
    assert_clean(citations::wrong_names);
}

#[test]
fn every_item_is_in_the_file_that_is_named_with_it() {
    assert_clean(citations::wrong_items);
}

#[test]
fn nothing_outside_the_repository_is_cited() {
    assert_clean(citations::outside);
}

#[test]
fn every_page_is_in_the_index() {
    let tree = Tree::read();
    let index = tree.text("docs/README.md");
    let pages =
        tree.paths().filter_map(|path| path.strip_prefix("docs/")).filter(|page| page.ends_with(".md"));
    let missing: Vec<&str> =
        pages.filter(|page| *page != "README.md" && !index.contains(&format!("]({page})"))).collect();
    assert!(missing.is_empty(), "docs/README.md lacks {missing:?}");
}

#[test]
fn lines_of_pages_are_short() {
    assert_clean(long_lines);
    let page = format!(
        "{0}\n| {0} |\n```\n{0}\n```\n    {0}\n<!-- generated: x -->\n{0}\n<!-- end -->\n",
        "a".repeat(161)
    );
    assert_eq!(long_lines("a.md", &page, &Tree::of(&[])), ["a.md:1: 161 characters, 160 at most"]);
}

/// Lines of running text that are longer than the pages are wrapped.
fn long_lines(path: &str, text: &str, _: &Tree) -> Vec<String> {
    const LONGEST: usize = 160;
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let (mut is_code, mut is_generated) = (false, false);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        is_code ^= line.trim_start().starts_with("```");
        is_generated = (is_generated || line.starts_with("<!-- generated")) && !line.starts_with("<!-- end");
        let is_text = !is_code && !is_generated && !line.starts_with(['|']) && !line.starts_with("    ");
        let length = line.chars().count();
        if is_text && length > LONGEST {
            found.push(format!("{path}:{number}: {length} characters, {LONGEST} at most"));
        }
    }
    found
}

/// A checker of one text finds nothing in any text of the repository.
fn assert_clean(check: fn(&str, &str, &Tree) -> Vec<String>) {
    let tree = Tree::read();
    let found: Vec<String> = tree.texts().flat_map(|(path, text)| check(path, text, &tree)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
