//! The table of fields (RFC 7541 section 2.3): the static part, and what the client has added.

use std::{collections::VecDeque, rc::Rc};

/// The fields that an index can stand for.
#[derive(Debug)]
pub(super) struct Table {
    /// The last one first.
    added: VecDeque<Added>,
    size: usize,
    most: usize,
}

#[derive(Debug)]
struct Added {
    name: Name,
    value: Box<[u8]>,
}

/// A name of the table. A clone does not copy it.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Static(&'static str),
    Added(Rc<[u8]>),
}

impl Name {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Static(name) => name.as_bytes(),
            Self::Added(name) => name,
        }
    }
}

/// What an entry counts beside its name and value (RFC 7541 section 4.1).
const PER_ENTRY: usize = 32;

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self { added: VecDeque::new(), size: 0, most }
    }

    /// Name and value of an index, which counts from 1.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let Added { name, value } = self.added.get(at - STATIC.len())?;
        Some((name.as_bytes(), value))
    }

    /// The name of an index.
    pub(super) fn name(&self, index: usize) -> Option<Name> {
        let at = index.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, _)) => Some(Name::Static(name)),
            None => self.added.get(at - STATIC.len()).map(|added| added.name.clone()),
        }
    }

    /// Adds a field in front, and removes what the size has no room for (RFC 7541 section 4.4).
    pub(super) fn add(&mut self, name: Name, value: &[u8]) {
        let size = name.as_bytes().len() + value.len() + PER_ENTRY;
        self.shrink(self.most.saturating_sub(size));
        if size <= self.most {
            self.size += size;
            self.added.push_front(Added { name, value: value.into() });
        }
    }

    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.shrink(most);
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn shrink(&mut self, to: usize) {
        while self.size > to {
            let Some(last) = self.added.pop_back() else { return };
            self.size -= last.name.as_bytes().len() + last.value.len() + PER_ENTRY;
        }
    }
}

/// RFC 7541 appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
