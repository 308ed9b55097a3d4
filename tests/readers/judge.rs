//! Whether what an app read was allowed: the policies judge the app's own words.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::IpAddr,
};

use portcullis::{
    policy::{Caller, Decision, OwnerAnswer, PolicySet, Served},
    wire::{HeadLimits, RequestHead, Scan},
};
use serde_json::json;

use crate::{
    draft::{About, Who},
    generate::{FORGED, Generator},
    reading::{Reading, decode, encode},
};

/// The fault of a reading. The names are the rig's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A request that was not sent.
    Smuggled,
    /// A request inside of a tunnel.
    Tunnelled,
    /// A path that the caller may not have.
    Path,
    /// A method that the caller may not use there, and did not send.
    Method,
    /// The app is mounted where it is not.
    Moved,
    /// Another user, or what another gateway says about one.
    Identity,
    /// A name that moves a path or a method.
    Mover,
    /// Another client, scheme or host.
    Client,
    /// A token.
    Credential,
    /// The second target of a MOVE or COPY.
    Destination,
    /// Another body.
    Body,
    /// The answer to another request.
    Answer,
    /// A question of the gate's own that is not as it has to be.
    Lookup,
    /// A plain request that the app could not read.
    Disturbed,
    /// A line of the report that is none.
    Report,
}

/// A reading that was not allowed.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The unit that it came from, where that is known.
    pub(crate) unit: Option<u64>,
    /// The mutations of the request.
    pub(crate) changes: Vec<&'static str>,
}

/// The judge's input.
pub(crate) struct Judge {
    pub(crate) set: PolicySet,
    pub(crate) generator: Generator,
    /// The app's reading of each caller when nothing is forged.
    pub(crate) identities: BTreeMap<Who, Vec<(String, String)>>,
}

/// The fields that name the user, by the gate's settings.
const IDENTITY: [&str; 4] =
    ["x-forwarded-user", "x-forwarded-preferred-username", "x-forwarded-email", "x-forwarded-groups"];

/// Values that a server adds to the environment where it has authenticated a user.
const USERS: [&str; 4] = ["REMOTE_USER", "PHP_AUTH_USER", "AUTH_TYPE", "REMOTE_IDENT"];

const UNMATCHED: &str = "denied by unmatched";

type Wrong = (Kind, String);

impl Judge {
    /// Judges a line of the report.
    pub(crate) fn line(&self, line: &str) -> Result<(), Finding> {
        let none = |kind, detail| Finding { kind, detail, unit: None, changes: Vec::new() };
        let reading: Reading =
            serde_json::from_str(line).map_err(|error| none(Kind::Report, format!("{error}: {line}")))?;
        let tags: Vec<&str> = reading.all("x-rig-tag").collect();
        let is_lookup = reading.header(LOOKUP).is_some();
        if is_lookup && tags.is_empty() {
            return self.lookup(&reading).map_err(|(kind, detail)| none(kind, detail));
        }
        let [tag] = tags[..] else { return Err(none(Kind::Smuggled, format!("tags {tags:?}: {line}"))) };
        if tag == READY {
            return Ok(());
        }
        let (number, mark) = tag.split_at(tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len()));
        let Ok(number) = number.parse() else { return Err(none(Kind::Smuggled, line.to_owned())) };
        let (unit, at) = Generator::place(number);
        let unit_made = self.generator.unit(unit);
        let Some(about) = unit_made.requests.get(at) else {
            return Err(none(Kind::Smuggled, line.to_owned()));
        };
        let judged = match mark {
            "t" => Err((Kind::Tunnelled, String::new())),
            "" if reading.tunnel => Err((Kind::Tunnelled, String::new())),
            "" if is_lookup => self.lookup(&reading).and_then(|()| of_request(&reading, about)),
            "" => self.reading(&reading, about),
            _ => Err((Kind::Smuggled, String::new())),
        };
        judged.map_err(|(kind, detail)| {
            let detail = format!("{detail}\n    read: {line}");
            Finding { kind, detail, unit: Some(unit), changes: about.kinds.clone() }
        })
    }

    fn reading(&self, reading: &Reading, about: &About) -> Result<(), Wrong> {
        let caller = self.caller(reading, about)?;
        self.names(reading)?;
        origin(reading, about)?;
        if !matches!(&*reading.script, "" | "/") {
            return Err((Kind::Moved, format!("mounted at `{}`", reading.script)));
        }
        if let Some(body) = about.body.as_ref().filter(|_| !reading.parsed && reading.length > 0)
            && *body != latin1(&reading.body)
            && (reading.length != body.len() || reading.length <= 512)
        {
            return Err((Kind::Body, format!("sent {} bytes", body.len())));
        }
        for path in [&reading.path].into_iter().chain(&reading.also) {
            self.routed(caller, reading, about, path).map_err(|why| {
                let kind = if reading.method == about.method { Kind::Path } else { Kind::Method };
                (kind, format!("{} {path} as {caller:?}: {why}", reading.method))
            })?;
        }
        self.destination(caller, reading)
    }

    /// Whether the path may be had. Where an encoded slash was let through, an app may take it for a slash, or several
    /// for one: what it reads then is no other route, at the most a path that no route covers.
    fn routed(&self, caller: Who, reading: &Reading, about: &About, path: &str) -> Result<(), String> {
        let judged = self.allowed(caller, reading, &reading.method, path);
        let slashed =
            about.target.to_ascii_lowercase().contains("%2f") && !path.to_ascii_lowercase().contains("%2f");
        if judged.is_ok() || !slashed {
            return judged;
        }
        let mut single = path.to_owned();
        while single.contains("//") {
            single = single.replace("//", "/");
        }
        match self.allowed(caller, reading, &reading.method, &single) {
            Err(why) if why != UNMATCHED => Err(why),
            _ => Ok(()),
        }
    }

    /// The app's idea of the caller: only a user whose credential was sent.
    fn caller(&self, reading: &Reading, about: &About) -> Result<Who, Wrong> {
        let said = identity(reading);
        let found = about.callers.iter().copied().find(|who| self.identities[who] == said);
        let found =
            found.ok_or_else(|| (Kind::Identity, format!("{:?} reads as {said:?}", about.callers)))?;
        if let Some(name) = USERS.iter().find(|name| reading.facts.contains_key(**name)) {
            return Err((Kind::Identity, format!("{name} is {}", reading.facts[*name])));
        }
        Ok(found)
    }

    /// No name that only a gateway may send, and no token.
    fn names(&self, reading: &Reading) -> Result<(), Wrong> {
        for (name, value) in &reading.headers {
            if value.contains("/forged") {
                return Err((Kind::Mover, format!("{name}: {value}")));
            }
            if value.contains(FORGED) {
                return Err((Kind::Identity, format!("{name}: {value}")));
            }
            let name = name.replace(['_', '.'], "-");
            if name.contains("method-override") || name == "x-http-method" {
                return Err((Kind::Mover, format!("{name}: {value}")));
            }
            if name == "http2-settings" {
                return Err((Kind::Tunnelled, format!("{name}: {value}")));
            }
            let tokens = &self.generator.tokens;
            if [&tokens.ann, &tokens.bob].iter().any(|token| value.contains(&***token)) {
                return Err((Kind::Credential, name));
            }
        }
        let tokens = &self.generator.tokens;
        let query = reading.query.as_deref().unwrap_or_default();
        if [&tokens.ann, &tokens.bob].iter().any(|token| query.contains(&***token)) {
            return Err((Kind::Credential, "the query".to_owned()));
        }
        Ok(())
    }

    fn destination(&self, caller: Who, reading: &Reading) -> Result<(), Wrong> {
        if !matches!(&*reading.method, "MOVE" | "COPY") {
            return Ok(());
        }
        let told: Vec<&str> = reading.all("destination").collect();
        if told.len() > 1 {
            return Err((Kind::Destination, format!("{told:?}")));
        }
        let own = reading.header("host").unwrap_or_default();
        for text in told {
            let text = String::from_utf8_lossy(&decode(text)).into_owned();
            let is_ours = |scheme: &str| matches!(&*scheme.to_ascii_lowercase(), "" | "http:" | "https:");
            let rest = text.split_once("//").filter(|(scheme, _)| is_ours(scheme));
            let (host, path) =
                rest.map_or(("", &*text), |(_, rest)| rest.split_at(rest.find('/').unwrap_or(rest.len())));
            let bare = |host: &str| host.strip_suffix(":80").unwrap_or(host).to_ascii_lowercase();
            let told = reading.header("x-forwarded-host").unwrap_or_default();
            if !host.is_empty() && bare(host) != bare(own) && bare(host) != bare(told) {
                return Err((Kind::Destination, format!("on another host: {text}")));
            }
            let path = path.split(['?', '#']).next().unwrap_or_default();
            self.written(caller, reading, &encode(path.as_bytes()))?;
        }
        reading.destination.iter().try_for_each(|path| self.written(caller, reading, path))
    }

    fn written(&self, caller: Who, reading: &Reading, path: &str) -> Result<(), Wrong> {
        let wrong = |why| (Kind::Destination, format!("to {path} as {caller:?}: {why}"));
        self.allowed(caller, reading, "PUT", path).map_err(wrong)
    }

    /// Whether the caller may have this, in the app's own words.
    fn allowed(&self, who: Who, reading: &Reading, method: &str, path: &str) -> Result<(), String> {
        let mut line = format!("{method} {path}");
        if let Some(query) = reading.query.as_deref().filter(|query| !query.is_empty()) {
            let _ = write!(line, "?{query}");
        }
        let bytes = format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        let mut head = RequestHead::new();
        match head.scan(&bytes, &HeadLimits { bytes: 1 << 20, fields: 8 }) {
            Ok(Scan::Complete(_)) => {}
            other => return Err(format!("no such request is read: {other:?}")),
        }
        let action = self.set.action(head.method(), head.path(), head.query());
        if action.served != Served::App {
            return Err("served by the gate itself".to_owned());
        }
        if head.encoded_slash() && !action.encoded_slash {
            return Err("an encoded slash".to_owned());
        }
        let (user, roles) = match who {
            Who::Anonymous => (None, Vec::new()),
            Who::Ann => (Some("1"), Vec::new()),
            Who::Bob => (Some("2"), vec![Box::from("clerk")]),
        };
        let caller = Caller { user, roles: &roles, certificate: None, scopes: &[] };
        let mut verdict = None;
        loop {
            match self.set.decide(&action, caller, verdict) {
                Decision::Permit(_) => return Ok(()),
                Decision::Denial(denial) => return Err(format!("denied by {}", denial.rule)),
                Decision::Ask(question) => {
                    let owner = owner(&question.target, reading);
                    let row = OwnerAnswer::Row(json!({ "ownerId": owner }));
                    verdict = Some(question.verdict(&row, caller, true));
                }
            }
        }
    }

    /// The gate's own question whose a row is: a plain GET that does not say who asks. It carries what else of
    /// the request may name the row, and no word about the client.
    fn lookup(&self, reading: &Reading) -> Result<(), Wrong> {
        self.names(reading)?;
        let marks: Vec<&str> = reading.all(LOOKUP).collect();
        let told = ["x-forwarded-for", "authorization", "x-access-token", "transfer-encoding", "upgrade"];
        let plain = marks == ["owner"]
            && reading.method == "GET"
            && (reading.parsed || reading.length == 0)
            && reading.query.as_deref().is_none_or(str::is_empty)
            && [&reading.path].into_iter().chain(&reading.also).all(|path| row(path).is_some())
            && identity(reading).is_empty()
            && !USERS.iter().any(|name| reading.facts.contains_key(*name))
            && told.iter().all(|name| reading.header(name).is_none());
        if plain { Ok(()) } else { Err((Kind::Lookup, format!("{reading:?}"))) }
    }
}

/// The gate's mark on a question of its own.
const LOOKUP: &str = "x-portcullis-lookup";

/// A question that carries the tag of a request asks for the row of that request.
fn of_request(reading: &Reading, about: &About) -> Result<(), Wrong> {
    let wanted = about.target.split('?').next().unwrap_or_default().trim_end_matches('/');
    let wanted = wanted.rsplit('/').next().unwrap_or_default();
    if row(&reading.path) == Some(decode(wanted)) {
        return Ok(());
    }
    Err((Kind::Lookup, format!("{} for {}", reading.path, about.target)))
}

/// The id of the row at a path that `Order`'s look-up leads to.
fn row(path: &str) -> Option<Vec<u8>> {
    let id = decode(path.strip_prefix("/orders/")?);
    (!id.is_empty() && !id.contains(&b'/')).then_some(id)
}

/// The tag of the requests that the rig sends before it begins.
pub(crate) const READY: &str = "ready";

/// The owner of the row that the apps serve at this path, host and tenant: a rule that is simple in every language.
fn owner(target: &str, reading: &Reading) -> u8 {
    let path = decode(target.split('?').next().unwrap_or_default());
    let last = path.last().copied().unwrap_or_default();
    let host = reading.header("host").unwrap_or_default().split(':').next().unwrap_or_default();
    let tenant = reading.header("x-tenant").unwrap_or_default();
    if (usize::from(last) + host.len() + tenant.len()) % 2 == 1 { 1 } else { 2 }
}

/// The user's fields in a reading, sorted.
pub(crate) fn identity(reading: &Reading) -> Vec<(String, String)> {
    let said = reading.headers.iter().filter_map(|(name, value)| {
        let name = name.replace(['_', '.'], "-");
        IDENTITY.contains(&&*name).then(|| (name, value.clone()))
    });
    said.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The client, the scheme, the host and the request's id, each sent once and by the gate.
fn origin(reading: &Reading, about: &About) -> Result<(), Wrong> {
    for name in ["x-forwarded-proto", "x-forwarded-host", "x-request-id"] {
        let values: Vec<&str> = reading.all(name).collect();
        if values.len() != 1 || (name != "x-forwarded-host" && values[0].contains(',')) {
            return Err((Kind::Client, format!("{name}: {values:?}")));
        }
    }
    let scheme = reading.header("x-forwarded-proto");
    if about.scheme.is_none() || scheme != about.scheme {
        return Err((Kind::Client, format!("scheme {scheme:?}, told {:?}", about.scheme)));
    }
    if reading.header("x-forwarded-host") != about.told_host.or(reading.header("host")) {
        return Err((Kind::Client, format!("host {:?}", reading.header("x-forwarded-host"))));
    }
    let sent = resolve(about.chain.iter().map(|line| &**line));
    // A server that reads the chain itself may leave only a part of it.
    let told = ["client", "REMOTE_ADDR"].iter().filter_map(|name| reading.facts.get(*name)?.parse().ok());
    let told = told.into_iter().find(|told: &IpAddr| !told.is_loopback());
    let lines: Vec<&str> = reading.all("x-forwarded-for").collect();
    let mut entries =
        lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
    if let Some(entry) = entries.find(|entry| entry.parse::<IpAddr>().is_err()) {
        return Err((Kind::Client, format!("no address: {entry}")));
    }
    let read = told.or_else(|| resolve(lines.iter().copied()));
    if read != sent {
        return Err((Kind::Client, format!("client {read:?} of {lines:?}, sent {sent:?}")));
    }
    Ok(())
}

/// The client of a chain: the first from the right that is not a proxy of ours.
fn resolve<'c>(lines: impl DoubleEndedIterator<Item = &'c str>) -> Option<IpAddr> {
    let entries: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let bare = |entry: &&str| -> Option<IpAddr> {
        entry.parse().ok().or_else(|| entry.rsplit_once(':').and_then(|(address, _)| address.parse().ok()))
    };
    entries.iter().rev().filter_map(bare).find(|address| !address.is_loopback())
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}
