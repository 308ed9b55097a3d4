//! The files of the repository, and the headings of its pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::OnceLock,
};

/// Every file, and the text of those that hold one.
pub(super) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    words: OnceLock<BTreeSet<String>>,
}

/// Folders that are made, or brought.
const NOT_OURS: [&str; 5] = ["target", "node_modules", ".git", "tests/hostile", "__pycache__"];

/// Endings of files that cite.
const TEXTS: [&str; 9] = ["md", "rs", "toml", "sh", "js", "py", "txt", "run", "Dockerfile"];

impl Tree {
    pub(super) fn read() -> Self {
        let mut tree = Self { paths: BTreeSet::new(), texts: BTreeMap::new(), words: OnceLock::new() };
        tree.walk(Path::new(env!("CARGO_MANIFEST_DIR")), "");
        assert!(tree.texts.len() > 100, "only {} files were found", tree.texts.len());
        tree
    }

    /// Made-up files.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let paths = files.iter().map(|(path, _)| (*path).to_owned());
        Self { paths: paths.collect(), texts: texts.collect(), words: OnceLock::new() }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(super) fn text(&self, path: &str) -> &str {
        &self.texts[path]
    }

    /// Whether there is such a file, or a folder.
    pub(super) fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.iter().any(|other| other.starts_with(&below))
    }

    /// Every word of the source, comments and strings included.
    pub(super) fn words(&self) -> &BTreeSet<String> {
        self.words.get_or_init(|| {
            let code = self.texts().filter(|(path, _)| path.starts_with("src/") || path.ends_with(".toml"));
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            code.flat_map(|(_, text)| text.split(|c| !is_word(c))).map(str::to_owned).collect()
        })
    }

    /// The headings of a page.
    pub(super) fn headings(&self, page: &str) -> Vec<&str> {
        let mut fenced = false;
        let mut found = Vec::new();
        for line in self.texts.get(page).map_or("", String::as_str).lines() {
            fenced ^= line.trim_start().starts_with("```");
            if !fenced && line.starts_with('#') {
                found.push(line.trim_start_matches('#').trim());
            }
        }
        found
    }

    /// What links may say behind `#`, as GitHub makes it of the headings.
    pub(super) fn anchors(&self, page: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for heading in self.headings(page) {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let slug: String = heading.to_lowercase().chars().filter(kept).collect();
            let slug = slug.replace(' ', "-");
            let numbered = (1..).map(|count| format!("{slug}-{count}"));
            let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !found.contains(slug));
            found.extend(free);
        }
        found
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let relative = format!("{prefix}{name}");
            if NOT_OURS.contains(&name) || NOT_OURS.contains(&relative.as_str()) {
                continue;
            }
            if path.is_dir() {
                self.walk(&path, &format!("{relative}/"));
                continue;
            }
            if TEXTS.iter().any(|end| relative.ends_with(end)) {
                self.texts.insert(relative.clone(), fs::read_to_string(&path).unwrap());
            }
            self.paths.insert(relative);
        }
    }
}

#[test]
fn headings_have_the_anchors_that_github_gives_them() {
    let tree = Tree::of(&[("a.md", "# One: `two`\n## X & y\n```\n# no\n```\n## One: two\n### 1.2 A/B")]);
    let anchors = tree.anchors("a.md");
    let anchors: Vec<&str> = anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["12-ab", "one-two", "one-two-1", "x--y"]);
    assert!(tree.has("a.md") && !tree.has("b.md"));
}
