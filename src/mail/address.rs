//! The address of a mail server: `smtp://user:password@host:port` or `smtps://…`.

use std::{fmt, net::IpAddr};

use percent_encoding::percent_decode_str;

/// A mail server and the login there.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpAddress {
    /// The host: a name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The username and the password.
    pub login: Option<Login>,
}

/// A login at a mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The username.
    pub user: String,
    /// The password.
    pub password: String,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// TLS after STARTTLS (RFC 3207). Nothing is sent to a server that does not offer it.
    StartTls,
    /// No TLS: to this host only.
    None,
}

/// Why a text is not the address of a mail server. It does not show the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither of the two schemes.
    #[error("begins with neither `smtp://` nor `smtps://`")]
    Scheme,
    /// There is no host.
    #[error("has no host")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("has a port that is no number from 1 to 65535")]
    Port,
    /// Something behind the port.
    #[error("has something behind the host and the port")]
    Trailing,
    /// The username or the password is not UTF-8 once it is decoded, or holds a NUL, which no login can carry.
    #[error("has a username or a password that is no text; write special characters as %XX")]
    Login,
    /// A username without a password, or the other way round.
    #[error("has half a login: write `user:password@`")]
    HalfLogin,
}

impl SmtpAddress {
    /// Reads an address. A username and a password are percent-decoded.
    ///
    /// # Errors
    /// [`AddressError`]
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let with_tls = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(AddressError::Scheme),
        };
        // The last `@`: a password that holds one unencoded is read as it was meant.
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['/', '?', '#']) {
            return Err(AddressError::Trailing);
        }
        let (host, port) = split_port(place)?;
        let security = match (with_tls, is_this_host(&host)) {
            (true, _) => Security::Tls,
            (false, false) => Security::StartTls,
            (false, true) => Security::None,
        };
        let port = port.unwrap_or(if with_tls { 465 } else { 587 });
        let login = login.map(read_login).transpose()?;
        Ok(Self { host, port, security, login })
    }

    /// The doubt about a port that is used with the other scheme, with what would be right.
    #[must_use]
    pub fn mix_up(&self) -> Option<&'static str> {
        match (self.security, self.port) {
            (Security::Tls, 25 | 587 | 2525) => Some(
                "speaks TLS from the first byte, and this port begins in the clear; write `smtp://`, which demands STARTTLS",
            ),
            (Security::StartTls | Security::None, 465) => {
                Some("begins in the clear, and port 465 speaks TLS from the first byte; write `smtps://`")
            }
            _ => None,
        }
    }
}

fn read_login(text: &str) -> Result<Login, AddressError> {
    let (user, password) = text.split_once(':').ok_or(AddressError::HalfLogin)?;
    if user.is_empty() || password.is_empty() {
        return Err(AddressError::HalfLogin);
    }
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map_err(|_| AddressError::Login)?;
        if decoded.contains('\0') { Err(AddressError::Login) } else { Ok(decoded.into_owned()) }
    };
    Ok(Login { user: decoded(user)?, password: decoded(password)? })
}

/// A host without brackets, and the port behind it.
fn split_port(place: &str) -> Result<(String, Option<u16>), AddressError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(AddressError::Host)?;
            let port = rest.strip_prefix(':');
            if port.is_none() && !rest.is_empty() {
                return Err(AddressError::Port);
            }
            (host, port)
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(AddressError::Host);
    }
    let number = |port: &str| port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port);
    Ok((host.to_owned(), port.map(number).transpose()?))
}

/// Whether the host is this machine, so that nothing between here and there can listen.
fn is_this_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, security, .. } = self;
        f.debug_struct("SmtpAddress")
            .field("host", host)
            .field("port", port)
            .field("security", security)
            .finish_non_exhaustive()
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match SmtpAddress::parse(text) {
            Ok(address) => {
                let login = address.login.map(|login| format!("{} {} at ", login.user, login.password));
                let (host, port) = (address.host, address.port);
                format!("{}{host} {port} {:?}", login.unwrap_or_default(), address.security)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_says_where_and_how() {
        for (text, expected) in [
            ("smtp://mail.example.com", "mail.example.com 587 StartTls"),
            ("smtps://mail.example.com", "mail.example.com 465 Tls"),
            ("SMTP://mail.example.com:2525/", "mail.example.com 2525 StartTls"),
            ("smtp://localhost:1025", "localhost 1025 None"),
            ("smtp://127.0.0.2:25", "127.0.0.2 25 None"),
            ("smtp://[::1]", "::1 587 None"),
            ("smtps://[::1]:4650", "::1 4650 Tls"),
            ("smtp://[2001:db8::7]:25", "2001:db8::7 25 StartTls"),
            ("smtps://ann:s%40cret%3A%2F@h", "ann s@cret:/ at h 465 Tls"),
            ("smtps://ann%40example.com:a:b@c@h:4", "ann@example.com a:b@c at h 4 Tls"),
            ("smtps://%E5%A7%93:%E5%90%8D@h", "姓 名 at h 465 Tls"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named_without_the_text() {
        for (text, expected) in [
            ("mail.example.com", "begins with neither `smtp://` nor `smtps://`"),
            ("http://mail.example.com", "begins with neither `smtp://` nor `smtps://`"),
            ("smtp://", "has no host"),
            ("smtp://u:hush@", "has no host"),
            ("smtp://a b", "has no host"),
            ("smtp://[::1", "has no host"),
            ("smtp://[::1]587", "has a port that is no number from 1 to 65535"),
            ("smtp://h:0", "has a port that is no number from 1 to 65535"),
            ("smtp://h:hush", "has a port that is no number from 1 to 65535"),
            ("smtp://h:65536", "has a port that is no number from 1 to 65535"),
            ("smtp://h/hush", "has something behind the host and the port"),
            ("smtp://h?hush=1", "has something behind the host and the port"),
            ("smtp://hush@h", "has half a login: write `user:password@`"),
            ("smtp://hush:@h", "has half a login: write `user:password@`"),
            (
                "smtp://u:%ff@h",
                "has a username or a password that is no text; write special characters as %XX",
            ),
            (
                "smtp://u:%00@h",
                "has a username or a password that is no text; write special characters as %XX",
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
            assert!(!read(text).contains("hush"));
        }
    }

    #[test]
    fn the_two_schemes_are_told_apart_by_their_ports() {
        for (text, fix) in [
            ("smtps://h:587", Some("write `smtp://`")),
            ("smtps://h:25", Some("write `smtp://`")),
            ("smtp://h:465", Some("write `smtps://`")),
            ("smtp://localhost:465", Some("write `smtps://`")),
            ("smtp://h", None),
            ("smtps://h", None),
            ("smtp://h:1025", None),
        ] {
            let told = SmtpAddress::parse(text).unwrap().mix_up();
            assert_eq!(told.is_some(), fix.is_some(), "{text}");
            assert!(fix.is_none_or(|fix| told.unwrap().contains(fix)), "{text}: {told:?}");
        }
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let address = SmtpAddress::parse("smtps://ann:hush@h").unwrap();
        assert!(!format!("{address:?} {:?}", address.login).contains("hush"));
    }
}
