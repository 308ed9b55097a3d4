//! Errors of loading policies.

use std::{io, path::PathBuf};

use crate::{
    app::pages::PagesError,
    mail::TemplatesError,
    policy::{Finding, Severity},
    store::StoreError,
    tls::TlsError,
};

/// The reason why no ruleset could be built.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read the policies in `{path}`")]
    Unreadable {
        /// The path of the folder or file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The folder changed during every attempt to read it.
    #[error("the policies folder `{path}` changes while it is read; ask again when it is written")]
    KeepsChanging {
        /// The folder.
        path: PathBuf,
    },
    /// The folder contains more than the limits allow.
    #[error(
        "the policies folder `{path}` holds more than 100000 policies, or 256 MiB of them; keep other files elsewhere"
    )]
    TooMuch {
        /// The folder.
        path: PathBuf,
    },
    /// The folder contains no policies.
    #[error(
        "the policies folder `{path}` holds no `.json` file; put at least one there, or set `policies.dir`"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The files contain errors.
    #[error("the policies have mistakes:\n{}", lines(.0))]
    ConfigErrors(Vec<Finding>),
    /// The templates of mails cannot be used.
    #[error("`mail.templates` cannot be used")]
    MailTemplates(#[from] TemplatesError),
    /// The file of `mail.ca` cannot be used.
    #[error("`mail.ca` cannot be used")]
    MailTls(#[from] TlsError),
    /// The files of the pages cannot be used.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// Two apps define the accounts differently.
    #[error(
        "the app `{second_app}` has the accounts in `{second_model}`, and the app `{first_app}` in `{first_model}`, with \
         other settings; all apps have one set of accounts: define it in one of them, or set `accounts = false`"
    )]
    TwoAccountModels {
        /// The first app with an account model of its own.
        first_app: String,
        /// The name of that model.
        first_model: String,
        /// The app that differs.
        second_app: String,
        /// The name of its model.
        second_model: String,
    },
    /// No app defines the account model that the configuration names.
    #[error(
        "`api.user_model` is `{model}`, which no file of an app that serves accounts defines with base `User`"
    )]
    NoAccountModel {
        /// The name.
        model: String,
    },
    /// An error in the policies of one of several apps.
    #[error("app `{app}`: {error}")]
    OfApp {
        /// The app's name.
        app: String,
        /// The error.
        error: Box<PolicyError>,
    },
    /// The rows of the store cannot be read.
    #[error("the roles and rules in the store cannot be read")]
    Store(#[from] StoreError),
}

impl PolicyError {
    /// With the name of the app, if there are several.
    #[must_use]
    pub(in crate::app) fn of_app(self, app: Option<&str>) -> Self {
        match app {
            Some(app) => Self::OfApp { app: app.to_owned(), error: Box::new(self) },
            None => self,
        }
    }

    /// The app that it is about, if there are several.
    pub(in crate::app) fn app(&self) -> Option<&str> {
        match self {
            Self::OfApp { app, .. } => Some(app),
            _ => None,
        }
    }
}

pub(super) fn lines(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}
