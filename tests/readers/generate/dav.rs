//! The second target of WebDAV's MOVE and COPY.

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Framing, Tokens},
};

pub(super) const CHANGES: &[Change] =
    &[change("destination", 8, moved), change("destination-elsewhere", 2, beside_another_method)];

fn moved(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    chance.one_of(&["COPY", "COPY", "COPY", "MOVE"]).clone_into(&mut draft.method);
    draft.target = chance.one_of(&["/dav/1/a", "/dav/2/a", "/pub/a"]).to_owned();
    draft.framing = Framing::None;
    draft.fields.retain(|(name, _)| name != "Destination");
    destination(draft, chance);
}

/// With a method that has none, as far as most servers know.
fn beside_another_method(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let method = chance
        .one_of(&["PUT", "POST", "GET", "LOCK", "MKCOL", "BIND", "REBIND", "PROPFIND", "copy", "DELETE"]);
    method.clone_into(&mut draft.method);
    draft.target = chance.one_of(&["/dav/1/a", "/dav/2/a", "/pub/a"]).to_owned();
    destination(draft, chance);
}

/// Sets where to.
pub(super) fn destination(draft: &mut Draft, chance: &mut Chance) {
    let path = chance.one_of(&[
        "/dav/1/c",
        "/dav/2/c",
        "/dav/1/c",
        "/dav/2/c",
        "/dav/1/../2/c",
        "/dav/1/%2e%2e/2/c",
        "/dav/1/%252e%252e/2/c",
        "/dav/1/..%2f2/c",
        "/dav//2/c",
        "/admin/users",
        "/dav/1;x/../2/c",
        "/%64av/2/c",
        "/dav/1/c?x",
        "/dav/1/c#/../../2/c",
        "/dav/1%2fc",
        "/dav/1/box%2f..%2f..%2f2/c",
        "/dav/%2532/c",
        "/dav/1/c%00",
        "/dav/1\\..\\2\\c",
        "/dav/1/%5c..%5c2/c",
        "/dav/1/c/",
        "/DAV/2/c",
        "/api/users/9",
        "/.portcullis/x",
    ]);
    let host = draft.host.clone();
    let value = match chance.below(14) {
        0..5 => format!("http://{host}{path}"),
        5 => path.to_owned(),
        6 => format!("http://other.example{path}"),
        7 => format!("//{host}{path}"),
        8 => format!("http://{host}@other.example{path}"),
        9 => format!("http%3a//{host}{path}"),
        10 => format!("HTTP://{}{path}", host.to_ascii_uppercase()),
        11 => format!("http://{}{path}", host.split(':').next().unwrap_or_default()),
        12 => format!("http:{path}"),
        _ => path.trim_start_matches('/').to_owned(),
    };
    draft.field("Destination", &value);
    if chance.odds(5) {
        draft.field("Destination", format!("http://{host}/dav/2/d"));
    }
    if chance.odds(30) {
        draft.field("Overwrite", "T");
    }
}
