//! What went wrong with the server, in words that say what to do.

use std::{error::Error as _, io, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::mail::{
    address::Security,
    error::{Outcome, SendError, Step},
    settings::SmtpSettings,
};

/// A failure without its step.
pub(super) enum Failure {
    /// The server did not answer in this time.
    Slow(Duration),
    /// The network.
    Io(io::Error),
    /// The handshake.
    Tls(io::Error),
    /// The server refused, with this code and its words.
    Code(u16, String),
    /// Something else, in our words.
    Words(String),
    /// The same, and no later attempt can succeed.
    Never(String),
    /// The answer to the mail itself was not read, for this reason.
    Unanswered(Box<Self>),
}

/// Longest text of a server that is shown, in characters.
const MOST: usize = 300;

/// Codes by which a server says that it wants a login (RFC 4954 section 6), or that it is about to stop (RFC 5321
/// section 3.8), whatever the command was.
const OF_ALL: [u16; 6] = [421, 530, 534, 535, 538, 454];

/// What an operator does about a server that demands a login.
const WANTS_LOGIN: &str =
    "the server wants a login: write the user and the password into `mail.smtp`, `smtp://user:password@host`";

impl Failure {
    /// The error of a step.
    pub(super) fn at(self, step: Step, settings: &SmtpSettings) -> SendError {
        let outcome = self.outcome(step);
        let detail = self.words(step, settings);
        SendError::Server { step, outcome, detail }
    }

    /// This failure of the last step. Only an answer says that the mail was not taken.
    pub(super) fn unless_answered(self) -> Self {
        if matches!(self, Self::Code(..)) { self } else { Self::Unanswered(Box::new(self)) }
    }

    fn outcome(&self, step: Step) -> Outcome {
        if matches!(self, Self::Never(_)) {
            return Outcome::Never;
        }
        // Before the recipient is named, nothing of this mail has been said: the next one would fail likewise.
        if !matches!(step, Step::Recipient | Step::Content) {
            return Outcome::Nothing;
        }
        match self {
            Self::Unanswered(_) => Outcome::Unknown,
            Self::Code(code, _) if OF_ALL.contains(code) => Outcome::Nothing,
            // The operator mends it. Not `Nothing`: a rule may be about this one recipient.
            Self::Code(code, text) if step == Step::Recipient && is_about_sender(*code, text) => {
                Outcome::Later
            }
            Self::Code(500.., _) => Outcome::Never,
            _ => Outcome::Later,
        }
    }

    fn words(&self, step: Step, settings: &SmtpSettings) -> String {
        let security = settings.address.security;
        match self {
            Self::Slow(limit) => {
                let waited = format!("nothing came within {} s", limit.as_secs_f32());
                match (step, security) {
                    (Step::Greeting, Security::StartTls | Security::None) => {
                        format!(
                            "{waited}; if the port speaks TLS from the first byte (465), write `smtps://`"
                        )
                    }
                    (Step::Connect, _) => format!(
                        "{waited} from `{}:{}`; check the port in `mail.smtp` (587 or 465), and whether a firewall closes it",
                        settings.address.host, settings.address.port
                    ),
                    _ => waited,
                }
            }
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the server closed the connection".to_owned()
            }
            Self::Io(error) if step == Step::Connect => {
                let (host, port) = (&settings.address.host, settings.address.port);
                format!(
                    "`{host}:{port}`: {error}; check the name and the port in `mail.smtp`: most servers take mails of programs on 587 (`smtp://`) \
                     or 465 (`smtps://`)"
                )
            }
            Self::Io(error) => error.to_string(),
            Self::Tls(error) => handshake(error, security),
            Self::Code(code, text) => {
                let text_shown = shown(text, settings);
                match (step, settings.address.login.is_some()) {
                    (Step::Login, _) => {
                        format!("{text_shown}; check the username and the password in `mail.smtp`")
                    }
                    (Step::Sender, _) => format!("{text_shown}; check `mail.from`"),
                    (Step::Recipient, true) if is_about_sender(*code, text) => format!(
                        "{text_shown}; check whether the login in `mail.smtp` may send to other hosts"
                    ),
                    (Step::Recipient, false) if is_about_sender(*code, text) => {
                        format!("{text_shown}; {WANTS_LOGIN}")
                    }
                    _ if [530, 535].contains(code) => format!("{text_shown}; {WANTS_LOGIN}"),
                    _ => text_shown,
                }
            }
            Self::Words(text) | Self::Never(text) => shown(text, settings),
            Self::Unanswered(failure) => failure.words(step, settings),
        }
    }
}

/// A failed handshake, and what to do.
fn handshake(error: &io::Error, security: Security) -> String {
    use rustls::{CertificateError, Error};
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "no authority that is trusted here has signed the server's certificate; set `mail.ca` to the authority's file".to_owned()
        }
        Some(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            "the server's certificate has expired".to_owned()
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "the server's certificate is for other names than the host in `mail.smtp`".to_owned(),
        Some(Error::InvalidMessage(_)) if security == Security::Tls => {
            "the server answers without TLS; if it offers STARTTLS (587), write `smtp://`".to_owned()
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection during the handshake".to_owned()
        }
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// Whether a refusal of a recipient is about who sends: RFC 3463 section 3.8 has 5.7.x for what a policy or a missing
/// login forbids, such as "relay access denied". Without such a code, servers say it in words (Exim), or call the
/// command out of sequence, because the login is missing.
fn is_about_sender(code: u16, text: &str) -> bool {
    let said = text.split_whitespace().nth(1).unwrap_or_default();
    let has_code = said.split('.').count() == 3 && said.starts_with(['4', '5']);
    let text = text.to_lowercase();
    match has_code {
        true => said.starts_with("5.7."),
        false => code == 503 || text.contains("relay") || text.contains("authenticat"),
    }
}

/// A text of the server in one line, without the password, in case the server repeats what it was sent.
fn shown(text: &str, settings: &SmtpSettings) -> String {
    // Before the text is shortened, which could leave half a password; and once more, if it was on two lines.
    let text = hidden(text, settings);
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    hidden(&words.collect::<Vec<_>>().join(" "), settings).chars().take(MOST).collect()
}

fn hidden(text: &str, settings: &SmtpSettings) -> String {
    let Some(login) = &settings.address.login else { return text.to_owned() };
    let plain = format!("\0{}\0{}", login.user, login.password);
    let sent =
        [BASE64_STANDARD.encode(plain), BASE64_STANDARD.encode(&login.password), login.password.clone()];
    sent.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<lettre::transport::smtp::Error> for Failure {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        let said = error.source().map(ToString::to_string);
        if let Some(code) = error.status() {
            let code: u16 = code.into();
            return Self::Code(code, format!("{code} {}", said.unwrap_or_default()));
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Self::Io(io::Error::new(io.kind(), io.to_string()));
            }
            source = cause.source();
        }
        match said.as_deref() {
            // lettre's words for the end of the stream.
            Some("incomplete response") => Self::Io(io::ErrorKind::UnexpectedEof.into()),
            Some(said) => Self::Words(said.to_owned()),
            None => Self::Words(error.to_string()),
        }
    }
}
