//! `explain`: why a request is allowed or denied, by the running gate, by the policies on disk if no gate runs, or as
//! recorded in the access log.

mod live;
mod question;
mod replay;
mod show;

use std::io::{self, Write};

use anyhow::Context;
use serde_json::Value;

use super::{
    Exit,
    apps::{self, Located},
    args::{CallerArg, Explain, Global},
    backend::Site,
    known, on_runtime,
    paint::Paint,
    print, print_json,
    request_line::{Refused, RequestLine},
};
use crate::{
    admin::Who,
    app::{HypotheticalRequest, OwnerAnswer},
    config::Config,
    gate,
    identity::UserId,
    pages,
    policy::{self, Caller, Explanation, Inquiry, Stored},
};

use question::{Person, Question, Situation, analyze, said};

/// Explains a request, and prints the explanation.
pub(super) fn run(global: &Global, explain: &Explain) -> anyhow::Result<Exit> {
    let site = Site::find(global)?;
    if let (Some(id), Some(log)) = (&explain.request_id, &explain.log) {
        return replay::run(site.whole()?, global, id, log);
    }
    let (Some(asker), Some(method), Some(target)) = (&explain.who, &explain.method, &explain.target) else {
        anyhow::bail!("say `--as WHO METHOD TARGET`, or `--request-id ID --log FILE`");
    };
    if matches!(asker, CallerArg::Anonymous) && !explain.roles.is_empty() {
        anyhow::bail!("an anonymous caller has no role; leave `--role` out");
    }
    let located = Located::read(target, explain.host.as_deref())?;
    let target = located.target;
    let body: Option<Value> = explain
        .body
        .as_deref()
        .map(|text| serde_json::from_str(text).with_context(|| format!("`--body {text}` is not JSON")))
        .transpose()?;
    // A request that is refused before the rules needs no answer of the gate.
    // With an unreadable configuration only the gate knows how requests are read, so it is asked in any case.
    let live = match RequestLine::read(method, target) {
        Err(_) if site.whole().is_ok() => None,
        _ => {
            let request = HypotheticalRequest {
                host: located.host.to_owned(),
                method: method.clone(),
                target: target.to_owned(),
                body: body.clone(),
                certificate: explain.certificate.clone(),
                scopes: explain.scopes.clone(),
                owner: said(explain),
            };
            live::ask(&site, asker, request, explain)?
        }
    };
    let situation = match live {
        Some(live) => live,
        None => on_disk(apps::of_request(site.whole()?, &located)?, asker, explain)?,
    };
    let asked = RequestLine::by(situation.analysis.set(), situation.person.user.as_deref(), method, target);
    let explanation = match &asked {
        Ok(asked) if gate::is_reserved(&asked.path) => own_explanation(&asked.path, &situation.config),
        Ok(asked) => situation.explain(method, asked, body.as_ref()),
        Err(refused) => refused_explanation(refused),
    };
    let source = situation.source();
    let question = Question {
        app: situation.config.app_name(),
        method,
        target,
        person: &situation.person,
        source: asked.is_ok().then_some(&source),
        told: situation.told.as_ref(),
        differs: situation.differs.as_deref(),
    };
    if global.json {
        tell_in_json(&question, &explanation)?;
    } else {
        print(&show::text(&question, &explanation, Paint::of_stdout()))?;
    }
    Ok(Exit::Done)
}

fn tell_in_json(question: &Question<'_>, explanation: &Explanation) -> anyhow::Result<()> {
    let mut answer = serde_json::to_value(explanation)?;
    if let (Value::Object(answer), Some(app)) = (&mut answer, question.app) {
        answer.insert("app".to_owned(), app.into());
    }
    print_json(&answer)?;
    if let Some(differs) = question.differs {
        // On standard error: the form of the JSON answer is fixed.
        let _ = io::stderr().write_all(format!("note: {differs}\n").as_bytes());
    }
    Ok(())
}

/// The situation without a gate: the files on disk, and the store if it exists.
fn on_disk(config: Config, asker: &CallerArg, explain: &Explain) -> anyhow::Result<Situation> {
    let (stored, person) = person(&config, asker, explain)?;
    Ok(Situation {
        analysis: analyze(&config, &stored)?,
        config,
        person,
        owner: said(explain),
        told: None,
        differs: None,
    })
}

impl Situation {
    fn explain(&self, method: &str, asked: &RequestLine, body: Option<&Value>) -> Explanation {
        let (path, query) = asked.parts();
        if asked.encoded_slash && !self.analysis.set().action(method, path, query).encoded_slash {
            return refused_explanation(&Refused::encoded_slash());
        }
        let (caller, owner) = (self.person.caller(), self.owner);
        let inquiry = Inquiry { method, path, query, body, model_id: None, caller, owner };
        let mut explanation = self.analysis.explain(&inquiry);
        // A request whose owner is unknown is refused with 503, whatever the rules would say (fail closed).
        if let Some(OwnerAnswer::Failed { reason, .. }) = &self.told {
            explanation.status = Some(503);
            explanation.verdict = policy::Verdict::Deny;
            explanation.winner = "owner".to_owned();
            explanation.runner_up = None;
            explanation.flip = format!("the app has to say whose the row is: {reason}");
            explanation.asks = None;
            explanation.turns.clear();
            for rule in &mut explanation.rules {
                rule.applied = false;
                if rule.reason.starts_with("decides") {
                    rule.reason = "not asked: the owner of the row is not known".to_owned();
                }
            }
        }
        explanation
    }

    /// The source of the decision.
    fn source(&self) -> String {
        let digest = self.analysis.set().digest.get(..12).unwrap_or_default();
        match self.told {
            Some(_) => format!("the set in force at the running gate ({digest})"),
            None => format!("the files in {} ({digest}); no gate runs", self.config.policies.dir.display()),
        }
    }
}

/// The caller. Without a store, an id is taken as given, and the roles are those of the command line.
fn person(config: &Config, asker: &CallerArg, explain: &Explain) -> anyhow::Result<(Stored, Person)> {
    let who = match asker {
        CallerArg::Anonymous => None,
        CallerArg::Who(who) => Some(who),
    };
    let (stored, user) = if known::has_store(config) {
        let mut answer = None;
        on_runtime(async {
            answer = Some(known::ask(&Site::from(config.clone()), who).await?);
            Ok(Exit::Done)
        })?;
        answer.context("the store gave no answer")?
    } else {
        (Stored::default(), None)
    };
    let Some(who) = who else {
        return Ok((
            stored,
            Person {
                certificate: explain.certificate.clone(),
                scopes: explain.scopes.clone(),
                ..Person::default()
            },
        ));
    };
    let (id, mut roles, disabled) = match user {
        Some(user) => (user.id, user.roles, user.disabled),
        None => (id_without_store(who)?, Vec::new(), false),
    };
    roles.extend(explain.roles.iter().cloned());
    roles.sort();
    roles.dedup();
    let roles = roles.into_iter().map(String::into_boxed_str).collect();
    Ok((
        stored,
        Person {
            user: Some(id.to_string()),
            roles,
            certificate: explain.certificate.clone(),
            scopes: explain.scopes.clone(),
            disabled,
        },
    ))
}

/// The id of a user that no store can confirm.
fn id_without_store(who: &Who) -> anyhow::Result<UserId> {
    match who {
        Who::Id(id) => Ok(id.clone()),
        Who::Bare(text) if !text.contains('@') => Ok(UserId::parse(text)),
        other => anyhow::bail!("there is no store yet to look `{other}` up in; name the user as `id:7`"),
    }
}

/// The explanation for a path that the gate reserves. No rule decides, and the app never sees the request.
fn own_explanation(path: &str, config: &Config) -> Explanation {
    let serves = |setting: bool| setting && config.serves_accounts();
    let (verdict, status, flip) = if path == gate::OPENAPI && serves(config.api.openapi) {
        (
            policy::Verdict::Allow,
            None,
            "no rule is asked: the gate serves this to everyone; `api.openapi = false` ends it",
        )
    } else if pages::is_page(path) && serves(config.pages.enabled) {
        (
            policy::Verdict::Allow,
            None,
            "no rule is asked: it is a page of the gate, which asks for a login itself if it needs one; `pages.enabled = false` \
             ends the pages",
        )
    } else if pages::is_page(path) {
        (
            policy::Verdict::Deny,
            Some(404),
            "no rule is asked: it would be a page of the gate, and the pages are off (`pages.enabled`, or an app with \
             `accounts = false`)",
        )
    } else {
        (
            policy::Verdict::Deny,
            Some(404),
            "no rule is asked: the path is the gate's own, and it serves nothing there",
        )
    };
    Explanation {
        verdict,
        status,
        route: if pages::is_page(path) { "a page of the gate" } else { OWN }.to_owned(),
        winner: OWN.to_owned(),
        flip: flip.to_owned(),
        ..refused_explanation(&Refused { status: 404, check: OWN, message: String::new() })
    }
}

fn refused_explanation(refused: &Refused) -> Explanation {
    Explanation {
        verdict: policy::Verdict::Deny,
        status: Some(refused.status),
        route: "unmatched".to_owned(),
        model: String::new(),
        property: String::new(),
        access_type: "",
        limit: None,
        model_id: None,
        rules: Vec::new(),
        winner: refused.check.to_owned(),
        runner_up: None,
        flip: format!("no rule is asked: {}", refused.message),
        asks: None,
        turns: Vec::new(),
    }
}

/// The "rule" that decides about a reserved path.
const OWN: &str = "the gate itself";

impl Person {
    fn caller(&self) -> Caller<'_> {
        Caller {
            user: self.user.as_deref(),
            roles: &self.roles,
            certificate: self.certificate.as_deref(),
            scopes: &self.scopes,
        }
    }

    /// `user 7 (clerk)`
    fn describe(&self) -> String {
        let mut text = match &self.user {
            None => "anonymous".to_owned(),
            Some(user) if self.roles.is_empty() => format!("user {user}, without a role"),
            Some(user) => format!("user {user} ({})", self.roles.join(", ")),
        };
        if let Some(subject) = &self.certificate {
            text.push_str(&format!(", certificate {subject}"));
        }
        if !self.scopes.is_empty() {
            text.push_str(&format!(", token for {}", self.scopes.join(", ")));
        }
        if self.disabled {
            text.push_str("; the account is switched off, so the gate refuses their tokens");
        }
        text
    }
}

#[cfg(test)]
mod tests;
