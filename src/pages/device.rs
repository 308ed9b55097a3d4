//! The device of a session, from the `User-Agent` of its login (RFC 9110 section 10.1.5).

use crate::{encoding::hex, store::Token};

/// The beginning of the name of a token that a login page has made: `(browser GROUP) USER AGENT`. Tokens of a group belong
/// to one login, each for another host, and end together.
const BROWSER: &str = "(browser ";

/// The longest user agent that is kept, in bytes.
const MAX_AGENT: usize = 256;

/// Words of user agents and what they are called, the more exact first: most browsers name others, too.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// The browser and the system of a session, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) browser: Option<&'static str>,
    pub(super) system: Option<&'static str>,
}

/// The name of the token of a login with this user agent.
pub(super) fn name(agent: &str, group: &str) -> String {
    let end = (0..=agent.len().min(MAX_AGENT)).rev().find(|end| agent.is_char_boundary(*end)).unwrap_or(0);
    format!("{BROWSER}{group}) {}", agent.get(..end).unwrap_or_default())
}

/// The device of a token with this name. `None`: the token is no login, but has a name for people.
pub(super) fn of(name: Option<&str>) -> Option<Device> {
    let agent = match name {
        // A login over the User API.
        None => "",
        Some(name) => split(name)?.1,
    };
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    Some(Device { browser: find(&BROWSERS), system: find(&SYSTEMS) })
}

/// The group of a token: that of its login.
pub(super) fn group_of(token: &Token) -> Option<&str> {
    token.name.as_deref().and_then(group)
}

fn group(name: &str) -> Option<&str> {
    split(name).map(|(group, _)| group).filter(|group| !group.is_empty())
}

/// A new group; empty if the system has no random bytes, and then the token is alone.
pub(super) fn new_group() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_or_else(|_| String::new(), |()| hex(random))
}

fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(BROWSER)?.split_once(") ")
}

/// Whether a name is one that the gate gives: such tokens are listed nowhere as made by their user.
pub(super) fn is_reserved(name: &str) -> bool {
    name.starts_with('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_what_they_say() {
        let mozilla = "Mozilla/5.0";
        for (agent, browser, system) in [
            (
                format!("{mozilla} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
                Some("Firefox"),
                Some("Linux"),
            ),
            (
                format!(
                    "{mozilla} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0"
                ),
                Some("Edge"),
                Some("Windows"),
            ),
            (
                format!(
                    "{mozilla} (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
                ),
                Some("Chrome"),
                Some("Android"),
            ),
            (
                format!(
                    "{mozilla} (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
                ),
                Some("Safari"),
                Some("iPhone"),
            ),
            ("curl/8.5.0".to_owned(), Some("curl"), None),
            (String::new(), None, None),
        ] {
            assert_eq!(of(Some(&name(&agent, ""))), Some(Device { browser, system }), "{agent}");
        }
        assert_eq!(of(None), Some(Device { browser: None, system: None }));
        assert_eq!(of(Some("nightly")), None);
        assert_eq!(of(Some("(password reset) x")), None);
    }

    #[test]
    fn a_long_agent_is_cut_at_a_character() {
        assert_eq!(name(&"é".repeat(1000), "").len(), BROWSER.len() + 2 + MAX_AGENT);
        let name = name("x) y", &new_group());
        assert!(is_reserved(&name) && group(&name).unwrap().len() == 16);
        assert_eq!((group("(browser ) x"), group("nightly")), (None, None));
    }
}
