//! Names of request fields that may reach the app.
//!
//! An app server makes one variable of `X-User` and `x_user`, some also of `X.User` and `X!User`: letters and
//! digits are kept, and all other characters become the same one. So names are compared folded: letters in
//! lower case, and `-` for every character that is neither letter nor digit (RFC 3875 section 4.1.18 leaves the
//! details to the server).

use crate::wire::RequestHead;

/// Names that only this gate, or a trusted proxy, may set, and names with `_` that are allowed.
#[derive(Clone, Debug)]
pub struct Names {
    /// The reserved names as a trie of characters. Most names that clients send leave it at the second one.
    tree: Vec<Node>,
    /// Allowed names with `_`, in lower case.
    underscored: Vec<Box<str>>,
    /// Names of the list, or with a reserved suffix, that clients may send.
    unreserved: Vec<Box<str>>,
}

/// A folded name, or a prefix of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: Box<str>,
    is_prefix: bool,
}

/// A node of the trie.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Bit `n` is set if the [`symbol`] `n` may follow.
    symbols: u64,
    /// The index of the first child. Children are in the order of their symbols.
    next: usize,
    end: End,
}

/// The kind of entry that ends at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Nothing,
    Name,
    Prefix,
}

/// The spelling of the names in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Only letters, digits and dashes, as clients send them.
    Plain,
    /// Some name has another character.
    Odd,
    /// Some name is an alias of a reserved name or a CGI variable, with another character for a dash.
    Disguised,
}

/// The built-in list. Each line has a name and, behind the bar, the gateway that sets it.
const RESERVED: &str = include_str!("reserved.txt");

/// Suffixes of names that carry an identity, an address or a path, whatever the vendor's prefix. Indexed by
/// their last two letters, so that most names fail the first comparison.
const ENDINGS: &[(&[u8; 2], &[&str])] = &[
    (b"al", &["-principal"]),
    (b"ct", &["-cert-subject"]),
    (b"de", &["-method-override", "-methods-override", "-path-override", "-uri-override", "-url-override"]),
    (b"dn", &["-cert-dn", "-client-dn", "-subject-dn"]),
    (b"dr", &["-remote-addr"]),
    (b"er", &["-user"]),
    (b"es", &["-roles"]),
    (b"et", &["-request-target"]),
    (b"id", &["-user-id", "-userid"]),
    (b"il", &["-user-email"]),
    (b"ip", &["-client-ip", "-clientip", "-connecting-ip", "-peer-ip", "-real-ip"]),
    (b"ix", &["-path-prefix"]),
    (b"le", &["-role"]),
    (b"me", &["-script-name", "-user-name", "-username"]),
    (b"od", &["-rest-method", "-tunneled-method"]),
    (b"or", &["-forwarded-for"]),
    (b"ot", &["-relative-url-root"]),
    (b"ps", &["-groups"]),
    (b"ri", &["-orig-uri", "-original-uri"]),
    (b"rl", &["-orig-url", "-original-url", "-rewrite-url"]),
    (b"rt", &["-client-cert"]),
    (b"se", &["-path-base", "-pathbase"]),
    (b"ss", &["-client-address"]),
    (b"st", &["-orig-host"]),
    (b"th", &["-orig-path"]),
];

/// For each last letter of [`ENDINGS`], by its low five bits, the letters that stand before it, a bit each.
const LAST_LETTERS: [u32; 32] = {
    let mut table = [0; 32];
    let mut rest = ENDINGS;
    while let [([before, last], _), after @ ..] = rest {
        if let Some((_, [letters, ..])) = table.split_at_mut_checked((*last & 0x1f) as usize) {
            *letters |= 1 << (*before & 0x1f);
        }
        rest = after;
    }
    table
};

/// Names of the list or with such a suffix that clients set themselves: browsers (W3C Fetch Metadata), and clients of
/// ClickHouse, Discourse, Habitica, OpenStack Swift and Plex, which send a key or a password with it. The last one is
/// Hasura's key, without which it believes no `X-Hasura-*`.
const OF_CLIENTS: [&str; 7] = [
    "api-username",
    "sec-fetch-user",
    "x-api-user",
    "x-clickhouse-user",
    "x-plex-username",
    "x-storage-user",
    "x-hasura-admin-secret",
];

/// Prefixes of the names that this gate sets or reads. No setting gives them to clients.
const OWN: [&str; 8] = [
    "x-portcullis-",
    "x-forwarded",
    "forwarded",
    "x-real-",
    "x-request-id",
    "x-auth-request-",
    "x-original-",
    "remote-",
];

/// Variables of CGI (RFC 3875), FastCGI, WSGI, Rack, PHP or IIS. gunicorn, for example, takes a field
/// `SCRIPT_NAME` for the variable itself. `transfer-encoding` is here because a lenient server could read the
/// framing from `Transfer.Encoding`.
const VARIABLES: &[&str] = &[
    "auth-password",
    "auth-type",
    "auth-user",
    "appl-md-path",
    "appl-physical-path",
    "cert-cookie",
    "cert-flags",
    "cert-issuer",
    "cert-serialnumber",
    "cert-subject",
    "content-length",
    "content-type",
    "context-document-root",
    "context-prefix",
    "document-root",
    "document-uri",
    "gateway-interface",
    "instance-id",
    "instance-meta-path",
    "local-addr",
    "logon-user",
    "path-info",
    "path-translated",
    "query-string",
    "request-filename",
    "request-method",
    "request-path",
    "request-scheme",
    "request-time",
    "request-time-float",
    "request-uri",
    "script-filename",
    "script-name",
    "script-uri",
    "script-url",
    "transfer-encoding",
    "unencoded-url",
];

/// Prefixes of such variables.
const VARIABLE_PREFIXES: &[&str] = &[
    "asgi-",
    "fcgi-",
    "http-",
    "https-",
    "orig-",
    "php-",
    "puma-",
    "rack-",
    "redirect-",
    "remote-",
    "scgi-",
    "server-",
    "ssl-",
    "uwsgi-",
    "werkzeug-",
    "wsgi-",
];

impl Names {
    /// The built-in list with `reserved` (`[identity] reserved`) in addition. `unreserved` are names of the list
    /// that clients may send (`[identity] unreserved`). `underscored` are the allowed names with `_` (`[upstream]
    /// underscore_headers`).
    #[must_use]
    pub fn new(reserved: &[String], unreserved: &[String], underscored: &[String]) -> Self {
        let mut entries: Vec<Entry> =
            built_in().chain(reserved.iter().map(|name| Entry::new(name))).collect();
        entries.sort();
        // A prefix makes the names below it redundant, and the trie relies on that.
        entries.dedup_by(|later, first| first.matches(&later.name));
        let is_own = |name: &&str| reserved.iter().any(|own| is_folded_to(own, name));
        let of_clients = OF_CLIENTS.into_iter().filter(|name| !is_own(name));
        Self {
            tree: tree(&entries),
            underscored: underscored.iter().map(|name| name.to_ascii_lowercase().into()).collect(),
            unreserved: unreserved.iter().map(String::as_str).chain(of_clients).map(Into::into).collect(),
        }
    }

    /// Whether `name` folds to a reserved name.
    #[must_use]
    pub fn is_reserved(&self, name: &str) -> bool {
        (self.is_listed(name) || ends_reserved(name))
            && !self.unreserved.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether a setting may give `name` to clients: neither this gate nor the app's server sets it.
    #[must_use]
    pub fn may_be_unreserved(name: &str) -> bool {
        !OWN.iter().any(|own| begins(name, own)) && !Self::is_variable(name)
    }

    fn is_listed(&self, name: &str) -> bool {
        let mut at = 0;
        for byte in name.bytes() {
            let Some(node) = self.tree.get(at) else { return false };
            let symbol = symbol(byte);
            // No child: the name is reserved only if a prefix ends here.
            if node.symbols >> symbol & 1 == 0 {
                return node.end == End::Prefix;
            }
            let before = node.symbols & ((1 << symbol) - 1);
            at = node.next + before.count_ones() as usize;
        }
        self.tree.get(at).is_some_and(|node| node.end != End::Nothing)
    }

    /// Whether `name` folds to a variable that app servers set.
    #[must_use]
    pub fn is_variable(name: &str) -> bool {
        VARIABLES.iter().any(|variable| is_folded_to(name, variable))
            || VARIABLE_PREFIXES.iter().any(|prefix| begins(name, prefix))
    }

    /// Whether `name` has a `_` and is not allowed by a setting.
    pub(super) fn drops(&self, name: &str) -> bool {
        name.contains('_') && !self.underscored.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The spelling of the names in a head.
    #[must_use]
    pub fn spelling(&self, head: &RequestHead) -> Spelling {
        let mut spelling = Spelling::Plain;
        if !head.has_odd_names() {
            return spelling;
        }
        for field in head.fields().filter(|field| is_odd(field.name)) {
            if self.is_reserved(field.name) || Self::is_variable(field.name) {
                return Spelling::Disguised;
            }
            spelling = Spelling::Odd;
        }
        spelling
    }
}

/// The built-in list.
impl Default for Names {
    fn default() -> Self {
        Self::new(&[], &[], &[])
    }
}

impl Entry {
    fn new(name: &str) -> Self {
        let folded = name.bytes().map(|byte| char::from(fold(byte))).collect::<String>();
        Self { name: folded.into(), is_prefix: false }
    }

    fn symbol(&self, at: usize) -> u32 {
        self.name.as_bytes().get(at).copied().map_or(0, symbol)
    }

    fn matches(&self, name: &str) -> bool {
        if self.is_prefix { begins(name, &self.name) } else { is_folded_to(name, &self.name) }
    }
}

fn built_in() -> impl Iterator<Item = Entry> {
    RESERVED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let name = line.split_once('|')?.0.trim_end();
        let prefix = name.strip_suffix('*');
        Some(Entry { name: prefix.unwrap_or(name).into(), is_prefix: prefix.is_some() })
    })
}

/// Builds the trie. `entries` is sorted, and no entry covers another.
fn tree(entries: &[Entry]) -> Vec<Node> {
    let mut nodes = vec![Node::default()];
    // A group contains the entries with the same first `depth` characters. Its index is that of its node.
    let mut groups = vec![(entries, 0)];
    let mut at = 0;
    while let Some(&(group, depth)) = groups.get(at) {
        let here = group.first().filter(|entry| entry.name.len() == depth);
        let deeper = if here.is_some() { group.get(1..).unwrap_or_default() } else { group };
        let next = nodes.len();
        let mut symbols = 0;
        for group in deeper.chunk_by(|a, b| a.symbol(depth) == b.symbol(depth)) {
            symbols |= 1 << group.first().map_or(0, |entry| entry.symbol(depth));
            nodes.push(Node::default());
            groups.push((group, depth + 1));
        }
        if let Some(node) = nodes.get_mut(at) {
            let end =
                here.map_or(End::Nothing, |entry| if entry.is_prefix { End::Prefix } else { End::Name });
            *node = Node { symbols, next, end };
        }
        at += 1;
    }
    nodes
}

/// Whether a name has one of the [`ENDINGS`]. Its last two letters rule out most names.
fn ends_reserved(name: &str) -> bool {
    let [.., last, end] = name.as_bytes() else { return false };
    let letters = [last | 0x20, end | 0x20];
    if LAST_LETTERS.get(usize::from(end & 0x1f)).is_none_or(|before| before >> (last & 0x1f) & 1 == 0) {
        return false;
    }
    ENDINGS
        .iter()
        .find(|(of, _)| **of == letters)
        .is_some_and(|(_, endings)| endings.iter().any(|ending| ends(name, ending)))
}

fn ends(name: &str, folded: &str) -> bool {
    let start = name.len().checked_sub(folded.len());
    start
        .and_then(|start| name.as_bytes().get(start..))
        .is_some_and(|end| end.iter().copied().map(fold).eq(folded.bytes()))
}

fn is_folded_to(name: &str, folded: &str) -> bool {
    name.len() == folded.len() && begins(name, folded)
}

fn begins(name: &str, folded: &str) -> bool {
    name.as_bytes()
        .get(..folded.len())
        .is_some_and(|start| start.iter().copied().map(fold).eq(folded.bytes()))
}

/// Whether a name has characters other than letters, digits and dashes.
fn is_odd(name: &str) -> bool {
    name.bytes().any(|byte| looked_up(byte) & ODD != 0)
}

/// The number of a folded byte: 0 for a dash, then digits, then letters, in the order of the bytes.
fn symbol(byte: u8) -> u32 {
    u32::from(looked_up(byte) & !ODD)
}

fn looked_up(byte: u8) -> u8 {
    SYMBOLS.get(usize::from(byte)).copied().unwrap_or(ODD)
}

/// The folded byte.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Marks a byte that is neither letter, digit nor dash.
const ODD: u8 = 0x80;

/// The [`symbol`] of every byte, with [`ODD`].
const SYMBOLS: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((slot, after)) = rest.split_first_mut() {
        *slot = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => digit - b'0' + 1,
            letter @ b'a'..=b'z' => letter - b'a' + 11,
            b'-' => 0,
            _ => ODD,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    table
};

#[cfg(test)]
mod tests;
