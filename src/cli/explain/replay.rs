//! Repeats the decision of a request in the access log.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context;
use serde_json::{Value, json};

use super::{Person, Question, analyze, show};
use crate::{
    cli::{
        Exit, access_line::AccessLine, apps, args::Global, backend::Site, known, on_runtime, paint::Paint,
        print, print_json,
    },
    config::Config,
    policy::Stored,
};

/// Finds the request in the log, repeats its decision from the recorded facts, and compares the results.
pub(super) fn run(config: &Config, global: &Global, id: &str, log: &Path) -> anyhow::Result<Exit> {
    let line = find(log, id)?;
    let facts = line.facts.as_ref().with_context(|| {
        format!("the request `{id}` was refused before any rule was asked: its line has no facts")
    })?;
    let config = &apps::recorded(config, line.app.as_deref())?;
    let analysis = analyze(config, &stored(config)?)?;
    let person = Person {
        user: line.user.clone(),
        roles: facts.roles.iter().map(|role| role.as_str().into()).collect(),
        certificate: facts.certificate.clone(),
        scopes: facts.scopes.clone(),
        disabled: false,
    };
    let inquiry = line.inquiry(facts, person.caller(), facts.owner);
    let explanation = analysis.explain(&inquiry);
    let same_policies = facts.policy == analysis.set().digest;
    let same_verdict = line.decision == explanation.verdict.word();
    let same_rule = line.rule.as_deref() == Some(&explanation.winner);
    if global.json {
        let mut answer = serde_json::to_value(&explanation)?;
        if let Value::Object(answer) = &mut answer {
            let recorded = json!({
                "verdict": line.decision, "rule": line.rule, "status": line.status, "policy": facts.policy,
                "samePolicies": same_policies, "sameVerdict": same_verdict,
            });
            answer.insert("recorded".to_owned(), recorded);
        }
        print_json(&answer)?;
    } else {
        let paint = Paint::of_stdout();
        let question = Question {
            app: line.app.as_deref(),
            method: &line.method,
            target: &line.path,
            person: &person,
            source: None,
            told: None,
            differs: None,
        };
        let mut text = show::text(&question, &explanation, paint);
        let rule = line.rule.as_deref().unwrap_or("no rule");
        text.push_str(&format!("  {}   {} by {rule}: ", paint.dim("recorded"), line.decision));
        text.push_str(match (same_policies, same_verdict && same_rule) {
            (_, true) if same_policies => "the same",
            (_, true) => "the same, though the policies have changed since",
            (true, false) => "another outcome, by the same policies",
            (false, false) => "the policies have changed since",
        });
        text.push('\n');
        print(&text)?;
    }
    // A different verdict under the same policies is an error of the gate, and worth an exit code.
    Ok(if same_verdict || !same_policies { Exit::Done } else { Exit::Failed })
}

/// The rules of the store, if there is one.
fn stored(config: &Config) -> anyhow::Result<Stored> {
    let mut stored = Stored::default();
    if known::has_store(config) {
        on_runtime(async {
            stored = known::ask(&Site::from(config.clone()), None).await?.0;
            Ok(Exit::Done)
        })?;
    }
    Ok(stored)
}

/// The line of a request. The last one counts, because a proxy may have assigned an id twice.
fn find(log: &Path, id: &str) -> anyhow::Result<AccessLine> {
    let unreadable = || format!("cannot read `{}`", log.display());
    let mut found = None;
    for line in BufReader::new(File::open(log).with_context(unreadable)?).split(b'\n') {
        let line = line.with_context(unreadable)?;
        found = AccessLine::read(&line).filter(|line| line.request_id == id).or(found);
    }
    found.with_context(|| {
        format!("`{}` has no JSON line of the request `{id}`; is `log.format` json there?", log.display())
    })
}
