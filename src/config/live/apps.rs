//! What a reload picks up of `[[apps]]`: the same keys as of `[policies]`. A new app, one less, other hosts, paths and
//! servers wait for a restart, as the only app's do.

use crate::config::AppSettings;

/// The apps after a reload, if `new` is read: with the live keys of the apps of the same name.
pub(super) fn taken(held: &[AppSettings], new: &[AppSettings]) -> Vec<AppSettings> {
    let one = |app: &AppSettings| {
        let mut app = app.clone();
        if let Some(new) = new.iter().find(|new| new.name == app.name) {
            app.policies.unmatched = new.policies.unmatched;
            app.policies.default_allow = new.policies.default_allow;
            app.policies.acl_error_status = new.policies.acl_error_status;
        }
        app
    };
    held.iter().map(one).collect()
}
