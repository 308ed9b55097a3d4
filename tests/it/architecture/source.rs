//! A source file as text: which module it belongs to, and its code without comments, strings and tests.

#![expect(clippy::string_slice, reason = "every place that is cut at was found by searching")]

use std::{fs, path::Path};

/// A file of `src/`.
pub(super) struct Source {
    /// Counted from `src/`.
    pub(super) path: String,
    code: String,
}

impl Source {
    pub(super) fn new(path: String, text: &str) -> Self {
        Self { path, code: without_tests(&code_of(text)) }
    }

    /// Every file below a folder, but those that are compiled for tests alone.
    pub(super) fn read_all(src: &Path) -> Vec<Self> {
        let mut files = Vec::new();
        walk(src, &mut files);
        let read = |path: &std::path::PathBuf| {
            let relative = path.strip_prefix(src).unwrap().display().to_string();
            (relative, fs::read_to_string(path).unwrap())
        };
        let texts: Vec<(String, String)> = files.iter().map(read).collect();
        let of_tests: Vec<String> = texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
        let is_test = |path: &str| {
            let module = path.trim_end_matches(".rs");
            of_tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")))
        };
        let kept = texts.iter().filter(|(path, _)| !is_test(path));
        kept.map(|(path, text)| Self::new(path.clone(), text)).collect()
    }

    /// The top module that the file belongs to.
    pub(super) fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.trim_end_matches(".rs")
    }

    /// The number of modules above its items.
    pub(super) fn depth(&self) -> usize {
        self.path.split('/').count()
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn lines_without_tests(&self) -> usize {
        self.code.trim_end().lines().count()
    }
}

/// The top modules that code names by `crate::` or by enough `super::`, each with its line.
pub(super) fn crate_paths(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            let before = code[..at].chars().next_back();
            // `mycrate::` is not a root, and one `super::` more or less is another module.
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = code[..at].lines().count().max(1);
            let rest = &code[at + root.len()..];
            found.extend(first_names(rest).into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// `a::b` names `a`; `{a::b, c::{d, e}}` names `a` and `c`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 1, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            names.push(name(&group[start..at]));
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// The modules that a file declares for tests alone, as paths without `.rs`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = match path {
        "lib.rs" | "main.rs" => String::new(),
        path => format!("{}/", path.trim_end_matches(".rs")),
    };
    let code = code_of(text);
    let declared = code.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let (_, name) = rest.split_once("mod ")?;
        let end = name.find([';', '{'])?;
        name[end..].starts_with(';').then(|| format!("{folder}{}", name[..end].trim()))
    });
    declared.collect()
}

/// The code less its inline test modules.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, test) = rest.split_at(at);
        kept.push_str(before);
        let open = test.find('{').unwrap_or(test.len());
        if test.find(';').is_some_and(|end| end < open) {
            kept.push_str(&test[.."#[cfg(test)]".len()]);
            rest = &test["#[cfg(test)]".len()..];
            continue;
        }
        let mut depth = 0;
        let end = test.char_indices().find_map(|(at, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (c == '}' && depth == 0).then_some(at + 1)
        });
        rest = &test[end.unwrap_or(test.len())..];
    }
    kept.push_str(rest);
    kept
}

/// A text less its comments and the insides of its strings, line for line.
pub(super) fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = skip(rest, code.chars().next_back());
        let Some((length, shown)) = skipped else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push_str(shown);
        code.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    code
}

/// The length of the comment or literal that a text begins with, and its replacement.
fn skip(text: &str, before: Option<char>) -> Option<(usize, &'static str)> {
    if text.starts_with("//") {
        return Some((text.find('\n').unwrap_or(text.len()), ""));
    }
    if text.starts_with("/*") {
        return Some((block_comment(text), ""));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.strip_prefix('r').filter(|_| !in_word || before == Some('b'));
    if let Some(body) = raw {
        let hashes = body.len() - body.trim_start_matches('#').len();
        if body[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = 2 + hashes;
            let length = text[start..].find(&end).map_or(text.len(), |at| start + at + end.len());
            return Some((length, "\"\""));
        }
    }
    if text.starts_with('"') {
        return Some((quoted(text, '"'), "\"\""));
    }
    let mut chars = text.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    // Anything else after a quote is a lifetime.
    let literal = text.starts_with('\'') && (first == Some('\\') || second == Some('\''));
    literal.then(|| (quoted(text, '\''), "''"))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
