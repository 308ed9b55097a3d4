//! `mail preview`, `mail test` and `mail templates`.

use std::io::{self, Write as _};

use anyhow::Context;
use serde_json::json;

use super::{
    Exit,
    args::{Global, MailCommand},
    on_runtime, print, print_json, printable,
    sources::load,
    template_files,
};
use crate::{
    app,
    clock::Clock,
    config::Config,
    mail::{self, Composed, Mail, Mailer, Message, Step},
    templates::Language,
};

/// Runs a command.
pub(super) fn run(global: &Global, command: MailCommand) -> anyhow::Result<Exit> {
    let json = global.json;
    match command {
        MailCommand::Preview { name, language, html } => {
            preview(&load(global)?.config, name, language, html, json)
        }
        MailCommand::Test { address } => on_runtime(test(&load(global)?.config, address, json)),
        MailCommand::Templates { dir } => {
            template_files::write(mail::built_in(), &dir, "mail.templates", json)
        }
    }
}

fn preview(
    config: &Config,
    message: Message,
    language: Option<Language>,
    html: bool,
    json: bool,
) -> anyhow::Result<Exit> {
    let mailer = mailer(config)?;
    let mail = sample(&mailer, message, "ann@example.com".to_owned(), language);
    let Composed { subject, text, html: page } = mailer.compose(&mail)?;
    if json {
        print_json(&json!({ "subject": subject, "text": text, "html": page }))?;
    } else if html {
        print(&page)?;
    } else {
        print(&format!("Subject: {subject}\n\n{text}\n"))?;
        // On standard error, so that what is printed is the mail.
        let note = format!(
            "note: the mail has an HTML part, too, which most programs show: `portcullis mail preview {message} --html`\n"
        );
        let _ = io::stderr().write_all(note.as_bytes());
    }
    Ok(Exit::Done)
}

async fn test(config: &Config, address: String, json: bool) -> anyhow::Result<Exit> {
    let Some(smtp) = &config.mail.smtp else {
        anyhow::bail!(
            "`mail.smtp` is not set, so there is no server to test: mails are written into the folder `outbox` of `server.data_dir`"
        );
    };
    if let Some(doubt) = smtp.mix_up() {
        // The likeliest cause comes before the failure.
        tell(json, &format!("note: `mail.smtp` {doubt}"))?;
    }
    let mailer = mailer(config)?;
    let mail = sample(&mailer, Message::NameTaken, address, None);
    tell(json, &format!("sending to {} by {}:{}", mail.to, smtp.host, smtp.port))?;
    let mut steps = Vec::new();
    let mut told = |step: Step| {
        steps.push(step.done());
        // A broken pipe is found at the end.
        let _ = tell(json, &format!("ok: {}", step.done()));
    };
    let sent = mailer.send_telling(&mail, Clock::System.now(), &mut told).await;
    if json {
        let error = sent.as_ref().err().map(ToString::to_string);
        print_json(&json!({ "sent": sent.is_ok(), "steps": steps, "error": error }))?;
        return Ok(if sent.is_ok() { Exit::Done } else { Exit::Failed });
    }
    sent?;
    tell(json, "done; if it does not arrive, look into the folder for spam and at the log of the server")?;
    Ok(Exit::Done)
}

fn tell(json: bool, line: &str) -> anyhow::Result<()> {
    if json { Ok(()) } else { print(&format!("{}\n", printable(line))) }
}

/// The mailer of this configuration, even where the receiver of the webhook sends the mails.
fn mailer(config: &Config) -> anyhow::Result<Mailer> {
    let base = app::link_base(config, &app::configured_addresses(config));
    let mut own = config.clone();
    if !own.sends_mail() {
        own.webhook.url = None;
    }
    let settings = app::mail_settings(&own, &base).context("`mail.ca` cannot be used")?;
    let settings = settings.context("no mail is sent")?;
    Mailer::new(settings).context("`mail.templates` cannot be used")
}

/// A mail with made-up facts. Its link leads nowhere.
fn sample(mailer: &Mailer, message: Message, to: String, language: Option<Language>) -> Mail {
    let now = Clock::System.now();
    let facts = message.sample(&mailer.settings().url, now.0);
    let language = language.unwrap_or_else(|| mailer.language(None));
    Mail { message, to, language, id: format!("sample{}", now.0), facts }
}
