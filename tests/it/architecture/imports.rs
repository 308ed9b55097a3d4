//! The definitions, imports and names of a file, read from its code.

#![expect(clippy::string_slice, reason = "cut after a quote, which is one byte")]

use std::collections::{BTreeSet, HashMap};

/// Names from a root on: `crate`, `super`, a module, or a type.
pub(super) type Path = Vec<String>;

/// The names in a file's code.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Its own definitions.
    pub(super) defined: BTreeSet<String>,
    /// The imports of its `use` lines, by their local name.
    pub(super) names: HashMap<String, Path>,
    /// Modules of which all names are brought in.
    pub(super) globs: Vec<Path>,
    /// Paths that it uses, as they are written: those of `use` lines, and those in its code. A `pub use` is one only if
    /// the code says the name elsewhere, too.
    pub(super) used: BTreeSet<Path>,
}

/// A `use` line's leaf.
struct Leaf {
    path: Path,
    name: String,
}

/// The keywords before an item's name.
const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod"];

impl Imports {
    pub(super) fn read(code: &str) -> Self {
        let tokens = tokens(code);
        let mut imports = Self::default();
        let (mut words, mut exported) = (BTreeSet::new(), Vec::new());
        let (mut at, mut depth) = (0, 0);
        while at < tokens.len() {
            let before = at.checked_sub(1).map_or("", |before| tokens[before]);
            let after = tokens.get(at + 1).copied().unwrap_or_default();
            depth += i32::from(tokens[at] == "{") - i32::from(tokens[at] == "}");
            if tokens[at] == "use" && after != "<" {
                let end = (at..tokens.len()).find(|at| tokens[*at] == ";").unwrap_or(tokens.len());
                let mut leaves = Vec::new();
                read_tree(&tokens[at + 1..end], &Path::new(), &mut leaves);
                let public = before == "pub" || (before == ")" && is_restricted(&tokens[..at]));
                for leaf in leaves {
                    imports.bring_in(leaf, public, &mut exported);
                }
                at = end;
            } else if ITEMS.contains(&before) && is_word(tokens[at]) {
                // `mod x;` declares a file, and a method is not a name of the module.
                if depth == 0 && (before != "mod" || after != ";") {
                    imports.defined.insert(tokens[at].to_owned());
                }
                at += 1;
            } else if is_word(tokens[at]) && before != "::" {
                let path = path_at(&tokens[at..]);
                words.insert(tokens[at].to_owned());
                at += 2 * path.len() - 1;
                if path.len() > 1 {
                    imports.used.insert(path);
                }
            } else {
                at += 1;
            }
        }
        for (name, path) in exported {
            if words.contains(&name) {
                imports.used.insert(path);
            }
        }
        imports
    }

    fn bring_in(&mut self, Leaf { path, name }: Leaf, public: bool, exported: &mut Vec<(String, Path)>) {
        if name == "*" {
            // A re-export of all is none of the file's own uses.
            if !public {
                self.used.insert(path.clone());
            }
            self.globs.push(path);
            return;
        }
        self.names.insert(name.clone(), path.clone());
        if public {
            exported.push((name, path));
        } else {
            self.used.insert(path);
        }
    }
}

/// Whether `pub(…)` ends here.
fn is_restricted(tokens: &[&str]) -> bool {
    let open = tokens.iter().rposition(|token| *token == "(");
    open.and_then(|open| open.checked_sub(1)).is_some_and(|before| tokens[before] == "pub")
}

/// The leaves of `a::{b, c as d, e::*}`.
fn read_tree(tokens: &[&str], before: &Path, leaves: &mut Vec<Leaf>) {
    let mut path = before.clone();
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "::" => {}
            "{" => {
                let inside = &tokens[at + 1..tokens.len() - 1];
                for part in split(inside) {
                    read_tree(part, &path, leaves);
                }
                return;
            }
            "*" => {
                leaves.push(Leaf { path, name: "*".to_owned() });
                return;
            }
            "as" => {
                let name = tokens[at + 1].to_owned();
                leaves.push(Leaf { path, name });
                return;
            }
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
    }
    if let Some(name) = path.last().cloned() {
        leaves.push(Leaf { path, name });
    }
}

/// Parts between commas outside of braces.
fn split<'t, 'c>(tokens: &'t [&'c str]) -> Vec<&'t [&'c str]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        *token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// The words from here on that `::` joins.
fn path_at(tokens: &[&str]) -> Path {
    let mut path = vec![tokens[0].to_owned()];
    let mut at = 1;
    while tokens.get(at) == Some(&"::") && tokens.get(at + 1).is_some_and(|next| is_word(next)) {
        path.push(tokens[at + 1].to_owned());
        at += 2;
    }
    path
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::`, and everything else character by character; no blanks and no lifetimes.
pub(super) fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("::") {
            2
        } else if in_word(first) {
            rest.find(|c| !in_word(c)).unwrap_or(rest.len())
        } else if first == '\'' {
            // A lifetime: literals are empty here.
            let name = &rest[1..];
            1 + name.find(|c| !in_word(c)).unwrap_or(name.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if first != '\'' {
            tokens.push(token);
        }
        rest = after.trim_start();
    }
    tokens
}
