//! The templates of mails, and the authority of the mail server.

use std::path::Path;

use super::entry::{Entry, word};
use crate::{
    admin::whole_chain,
    app,
    config::{self, Code, Loaded},
    mail::{Mail, Mailer, Message, TemplatesError},
    policy::Severity,
    templates::{Language, TemplateError},
    tls::{self, CertificateError, Flaw},
};

/// Their mistakes.
pub(super) fn told(loaded: &Loaded) -> Vec<Entry> {
    let config = &loaded.config;
    let mut entries = Vec::new();
    if let Some(ca) = config.mail.ca.clone().filter(|_| config.mail.smtp.is_some()) {
        let trusted = tls::UpstreamSettings { ca: Some(ca), identity: None };
        let found = tls::inspect_upstream(&trusted);
        entries.extend(found.iter().map(|CertificateError { file, flaw }| of_authority(file, flaw)));
    }
    if !entries.is_empty() || !config.sends_mail() || config.mail.templates.is_none() {
        return entries;
    }
    let base = app::link_base(config, &app::configured_addresses(config));
    // The only error is that of the authority's file, which was found above.
    let Ok(Some(settings)) = app::mail_settings(config, &base) else { return entries };
    match Mailer::new(settings) {
        Err(error) => entries.push(broken(loaded, &error)),
        Ok(mailer) => {
            entries.extend(unknown_names(loaded, &mailer));
            entries.extend(half_replaced(loaded, &mailer));
        }
    }
    entries
}

/// Templates that use names which no mail has: only filling them in finds those.
fn unknown_names(loaded: &Loaded, mailer: &Mailer) -> Vec<Entry> {
    let mistake = |message: Message| -> Option<TemplateError> {
        let facts = message.sample(&mailer.settings().url, 0);
        let (to, id) = ("ann@example.com".to_owned(), String::new());
        mailer.compose(&Mail { message, to, language: Language::default(), id, facts }).err()
    };
    let mut entries = Vec::new();
    for error in Message::ALL.into_iter().filter_map(mistake) {
        let entry = broken(loaded, &TemplatesError::Template(error));
        // Mails have a layout in common.
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// Mails whose readers see the built-in text where their program shows HTML, as most do.
fn half_replaced(loaded: &Loaded, mailer: &Mailer) -> Option<Entry> {
    let names: Vec<String> = mailer.text_alone().map(|message| format!("`{message}`")).collect();
    let first = names.first()?.trim_matches('`').to_owned();
    let message = format!(
        "`mail.templates` replaces `body.txt` of {}, and not `body.html`: most programs show the built-in HTML",
        names.join(", ")
    );
    let fix =
        format!("write `{first}/body.html`, too; `portcullis mail templates DIR` writes the built-in files");
    Some(loaded.finding(KEY, Severity::Warning, Code::MailHtml, message, Some(fix)).into())
}

fn broken(loaded: &Loaded, error: &TemplatesError) -> Entry {
    let message = format!("`mail.templates`: {}", whole_chain(error));
    let fix = "`portcullis mail preview NAME` shows a mail; docs/mail.md lists what templates see".to_owned();
    loaded.finding(KEY, Severity::Error, Code::MailTemplates, message, Some(fix)).into()
}

const KEY: &str = "mail.templates";

fn of_authority(file: &Path, flaw: &Flaw) -> Entry {
    Entry {
        file: file.display().to_string(),
        line: None,
        column: None,
        severity: word(Severity::Error),
        code: config::of_certificate(flaw).name(),
        message: flaw.to_string(),
        fix: Some(flaw.fix().to_owned()),
    }
}
