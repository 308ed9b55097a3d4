//! A request on its way to be bytes, and what is known about it.

use std::collections::BTreeSet;

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Anonymous,
    /// User 1, without roles.
    Ann,
    /// User 2, a clerk.
    Bob,
}

/// The tokens of the two users.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) ann: String,
    pub(crate) bob: String,
}

/// A request that can still be changed.
pub(crate) struct Draft {
    pub(crate) tag: String,
    /// Sent as a trusted proxy, whose fields about the client and the path are believed.
    pub(crate) trusted: bool,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: &'static str,
    pub(crate) host: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    pub(crate) about: About,
}

/// The body's framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length,
    Chunked,
    /// The fields and the body hold all of it already.
    Raw,
}

/// The properties of a request that was sent.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The value of `X-Rig-Tag`.
    pub(crate) tag: String,
    pub(crate) method: String,
    pub(crate) target: String,
    /// The user whose credentials it carries, or anonymous.
    pub(crate) callers: BTreeSet<Who>,
    /// The names of what was done to it.
    pub(crate) kinds: Vec<&'static str>,
    /// The body that an app may read; `None` where the framing is not certain.
    pub(crate) body: Option<Vec<u8>>,
    /// A trusted proxy's values for the client, one for each line.
    pub(crate) chain: Vec<String>,
    /// The scheme that an app shall see; `None` where a proxy says it twice, so that the request may not go on.
    pub(crate) scheme: Option<&'static str>,
    /// The host that a trusted proxy says.
    pub(crate) told_host: Option<&'static str>,
    /// Whether another number of answers than one may come.
    pub(crate) doubtful: bool,
    /// Whether the bytes end before the request does.
    pub(crate) unfinished: bool,
    /// The bytes sent behind a 101.
    pub(crate) tunnel: Vec<u8>,
}

impl Draft {
    pub(crate) fn new(tag: String, method: &str, target: &str) -> Self {
        let about = About {
            tag: tag.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            callers: BTreeSet::from([Who::Anonymous]),
            kinds: Vec::new(),
            body: None,
            chain: Vec::new(),
            scheme: Some("http"),
            told_host: None,
            doubtful: false,
            unfinished: false,
            tunnel: Vec::new(),
        };
        Self {
            tag,
            trusted: false,
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1",
            host: "localhost".to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            framing: Framing::None,
            about,
        }
    }

    pub(crate) fn field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.fields.push((name.to_owned(), value.as_ref().to_owned()));
    }

    /// Adds to the query.
    pub(crate) fn query(&mut self, pair: &str) {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(pair);
    }

    /// A whole request that is never sent: where it is read, something was taken for it.
    pub(crate) fn hidden(&self, mark: char) -> Vec<u8> {
        let tag = &self.tag;
        format!(
            "DELETE /admin/hidden HTTP/1.1\r\nHost: localhost\r\nX-Rig-Tag: {tag}{mark}\r\n\
             X-Forwarded-User: 2\r\nX-Forwarded-Groups: clerk\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    /// The bytes, and what to remember.
    pub(crate) fn render(mut self) -> (Vec<u8>, About) {
        let mut out = format!(
            "{} {} {}\r\nHost: {}\r\nX-Rig-Tag: {}\r\n",
            self.method, self.target, self.version, self.host, self.tag
        )
        .into_bytes();
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            // A name that ends in a colon brings its own separator.
            if !name.ends_with(':') {
                out.extend_from_slice(b": ");
            }
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        match self.framing {
            Framing::None | Framing::Raw => out.extend_from_slice(b"\r\n"),
            Framing::Length => {
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
            }
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n"),
        }
        match self.framing {
            Framing::None => {}
            Framing::Length | Framing::Raw => out.extend_from_slice(&self.body),
            Framing::Chunked => out.extend_from_slice(&chunked(&self.body)),
        }
        self.about.method.clone_from(&self.method);
        self.about.target.clone_from(&self.target);
        if self.framing != Framing::Raw && !self.about.doubtful {
            let sent = if self.framing == Framing::None { Vec::new() } else { self.body };
            self.about.body = Some(sent);
        }
        (out, self.about)
    }
}

/// A body in two chunks, or none.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (first, second) = body.split_at(body.len() / 2);
    for part in [first, second] {
        if !part.is_empty() {
            out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            out.extend_from_slice(part);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}
