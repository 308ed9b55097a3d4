//! Mails as files, where there is no mail server: to read while an app is developed, and in tests.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::Arc,
    thread,
};

use tokio::sync::oneshot;

use super::{error::SendError, message::Mail};
use crate::{
    clock::{Clock, Timestamp},
    observe::LogThrottle,
};

/// A folder of `.eml` files.
pub(super) struct Files {
    folder: PathBuf,
    not_removed: LogThrottle,
}

/// Files that are kept; the oldest goes for a new one. Everyone can cause mails, and their links end soon.
const MOST: usize = 1000;

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, not_removed: LogThrottle::default() }
    }

    /// Writes a mail. Its name begins with the time, so that names in order are mails in order.
    pub(super) async fn write(
        self: &Arc<Self>,
        mail: &Mail,
        content: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let time: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{time}-{}-{}.eml", mail.message, mail.id);
        let (done, written) = oneshot::channel();
        let files = Arc::clone(self);
        // On a thread of its own: the disk would hold up the runtime, which has one thread.
        let thread = thread::Builder::new().name("outbox".to_owned()).spawn(move || {
            // The error means that the mailer was dropped, and nothing waits for the answer.
            let _ = done.send(files.put(&name, &content));
        });
        thread.map_err(SendError::File)?;
        let written = written.await.unwrap_or_else(|_| Err(io::Error::other("the thread has panicked")));
        written.map_err(SendError::File)
    }

    fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        // The links in the files let their reader into accounts.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // Complete under its name, because tools watch the folder.
        let partial = self.folder.join(format!(".{name}"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, self.folder.join(name))?;
        // Not an error of the mail, which is written: it would be written again and again.
        if let Err(error) = self.make_room()
            && let Some(more) = self.not_removed.say(Clock::System.now())
        {
            let path = self.folder.display();
            tracing::warn!(%error, more, "old mails in `{path}` cannot be removed");
        }
        Ok(())
    }

    /// Removes what is too much. Returns the first error; the others are removed.
    fn make_room(&self) -> io::Result<()> {
        let names = fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut mails: Vec<PathBuf> =
            names.filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
        mails.sort_unstable();
        let surplus = mails.len().saturating_sub(MOST);
        let removed = mails.iter().take(surplus).map(fs::remove_file);
        // Another one that is written at the same time removes the same files.
        let failed = removed.filter_map(Result::err).filter(|error| error.kind() != io::ErrorKind::NotFound);
        failed.reduce(|first, _| first).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path};

    use super::*;
    use crate::{mail::Message, templates::Language};

    fn mail(id: &str) -> Mail {
        let facts = Message::Reset.sample("http://x", 0);
        Mail { message: Message::Reset, to: "a@b.c".into(), language: Language::En, id: id.into(), facts }
    }

    async fn write(folder: &Path, content: &[u8]) -> Result<(), SendError> {
        let files = Arc::new(Files::new(folder.to_owned()));
        files.write(&mail("e1"), content.to_vec(), Timestamp(1_795_294_271_688)).await
    }

    #[tokio::test]
    async fn a_mail_is_a_file_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("outbox"), b"Subject: x\r\n").await.unwrap();
        let path = folder.path().join("outbox/20261121T205111688Z-reset-e1.eml");
        assert_eq!(fs::read(&path).unwrap(), b"Subject: x\r\n");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[tokio::test]
    async fn the_oldest_goes_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a-note.txt"), "stays").unwrap();
        for at in 0..MOST {
            fs::write(folder.path().join(format!("{at:04}.eml")), "").unwrap();
        }
        // One that cannot be removed spoils nothing: the mail is written, and the next oldest goes.
        fs::create_dir(folder.path().join("000.eml")).unwrap();
        write(folder.path(), b"").await.unwrap();
        assert!(!folder.path().join("0000.eml").exists() && folder.path().join("0001.eml").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MOST + 2);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_and_not_silence() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let failed = write(&folder.path().join("file/outbox"), b"").await.unwrap_err();
        assert_eq!(failed.outcome(), crate::mail::Outcome::Nothing);
    }
}
