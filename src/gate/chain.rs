//! The chain of addresses in `X-Forwarded-For`, over all of its lines.

use std::{borrow::Cow, net::IpAddr};

use ipnet::IpNet;

/// The origin of a request according to trusted proxies.
#[derive(Clone, Debug)]
pub(super) struct Chain<'r> {
    /// The addresses without ports and brackets, from the right up to the first that cannot be parsed.
    pub(super) text: Cow<'r, str>,
    /// The first address from the right that is not a trusted proxy. If there is none before the list ends or
    /// cannot be parsed, the last proxy.
    pub(super) client: IpAddr,
}

impl<'r> Chain<'r> {
    /// Parses the values of all lines in their order (RFC 9110 section 5.3), for a trusted `peer`.
    pub(super) fn read(lines: impl Iterator<Item = &'r [u8]>, peer: IpAddr, trusted: &[IpNet]) -> Self {
        let text = joined(lines);
        let mut client = peer;
        let mut walking = true;
        let mut is_plain = true;
        let mut kept = text.len();
        let mut end = text.len();
        // From the right, because each proxy appends. What is left of the first untrusted address may be
        // forged.
        for entry in text.rsplit(',') {
            let start = end - entry.len();
            end = start.saturating_sub(1);
            let entry = entry.trim_ascii();
            // Empty elements are ignored (RFC 9110 section 5.6.1).
            if entry.is_empty() {
                is_plain = false;
                continue;
            }
            // Nothing left of an unreadable entry can be trusted.
            let Some((address, bare)) = address(entry) else { break };
            is_plain &= bare;
            kept = start;
            if walking {
                client = address;
                walking = is_trusted(address, trusted);
            }
        }
        Self { text: if is_plain { tail(text, kept) } else { Cow::Owned(plain(&text, kept)) }, client }
    }
}

/// Whether this address is a trusted proxy.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// The values as one list; borrowed if there is one line. A byte that is not UTF-8 makes its entry unreadable.
fn joined<'r>(mut lines: impl Iterator<Item = &'r [u8]>) -> Cow<'r, str> {
    let Some(first) = lines.next() else { return Cow::Borrowed("") };
    lines.fold(String::from_utf8_lossy(first), |mut list, line| {
        list.to_mut().push_str(", ");
        list.to_mut().push_str(&String::from_utf8_lossy(line));
        list
    })
}

fn tail(text: Cow<'_, str>, from: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(from..).unwrap_or_default().trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.get(from..).unwrap_or_default().trim_ascii().to_owned()),
    }
}

fn plain(text: &str, from: usize) -> String {
    let entries = text.get(from..).unwrap_or_default().split(',').map(str::trim_ascii);
    let mut plain = String::new();
    for (address, _) in entries.filter_map(address) {
        if !plain.is_empty() {
            plain.push_str(", ");
        }
        plain.push_str(&address.to_string());
    }
    plain
}

/// The address of an entry, and whether the entry is the bare address. `192.0.2.1:4711` and `[2001:db8::1]:443`
/// have a port (Azure Application Gateway, IIS).
pub(super) fn address(entry: &str) -> Option<(IpAddr, bool)> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        let canonical = address.to_canonical();
        return Some((canonical, canonical == address));
    }
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (IpAddr::V6(host.parse().ok()?), rest.strip_prefix(':').or(rest.is_empty().then_some("0"))?)
        }
        None => {
            let (host, port) = entry.split_once(':')?;
            (IpAddr::V4(host.parse().ok()?), port)
        }
    };
    port.parse::<u16>().ok().map(|_| (host.to_canonical(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (String, String) {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8:aaaa::/48".parse().unwrap()];
        let chain =
            Chain::read(lines.iter().map(|line| line.as_bytes()), "10.0.0.1".parse().unwrap(), &trusted);
        (chain.client.to_string(), chain.text.into_owned())
    }

    #[test]
    fn b9_the_client_is_the_rightmost_stranger_of_all_lines() {
        for (lines, client, text) in [
            (&[][..], "10.0.0.1", ""),
            (&[""], "10.0.0.1", ""),
            (&["1.2.3.4"], "1.2.3.4", "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4", "6.6.6.6, 1.2.3.4, 10.0.0.2"),
            (&["6.6.6.6,1.2.3.4"], "1.2.3.4", "6.6.6.6,1.2.3.4"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3", "10.0.0.3, 10.0.0.2"),
            (&["10.0.0.1", "203.0.113.7"], "203.0.113.7", "10.0.0.1, 203.0.113.7"),
            (
                &["6.6.6.6", "1.2.3.4, 10.0.0.3", "10.0.0.2"],
                "1.2.3.4",
                "6.6.6.6, 1.2.3.4, 10.0.0.3, 10.0.0.2",
            ),
            (&["6.6.6.6", "", "1.2.3.4"], "1.2.3.4", "6.6.6.6, 1.2.3.4"),
            (&["1.2.3.4, ", " ,10.0.0.2,"], "1.2.3.4", "1.2.3.4, 10.0.0.2"),
        ] {
            assert_eq!(read(lines), (client.to_owned(), text.to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn b9_ports_and_brackets_are_dropped() {
        for (line, client, text) in [
            ("1.2.3.4:5678", "1.2.3.4", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
            ("6.6.6.6:1, 1.2.3.4:5678, 10.0.0.2:80", "1.2.3.4", "6.6.6.6, 1.2.3.4, 10.0.0.2"),
            ("1.2.3.4, [2001:db8:aaaa::7]:443", "1.2.3.4", "1.2.3.4, 2001:db8:aaaa::7"),
            ("::ffff:1.2.3.4, ::ffff:10.0.0.9", "1.2.3.4", "1.2.3.4, 10.0.0.9"),
        ] {
            assert_eq!(read(&[line]), (client.to_owned(), text.to_owned()), "{line}");
        }
    }

    #[test]
    fn b9_what_cannot_be_read_ends_the_walk() {
        for (line, client, text) in [
            ("1.2.3.4, junk", "10.0.0.1", ""),
            ("1.2.3.4, unknown, 10.0.0.2", "10.0.0.2", "10.0.0.2"),
            ("1.2.3.4, 5.6.7.8:99999", "10.0.0.1", ""),
            ("1.2.3.4, 5.6.7.8:", "10.0.0.1", ""),
            ("1.2.3.4, [2001:db8::1", "10.0.0.1", ""),
            ("1.2.3.4, [1.2.3.4]:80", "10.0.0.1", ""),
            ("1.2.3.4, [2001:db8::1]443", "10.0.0.1", ""),
            ("1.2.3.4, 2001:db8::1%eth0", "10.0.0.1", ""),
            ("1.2.3.4, for=5.6.7.8", "10.0.0.1", ""),
            ("junk, 1.2.3.4", "1.2.3.4", "1.2.3.4"),
            ("\u{e9}, 1.2.3.4", "1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(read(&[line]), (client.to_owned(), text.to_owned()), "{line}");
        }
    }
}
