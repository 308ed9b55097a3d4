//! The documentation stays true: what it cites and links to exists, what the code cites of it too, and what it says to
//! run runs. What can be made of the types is made of them: `src/docs.rs`.

mod citations;
mod codes;
mod commands;
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

/// A checker of one text finds nothing in any text of the repository.
fn assert_clean(check: fn(&str, &str, &Tree) -> Vec<String>) {
    let tree = Tree::read();
    let found: Vec<String> = tree.texts().flat_map(|(path, text)| check(path, text, &tree)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
