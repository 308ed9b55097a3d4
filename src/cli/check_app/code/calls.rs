//! Calls in the code of a project, and whether they are about the account model.

use crate::cli::check_app::{
    models::Models,
    project::Project,
    script::{Hit, Script},
};

/// Whether a call is about the account model: by its receiver, or by the file that it stands in.
pub(in crate::cli::check_app) fn is_account(script: &Script, hit: &Hit<'_>, models: &Models) -> bool {
    is_account_named(script, hit.model(), models)
}

pub(super) fn is_account_named(script: &Script, word: &str, models: &Models) -> bool {
    let Some((name, stem)) = &models.account else { return false };
    if word == name || word == "User" && !models.names.contains("User") {
        return true;
    }
    // In the model's own file it has whatever name its author gave it.
    script.stem.eq_ignore_ascii_case(stem) && !models.names.contains(word)
}

pub(in crate::cli::check_app) fn calls<'p>(
    project: &'p Project,
    name: &'p str,
) -> impl Iterator<Item = (&'p Script, Hit<'p>)> {
    project.scripts.iter().flat_map(move |script| script.find(name).into_iter().map(move |hit| (script, hit)))
}
