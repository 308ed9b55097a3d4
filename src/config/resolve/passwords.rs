//! The list of breached passwords.

use std::{error::Error, path::PathBuf};

use super::Resolver;
use crate::{
    accounts::BreachedPasswords,
    config::{code::Code, keys::Sourced, setting::FilePath},
};

impl Resolver<'_> {
    /// The file of the list. One that cannot be used is an error now, and not at the first new password.
    pub(super) fn breached(&mut self, file: &Sourced<Option<FilePath>>) -> Option<PathBuf> {
        let FilePath(path) = file.value.as_ref()?;
        let path = self.base.join(path);
        if let Err(error) = BreachedPasswords::new(path.clone()).check() {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let message = format!("`password.breached`: {error}{cause}");
            let fix = "name a file of the public corpus, ordered by hash: docs/accounts.md".to_owned();
            self.report.error(&file.place, Code::UnreadableFile, message, Some(fix));
        }
        Some(path)
    }
}
