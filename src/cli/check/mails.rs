//! The templates of mails, and the authority of the mail server.

use super::entry::{Entry, word};
use crate::{
    app,
    config::{self, Code, Config},
    mail::{Mail, Mailer, Message, TemplatesError},
    policy::Severity,
    templates::{Language, TemplateError},
    tls::{self, CertificateError},
};

/// Their mistakes. `file`: the configuration.
pub(super) fn told(config: &Config, file: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(ca) = config.mail.ca.clone().filter(|_| config.mail.smtp.is_some()) {
        let trusted = tls::UpstreamSettings { ca: Some(ca), identity: None };
        for CertificateError { file, flaw } in tls::inspect_upstream(&trusted) {
            let code = config::of_certificate(&flaw);
            entries.push(entry(
                &file.display().to_string(),
                code,
                flaw.to_string(),
                Some(flaw.fix().to_owned()),
            ));
        }
    }
    if !entries.is_empty() || !config.sends_mail() || config.mail.templates.is_none() {
        return entries;
    }
    let base = app::link_base(config, &app::configured_addresses(config));
    // The only error is that of the authority's file, which was found above.
    let Ok(Some(settings)) = app::mail_settings(config, &base) else { return entries };
    match Mailer::new(settings) {
        Err(error) => entries.push(broken(file, &error)),
        Ok(mailer) => entries.extend(unknown_names(file, &mailer)),
    }
    entries
}

/// Templates that use names which no mail has: only filling them in finds those.
fn unknown_names(file: &str, mailer: &Mailer) -> Option<Entry> {
    let first_mistake = |message: Message| -> Option<TemplateError> {
        let facts = message.sample(&mailer.settings().url, 0);
        let (to, id) = ("ann@example.com".to_owned(), String::new());
        mailer.compose(&Mail { message, to, language: Language::default(), id, facts }).err()
    };
    let error = Message::ALL.into_iter().find_map(first_mistake)?;
    Some(broken(file, &TemplatesError::Template(error)))
}

fn broken(file: &str, error: &TemplatesError) -> Entry {
    let message = format!("`mail.templates`: {error}");
    let fix = "`portcullis mail preview NAME` shows a mail; docs/mail.md lists what templates see".to_owned();
    entry(file, Code::MailTemplates, message, Some(fix))
}

fn entry(file: &str, code: Code, message: String, fix: Option<String>) -> Entry {
    Entry {
        file: file.to_owned(),
        line: None,
        column: None,
        severity: word(Severity::Error),
        code: code.name(),
        message,
        fix,
    }
}
