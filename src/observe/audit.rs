//! What happened to accounts: one line an event (INTERFACE.md section 9).

use super::{Client, line};
use crate::clock::Timestamp;

/// Something that happened to an account. It never holds a token, a password or a link.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// When.
    pub ts: Timestamp,
    /// `login.succeeded`, `role.changed` and so on.
    pub name: &'e str,
    /// Whose account; `None`: there is none of that name.
    pub user: Option<&'e str>,
    /// Who asked; `None`: a command.
    pub client: Option<Client>,
    /// The request behind it.
    pub request_id: Option<&'e str>,
    /// What else there is to say, by name.
    pub details: &'e [(&'e str, &'e str)],
}

impl Event<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>, json: bool) {
        if json {
            self.write_json(out)
        } else {
            self.write_text(out)
        }
        out.push(b'\n');
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"ts\":\"");
        line::timestamp(out, self.ts);
        out.extend_from_slice(b"\",\"level\":\"info\",\"stream\":\"audit\",\"msg\":");
        line::json(out, self.name.as_bytes());
        if let Some(client) = self.client {
            out.extend_from_slice(b",\"client\":\"");
            line::client(out, client);
            out.push(b'"');
        }
        for (name, value) in self.pairs() {
            out.push(b',');
            line::json(out, name.as_bytes());
            out.push(b':');
            line::json(out, value.as_bytes());
        }
        out.push(b'}');
    }

    fn write_text(&self, out: &mut Vec<u8>) {
        line::timestamp(out, self.ts);
        out.extend_from_slice(b" AUDIT ");
        line::plain(out, self.name.as_bytes());
        if let Some(client) = self.client {
            out.extend_from_slice(b" client=");
            line::client(out, client);
        }
        for (name, value) in self.pairs() {
            out.push(b' ');
            line::plain(out, name.as_bytes());
            out.push(b'=');
            line::plain(out, value.as_bytes());
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        [("user", self.user), ("request_id", self.request_id)]
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .chain(self.details.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::{Clock, Timestamp},
        observe::{
            Client, Format, Log, Settings,
            audit::Event,
            log::tests::{ALL, Kept},
        },
    };

    const EVENT: Event<'_> = Event {
        ts: Timestamp(1_795_294_271_688),
        name: "login.failed",
        user: Some("7"),
        client: Some(Client::Unix),
        request_id: Some("01J"),
        details: &[("email", "a@b\n"), ("reason", "password")],
    };

    fn written(settings: Settings) -> String {
        let kept = Kept::default();
        let log = Log::to(settings, Clock::System, kept.clone()).unwrap();
        log.audit(&EVENT);
        log.flush();
        kept.text()
    }

    #[test]
    fn an_event_is_a_line() {
        insta::assert_snapshot!(written(ALL).trim_end(), @r#"{"ts":"2026-11-21T20:51:11.688Z","level":"info","stream":"audit","msg":"login.failed","client":"unix","user":"7","request_id":"01J","email":"a@b\n","reason":"password"}"#);
        insta::assert_snapshot!(written(Settings { format: Format::Text, ..ALL }).trim_end(), @r#"2026-11-21T20:51:11.688Z AUDIT login.failed client=unix user=7 request_id=01J email="a@b\n" reason=password"#);
        assert_eq!(written(Settings { audit: false, ..ALL }), "");
    }
}
