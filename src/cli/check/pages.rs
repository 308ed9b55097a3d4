//! The files of the pages.

use super::entry::Entry;
use crate::{
    admin::whole_chain,
    app,
    config::{Code, Loaded},
    policy::Severity,
};

/// Their mistakes.
pub(super) fn told(loaded: &Loaded) -> Vec<Entry> {
    let fix = "`portcullis pages templates DIR` writes the built-in files; docs/pages.md lists what they see, under \"Your own look\"";
    let entry = |error: &app::PagesError| {
        let message = whole_chain(error);
        loaded.finding(error.key(), Severity::Error, Code::PagesFiles, message, Some(fix.to_owned())).into()
    };
    app::check_pages(&loaded.config).iter().map(entry).collect()
}
