//! Mails to the owners of accounts: what they say, and how they are sent (docs/mail.md).
//!
//! `accounts/dispatcher.rs` delivers the mails of the outbox by this. Nothing here waits inside a request.

mod address;
mod compose;
mod error;
mod files;
mod message;
mod settings;
mod smtp;
mod texts;

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    clock::Timestamp,
    templates::{Language, TemplateError, Templates},
};
use files::Files;
use smtp::Smtp;

pub use address::{AddressError, Security, SmtpAddress};
pub use compose::{Composed, in_units};
pub use error::{ComposeError, Outcome, SendError, SenderError, Step};
pub use message::{Facts, Mail, Message, UnknownMessage};
pub use settings::{Settings, SmtpSettings};

/// Composes and sends mails.
pub struct Mailer {
    settings: Settings,
    templates: Templates,
    transport: Transport,
}

enum Transport {
    Smtp(Box<Smtp>),
    Files(Arc<Files>),
}

impl Mailer {
    /// A mailer with these settings. Templates of the folder are read now, all else at the first mail.
    ///
    /// # Errors
    /// A mistake in a template.
    pub fn new(settings: Settings) -> Result<Self, TemplatesError> {
        let built_in = Templates::new(texts::TEMPLATES, &texts::TEXTS);
        let templates = match &settings.templates {
            Some(folder) => built_in.overridden(read_folder(folder)?)?,
            None => built_in,
        };
        let transport = match &settings.smtp {
            Some(smtp) => Transport::Smtp(Box::new(Smtp::new(smtp.clone()))),
            None => Transport::Files(Arc::new(Files::new(settings.outbox.clone()))),
        };
        Ok(Self { settings, templates, transport })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The language of a mail to an account whose own language is `wanted`: that, if it is offered, else the first one.
    #[must_use]
    pub fn language(&self, wanted: Option<&str>) -> Language {
        Language::choose(wanted, &self.settings.languages)
    }

    /// The mails whose plain text the folder replaces, and whose HTML it does not.
    pub fn text_alone(&self) -> impl Iterator<Item = Message> {
        let has = |message: Message, part: &str| self.templates.overrides(&format!("{message}/{part}"));
        Message::ALL
            .into_iter()
            .filter(move |message| has(*message, "body.txt") && !has(*message, "body.html"))
    }

    /// The texts of a mail.
    ///
    /// # Errors
    /// [`TemplateError`]
    pub fn compose(&self, mail: &Mail) -> Result<Composed, TemplateError> {
        compose::compose(&self.templates, &self.settings, mail)
    }

    /// Sends a mail. `Ok` means that the server has accepted it, or that its file is written.
    ///
    /// # Errors
    /// [`SendError`], which says whether another attempt makes sense.
    pub async fn send(&self, mail: &Mail, now: Timestamp) -> Result<(), SendError> {
        let composed = self.compose(mail).map_err(ComposeError::from)?;
        let message = compose::message(&self.settings, mail, &composed, now)?;
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(&message).await,
            Transport::Files(files) => files.write(mail, message.formatted(), now).await,
        }
    }

    /// Sends a mail to a server as [`Mailer::send`] does, and tells each step that was taken.
    ///
    /// # Errors
    /// [`SendError`], in which the step that failed is named.
    pub async fn send_telling(
        &self,
        mail: &Mail,
        now: Timestamp,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<(), SendError> {
        let Transport::Smtp(smtp) = &self.transport else { return self.send(mail, now).await };
        let composed = self.compose(mail).map_err(ComposeError::from)?;
        let message = compose::message(&self.settings, mail, &composed, now)?;
        smtp.send_telling(&message, tell).await
    }
}

/// Why the templates of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// A file that no mail uses, or a mistake in one.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The files that a folder of templates can replace, as they are built in: name and text.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    texts::TEMPLATES.iter().copied()
}

/// Checks that a text is a sender that mails can have.
///
/// # Errors
/// [`SenderError`]
pub fn check_sender(from: &str) -> Result<(), SenderError> {
    compose::sender(from).map(drop)
}

/// The largest file of a folder of templates, in bytes: each is in memory.
const MAX_FILE: u64 = 1024 * 1024;

/// Reads a file that a person has written for pages or mails.
///
/// # Errors
/// Those of the system, and for a file of more than 1 MiB. A pipe or a device is none: it may never end.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: a pipe that has no writer waits for one.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    // `take`, because the file may grow meanwhile.
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("it has more than {MAX_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// For bytes that are not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The templates of a folder by their names: `subject.txt` of the folder `reset` is `reset/subject.txt`.
fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, TemplatesError> {
    let mut found = BTreeMap::new();
    read_into(folder, "", &mut found)?;
    Ok(found)
}

fn read_into(
    folder: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, String>,
) -> Result<(), TemplatesError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| TemplatesError::Unreadable { path, error }
    };
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What editors and version control leave behind.
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if path.is_dir() && prefix.is_empty() {
            read_into(&path, &format!("{name}/"), found)?;
        } else {
            let text = read_file(&path).and_then(text).map_err(unreadable(&path))?;
            found.insert(format!("{prefix}{name}"), text);
        }
    }
    Ok(())
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
