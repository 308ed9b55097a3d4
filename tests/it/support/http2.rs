//! A client of HTTP/2 that sends given frames and reads answers strictly.

use std::{collections::HashMap, sync::Arc};

use portcullis::wire::http2::Decoder;

use super::{Authority, Client, Gate};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 0xd;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A client on one connection.
pub(crate) struct Http2 {
    pub(crate) client: Client,
    decoder: Decoder,
    next: u32,
    /// What has arrived of each stream.
    answers: HashMap<u32, Answer>,
    goaway: Option<u32>,
    /// Settings of the gate.
    pub(crate) settings: HashMap<u16, u32>,
    /// Whether windows are opened as data comes.
    pub(crate) opens_windows: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// An answer, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// The interim answers before it.
    pub(crate) interim: Vec<u16>,
    pub(crate) is_whole: bool,
    /// The code of the reset.
    pub(crate) reset: Option<u32>,
}

/// How a stream ended.
pub(crate) type Ended = Result<Answer, Lost>;

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// By a reset of the stream.
    Reset(u32),
    /// By the end of the connection, with a GOAWAY or without.
    Connection(Option<u32>),
}

impl Http2 {
    /// A client by this name, past the settings of both sides.
    pub(crate) fn open(gate: &Gate, name: &str, authority: &Authority) -> Self {
        let mut client = Self::silent(gate, name, authority);
        client.begin(&[]);
        client
    }

    /// The same before it has sent anything.
    pub(crate) fn silent(gate: &Gate, name: &str, authority: &Authority) -> Self {
        let terms = authority.terms_with(rustls::ALL_VERSIONS, |terms| {
            terms.alpn_protocols = vec![b"h2".to_vec()];
        });
        Self::on(Client::tls(gate.tls_address(), name, &Arc::clone(&terms)).unwrap())
    }

    pub(crate) fn on(mut client: Client) -> Self {
        assert_eq!(client.session().alpn_protocol(), Some(&b"h2"[..]));
        Self {
            client,
            decoder: Decoder::default(),
            next: 1,
            answers: HashMap::new(),
            goaway: None,
            settings: HashMap::new(),
            opens_windows: true,
        }
    }

    /// Sends the preface and these settings, and waits for those of the gate.
    pub(crate) fn begin(&mut self, settings: &[(u16, u32)]) {
        self.client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        self.send_settings(settings);
        while self.settings.is_empty() {
            self.read_one().expect("settings");
        }
        self.send(SETTINGS, ACK, 0, b"");
    }

    pub(crate) fn send_settings(&mut self, settings: &[(u16, u32)]) {
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        self.send(SETTINGS, 0, 0, &payload);
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.client.send(frame(kind, flags, stream, payload));
    }

    /// As [`Http2::send`], where the gate may have closed.
    pub(crate) fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.client.try_send(frame(kind, flags, stream, payload)).is_ok()
    }

    /// Begins a stream with these fields.
    pub(crate) fn headers(&mut self, flags: u8, fields: &[(&str, &str)]) -> u32 {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        self.block(flags | END_HEADERS, &list(&fields))
    }

    /// Begins a stream with this block.
    pub(crate) fn block(&mut self, flags: u8, block: &[u8]) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(HEADERS, flags, stream, block);
        stream
    }

    /// Begins a request with these fields; `END_STREAM` is for the caller.
    pub(crate) fn request(&mut self, method: &str, path: &str, flags: u8, fields: &[(&str, &str)]) -> u32 {
        let usual = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "gate.test")];
        self.headers(flags, &[&usual[..], fields].concat())
    }

    /// A GET.
    pub(crate) fn get(&mut self, path: &str) -> Ended {
        let stream = self.request("GET", path, END_STREAM, &[]);
        self.answer(stream)
    }

    /// A POST of one frame.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Ended {
        let stream = self.request("POST", path, 0, fields);
        self.send(DATA, END_STREAM, stream, body);
        self.answer(stream)
    }

    /// Reads until a stream has ended.
    pub(crate) fn answer(&mut self, stream: u32) -> Ended {
        loop {
            if let Some(answer) = self.answers.get(&stream) {
                if answer.is_whole {
                    return Ok(answer.clone());
                }
                if let Some(code) = answer.reset {
                    return Err(Lost::Reset(code));
                }
            }
            if self.read_one().is_none() {
                return Err(Lost::Connection(self.goaway));
            }
        }
    }

    /// What has come of a stream so far.
    pub(crate) fn so_far(&mut self, stream: u32) -> &mut Answer {
        self.answers.entry(stream).or_default()
    }

    /// Reads until this is true of a stream.
    pub(crate) fn read_until(&mut self, stream: u32, is_enough: impl Fn(&Answer) -> bool) -> Answer {
        while !is_enough(self.so_far(stream)) {
            self.read_one().expect("a frame");
        }
        self.so_far(stream).clone()
    }

    /// Reads to the end of the connection: the code of its GOAWAY.
    pub(crate) fn read_to_the_end(&mut self) -> Option<u32> {
        while self.read_one().is_some() {}
        self.goaway
    }

    /// Waits for the answer to a PING: what was sent before has been read.
    pub(crate) fn ping(&mut self) {
        self.send(PING, 0, 0, b"01234567");
        while self.read_one().expect("an answer to a PING").kind != PING {}
    }

    /// Reads a frame and records what it means; `None` at the end, in order or not.
    pub(crate) fn read_one(&mut self) -> Option<Frame> {
        let head = self.client.try_take(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.client.try_take(length)?;
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        self.record(&frame);
        Some(frame)
    }

    fn record(&mut self, frame: &Frame) {
        let code = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap());
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                for pair in frame.payload.chunks(6) {
                    let id = u16::from_be_bytes([pair[0], pair[1]]);
                    self.settings.insert(id, u32::from_be_bytes(pair[2..6].try_into().unwrap()));
                }
            }
            GOAWAY => self.goaway = Some(code(4)),
            RST_STREAM => self.so_far(frame.stream).reset = Some(code(0)),
            DATA => {
                self.so_far(frame.stream).body.extend_from_slice(&frame.payload);
                if self.opens_windows && !frame.payload.is_empty() {
                    let by = (frame.payload.len() as u32).to_be_bytes();
                    // The gate may have ended the connection, or the stream.
                    let _ = self.try_send(WINDOW_UPDATE, 0, 0, &by);
                    if frame.flags & END_STREAM == 0 {
                        let _ = self.try_send(WINDOW_UPDATE, 0, frame.stream, &by);
                    }
                }
            }
            HEADERS => {
                assert_eq!(frame.flags & 0x28, 0, "neither padding nor priority is expected");
                assert_ne!(frame.flags & END_HEADERS, 0, "no list is that long");
                let mut fields = Vec::new();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.decoder
                    .read(&frame.payload, |name, value| fields.push((text(name), text(value))))
                    .unwrap();
                self.so_far(frame.stream).take(fields);
            }
            _ => {}
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
            self.so_far(frame.stream).is_whole = true;
        }
    }
}

impl Answer {
    fn take(&mut self, mut fields: Vec<(String, String)>) {
        if self.status >= 200 {
            self.trailers = fields;
            return;
        }
        let (name, status) = fields.remove(0);
        assert_eq!(name, ":status");
        let status = status.parse().unwrap();
        if status < 200 {
            self.interim.push(status);
        } else {
            (self.status, self.fields) = (status, fields);
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A list of literals that no table keeps.
pub(crate) fn list(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let string = |out: &mut Vec<u8>, text: &[u8]| {
        if text.len() < 127 {
            out.push(text.len() as u8);
        } else {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest > 127 {
                out.push(rest as u8 & 0x7f | 0x80);
                rest >>= 7;
            }
            out.push(rest as u8);
        }
        out.extend_from_slice(text);
    };
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        string(&mut out, name);
        string(&mut out, value);
    }
    out
}
