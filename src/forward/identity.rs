//! The identity headers, which name the caller to the app (docs/interface.md, "Towards the app").

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// A set of header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `X-Forwarded-User`, `-Preferred-Username`, `-Email`, `-Groups`.
    XForwarded,
    /// `Remote-User`, `Remote-Name`, `Remote-Email`, `Remote-Groups`.
    Remote,
    /// `X-Auth-Request-User`, `-Preferred-Username`, `-Email`, `-Groups`.
    XAuthRequest,
}

/// The caller.
#[derive(Clone, Copy, Debug)]
pub struct Who<'w> {
    /// The user's id.
    pub id: &'w str,
    /// The username.
    pub username: Option<&'w str>,
    /// The email address, only if it is verified for the app.
    pub email: Option<&'w str>,
    /// The names of the roles, sorted.
    pub roles: &'w [Box<str>],
}

impl Preset {
    /// The names for id, username, email and groups.
    fn names(self) -> [&'static str; 4] {
        match self {
            Self::XForwarded => [
                "X-Forwarded-User",
                "X-Forwarded-Preferred-Username",
                "X-Forwarded-Email",
                "X-Forwarded-Groups",
            ],
            Self::Remote => ["Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups"],
            Self::XAuthRequest => [
                "X-Auth-Request-User",
                "X-Auth-Request-Preferred-Username",
                "X-Auth-Request-Email",
                "X-Auth-Request-Groups",
            ],
        }
    }
}

/// Renders the lines of all presets. Done once for a user and not for each request.
#[must_use]
pub fn render(presets: &[Preset], who: &Who<'_>) -> Box<[u8]> {
    let mut out = String::new();
    for (name, value) in identity(presets, Some(who)).filter(|(_, value)| !value.is_empty()) {
        line(&mut out, name, &value);
    }
    out.into_bytes().into_boxed_slice()
}

/// The fields of all presets with their values: an empty one for what is not known, and for all of an anonymous caller.
pub fn identity(presets: &[Preset], who: Option<&Who<'_>>) -> impl Iterator<Item = (&'static str, String)> {
    let plain = |value: Option<&str>| value.map(|value| encode(value, false)).unwrap_or_default();
    let groups = who.iter().flat_map(|who| who.roles).map(|role| encode(role, true));
    let values = [
        plain(who.map(|who| who.id)),
        plain(who.and_then(|who| who.username)),
        plain(who.and_then(|who| who.email)),
        groups.collect::<Vec<_>>().join(","),
    ];
    presets.iter().flat_map(move |preset| preset.names().into_iter().zip(values.clone()))
}

fn line(out: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.push_str(part);
    }
}

/// Visible ASCII unchanged; other characters and `%` as percent-encoded UTF-8, so that no value can inject a
/// line. In a list the comma is encoded as well.
fn encode(text: &str, in_list: bool) -> String {
    let out = utf8_percent_encode(text, if in_list { NOT_IN_A_LIST } else { NOT_IN_A_VALUE }).to_string();
    // HTTP strips blanks at either end of a value.
    if out.starts_with(' ') || out.ends_with(' ') { out.replace(' ', "%20") } else { out }
}

const NOT_IN_A_VALUE: &AsciiSet = &CONTROLS.add(b'%');
const NOT_IN_A_LIST: &AsciiSet = &NOT_IN_A_VALUE.add(b' ').add(b',');

#[cfg(test)]
mod tests {
    use super::*;

    fn text(presets: &[Preset], who: &Who<'_>) -> String {
        String::from_utf8(render(presets, who).into()).unwrap()
    }

    #[test]
    fn each_preset_has_its_names() {
        let roles = ["clerk".into(), "editor".into()];
        let who = Who { id: "7", username: Some("ann"), email: Some("ann@example.com"), roles: &roles };
        assert_eq!(
            text(&[Preset::XForwarded], &who),
            "X-Forwarded-User: 7\r\nX-Forwarded-Preferred-Username: ann\r\nX-Forwarded-Email: ann@example.com\r\nX-Forwarded-Groups: clerk,editor\r\n"
        );
        let both = text(&[Preset::Remote, Preset::XAuthRequest], &who);
        assert!(
            both.starts_with("Remote-User: 7\r\n")
                && both.contains("\r\nX-Auth-Request-Groups: clerk,editor\r\n"),
            "{both}"
        );
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let who = Who { id: "7", username: None, email: None, roles: &[] };
        assert_eq!(text(&[Preset::XForwarded], &who), "X-Forwarded-User: 7\r\n");
    }

    #[test]
    fn no_value_breaks_out_of_its_line() {
        let roles = ["a,b".into(), "x\r\nX-Forwarded-User: 1".into()];
        let who =
            Who { id: "7", username: Some("é\r\nX-Forwarded-User: 1"), email: Some(" 50% "), roles: &roles };
        let lines = text(&[Preset::XForwarded], &who);
        assert_eq!(lines.matches("\r\n").count(), 4, "{lines}");
        assert!(lines.contains("Username: %C3%A9%0D%0AX-Forwarded-User: 1\r\n"), "{lines}");
        assert!(lines.contains("Email: %2050%25%20\r\n"), "{lines}");
        assert!(lines.contains("Groups: a%2Cb,x%0D%0AX-Forwarded-User:%201\r\n"), "{lines}");
    }
}
