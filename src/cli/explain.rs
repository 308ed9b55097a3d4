//! `explain`: why a request is allowed or denied, by the policies on disk, or as the access log recorded it.

mod replay;
mod show;

use anyhow::Context;
use serde_json::Value;

use super::{
    Exit,
    args::{Asker, Explain, Global, YesNo},
    known, load, on_runtime,
    paint::Paint,
    print, print_json,
    request_line::{Asked, Refused},
    who::Who,
};
use crate::{
    app,
    config::Config,
    identity::UserId,
    policy::{self, Caller, Explanation, Inquiry, Severity, Stored, Study},
};

/// Who asks, as the store or the command line knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Person {
    user: Option<String>,
    /// Sorted.
    roles: Vec<Box<str>>,
    scopes: Vec<String>,
}

/// What was asked, for the head of the answer.
#[derive(Debug)]
struct Question<'q> {
    method: &'q str,
    target: &'q str,
    person: &'q Person,
}

/// Explains one request, and prints it.
pub(super) fn run(global: &Global, explain: &Explain) -> anyhow::Result<Exit> {
    let config = load(global)?.config;
    if let (Some(id), Some(log)) = (&explain.request_id, &explain.log) {
        return replay::run(&config, global, id, log);
    }
    let (Some(asker), Some(method), Some(target)) = (&explain.who, &explain.method, &explain.target) else {
        anyhow::bail!("say `--as WHO METHOD TARGET`, or `--request-id ID --log FILE`");
    };
    let (stored, person) = person(&config, asker, explain)?;
    let study = study(&config, &stored)?;
    let question = Question { method, target, person: &person };
    let asked = match Asked::by(study.set(), person.user.as_deref(), (method, target)) {
        Ok(asked) => asked,
        Err(refused) => return before_rules(global, &question, &refused),
    };
    let (path, query) = asked.parts();
    if asked.encoded_slash && !study.set().action(method, path, query).encoded_slash {
        return before_rules(global, &question, &Refused::encoded_slash());
    }
    let body: Option<Value> = explain
        .body
        .as_deref()
        .map(|text| serde_json::from_str(text).with_context(|| format!("`--body {text}` is no JSON")))
        .transpose()?;
    let caller = person.caller();
    let owner = explain.owner.map(|owner| owner == YesNo::Yes);
    let inquiry = Inquiry { method, path, query, body: body.as_ref(), model_id: None, caller, owner };
    let explanation = study.explain(&inquiry);
    if global.json {
        print_json(&serde_json::to_value(&explanation)?)?;
    } else {
        print(&show::text(&question, &explanation, Paint::of_stdout()))?;
    }
    Ok(Exit::Done)
}

/// The policies on disk, compiled with what the store has.
fn study(config: &Config, stored: &Stored) -> anyhow::Result<Study> {
    let sources = app::read_policies(&config.policies.dir)?;
    let (study, findings) = policy::study(&app::policy_settings(config), &sources, stored);
    study.with_context(|| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        let lines: Vec<String> = errors.map(|finding| format!("\n  {finding}")).collect();
        format!("the policies have mistakes:{}", lines.concat())
    })
}

/// Who asks. Where there is no store yet, an id is believed, and the roles are those of the command line.
fn person(config: &Config, asker: &Asker, explain: &Explain) -> anyhow::Result<(Stored, Person)> {
    let who = match asker {
        Asker::Anonymous => None,
        Asker::Who(who) => Some(who),
    };
    let (stored, user) = if known::has_store(config) {
        let mut answer = None;
        on_runtime(async {
            answer = Some(known::ask(config, who).await?);
            Ok(Exit::Done)
        })?;
        answer.context("the store gave no answer")?
    } else {
        (Stored::default(), None)
    };
    let Some(who) = who else {
        if !explain.roles.is_empty() {
            anyhow::bail!("nobody who is anonymous has a role; leave `--role` out");
        }
        return Ok((stored, Person { scopes: explain.scopes.clone(), ..Person::default() }));
    };
    let (id, mut roles) = match user {
        Some(user) => (user.id, user.roles),
        None => (believed(who)?, Vec::new()),
    };
    roles.extend(explain.roles.iter().cloned());
    roles.sort();
    roles.dedup();
    let roles = roles.into_iter().map(String::into_boxed_str).collect();
    Ok((stored, Person { user: Some(id.to_string()), roles, scopes: explain.scopes.clone() }))
}

/// An id, without a store that could tell whose it is.
fn believed(who: &Who) -> anyhow::Result<UserId> {
    match who {
        Who::Id(id) => Ok(id.clone()),
        Who::Bare(text) if !text.contains('@') => Ok(UserId::parse(text)),
        other => anyhow::bail!("there is no store yet to look `{other}` up in; name the user as `id:7`"),
    }
}

/// Tells of a request that never reaches the rules.
fn before_rules(global: &Global, question: &Question<'_>, refused: &Refused) -> anyhow::Result<Exit> {
    let explanation = refused_explanation(refused);
    if global.json {
        print_json(&serde_json::to_value(&explanation)?)?;
    } else {
        print(&show::text(question, &explanation, Paint::of_stdout()))?;
    }
    Ok(Exit::Done)
}

fn refused_explanation(refused: &Refused) -> Explanation {
    Explanation {
        verdict: policy::Verdict::Deny,
        status: Some(refused.status),
        route: "unmatched".to_owned(),
        model: String::new(),
        property: String::new(),
        access_type: "",
        model_id: None,
        rules: Vec::new(),
        winner: refused.check.to_owned(),
        runner_up: None,
        flip: format!("no rule is asked: {}", refused.message),
        asks: None,
        turns: Vec::new(),
    }
}

impl Person {
    fn caller(&self) -> Caller<'_> {
        Caller { user: self.user.as_deref(), roles: &self.roles, scopes: &self.scopes }
    }

    /// `user 7 (clerk)`
    fn describe(&self) -> String {
        let mut text = match &self.user {
            None => "anonymous".to_owned(),
            Some(user) if self.roles.is_empty() => format!("user {user}, without a role"),
            Some(user) => format!("user {user} ({})", self.roles.join(", ")),
        };
        if !self.scopes.is_empty() {
            text.push_str(&format!(", token for {}", self.scopes.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests;
