//! The log of a gate, kept in memory.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex},
};

use serde_json::Value;

use super::GUARD;

/// The sink of a log's lines. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Kept>);

#[derive(Default)]
struct Kept {
    bytes: Mutex<Vec<u8>>,
    changed: Condvar,
}

impl Lines {
    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.bytes.lock().unwrap().clone()).unwrap()
    }

    /// Waits for a line, as JSON, that `wanted` accepts. Access lines come in packets, ten times a second.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        let bytes = self.0.bytes.lock().unwrap();
        let waited = self.0.changed.wait_timeout_while(bytes, GUARD, |bytes| {
            found = parse(bytes).into_iter().find(&wanted);
            found.is_none()
        });
        let (bytes, _) = waited.unwrap();
        found.unwrap_or_else(|| panic!("no such line:\n{}", String::from_utf8_lossy(&bytes)))
    }

    /// The access record of the request to this path.
    pub(crate) fn access(&self, path: &str) -> Value {
        self.wait_for(|line| line["stream"] == "access" && line["path"] == path)
    }

    /// All lines so far; each must be JSON.
    pub(crate) fn all(&self) -> Vec<Value> {
        parse(&self.0.bytes.lock().unwrap())
    }
}

fn parse(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(parse).collect()
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes.lock().unwrap().extend_from_slice(bytes);
        self.0.changed.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
