//! The files of the pages.

use super::entry::{Entry, word};
use crate::{
    admin::whole_chain,
    app,
    config::{Code, Config},
    policy::Severity,
};

/// Their first mistake. `file`: the configuration.
pub(super) fn told(config: &Config, file: &str) -> Option<Entry> {
    let error = app::check_pages(config).err()?;
    Some(Entry {
        file: file.to_owned(),
        line: None,
        column: None,
        severity: word(Severity::Error),
        code: Code::PagesFiles.name(),
        message: whole_chain(&error),
        fix: Some("docs/pages.md lists the files, under \"Your own look\"".to_owned()),
    })
}
