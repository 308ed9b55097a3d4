//! What is sent: every unit is made of the seed and its number alone, so that a reading can be judged by making its
//! request again.

mod body;
mod dav;
mod fields;
mod target;
mod upgrade;

pub(crate) use fields::FORGED;

use crate::{
    chance::Chance,
    draft::{About, Draft, Framing, Tokens, Who},
};

/// Bytes for one connection, and the requests in them.
pub(crate) struct Unit {
    pub(crate) requests: Vec<About>,
    pub(crate) bytes: Vec<u8>,
    /// Sent from an address that the gate takes for a proxy's.
    pub(crate) trusted: bool,
}

/// Makes units.
#[derive(Clone)]
pub(crate) struct Generator {
    pub(crate) seed: u64,
    pub(crate) tokens: Tokens,
}

/// Something done to a request: its name in findings, how often, and how.
struct Change {
    name: &'static str,
    weight: usize,
    apply: fn(&mut Draft, &mut Chance, &Tokens),
}

const fn change(name: &'static str, weight: usize, apply: fn(&mut Draft, &mut Chance, &Tokens)) -> Change {
    Change { name, weight, apply }
}

/// So many requests at the most are in a unit.
const MOST: u64 = 8;

impl Generator {
    /// The number of the unit that a tag belongs to, and which of its requests it is.
    pub(crate) fn place(tag: u64) -> (u64, usize) {
        (tag / MOST, (tag % MOST) as usize)
    }

    /// The unit of this number.
    pub(crate) fn unit(&self, number: u64) -> Unit {
        let mut chance = Chance::new(self.seed, number);
        let trusted = chance.odds(15);
        let wanted = match chance.below(100) {
            0..78 => 1,
            78..92 => 2,
            _ => 3 + chance.below(3),
        };
        let mut unit = Unit { requests: Vec::new(), bytes: Vec::new(), trusted };
        for at in 0..wanted {
            let mut draft = self.base(number * MOST + at as u64, &mut chance);
            if trusted {
                draft.trusted = true;
                behind_a_proxy(&mut draft, &mut chance);
            }
            self.change(&mut draft, &mut chance);
            let (bytes, about) = draft.render();
            unit.bytes.extend_from_slice(&bytes);
            let last = about.doubtful || about.unfinished || !about.tunnel.is_empty();
            unit.requests.push(about);
            if last {
                break;
            }
        }
        // Behind what may be read in several ways comes a request that shows how it was read.
        if unit.requests.last().is_some_and(|last| last.doubtful) {
            let at = number * MOST + unit.requests.len() as u64;
            let mut draft = Draft::new(at.to_string(), "GET", "/pub/behind");
            draft.field("Connection", "close");
            draft.about.kinds.push("behind");
            let (bytes, about) = draft.render();
            unit.bytes.extend_from_slice(&bytes);
            unit.requests.push(about);
        }
        unit
    }

    fn base(&self, tag: u64, chance: &mut Chance) -> Draft {
        let mut draft = Draft::new(tag.to_string(), chance.one_of(METHODS), chance.one_of(TARGETS));
        let who = match chance.below(100) {
            0..35 => Who::Anonymous,
            35..70 => Who::Ann,
            _ => Who::Bob,
        };
        if matches!(&*draft.method, "MOVE" | "COPY" | "PROPFIND") {
            chance.one_of(DAV_TARGETS).clone_into(&mut draft.target);
        }
        self.sign(&mut draft, who, chance);
        if matches!(&*draft.method, "POST" | "PUT" | "PATCH") {
            let (kind, text) = *chance.one_of(BODIES);
            if !kind.is_empty() {
                draft.field("Content-Type", kind);
            }
            draft.body = text.as_bytes().to_vec();
            draft.framing = if chance.odds(25) { Framing::Chunked } else { Framing::Length };
        }
        if matches!(&*draft.method, "MOVE" | "COPY") {
            dav::destination(&mut draft, chance);
        }
        if draft.target.starts_with("/orders/") {
            chance.one_of(HOSTS).clone_into(&mut draft.host);
            if chance.odds(40) {
                draft.field("X-Tenant", chance.one_of(&["a", "bb", "ccc"]));
            }
        }
        draft
    }

    fn sign(&self, draft: &mut Draft, who: Who, chance: &mut Chance) {
        let token = match who {
            Who::Anonymous => return,
            Who::Ann => &self.tokens.ann,
            Who::Bob => &self.tokens.bob,
        };
        draft.about.callers.insert(who);
        match chance.below(10) {
            0..6 => draft.field("Authorization", format!("Bearer {token}")),
            6..8 => draft.field("X-Access-Token", token),
            8 => draft.field("Authorization", token),
            _ => draft.query(&format!("access_token={token}")),
        }
    }

    fn change(&self, draft: &mut Draft, chance: &mut Chance) {
        let count = match chance.below(100) {
            0..25 => 0,
            25..75 => 1,
            75..95 => 2,
            _ => 3,
        };
        let lists = [target::CHANGES, fields::CHANGES, body::CHANGES, upgrade::CHANGES, dav::CHANGES];
        let all = || lists.iter().copied().flatten();
        let sum: usize = all().map(|change| change.weight).sum();
        for _ in 0..count {
            let mut at = chance.below(sum);
            for change in all() {
                if at < change.weight {
                    draft.about.kinds.push(change.name);
                    (change.apply)(draft, chance, &self.tokens);
                    break;
                }
                at -= change.weight;
            }
        }
    }
}

/// The fields that a proxy in front of the gate adds, in several lines or in one.
fn behind_a_proxy(draft: &mut Draft, chance: &mut Chance) {
    let client = format!("203.0.113.{}", chance.below(250) + 1);
    let mut lines: Vec<String> = match chance.below(6) {
        0 => vec![client],
        1 => vec![format!("10.0.0.1, {client}")],
        2 => vec!["10.0.0.1".to_owned(), client],
        3 => vec!["10.0.0.1".to_owned(), "192.0.2.9".to_owned(), format!("{client}, 127.0.0.1")],
        4 => vec!["10.0.0.1, [2001:db8::1]:443".to_owned(), format!("{client}:5678")],
        _ => vec!["203.0.113.251".to_owned(), client, "127.0.0.1".to_owned()],
    };
    for line in &lines {
        draft.field("X-Forwarded-For", line);
    }
    draft.about.chain.append(&mut lines);
    let (lines, scheme) = *chance.one_of(SCHEMES);
    for (name, value) in lines {
        draft.field(name, value);
    }
    draft.about.scheme = scheme;
    match chance.below(12) {
        0 => {
            draft.field("X-Forwarded-Host", "public.example");
            draft.about.told_host = Some("public.example");
        }
        1 => {
            draft.field("X-Forwarded-Host", "public.example:8443, inner.example");
            draft.about.told_host = Some("public.example:8443");
        }
        2 => {
            draft.field("X-Forwarded-Host", "public.example");
            draft.field("x-forwarded-host", "other.example");
            draft.about.scheme = None;
        }
        3 => draft.field("X-Forwarded-Host", "public.example/admin"),
        4 => draft.field("X-Forwarded-Port", "8443"),
        _ => {}
    }
}

/// A proxy's field for the scheme, and the scheme that an app shall see.
type Said = (&'static [(&'static str, &'static str)], Option<&'static str>);

const SCHEMES: &[&Said] = &[
    &(&[], Some("http")),
    &(&[], Some("http")),
    &(&[], Some("http")),
    &(&[("X-Forwarded-Proto", "https")], Some("https")),
    &(&[("X-Forwarded-Proto", "https, http")], Some("https")),
    &(&[("X-Forwarded-Proto", "http, https")], Some("http")),
    &(&[("X-Forwarded-Proto", "HTTPS")], Some("https")),
    &(&[("X-Forwarded-Ssl", "on")], Some("https")),
    &(&[("X-Forwarded-Scheme", "https")], Some("https")),
    &(&[("X-Forwarded-Proto", "http"), ("X-Forwarded-Ssl", "on")], Some("http")),
    &(&[("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")], None),
    &(&[("X-Forwarded-Proto", "https"), ("x-forwarded-proto", "https")], None),
    &(&[("X-Forwarded-Ssl", "off"), ("X-Forwarded-Ssl", "on")], None),
];

const METHODS: &[&str] = &[
    "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "POST", "POST",
    "PUT", "DELETE", "DELETE", "PATCH", "HEAD", "OPTIONS", "COPY", "MOVE", "PROPFIND",
];

const TARGETS: &[&str] = &[
    "/pub/a",
    "/pub/a/b",
    "/pub/a",
    "/inv/7",
    "/inv/8",
    "/inv/7",
    "/notes",
    "/notes/1",
    "/notes/2",
    "/files/a",
    "/files/a/secret",
    "/files/b.txt",
    "/orders/1",
    "/orders/2",
    "/orders/3",
    "/orders/4",
    "/dav/1/a",
    "/dav/2/a",
    "/admin",
    "/admin/users",
    "/shop/x",
    "/shop/x/y",
    "/shop/admin",
    "/shop/admin/keys",
    "/nowhere",
    "/",
    "/api/users/9",
    "/api/users/login",
    "/.portcullis/health",
];

const DAV_TARGETS: &[&str] = &["/dav/1/a", "/dav/2/a", "/dav/1/box/", "/dav/2/box/", "/pub/a", "/inv/7"];

const HOSTS: &[&str] =
    &["localhost", "tenant-a.example", "tenant-bb.example", "tenant-bb.example:80", "LOCALHOST"];

const BODIES: &[&(&str, &str)] = &[
    &("application/json", r#"{"title":"a"}"#),
    &("application/json", r#"{"id":2,"userId":2}"#),
    &("application/x-www-form-urlencoded", "title=a&b=c"),
    &("text/plain", "hello"),
    &("", ""),
    &("application/octet-stream", "\u{1}\u{2}\r\n\r\n"),
];
