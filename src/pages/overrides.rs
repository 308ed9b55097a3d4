//! Templates of the operator's folder: their mistakes are found before a browser asks for the page.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    assets::STYLE,
    sample::{self, PAGES, PROOFS},
    state::{TEMPLATES, TEXTS},
};
use crate::templates::{Language, TemplateError, Templates};

/// The file that replaces the style sheet. It is no template.
pub const STYLE_FILE: &str = "style.css";

/// The template that others extend.
const LAYOUT: &str = "layout.html";

/// A block that decides about the width alone, which a layout may do without.
const SIZE: &str = "size";

/// Why the pages cannot be made of the files of a folder.
#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    /// A file of another name, or a template that the engine refuses.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A block that is shown nowhere.
    #[error("template `{name}`: `{LAYOUT}` has no block `{block}`, so it would be left out; it has {known}")]
    LostBlock {
        /// The template that has the block.
        name: String,
        /// The block.
        block: String,
        /// The blocks of the layout.
        known: String,
    },
    /// A form that would be refused.
    #[error(
        "template `{name}`: no form of it has the {part}, so what is sent would be refused; write {fix} into the form"
    )]
    NoProof {
        /// The template.
        name: &'static str,
        /// What is missing.
        part: &'static str,
        /// How the built-in template has it.
        fix: &'static str,
    },
}

/// The files that a folder can replace, as they are built in: name and text.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEMPLATES.iter().copied().chain([(STYLE_FILE, STYLE)])
}

/// All mistakes in the templates of a folder, each once. Every page is filled in with examples.
#[must_use]
pub fn mistakes(overrides: &BTreeMap<String, String>) -> Vec<OverrideError> {
    if overrides.is_empty() {
        return Vec::new();
    }
    let alone = |(name, text): (&String, &String)| {
        let one = BTreeMap::from([(name.clone(), text.clone())]);
        Templates::new(TEMPLATES, &TEXTS).overridden(one).err()
    };
    let broken: Vec<_> = overrides.iter().filter_map(alone).map(OverrideError::from).collect();
    if !broken.is_empty() {
        return broken;
    }
    let own = match Templates::new(TEMPLATES, &TEXTS).overridden(overrides.clone()) {
        Ok(own) => own,
        Err(error) => return vec![error.into()],
    };
    let mut found = lost_blocks(overrides);
    let built_in = Templates::new(TEMPLATES, &TEXTS);
    for (name, _) in PAGES {
        found.extend(of_page(name, &own, &built_in));
    }
    let mut seen = BTreeSet::new();
    found.retain(|error| seen.insert(error.to_string()));
    found
}

/// The mistakes of a page, which may be those of a part of it.
fn of_page(name: &'static str, own: &Templates, built_in: &Templates) -> Vec<OverrideError> {
    let variables = PAGES.iter().find(|(page, _)| *page == name).map_or(&[][..], |(_, own)| own);
    let fill = |templates: &Templates, full| {
        templates.render(name, Language::default(), sample::values(variables, full))
    };
    let shown = match (fill(own, true), fill(own, false)) {
        (Ok(shown), Ok(_)) => shown,
        (full, bare) => return full.err().into_iter().chain(bare.err()).map(OverrideError::from).collect(),
    };
    let expected = fill(built_in, true).unwrap_or_default();
    let missing = PROOFS.iter().filter(|(field, values)| {
        let has = |page: &str| {
            page.contains(&format!("name=\"{field}\"")) && values.iter().any(|value| page.contains(value))
        };
        has(&expected) && !has(&shown)
    });
    let told = |(field, _): &(&str, _)| {
        let (part, fix) = match *field {
            "form_token" => ("field `form_token`", "`{{ token(form_token) }}` of `form.html`"),
            _ => ("check of a busy network", "`{% include 'check.html' %}`"),
        };
        OverrideError::NoProof { name, part, fix }
    };
    missing.map(told).collect()
}

/// The blocks of templates that their layout does not have: the engine leaves them out without a word.
fn lost_blocks(overrides: &BTreeMap<String, String>) -> Vec<OverrideError> {
    let text_of = |name: &'static str| {
        let built_in = || built_in().find(|(own, _)| *own == name).map(|(_, text)| text);
        overrides.get(name).map(String::as_str).or_else(built_in).unwrap_or_default()
    };
    let known: BTreeSet<&str> = blocks(text_of(LAYOUT)).into_iter().map(|(_, block)| block).collect();
    let list = || known.iter().map(|block| format!("`{block}`")).collect::<Vec<_>>().join(", ");
    let pages = PAGES.iter().map(|(name, _)| (*name, text_of(name)));
    let extending = pages.filter(|(_, text)| tags(text).any(|words| words.starts_with("extends")));
    let lost = extending.flat_map(|(name, text)| {
        let outer = blocks(text).into_iter().filter(|(depth, _)| *depth == 0).map(|(_, block)| block);
        outer.filter(|block| *block != SIZE && !known.contains(block)).map(move |block| (name, block))
    });
    // Where the layout is at fault, the first of the pages that need the block is enough.
    let mut seen = BTreeSet::new();
    lost.filter(|(name, block)| overrides.contains_key(*name) || seen.insert(*block))
        .map(|(name, block)| OverrideError::LostBlock {
            name: name.to_owned(),
            block: block.to_owned(),
            known: list(),
        })
        .collect()
}

/// The blocks of a template, each with the number of blocks around it.
fn blocks(text: &str) -> Vec<(usize, &str)> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for mut words in tags(text).map(str::split_whitespace) {
        match (words.next(), words.next()) {
            (Some("block"), Some(name)) => {
                found.push((depth, name));
                depth += 1;
            }
            (Some("endblock"), _) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// What stands between `{%` and `%}`.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    let tag = |rest: &'_ str| rest.split_once("%}").map_or(0, |(tag, _)| tag.len());
    let tags = text.split("{%").skip(1).map(move |rest| rest.get(..tag(rest)).unwrap_or_default());
    tags.map(|tag| tag.trim_matches(['-', '+']).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        mistakes(&files.iter().map(own).collect()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_built_in_templates_have_no_mistakes() {
        let all: Vec<_> = built_in().filter(|(name, _)| *name != STYLE_FILE).collect();
        assert_eq!(told(&all), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_of_a_folder_is_told_once() {
        let found = told(&[("lay-out.html", ""), ("login.html", "\n{% block %}"), ("denied.html", "{{")]);
        assert_eq!(found.len(), 3, "{found:#?}");
        let page =
            |body: &str| format!("{{% extends 'layout.html' %}}{{% block body %}}{body}{{% endblock %}}");
        let form = "{% from 'form.html' import token %}{{ token(form_token) }}";
        for (name, body, expected) in [
            ("denied.html", "{{ nmae }}{{ form_token }}", "`denied.html` line 1"),
            ("lost.html", "{{ t('lost.tilte') }}", "there is no text `lost.tilte`"),
            // In a branch that an example alone does not take.
            ("account.html", "{% if not can_delete %}{{ nmae }}{% endif %}", "`account.html` line 1"),
            (
                "login.html",
                "<form method=post></form>",
                "`login.html`: no form of it has the field `form_token`",
            ),
            ("forgot.html", form, "`{% include 'check.html' %}`"),
        ] {
            let found = told(&[(name, &page(body))]);
            assert!(found.len() == 1 && found[0].contains(expected), "{name}: {found:#?}");
        }
        assert_eq!(told(&[("lost.html", &page("fine"))]), Vec::<String>::new());
        assert_eq!(told(&[("logout.html", &page(form))]), Vec::<String>::new());
    }

    #[test]
    fn a_block_without_a_place_is_told() {
        let extends = "{% extends 'layout.html' %}";
        let found = told(&[("lost.html", &format!("{extends}{{%- block footer -%}}x{{% endblock %}}"))]);
        assert!(found.len() == 1 && found[0].contains("no block `footer`"), "{found:#?}");
        assert!(found[0].contains("`below`, `body`, `lead`, `size`, `title`"), "{found:#?}");
        // A block within another one is shown there.
        let inner = "{% block body %}{% block inner %}x{% endblock %}{% endblock %}";
        assert_eq!(told(&[("lost.html", &format!("{extends}{inner}"))]), Vec::<String>::new());
        // A layout without a block loses what the built-in pages have in it.
        let layout =
            "{% block title %}{% endblock %}{% block body %}{% endblock %}{% block below %}{% endblock %}";
        let found = told(&[("layout.html", layout)]);
        assert!(found.len() == 1 && found[0].contains("no block `lead`"), "{found:#?}");
    }
}
