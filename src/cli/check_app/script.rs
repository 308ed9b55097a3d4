//! Searches JavaScript as text, without comments.
//!
//! This is a search and not a parser: it finds common spellings, and may find too much. No decision depends on it.

use super::Place;

/// A file of code.
#[derive(Debug)]
pub(super) struct Script {
    /// The path in the project.
    pub(super) file: String,
    /// The file name without its ending: `customer` for `common/models/customer.js`.
    pub(super) stem: String,
    /// The text with comments blanked out; strings stay.
    code: String,
}

/// An occurrence of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hit<'s> {
    /// The line, from 1.
    pub(super) line: usize,
    /// The receiver of a call: `Customer` in `app.models.Customer.beforeRemote(`.
    pub(super) receiver: &'s str,
    /// The first argument, if it is a plain string.
    pub(super) text: Option<&'s str>,
    /// The text before the name.
    before: &'s str,
    /// The text after the name.
    after: &'s str,
}

/// An assignment to a member: `Customer.prototype.toJSON = …`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment<'s> {
    /// The line, from 1.
    pub(super) line: usize,
    /// The words of the path: `Customer`, `prototype`, `toJSON`.
    pub(super) path: Vec<&'s str>,
}

impl<'s> Hit<'s> {
    /// The model of a call: the word before members such as `prototype`.
    pub(super) fn model(&self) -> &'s str {
        let (mut before, mut word) = (self.before, self.receiver);
        while OF_A_MODEL.contains(&word) {
            before = before.trim_end().trim_end_matches('.').trim_end().trim_end_matches(is_word);
            word = receiver(before);
        }
        word
    }

    /// The text from the first argument on.
    pub(super) fn first(&self) -> Option<&'s str> {
        Some(self.after.trim_start().strip_prefix('(')?.trim_start())
    }

    /// The text from the second argument on, if the first is a plain string.
    pub(super) fn second(&self) -> Option<&'s str> {
        // Plus the two quotes.
        let rest = self.first()?.get(self.text?.len() + 2..)?;
        Some(rest.trim_start().strip_prefix(',')?.trim_start())
    }
}

/// Members that belong to a model.
pub(super) const OF_A_MODEL: [&str; 4] = ["sharedClass", "prototype", "settings", "definition"];

/// Maximum length of an argument that can be a name.
const MAX_NAME_LENGTH: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    Line,
    Block,
    Text(char),
    Pattern { class: bool },
}

impl Script {
    pub(super) fn new(file: String, stem: String, text: &str) -> Self {
        Self { file, stem, code: without_comments(text) }
    }

    /// A line of the script.
    pub(super) fn at(&self, line: usize) -> Place<'_> {
        Place::line(&self.file, line)
    }

    /// The occurrences of `name` as a word, or of `name(` as a call.
    pub(super) fn find<'s>(&'s self, name: &str) -> Vec<Hit<'s>> {
        let (word, is_call) = name.strip_suffix('(').map_or((name, false), |word| (word, true));
        self.code
            .match_indices(word)
            .filter_map(|(at, _)| {
                let (before, rest) = self.code.split_at_checked(at)?;
                let after = rest.get(word.len()..)?;
                let ends = !after.starts_with(is_word);
                let starts = !word.starts_with(is_word) || !before.ends_with(is_word);
                if !starts || !ends || (is_call && !after.trim_start().starts_with('(')) {
                    return None;
                }
                Some(Hit {
                    line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
                    receiver: receiver(before),
                    text: argument(after),
                    before,
                    after,
                })
            })
            .collect()
    }

    /// All assignments to members in the order of the lines.
    pub(super) fn assignments(&self) -> Vec<Assignment<'_>> {
        let of_a_path = |c: char| is_word(c) || ".[]'\"".contains(c);
        self.code
            .match_indices('=')
            .filter_map(|(at, _)| {
                let (before, rest) = self.code.split_at_checked(at)?;
                let compares = rest.starts_with("==") || rest.starts_with("=>");
                if compares || before.ends_with(|c| "=!<>+-*/%&|^?".contains(c)) {
                    return None;
                }
                let target = before.trim_end();
                let path = target.rsplit(|c| !of_a_path(c)).next()?;
                let path: Vec<&str> = path.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
                let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
                (path.len() > 1).then_some(Assignment { line, path })
            })
            .collect()
    }
}

/// The word before the dot at the end of `before`.
fn receiver(before: &str) -> &str {
    let object = before.trim_end().strip_suffix('.').unwrap_or_default().trim_end();
    object.rsplit(|c| !is_word(c)).next().unwrap_or_default()
}

/// The first argument of a call; `after` begins with its parenthesis.
fn argument(after: &str) -> Option<&str> {
    let inside = after.trim_start().strip_prefix('(')?.trim_start();
    let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let (text, _) = inside.strip_prefix(quote)?.split_once(quote)?;
    let plain = text.len() <= MAX_NAME_LENGTH && !text.contains(['\n', '\\']) && !text.contains("${");
    plain.then_some(text)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Replaces each character of a comment by a blank, so that line numbers stay.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut state, mut last) = (State::Code, '\n');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let (now, keep) = match (state, c) {
            (State::Code, '/') if next == Some('/') => (State::Line, false),
            (State::Code, '/') if next == Some('*') => {
                rest.next();
                out.push(' ');
                (State::Block, false)
            }
            (State::Code, '/') if begins_pattern(last) => (State::Pattern { class: false }, true),
            (State::Code, '"' | '\'' | '`') => (State::Text(c), true),
            (State::Line, '\n') => (State::Code, true),
            (State::Block, '*') if next == Some('/') => {
                rest.next();
                out.push(' ');
                (State::Code, false)
            }
            (State::Text(quote), _) if c == quote => (State::Code, true),
            // Strings end at the end of a line, templates do not.
            (State::Text('"' | '\'') | State::Pattern { .. }, '\n') => (State::Code, true),
            (State::Pattern { .. }, '[') => (State::Pattern { class: true }, true),
            (State::Pattern { .. }, ']') => (State::Pattern { class: false }, true),
            (State::Pattern { class: false }, '/') => (State::Code, true),
            (State::Line | State::Block, _) => (state, c == '\n'),
            _ => (state, true),
        };
        let escapes = c == '\\' && matches!(state, State::Text(_) | State::Pattern { .. });
        state = now;
        out.push(if keep { c } else { ' ' });
        if escapes && let Some(escaped) = rest.next() {
            out.push(escaped);
        }
        if state == State::Code && !c.is_whitespace() && keep {
            last = c;
        }
    }
    out
}

/// Whether a slash after this character begins a regular expression (and is not a division).
fn begins_pattern(last: char) -> bool {
    matches!(last, '(' | ',' | '=' | ':' | '[' | '!' | '&' | '|' | '?' | '{' | '}' | ';' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::new("a.js".into(), "a".into(), text)
    }

    #[test]
    fn comments_are_no_code_and_texts_are_no_comments() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\n * c */ d", "a     \n        d"),
            ("'//' + \"/*\" + `//\n`", "'//' + \"/*\" + `//\n`"),
            ("x = /[/'\"]\\//; // y", "x = /[/'\"]\\//;     "),
            ("a / b // c", "a / b     "),
            ("/*/ x */ y", "         y"),
            ("'it\\'s' // x", "'it\\'s'     "),
            ("'open\n// x\n", "'open\n    \n"),
        ] {
            assert_eq!(without_comments(text), code, "{text}");
            assert_eq!(text.lines().count(), without_comments(text).lines().count());
        }
    }

    #[test]
    fn finds_calls_by_name() {
        let code = script(
            "module.exports = function(Customer) {\n  Customer.beforeRemote('login', f);\n  // Customer.beforeRemote('x')\n  notBeforeRemote(1);\n  app.models.User . afterRemote (\n    `**`, g);\n};",
        );
        let hits = code.find("beforeRemote(");
        assert_eq!(hits.len(), 1);
        let hit = hits.first().unwrap();
        assert_eq!((hit.line, hit.receiver, hit.text), (2, "Customer", Some("login")));
        let hits = code.find("afterRemote(");
        let hit = hits.first().unwrap();
        assert_eq!((hit.line, hit.receiver, hit.text), (5, "User", Some("**")));
        assert!(code.find("Remote").is_empty() && code.find("Customer").len() == 2);
    }

    #[test]
    fn reads_an_argument_only_when_it_is_a_plain_text() {
        for (call, text) in [
            ("f('$team', x)", Some("$team")),
            ("f(\"a b\")", Some("a b")),
            ("f(name)", None),
            ("f(`a${b}`)", None),
            ("f('a\\'b')", None),
            ("f()", None),
            ("f", None),
        ] {
            assert_eq!(script(call).find("f").first().unwrap().text, text, "{call}");
        }
    }
}
