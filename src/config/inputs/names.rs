//! The names of keys, and suggestions for misspelled ones.

use crate::config::keys::KEYS;

pub(in crate::config) fn is_key(name: &str) -> bool {
    name == "profile" || KEYS.contains(&name)
}

pub(super) fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.split('.').next())
}

pub(super) fn in_its_section(key: &str) -> String {
    match key.split_once('.') {
        Some((section, key)) => format!("did you mean `{key}` in [{section}]?"),
        None => format!("did you mean `{key}` above all sections?"),
    }
}

pub(in crate::config) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

pub(super) fn is_root(key: &str) -> bool {
    !key.contains('.')
}

/// The key that was probably meant: the nearest one of the section, otherwise the same name in another section.
pub(super) fn nearest(written: &str) -> Option<&'static str> {
    let (section, name) = written.split_once('.').unwrap_or(("", written));
    let keys = || KEYS.iter().copied().chain(["profile"]);
    let name_of = |key: &'static str| key.split_once('.').map_or(key, |(_, name)| name);
    let same = |key: &&'static str| key.split_once('.').is_some_and(|(of, _)| of == section);
    // No spelling distance leads from `target` to `servers`.
    if section == "upstream" && SERVER_SYNONYMS.contains(&name) {
        return Some("upstream.servers");
    }
    closest(name, keys().filter(same), name_of)
        .or_else(|| keys().find(|key| bare(name_of(key)) == bare(name)))
        .or_else(|| closest(name, keys(), name_of))
}

pub(super) fn nearest_section(written: &str) -> Option<&'static str> {
    closest(written, sections(), |section| section)
}

/// The nearest candidate, if at most a third of the letters differ. camelCase and snake_case are equal.
pub(in crate::config) fn closest(
    written: &str,
    candidates: impl Iterator<Item = &'static str>,
    name: impl Fn(&'static str) -> &'static str,
) -> Option<&'static str> {
    let written = bare(written);
    let distance = |key: &'static str| strsim::damerau_levenshtein(&written, &bare(name(key)));
    let (near, distance) =
        candidates.map(|key| (key, distance(key))).min_by_key(|(_, distance)| *distance)?;
    (distance <= written.chars().count() / 3).then_some(near)
}

pub(in crate::config) fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_' && *c != '-')
        .flat_map(char::to_lowercase)
        .take(MAX_NAME_CHARS)
        .collect()
}

/// The list of tables that has no section's form.
pub(in crate::config) const APPS: &str = "apps";

/// Other words for the app's servers.
pub(super) const SERVER_SYNONYMS: [&str; 9] =
    ["url", "urls", "server", "address", "addresses", "target", "targets", "backend", "backends"];

/// Longer names are not misspelled keys, and the time for the distance grows with the length.
pub(super) const MAX_NAME_CHARS: usize = 80;
