//! `[mail]`.

use super::Resolver;
use crate::{
    config::{
        code::Code,
        finding::quoted,
        keys::RawMail,
        secret::Secret,
        settings::{MailSettings, ServerSettings},
    },
    mail::{self, Message, SmtpAddress},
};

/// What repairs an address.
const ADDRESS: &str = "write `smtp://user:password@host:port` or `smtps://…`, with special characters as %XX";

impl Resolver<'_> {
    pub(super) fn mail(&mut self, raw: RawMail, server: &ServerSettings, has_pages: bool) -> MailSettings {
        let place = if raw.smtp.value.is_some() { &raw.smtp.place } else { &raw.smtp_file.place };
        let secret = self.secret("mail.smtp", &raw.smtp, &raw.smtp_file);
        let mut smtp = None;
        match secret.as_ref().map(Secret::expose).map(SmtpAddress::parse) {
            None => {}
            Some(Ok(address)) => smtp = Some(address),
            Some(Err(error)) => {
                let message = format!("`mail.smtp` {error}");
                self.report.error(place, Code::BadValue, message, Some(ADDRESS.to_owned()));
            }
        }
        if let Some(doubt) = smtp.as_ref().and_then(SmtpAddress::mix_up) {
            self.report.warning(place, Code::MailPort, format!("`mail.smtp` {doubt}"), None);
        }
        if smtp.is_some() && server.public_url.is_none() {
            let message = format!(
                "`server.public_url` is not set, so the links in mails begin with {}, which only this machine can open",
                mail_base(server)
            );
            let fix = "write the site's address, such as `public_url = \"https://example.com\"`".to_owned();
            self.report.warning(place, Code::MailLinks, message, Some(fix));
        }
        let has_links =
            raw.messages.value.iter().any(|message| matches!(message, Message::Reset | Message::Invite));
        if smtp.is_some() && has_links && !has_pages && raw.templates.value.is_none() {
            let message =
                "`pages.enabled` is false, and the links of `reset` and `invite` lead to those pages";
            let fix = "set `pages.enabled = true`, or write templates with links to a page of the app: docs/mail.md";
            self.report.warning(place, Code::MailLinks, message.to_owned(), Some(fix.to_owned()));
        }
        let from = raw.from.value.0;
        if let Err(error) = mail::check_sender(&from) {
            let message = format!("`mail.from` {error}: {}", quoted(&from));
            let fix = "write `noreply@example.com` or `Shop <noreply@example.com>`".to_owned();
            self.report.error(&raw.from.place, Code::BadValue, message, Some(fix));
        }
        MailSettings {
            smtp,
            ca: self.optional_path(raw.ca.value),
            timeout: raw.timeout.value.0,
            from,
            templates: self.optional_path(raw.templates.value),
            messages: raw.messages.value,
            verify_on_register: raw.verify_on_register.value,
        }
    }
}

/// What links begin with where no public URL is set.
fn mail_base(server: &ServerSettings) -> String {
    use crate::config::settings::Listen;
    match (server.https, &server.http) {
        (Some(address), _) => format!("`https://{address}`"),
        (None, Listen::Tcp(address)) => format!("`http://{address}`"),
        (None, _) => "`http://localhost`".to_owned(),
    }
}
