//! docs/regressions.md: the rows are written by hand, the tests of each are found by their names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use regex::Regex;

use super::{assert_generated, head, read, row};

const PAGE: &str = "docs/regressions.md";

/// The modules of a row's tests: those of the library, and those of `tests/it`.
#[derive(Default)]
struct Modules([BTreeSet<String>; 2]);

#[test]
fn every_prefix_has_a_row_and_every_row_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for (of, folder) in ["src", "tests/it"].into_iter().enumerate() {
        collect(&root.join(folder), &root.join(folder), of, &mut found);
    }
    assert_generated(PAGE, "regressions", &table(&read(PAGE), &mut found));
    let left: Vec<&String> = found.keys().collect();
    assert!(left.is_empty(), "{PAGE} has no row for the tests that begin with {left:?}");
}

/// The table with the tests that were found, which are taken out of `found`.
fn table(page: &str, found: &mut BTreeMap<String, Modules>) -> String {
    let known = Regex::new(r"(?m)^\| ([A-Z]\d+) \| (.+?) \| ").unwrap();
    let mut text = head(&["", "what was wrong", "tests"]);
    for line in known.captures_iter(page) {
        let modules =
            found.remove(&line[1]).unwrap_or_else(|| panic!("{PAGE}: no test begins with {}", &line[1]));
        let [lib, it] = modules.0.map(|names| names.into_iter().collect::<Vec<_>>().join(", "));
        let it = if it.is_empty() { it } else { format!("it: {it}") };
        let tests: Vec<String> = [lib, it].into_iter().filter(|names| !names.is_empty()).collect();
        text.push_str(&row(&[&line[1], &line[2], &tests.join("; ")]));
    }
    text
}

/// The prefixes of the tests below a folder.
fn collect(root: &Path, folder: &Path, of: usize, found: &mut BTreeMap<String, Modules>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, of, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let module = path.strip_prefix(root).unwrap().with_extension("");
            let module = module.to_str().unwrap().replace('/', "::");
            for prefix in prefixes(&fs::read_to_string(&path).unwrap()) {
                found.entry(prefix).or_default().0[of].insert(format!("`{module}`"));
            }
        }
    }
}

/// `B15` and `B18` of `fn b15_b18_a_name()`.
fn prefixes(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"(?m)^ *(?:async )?fn ((?:[a-z]\d+_)+)").unwrap();
    let names = name.captures_iter(text);
    names
        .flat_map(|name| name[1].to_uppercase().split_terminator('_').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_prefixes_of_a_text_are_found() {
    let text =
        "    fn b15_b18_a_name() {\nasync fn c2_other() {}\n    fn plain_b3_name() {}\n// fn d4_x\n fn e10(";
    assert_eq!(prefixes(text), ["B15", "B18", "C2"].map(str::to_owned).into());
    let modules = Modules([["`a::b`".to_owned()].into(), ["`c`".to_owned()].into()]);
    let mut found = BTreeMap::from([("A1".to_owned(), modules), ("A2".to_owned(), Modules::default())]);
    let text = table("| A1 | it broke | old |\n| text |\n", &mut found);
    assert!(text.ends_with("| A1 | it broke | `a::b`; it: `c` |\n"), "{text}");
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["A2"]);
}
