//! The app's report of a request that it read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::Deserialize;

/// One line of an app's report.
#[derive(Debug, Deserialize)]
pub(crate) struct Reading {
    pub(crate) method: String,
    /// The app's idea of its mount path.
    pub(crate) script: String,
    /// The path that the app routes by, encoded again where the server decodes it.
    pub(crate) path: String,
    /// The same in other words of the same server.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) query: Option<String>,
    /// Names in lower case with dashes, as the app sees them.
    pub(crate) headers: Vec<(String, String)>,
    /// The first bytes as Latin-1.
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) length: usize,
    /// Whether the body was parsed, so that its length says nothing.
    #[serde(default)]
    pub(crate) parsed: bool,
    /// Other variables of the server about the caller.
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, String>,
    /// The destination of a COPY or MOVE.
    #[serde(default)]
    pub(crate) destination: Option<String>,
    /// Read in a tunnel.
    #[serde(default)]
    pub(crate) tunnel: bool,
}

impl Reading {
    /// All values of a field.
    pub(crate) fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The first value of a field.
    pub(crate) fn header<'r>(&'r self, name: &'r str) -> Option<&'r str> {
        self.all(name).next()
    }
}

/// Follows the file that the app writes.
pub(crate) struct Report {
    file: File,
    held: Vec<u8>,
}

impl Report {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, held: Vec::new() })
    }

    /// The lines that have come since, each whole.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.file.read_to_end(&mut self.held).unwrap();
        let end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.held.split_off(end);
        let whole = std::mem::replace(&mut self.held, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

/// Decodes the escapes of a text.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// Encodes what is decoded, so that only slashes separate.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"/:@!$&'()*+,;=-._~".contains(byte) {
                char::from(*byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
