//! The texts of pages or mails in all languages.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use super::Language;

/// Texts by dotted keys, from a TOML file for each language. Parsed at the first use of the language.
///
/// A text has places for values, `{name}`. One that depends on a number is a table with `other` and, in languages that
/// have a singular, `one`.
#[derive(Debug)]
pub struct Catalogue {
    sources: [&'static str; Language::ALL.len()],
    parsed: [OnceLock<HashMap<String, String>>; Language::ALL.len()],
}

impl Catalogue {
    /// The texts, in the order of [`Language::ALL`].
    #[must_use]
    pub const fn new(sources: [&'static str; Language::ALL.len()]) -> Self {
        Self { sources, parsed: [const { OnceLock::new() }; Language::ALL.len()] }
    }

    /// The text of a key with its values.
    #[must_use]
    pub fn filled(
        &self,
        language: Language,
        key: &str,
        count: Option<u64>,
        values: &BTreeMap<String, String>,
    ) -> Option<String> {
        let texts = self.texts(language)?;
        let form = count.map(|count| if count == 1 && language.has_singular() { "one" } else { "other" });
        let counted = form.and_then(|form| texts.get(&format!("{key}.{form}")));
        Some(filled(counted.or_else(|| texts.get(key))?, values))
    }

    fn texts(&self, language: Language) -> Option<&HashMap<String, String>> {
        let at = Language::ALL.iter().position(|own| *own == language)?;
        let (parsed, source) = (self.parsed.get(at)?, self.sources.get(at)?);
        Some(parsed.get_or_init(|| {
            let mut texts = HashMap::new();
            // A test of each catalogue parses it, so here it cannot fail.
            flatten("", source.parse::<toml::Table>().unwrap_or_default(), &mut texts);
            texts
        }))
    }

    /// What is wrong with the texts: unreadable, without a key of another language, or with other places for values.
    #[cfg(test)]
    pub(crate) fn mistakes(&self) -> Vec<String> {
        use std::collections::BTreeSet;
        let mut found = Vec::new();
        for (source, language) in self.sources.iter().zip(Language::ALL) {
            found.extend(source.parse::<toml::Table>().err().map(|error| format!("{language:?}: {error}")));
        }
        let bare = |key: &str| key.trim_end_matches(".one").trim_end_matches(".other").to_owned();
        let shape = |language: Language| -> BTreeMap<String, BTreeSet<String>> {
            let texts = self.texts(language).unwrap();
            let several = texts.iter().filter(|(key, _)| !key.ends_with(".one"));
            several.map(|(key, text)| (bare(key), placeholders(text))).collect()
        };
        let english = shape(Language::En);
        for language in Language::ALL {
            let own = shape(language);
            for key in english.keys().chain(own.keys()) {
                if own.get(key) != english.get(key) {
                    found.push(format!(
                        "{language:?}: `{key}` is missing or has other values than in English"
                    ));
                }
            }
            for (key, text) in self.texts(language).unwrap() {
                let is_singular = key.ends_with(".one");
                if is_singular && !language.has_singular() {
                    found.push(format!("{language:?}: `{key}` is never used"));
                }
                if key.ends_with(".other") && language.has_singular() {
                    let one = key.replace(".other", ".one");
                    if !self.texts(language).unwrap().contains_key(&one) {
                        found.push(format!("{language:?}: `{one}` is missing"));
                    }
                }
                if text.trim().is_empty() {
                    found.push(format!("{language:?}: `{key}` is empty"));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

/// The keys of nested tables, joined with dots.
fn flatten(prefix: &str, table: toml::Table, texts: &mut HashMap<String, String>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::String(text) => drop(texts.insert(key, text)),
            toml::Value::Table(table) => flatten(&key, table, texts),
            _ => {}
        }
    }
}

/// Puts values into their places. A value that looks like a place stays as it is.
fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, after)) if values.contains_key(name) => {
                out.push_str(values.get(name).map_or("", String::as_str));
                rest = after;
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
fn placeholders(text: &str) -> std::collections::BTreeSet<String> {
    let names = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_once() {
        let values = BTreeMap::from([("a".to_owned(), "{b}".to_owned()), ("b".to_owned(), "2".to_owned())]);
        for (text, expected) in
            [("{a} {b}", "{b} 2"), ("{c} {", "{c} {"), ("{a", "{a"), ("{{a}}", "{{b}}"), ("", "")]
        {
            assert_eq!(filled(text, &values), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_of_translators_are_found() {
        let good = Catalogue::new(["a = '{x}'"; 4]);
        assert!(good.mistakes().is_empty());
        for bad in ["", "a = 'x'", "a = '{x} {y}'", "a = '{x}'\nb = 'more'", "a = ' '", "a"] {
            assert!(
                !Catalogue::new(["a = '{x}'", bad, "a = '{x}'", "a = '{x}'"]).mistakes().is_empty(),
                "{bad}"
            );
        }
        let singular = "[a]\none = 'x'\nother = 'x'";
        assert!(!Catalogue::new([singular; 4]).mistakes().is_empty(), "Japanese has no singular");
        assert!(!Catalogue::new(["[a]\nother = 'x'"; 4]).mistakes().is_empty(), "English has one");
    }
}
