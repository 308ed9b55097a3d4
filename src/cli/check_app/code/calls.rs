//! Finds calls in the code of a project, and decides whether they concern the account model.

use crate::cli::check_app::{
    models::Models,
    project::Project,
    script::{Hit, Script},
};

/// Whether a call concerns the account model, by its receiver or by its file.
pub(in crate::cli::check_app) fn is_account(script: &Script, hit: &Hit<'_>, models: &Models) -> bool {
    is_account_named(script, hit.model(), models)
}

pub(super) fn is_account_named(script: &Script, word: &str, models: &Models) -> bool {
    let Some((name, stem)) = &models.account else { return false };
    if word == name || word == "User" && !models.names.contains("User") {
        return true;
    }
    // In the file of the model, the receiver may have any name.
    script.stem.eq_ignore_ascii_case(stem) && !models.names.contains(word)
}

pub(in crate::cli::check_app) fn calls<'p>(
    project: &'p Project,
    name: &'p str,
) -> impl Iterator<Item = (&'p Script, Hit<'p>)> {
    project.scripts.iter().flat_map(move |script| script.find(name).into_iter().map(move |hit| (script, hit)))
}
