//! Mails as files, where there is no mail server: to read while an app is developed, and in tests.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use super::{error::SendError, message::Mail};
use crate::clock::Timestamp;

/// A folder of `.eml` files.
pub(super) struct Files {
    folder: PathBuf,
}

/// Files that are kept; the oldest goes for a new one. Everyone can cause mails, and their links end soon.
const MOST: usize = 1000;

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a mail. Its name begins with the time, so that names in order are mails in order.
    pub(super) fn write(&self, mail: &Mail, content: &[u8], now: Timestamp) -> Result<(), SendError> {
        let time: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{time}-{}-{}.eml", mail.message, mail.id);
        self.put(&name, content).map_err(SendError::File)
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
        self.make_room()
    }

    fn make_room(&self) -> io::Result<()> {
        let names = fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut mails: Vec<PathBuf> =
            names.filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
        mails.sort_unstable();
        let surplus = mails.len().saturating_sub(MOST);
        mails.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{mail::Message, templates::Language};

    fn mail(id: &str) -> Mail {
        let facts = Message::Reset.sample("http://x", 0);
        Mail { message: Message::Reset, to: "a@b.c".into(), language: Language::En, id: id.into(), facts }
    }

    #[test]
    fn a_mail_is_a_file_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("outbox"));
        files.write(&mail("e1"), b"Subject: x\r\n", Timestamp(1_795_294_271_688)).unwrap();
        let path = folder.path().join("outbox/20261121T205111688Z-reset-e1.eml");
        assert_eq!(fs::read(&path).unwrap(), b"Subject: x\r\n");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn the_oldest_goes_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a-note.txt"), "stays").unwrap();
        for at in 0..MOST {
            fs::write(folder.path().join(format!("{at:04}.eml")), "").unwrap();
        }
        Files::new(folder.path().to_owned()).write(&mail("e1"), b"", Timestamp(1_795_294_271_688)).unwrap();
        assert!(!folder.path().join("0000.eml").exists() && folder.path().join("0001.eml").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MOST + 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_not_silence() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let files = Files::new(folder.path().join("file/outbox"));
        let failed = files.write(&mail("e1"), b"", Timestamp(0)).unwrap_err();
        assert_eq!(failed.outcome(), crate::mail::Outcome::Nothing);
    }
}
