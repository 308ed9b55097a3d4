//! From the facts of a mail to its texts, and to a message (RFC 5322).

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use lettre::{
    Address, Message as Mime,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use serde::Serialize;

use super::{
    error::{ComposeError, SenderError},
    message::{Facts, Mail},
    settings::Settings,
};
use crate::{
    clock::Timestamp,
    templates::{TemplateError, Templates},
};

/// The texts of a mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// The subject, in one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// Without the text, which may hold a link that lets its reader into an account.
impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed").finish_non_exhaustive()
    }
}

/// What a template sees.
#[derive(Serialize)]
struct Context<'a> {
    message: &'a str,
    site: &'a str,
    url: &'a str,
    email: &'a str,
    lifetime_unit: &'a str,
    lifetime_count: u64,
    #[serde(flatten)]
    facts: &'a Facts,
}

/// Headers beside those of every mail: no out-of-office note is to answer (RFC 3834 section 5; the other is
/// Exchange's).
const AUTOMATIC: [(&str, &str); 2] =
    [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")];

/// Fills in the templates.
pub(super) fn compose(
    templates: &Templates,
    settings: &Settings,
    mail: &Mail,
) -> Result<Composed, TemplateError> {
    let (lifetime_unit, lifetime_count) = in_units(mail.facts.lifetime);
    let context = Context {
        message: mail.message.name(),
        site: &settings.site,
        url: &settings.url,
        email: &mail.to,
        lifetime_unit,
        lifetime_count,
        facts: &mail.facts,
    };
    let render = |part: &str| templates.render(&format!("{}/{part}", mail.message), mail.language, &context);
    Ok(Composed {
        subject: one_line(&render("subject.txt")?),
        text: render("body.txt")?,
        html: render("body.html")?,
    })
}

/// Puts a message together, with both texts.
pub(super) fn message(
    settings: &Settings,
    mail: &Mail,
    composed: &Composed,
    now: Timestamp,
) -> Result<Mime, ComposeError> {
    let from = sender(&settings.from).map_err(|_| ComposeError::Sender)?;
    let to = address(&mail.to).map_err(|()| ComposeError::Recipient)?;
    // The same at a second attempt: the first may have arrived although its answer was lost.
    let id = format!("<{}.{}@{}>", mail.id, mail.message, from.email.domain());
    let since = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let mut builder = Mime::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(composed.subject.as_str())
        .message_id(Some(id))
        .date(UNIX_EPOCH + since);
    for (name, value) in AUTOMATIC {
        let name = HeaderName::new_from_ascii_str(name);
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let parts = MultiPart::alternative_plain_html(composed.text.clone(), composed.html.clone());
    Ok(builder.multipart(parts)?)
}

/// A sender that every server takes.
pub(super) fn sender(text: &str) -> Result<Mailbox, SenderError> {
    let sender = mailbox(text).map_err(|()| SenderError::Form)?;
    // RFC 6531: a server that does not offer SMTPUTF8, anywhere on the way, would refuse every mail of the gate.
    if sender.email.user().is_ascii() { Ok(sender) } else { Err(SenderError::BeyondAscii) }
}

/// An address, or a name and an address in `<>`.
fn mailbox(text: &str) -> Result<Mailbox, ()> {
    let text = text.trim();
    let Some((name, rest)) = text.rsplit_once('<') else { return Ok(Mailbox::new(None, address(text)?)) };
    let inner = rest.strip_suffix('>').ok_or(())?;
    let name = name.trim();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    if name.chars().any(char::is_control) {
        return Err(());
    }
    Ok(Mailbox::new(Some(name.to_owned()).filter(|name| !name.is_empty()), address(inner)?))
}

/// An address with its domain as DNS has it: not every server reads UTF-8 there (RFC 6531).
fn address(text: &str) -> Result<Address, ()> {
    let (local, domain) = text.trim().rsplit_once('@').ok_or(())?;
    let domain = match domain.starts_with('[') {
        true => domain.to_owned(),
        false => idna::domain_to_ascii(domain).map_err(|_| ())?,
    };
    if domain.is_empty() || text.chars().any(char::is_control) {
        return Err(());
    }
    Address::new(local, domain).map_err(|_| ())
}

/// A length of time in its largest whole unit, at least one minute: `minutes`, `hours` or `days`, and how many. Only of
/// minutes there is one.
pub fn in_units(seconds: u64) -> (&'static str, u64) {
    match seconds {
        172_800.. => ("days", seconds / 86_400),
        7_200.. => ("hours", seconds / 3_600),
        _ => ("minutes", (seconds / 60).max(1)),
    }
}

/// A line break in a header would begin another one.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_read_in_their_usual_forms() {
        for (text, expected) in [
            ("noreply@example.com", Some("noreply@example.com")),
            ("Shop <noreply@example.com>", Some("Shop <noreply@example.com>")),
            ("\"Shop, Inc.\" <a@b.example>", Some("\"Shop, Inc.\" <a@b.example>")),
            ("店 <a@b.example>", Some("店 <a@b.example>")),
            (" <a@bücher.example> ", Some("a@xn--bcher-kva.example")),
            ("noreply@localhost", Some("noreply@localhost")),
            ("noreply", None),
            ("Shop <noreply@example.com", None),
            ("Shop\nBcc: x@y <a@b.example>", None),
            ("a@b.example\r\nBcc: x@y", None),
            ("", None),
        ] {
            let read = sender(text).ok().map(|mailbox| mailbox.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
        let beyond = sender("Shop <büro@b.example>").unwrap_err();
        assert_eq!(beyond, SenderError::BeyondAscii);
        assert!(beyond.to_string().contains("many mail servers do not support that (SMTPUTF8)"));
    }

    #[test]
    fn a_subject_is_one_line() {
        for (text, expected) in [
            ("Hello\n", "Hello"),
            ("Hello\r\nBcc: x@y", "Hello Bcc: x@y"),
            ("  a \u{0} b\t c ", "a b c"),
            ("密码\n已更改", "密码 已更改"),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_length_of_time_is_said_in_its_largest_unit() {
        for (seconds, expected) in [
            (0, ("minutes", 1)),
            (900, ("minutes", 15)),
            (3_600, ("minutes", 60)),
            (7_200, ("hours", 2)),
            (86_400, ("hours", 24)),
            (604_800, ("days", 7)),
        ] {
            assert_eq!(in_units(seconds), expected, "{seconds}");
        }
    }
}
