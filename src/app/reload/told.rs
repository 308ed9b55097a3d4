//! What the log says of a refused reload.

use crate::{
    app::{PolicyError, apps::named},
    config::ConfigErrors,
    policy::Severity,
};

/// Maximum number of errors that are logged one by one.
const MAX_LOGGED_ERRORS: usize = 100;

/// Logs the errors of a ruleset one by one, and returns a one-line summary.
pub(super) fn log_errors(error: PolicyError) -> String {
    let (app, error) = match error {
        PolicyError::OfApp { app, error } => (Some(app), *error),
        error => (None, error),
    };
    let app = app.as_deref();
    let reason = match &error {
        PolicyError::ConfigErrors(findings) => {
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            for finding in errors.iter().take(MAX_LOGGED_ERRORS) {
                let (file, line, column) = (&finding.file, finding.line, finding.column);
                tracing::error!(app, file, line, column, code = finding.code, "{finding}");
            }
            match &*errors {
                [only] => only.to_string(),
                [first, more @ ..] => format!("{first} (and {} more)", more.len()),
                [] => error.to_string(),
            }
        }
        _ => format!("{:#}", anyhow::Error::from(error)),
    };
    let reason = named(app, &reason);
    tracing::error!(app, reason, "the new policies are refused; the old ones stay in force");
    reason
}

/// Logs the errors of a configuration one by one, and returns a one-line summary.
pub(super) fn log_config_errors(config_errors: &ConfigErrors) -> String {
    let errors: Vec<_> =
        config_errors.0.iter().filter(|finding| finding.severity == Severity::Error).collect();
    for finding in errors.iter().take(MAX_LOGGED_ERRORS) {
        tracing::error!(code = finding.code, "{finding}");
    }
    let reason = match &*errors {
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
        [] => config_errors.to_string(),
    };
    tracing::error!(reason, "the new configuration is refused; the old one stays in force");
    reason
}
