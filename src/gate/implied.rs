//! Judges what a request asks for besides its request line: another method (`_method`), a second target
//! (`Destination`), a source to copy from (`X-Amz-Copy-Source`). See docs/what-rules-see.md.

mod kinds;

use std::cell::Cell;

use crate::{
    connection::Downstream,
    policy::{CurrentUser, PolicySet, Served},
    refusal::Refusal,
    wire::{Field, Framing, Override, OverrideScanner, RequestHead, query_override},
};

use super::{
    Stop,
    body::{ReadBody, stop_body},
    decision::check_slashes,
    request::{JudgedRequest, Request},
    reserved,
    session::Known,
};

pub use kinds::MethodOverride;

/// Whether a request asks for nothing else: it reads, and has no body and no method in its query.
pub(super) fn is_plain(head: &RequestHead) -> bool {
    matches!(head.method(), "GET" | "HEAD")
        && head.framing() == Framing::Empty
        && head.query().is_none_or(|query| query_override(query) == Override::None)
}

impl<'r> Request<'r> {
    /// Judges what a permitted request asks for in addition. A body that has to be judged as a whole is read.
    pub(super) async fn judge_implied(
        &self,
        reading: &JudgedRequest<'_, '_>,
        mut body: ReadBody,
        down: &mut Downstream,
    ) -> Result<ReadBody, Stop> {
        let JudgedRequest { head, session, .. } = *reading;
        if let Some(method) = self.overriding(head, &mut body, down).await? {
            if let Some(known) = session {
                // A form of another site could carry `_method=DELETE`.
                self.check_site(known, head, &method)?;
            }
            let action = &self.rules.set.action(&method, head.path(), head.query());
            self.judge_also(&JudgedRequest { head, action, session }).await?;
        }
        if let Some(source) = head.fields().find(is_source) {
            return Err(second_source(source.name));
        }
        if head.field("destination").is_some() {
            self.judge_destination(head, session).await?;
        }
        Ok(body)
    }

    /// The method that the app may use instead of the request's own.
    async fn overriding(
        &self,
        head: &RequestHead,
        body: &mut ReadBody,
        down: &mut Downstream,
    ) -> Result<Option<String>, Stop> {
        let settings = &self.gate.settings;
        let mode = self.app.settings.method_override;
        if mode == MethodOverride::Ignore {
            return Ok(None);
        }
        let mut asked = head.query().map_or(Override::None, query_override);
        if let Some(mut scanner) = OverrideScanner::of(head) {
            // A larger body is scanned while it is forwarded, and an override in it is refused.
            let is_short = matches!(head.framing(), Framing::Length(count) if count <= settings.body_limit);
            if mode == MethodOverride::Judge && is_short && body.bytes.is_none() {
                body.bytes = Some(down.collect(settings.body_limit).await.map_err(stop_body)?);
            }
            match &body.bytes {
                Some(bytes) => asked = asked.and(scanner.reads(bytes)),
                None => down.watch(scanner),
            }
        }
        match asked {
            Override::None => Ok(None),
            Override::Method(method) if mode == MethodOverride::Judge => {
                // The request's own method has been judged.
                Ok(Some(method).filter(|method| method != head.method()))
            }
            _ => Err(Stop::Refused(Refusal::method_override())),
        }
    }

    /// Judges `Destination` (RFC 4918 section 10.3), which is written to: as a PUT, and by the method itself.
    async fn judge_destination(&self, head: &RequestHead, session: Option<&Known>) -> Result<(), Stop> {
        let set = &self.rules.set;
        let target = destination(head, self.context.origin.host).map_err(bad_destination)?;
        let second = head.with_target(target).map_err(|reject| bad_destination(&reject.to_string()))?;
        if second.query().is_some() {
            return Err(bad_destination("it has a query"));
        }
        if reserved::is_reserved(second.path()) || set.current_user(target, None) != CurrentUser::AsSent {
            return Err(bad_destination("it is a path of the gate's own"));
        }
        // By the host as forwarded, which the one of the proxy has been compared with.
        if !self.core.apps.is_same(self.app, head.host(), second.path()) {
            return Err(bad_destination("it is the path of another app"));
        }
        for method in writing(set, head.method(), second.path()) {
            let action = &set.action(method, second.path(), None);
            self.judge_also(&JudgedRequest { head: &second, action, session }).await?;
        }
        Ok(())
    }

    /// Decides about another reading of a request that is permitted already.
    async fn judge_also(&self, reading: &JudgedRequest<'_, 'r>) -> Result<(), Stop> {
        check_slashes(reading.head, reading.action)?;
        if reading.action.served != Served::App {
            let message = "what this request asks for besides is a route of the gate's own (second-reading)";
            return Err(Refusal::BadRequest { status: 400, message: message.to_owned() }.into());
        }
        self.check_route_rate(reading.action, reading.session)?;
        // A new cell: the owner of the other row is not that of the first.
        self.decide(reading, &Cell::new(None)).await?;
        Ok(())
    }
}

/// The methods as which a path is judged that is written to. If the policies cover neither, `PUT`, which is
/// judged as unmatched.
fn writing<'m>(set: &PolicySet, method: &'m str, path: &str) -> Vec<&'m str> {
    // These do not write to the destination themselves.
    let is_safe = matches!(method, "GET" | "HEAD" | "OPTIONS" | "PROPFIND");
    let mut methods = vec!["PUT"];
    if !is_safe && method != "PUT" {
        methods.push(method);
    }
    let known: Vec<&str> =
        methods.iter().copied().filter(|method| !set.action(method, path, None).is_unmatched()).collect();
    if known.is_empty() { vec!["PUT"] } else { known }
}

/// The path of the only `Destination`. Its host must be that of the request, `origin`.
fn destination<'h>(head: &'h RequestHead, origin: &str) -> Result<&'h str, &'static str> {
    let mut lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case("destination"));
    let (Some(line), None) = (lines.next(), lines.next()) else { return Err("there are several") };
    let text = std::str::from_utf8(line.value).map_err(|_| "it is not a URI")?;
    if text.starts_with('/') {
        return Ok(text);
    }
    let (scheme, rest) = text.split_once("://").ok_or("it is neither a URI nor a path")?;
    let port = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => ":80",
        _ if scheme.eq_ignore_ascii_case("https") => ":443",
        _ => return Err("it is not an `http` address"),
    };
    let (host, path) =
        rest.split_at_checked(rest.find('/').ok_or("it has no path")?).ok_or("it has no path")?;
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    if bare(host) != bare(origin) {
        return Err("it is on another host");
    }
    Ok(path)
}

/// Whether a field makes the app read another resource: object stores (S3 and compatible ones, Azure, Google,
/// Swift) a bucket and a key, which no rule covers, and tus other uploads.
fn is_source(field: &Field<'_>) -> bool {
    let name = field.name;
    if name.eq_ignore_ascii_case("upload-concat") {
        return field.value.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"final"));
    }
    let ends = |end: &str| {
        let start = name.len().checked_sub(end.len());
        start.and_then(|start| name.get(start..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"))
        && [
            "-copy-source",
            "-rename-source",
            "-symlink-target",
            "x-copy-from",
            "x-symlink-target",
            "x-object-manifest",
        ]
        .into_iter()
        .any(ends)
}

fn second_source(name: &str) -> Stop {
    let message = format!(
        "`{name}` names a second resource to read, which no rule covers; read it and write it in requests of their own \
         (copy-source)"
    );
    Refusal::BadRequest { status: 400, message }.into()
}

fn bad_destination(why: &str) -> Stop {
    let message = format!("`Destination` has to be a path of this host, or its URI: {why} (destination)");
    Refusal::BadRequest { status: 400, message }.into()
}
