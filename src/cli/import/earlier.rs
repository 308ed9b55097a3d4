//! How far an earlier import reached: a session that it brought and that has ended here must not come back with a
//! second import of the same rows.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{Placed, Row};
use crate::{cli::output::Fate, clock::Timestamp, identity::UserId, store::Token};

/// The `created` of the newest session of all earlier imports, kept in the data folder.
#[derive(Debug)]
pub(super) struct Earlier {
    path: PathBuf,
    newest: Option<Timestamp>,
}

impl Earlier {
    /// Reads what is remembered.
    pub(super) fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("imported");
        let newest = match fs::read_to_string(&path) {
            Ok(text) => Some(Timestamp::parse(text.trim()).with_context(|| {
                format!("`{}` holds no moment; delete it if no import was ever made here", path.display())
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        };
        Ok(Self { path, newest })
    }

    /// Marks the sessions that an earlier import may have brought: old enough, and of an account that was here
    /// before this import. An import that broke off remembers nothing, so that it can be done again.
    pub(super) fn mark(&self, tokens: Vec<Placed<Token>>, accounts: &[(Row, Fate)]) -> Vec<Placed<Row>> {
        let new: HashSet<&UserId> = accounts
            .iter()
            .filter_map(|(row, fate)| match (row, fate) {
                (Row::User(user), Fate::Taken) => Some(&user.id),
                _ => None,
            })
            .collect();
        let row = |Placed { place, row: token }: Placed<Token>| {
            let old = self.newest.is_some_and(|newest| token.created <= newest);
            let known_before = old && !new.contains(&token.user);
            Placed { place, row: Row::Token { token, known_before } }
        };
        tokens.into_iter().map(row).collect()
    }

    /// Remembers a finished import.
    pub(super) fn write(&self, newest: Option<Timestamp>) -> anyhow::Result<()> {
        let Some(newest) = newest.max(self.newest) else { return Ok(()) };
        let write = || {
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            fs::write(&self.path, format!("{newest}\n"))
        };
        write().with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}
