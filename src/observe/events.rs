//! Writes `tracing` events as log lines.

use std::{
    error::Error,
    fmt::{self, Write},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::SetGlobalDefaultError,
};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, filter_fn},
    layer::{Context, SubscriberExt},
};

use super::{Log, line};
use crate::clock::Clock;

/// Turns events into lines: those with the target `audit` (docs/interface.md, "Events") into the stream
/// `audit`, named by their field `event`; all others into the stream `app`.
#[derive(Debug)]
pub struct Events {
    log: Log,
    clock: Clock,
    json: bool,
}

/// The fields of an event. The message comes first in the line.
struct Fields {
    json: bool,
    audit: bool,
    message: Vec<u8>,
    others: Vec<u8>,
}

/// The target of events about accounts.
const AUDIT: &str = "audit";

/// Keys that every line has. A field with such a name gets a prefix, so that no key appears twice.
const RESERVED: [&str; 5] = ["ts", "level", "stream", "msg", "target"];

impl Events {
    pub(super) fn new(log: Log, clock: Clock, json: bool) -> Self {
        Self { log, clock, json }
    }

    /// Makes this the global subscriber for events of `level` and above.
    ///
    /// # Errors
    /// When the process has a subscriber already.
    pub fn install(self, level: Level) -> Result<(), SetGlobalDefaultError> {
        // A client can make h2 write lines at will; what ends a connection is counted by the gate.
        let ours = filter_fn(|metadata| !metadata.target().starts_with("h2"));
        let layer = self.with_filter(LevelFilter::from_level(level).and(ours));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
    }

    fn line(&self, metadata: &Metadata<'_>, fields: &Fields) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + fields.message.len() + fields.others.len());
        let (json, now) = (self.json, self.clock.now());
        out.extend_from_slice(if json { b"{\"ts\":\"" } else { b"" });
        line::timestamp(&mut out, now);
        out.extend_from_slice(if json { b"\",\"level\":\"" } else { b" " });
        out.extend_from_slice(match (json, fields.audit) {
            (false, true) => b"AUDIT",
            _ => level(*metadata.level(), json).as_bytes(),
        });
        out.extend_from_slice(match (json, fields.audit) {
            (true, true) => b"\",\"stream\":\"audit\",\"msg\":",
            (true, false) => b"\",\"stream\":\"app\",\"msg\":",
            (false, _) => b" ",
        });
        if json {
            line::json(&mut out, &fields.message);
            if !fields.audit {
                out.extend_from_slice(b",\"target\":");
                line::json(&mut out, metadata.target().as_bytes());
            }
        // Messages of the gate may quote a client's text.
        } else if line::is_misleading(&fields.message) {
            line::json(&mut out, &fields.message);
        } else {
            out.extend_from_slice(&fields.message);
        }
        out.extend_from_slice(&fields.others);
        out.extend_from_slice(if json { b"}\n" } else { b"\n" });
        out
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // By target and not by level: audit lines have a switch of their own.
        let audit = event.metadata().target() == AUDIT;
        if audit && !self.log.audits() {
            return;
        }
        let mut fields = Fields { json: self.json, audit, message: Vec::new(), others: Vec::new() };
        event.record(&mut fields);
        self.log.offer_event(self.line(event.metadata(), &fields));
    }
}

impl Fields {
    fn name(&mut self, field: &Field) {
        let name = field.name();
        // The value is kept, under another key.
        let prefix = if RESERVED.contains(&name) { "field." } else { "" };
        self.others.push(if self.json { b',' } else { b' ' });
        let quote: &[u8] = if self.json { b"\"" } else { b"" };
        for piece in [quote, prefix.as_bytes(), name.as_bytes(), quote] {
            self.others.extend_from_slice(piece);
        }
        self.others.push(if self.json { b':' } else { b'=' });
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "event" if self.audit => {
                self.message = text.into();
                return;
            }
            // An audit line is named by its field `event`; the message repeats it.
            "message" if self.audit => return,
            "message" => {
                self.message.extend_from_slice(text.as_bytes());
                return;
            }
            _ => {}
        }
        self.name(field);
        if self.json {
            line::json(&mut self.others, text.as_bytes());
        } else {
            line::plain(&mut self.others, text.as_bytes());
        }
    }

    /// A number or a boolean, which needs no quotes in JSON.
    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        self.others.extend_from_slice(value.to_string().as_bytes());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no NaN and no infinities.
        if value.is_finite() { self.bare(field, value) } else { self.text(field, &value.to_string()) }
    }

    /// The error with its chain of sources.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // `Display` of our errors shows their own level only.
        let mut chain = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(chain, ": {error}");
            cause = error.source();
        }
        self.text(field, &chain);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

fn level(level: Level, json: bool) -> &'static str {
    match (level, json) {
        (Level::ERROR, true) => "error",
        (Level::WARN, true) => "warn",
        (Level::INFO, true) => "info",
        (Level::DEBUG, true) => "debug",
        (Level::TRACE, true) => "trace",
        (Level::ERROR, false) => "ERROR",
        (Level::WARN, false) => "WARN ",
        (Level::INFO, false) => "INFO ",
        (Level::DEBUG, false) => "DEBUG",
        (Level::TRACE, false) => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        observe::{
            Format, Settings,
            log::tests::{ALL, Kept},
        },
    };

    fn written(settings: Settings, say: impl FnOnce()) -> String {
        let kept = Kept::default();
        let log = Log::to(settings, Clock::manual(Timestamp(0)), kept.clone()).unwrap();
        let layer = log.events().with_filter(LevelFilter::INFO);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        log.flush();
        kept.text()
    }

    fn say() {
        let source = std::io::Error::other("disk full");
        let error = crate::hasher::HasherError::Thread(source);
        let error: &(dyn Error + 'static) = &error;
        tracing::warn!(
            target: "store", { user.id = 7, ok = true, ratio = f64::NAN, msg = "taken", error }, "it\u{1b}[31m broke\n{}", "twice"
        );
        tracing::debug!("not heard");
    }

    #[test]
    fn an_event_is_one_json_line() {
        let text = written(ALL, say);
        insta::assert_snapshot!(text.trim_end(), @r#"{"ts":"1970-01-01T00:00:00.000Z","level":"warn","stream":"app","msg":"it\u001b[31m broke\ntwice","target":"store","user.id":7,"ok":true,"ratio":"NaN","field.msg":"taken","error":"cannot start a hashing thread: disk full"}"#);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["msg"], "it\u{1b}[31m broke\ntwice");
    }

    #[test]
    fn what_happens_to_accounts_has_a_stream_of_its_own_that_can_be_off() {
        let say = || {
            tracing::info!(target: "audit", event = "login.failed", user.id = "7", reason = None::<&str>, "login.failed");
            tracing::info!(target: "audit", event = "role.changed", role = "a\nb", by = "operator");
            tracing::info!(event = "none of them", "an audit is not an account");
        };
        insta::assert_snapshot!(written(ALL, say).trim_end(), @r#"
        {"ts":"1970-01-01T00:00:00.000Z","level":"info","stream":"audit","msg":"login.failed","user.id":"7"}
        {"ts":"1970-01-01T00:00:00.000Z","level":"info","stream":"audit","msg":"role.changed","role":"a\nb","by":"operator"}
        {"ts":"1970-01-01T00:00:00.000Z","level":"info","stream":"app","msg":"an audit is not an account","target":"portcullis::observe::events::tests","event":"none of them"}
        "#);
        insta::assert_snapshot!(written(Settings { format: Format::Text, ..ALL }, say).trim_end(), @r#"
        1970-01-01T00:00:00.000Z AUDIT login.failed user.id=7
        1970-01-01T00:00:00.000Z AUDIT role.changed role="a\nb" by=operator
        1970-01-01T00:00:00.000Z INFO  an audit is not an account event="none of them"
        "#);
        let off = written(Settings { audit: false, ..ALL }, say);
        assert!(off.lines().count() == 1 && off.contains("none of them"), "{off}");
    }

    #[test]
    fn an_event_is_one_line_for_people() {
        insta::assert_snapshot!(written(Settings { format: Format::Text, ..ALL }, say).trim_end(), @r#"1970-01-01T00:00:00.000Z WARN  "it\u001b[31m broke\ntwice" user.id=7 ok=true ratio=NaN field.msg=taken error="cannot start a hashing thread: disk full""#);
    }
}
