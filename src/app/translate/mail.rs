//! The settings of mails.

use crate::{
    config::Config,
    mail::{Security, Settings, SmtpAddress, SmtpSettings},
    tls::{ClientTls, TlsError, UpstreamSettings},
};

/// How mails are sent; `None` where the receiver of the webhook sends them. `base`: what links begin with.
///
/// # Errors
/// What is wrong with the file of `mail.ca`.
pub fn mail(config: &Config, base: &str) -> Result<Option<Settings>, TlsError> {
    if !config.sends_mail() {
        return Ok(None);
    }
    let host = base.split_once("://").map_or(base, |(_, rest)| rest).split('/').next().unwrap_or_default();
    // The default is what the page is called, and no name.
    let title = config.is_set("pages.title").then(|| config.pages.title.clone());
    Ok(Some(Settings {
        smtp: config.mail.smtp.as_ref().map(|smtp| server(config, smtp)).transpose()?,
        outbox: config.server.data_dir.join("outbox"),
        from: config.mail.from.clone(),
        site: title.unwrap_or_else(|| host.to_owned()),
        url: base.to_owned(),
        templates: config.mail.templates.clone(),
        languages: config.pages.languages.clone(),
    }))
}

fn server(config: &Config, address: &SmtpAddress) -> Result<SmtpSettings, TlsError> {
    let mut address = address.clone();
    // A server on this machine needs no TLS. With its authority named, it is meant to have it.
    if config.mail.ca.is_some() && address.security == Security::None {
        address.security = Security::StartTls;
    }
    let authorities = UpstreamSettings { ca: config.mail.ca.clone(), identity: None };
    let mut tls = ClientTls::load(&authorities)?.terms().as_ref().clone();
    // It is HTTP that was offered.
    tls.alpn_protocols.clear();
    let public = config.server.public_url.as_deref().and_then(|url| url.split_once("://"));
    let hello = public.map(|(_, rest)| rest.split(['/', ':']).next().unwrap_or_default().to_owned());
    Ok(SmtpSettings {
        address,
        tls: tls.into(),
        timeout: config.mail.timeout,
        answer_timeout: SmtpSettings::answer_timeout(config.mail.timeout),
        // An address in brackets is a name of its own kind.
        hello: hello.filter(|host| !host.is_empty() && !host.starts_with('[')),
    })
}
