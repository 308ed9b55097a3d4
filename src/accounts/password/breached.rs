//! A list of breached passwords as the public corpus has it: SHA-1 hashes in hex, a line each, sorted, perhaps with
//! `:COUNT` behind. It is searched where it lies, because it has some 40 GB.

use std::{
    cmp::Ordering,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use sha1::{Digest, Sha1};

/// The file of the list. It is opened for each look-up, so that a new one is used at once.
#[derive(Clone, Debug)]
pub struct BreachedPasswords {
    file: PathBuf,
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// It cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// It holds nothing: the list is still being written, or the download has failed.
    #[error("`{}` is empty; write the list into another file, and rename that", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It has another form.
    #[error("`{}` is no list of SHA-1 hashes, sorted, in lines such as `HASH:COUNT`: look at byte {at}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The place of a line that is none.
        at: u64,
    },
}

/// The length of a hash in hexadecimal digits.
const DIGITS: usize = 40;

/// Longest line with its end: a hash, a colon and a count.
const LONGEST: usize = 64;

/// A line of the file.
struct Line {
    start: u64,
    /// The start of the next one.
    end: u64,
    hash: [u8; DIGITS],
}

impl BreachedPasswords {
    /// The list in this file.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The hash of a password, as the list has it.
    #[must_use]
    pub fn hash(password: &str) -> String {
        let digest = Sha1::digest(password.as_bytes());
        crate::encoding::hex(digest).to_ascii_uppercase()
    }

    /// Whether the list has this hash.
    ///
    /// # Errors
    /// [`BreachedError`], also where the lines that are read show that the list is cut or not sorted.
    pub fn has(&self, hash: &str) -> Result<bool, BreachedError> {
        let (file, length) = self.open()?;
        let (mut low, mut high) = (0, length);
        let mut least = self.line(&file, low, length)?.hash;
        let mut most = self.line(&file, length - 1, length)?.hash;
        while low < high {
            let line = self.line(&file, low + (high - low) / 2, length)?;
            if line.hash < least || line.hash > most {
                return Err(BreachedError::Form { path: self.file.clone(), at: line.start });
            }
            match line.hash.as_slice().cmp(hash.as_bytes()) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => (low, least) = (line.end, line.hash),
                Ordering::Greater => (high, most) = (line.start, line.hash),
            }
        }
        Ok(false)
    }

    /// Looks at the ends of the list, and at some lines between, for a start: a file that is not sorted finds nothing.
    ///
    /// # Errors
    /// [`BreachedError`]
    pub fn check(&self) -> Result<(), BreachedError> {
        let (file, length) = self.open()?;
        let mut before = None;
        for part in 0..=SAMPLES {
            // The last one is the end.
            let place = if part == SAMPLES { length - 1 } else { length / SAMPLES * part };
            let line = self.line(&file, place, length)?;
            if before.is_some_and(|before| before > line.hash) {
                return Err(BreachedError::Form { path: self.file.clone(), at: line.start });
            }
            before = Some(line.hash);
        }
        Ok(())
    }

    /// The file, and its length, which is not 0.
    fn open(&self) -> Result<(File, u64), BreachedError> {
        let file = File::open(&self.file).map_err(|error| self.unreadable(error))?;
        let length = file.metadata().map_err(|error| self.unreadable(error))?.len();
        if length == 0 {
            return Err(BreachedError::Empty { path: self.file.clone() });
        }
        Ok((file, length))
    }

    /// The line that has the byte at `place`.
    fn line(&self, file: &File, place: u64, length: u64) -> Result<Line, BreachedError> {
        let wrong = |at: u64| BreachedError::Form { path: self.file.clone(), at };
        let from = place.saturating_sub(LONGEST as u64);
        let mut bytes = [0; 2 * LONGEST];
        let wanted = usize::try_from(length - from).unwrap_or(usize::MAX).min(bytes.len());
        let window = bytes.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(window, from).map_err(|error| self.unreadable(error))?;
        let here = usize::try_from(place - from).unwrap_or_default();
        let before = window.get(..here).unwrap_or_default().iter().rposition(|byte| *byte == b'\n');
        let start = match before {
            Some(at) => at + 1,
            None if from == 0 => 0,
            None => return Err(wrong(from)),
        };
        let rest = window.get(start..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let place = from + start as u64;
        let hash: [u8; DIGITS] =
            rest.get(..DIGITS).and_then(|hash| hash.try_into().ok()).ok_or_else(|| wrong(place))?;
        let is_end = matches!(rest.get(DIGITS), None | Some(b':' | b'\r' | b'\n'));
        if !is_end || !hash.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong(place));
        }
        Ok(Line { start: place, end: place + end as u64, hash: hash.map(|byte| byte.to_ascii_uppercase()) })
    }

    fn unreadable(&self, error: io::Error) -> BreachedError {
        BreachedError::Unreadable { path: self.file.clone(), error }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Lines that [`BreachedPasswords::check`] compares.
const SAMPLES: u64 = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> (tempfile::TempDir, BreachedPasswords) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        std::fs::write(&path, text).unwrap();
        (folder, BreachedPasswords::new(path))
    }

    /// Passwords as a list, with these ends of lines.
    fn sorted(passwords: &[String], end: impl Fn(usize) -> String) -> String {
        let mut hashes: Vec<String> = passwords.iter().map(|one| BreachedPasswords::hash(one)).collect();
        hashes.sort();
        hashes.iter().enumerate().map(|(at, hash)| format!("{hash}{}", end(at))).collect()
    }

    #[test]
    fn every_password_of_a_list_is_found_and_no_other() {
        let passwords: Vec<String> = (0..500).map(|number| format!("password {number}")).collect();
        // As `printf 'password' | sha1sum` has it.
        assert_eq!(BreachedPasswords::hash("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        let ends: [fn(usize) -> String; 4] = [
            |_| "\n".to_owned(),
            |_| "\r\n".to_owned(),
            |at| format!(":{}\r\n", 10_usize.pow(u32::try_from(at % 12).unwrap())),
            |at| format!(":{at}\n"),
        ];
        for end in ends {
            for text in [sorted(&passwords, end), sorted(&passwords, end).trim_end().to_owned()] {
                for text in [text.to_lowercase(), text] {
                    let (_folder, list) = list(&text);
                    list.check().unwrap();
                    for password in &passwords {
                        assert!(list.has(&BreachedPasswords::hash(password)).unwrap(), "{password}");
                    }
                    for number in 0..100 {
                        assert!(!list.has(&BreachedPasswords::hash(&format!("other {number}"))).unwrap());
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_and_not_an_empty_one() {
        let hashes = sorted(&["a".to_owned(), "b".to_owned(), "c".to_owned()], |_| "\n".to_owned());
        let backwards: String = hashes.lines().rev().map(|line| format!("{line}\n")).collect();
        for text in [
            "123456\npassword\n".to_owned(),
            hashes.replace(':', ";").replace('\n', ";\n"),
            format!("{}\n", "g".repeat(40)),
            "x".repeat(1000),
            backwards,
        ] {
            let (_folder, list) = list(&text);
            assert!(matches!(list.check(), Err(BreachedError::Form { .. })), "{text}");
            let found = list.has(&BreachedPasswords::hash("other"));
            assert!(matches!(found, Err(BreachedError::Form { .. })), "{text}");
        }
        let missing = BreachedPasswords::new("/none/list.txt".into());
        assert!(matches!(missing.has("A"), Err(BreachedError::Unreadable { .. })));
        let (_folder, empty) = list("");
        for found in [empty.check(), empty.has(&BreachedPasswords::hash("a")).map(drop)] {
            assert!(matches!(found, Err(BreachedError::Empty { .. })), "a file that is still to be filled");
        }
        let (_folder, cut) = list(&hashes.chars().take(100).collect::<String>());
        for found in [cut.check(), cut.has(&BreachedPasswords::hash("a")).map(drop)] {
            assert!(matches!(found, Err(BreachedError::Form { .. })), "a file that is cut");
        }
    }

    #[test]
    fn a_list_that_is_not_sorted_is_seen_on_the_way() {
        let text = sorted(&(0..100).map(|number| format!("password {number}")).collect::<Vec<_>>(), |_| {
            "\n".to_owned()
        });
        let mut lines: Vec<&str> = text.lines().collect();
        // Out of order in the middle, where each search begins.
        lines[40..60].reverse();
        let (_folder, list) = list(&format!("{}\n", lines.join("\n")));
        let seen = lines.iter().filter(|line| list.has(line).is_err()).count();
        assert!(seen > 0, "a hash that is not found for its place is an error, not an absence");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list.txt");
            std::fs::write(&path, bytes).unwrap();
            let list = BreachedPasswords::new(path);
            let _ = (list.check(), list.has(&BreachedPasswords::hash("x")));
        }
    }
}
