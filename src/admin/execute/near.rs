//! Suggests names for misspelled ones.

use super::{
    error::ExecuteError,
    find::{PAGE, without_realm},
};
use crate::admin::{services::Services, who::Who};

/// The name most similar to one that no account has, if it is similar enough. Only the first accounts are compared.
pub(super) async fn user(services: &Services, who: &Who) -> Result<Option<String>, ExecuteError> {
    let wanted = match who {
        Who::Id(_) => return Ok(None),
        Who::Email(text) | Who::Username(text) | Who::Bare(text) => text,
    };
    let mut best: Option<(usize, String)> = None;
    let mut after = None;
    // A suggestion is not worth a scan of a million accounts.
    for _ in 0..PAGES {
        let page = services.store.users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for user in &page {
            let email = user.email().filter(|_| !matches!(who, Who::Username(_))).map(without_realm);
            let name = user.username().filter(|_| !matches!(who, Who::Email(_))).map(without_realm);
            for candidate in email.into_iter().chain(name) {
                let local = candidate.split('@').next().unwrap_or(candidate);
                // `ann` is similar to `ann@example.com`.
                let near = if wanted.contains('@') { candidate } else { local };
                let found = distance(wanted, near);
                if found.is_some_and(|found| best.as_ref().is_none_or(|(distance, _)| found < *distance)) {
                    best = found.map(|found| (found, candidate.to_owned()));
                }
            }
        }
    }
    Ok(best.map(|(_, name)| name))
}

/// The most similar of these names, if it is similar enough.
pub(super) fn name<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let near = names.filter_map(|name| Some((distance(wanted, name)?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name.to_owned())
}

/// The number of different letters; `None` for more than a third of them.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let length = a.chars().count().max(b.chars().count());
    if length > MAX_NAME_CHARS {
        return None;
    }
    Some(strsim::damerau_levenshtein(&a, &b)).filter(|distance| *distance * 3 <= length)
}

/// Maximum number of pages of accounts that are compared.
const PAGES: usize = 10;

/// Maximum length of a name: the cost of the distance grows with its square.
const MAX_NAME_CHARS: usize = 100;
