//! Formats an explanation as text.

use std::fmt::Write;

use super::Question;
use crate::{
    app::OwnerAnswer,
    cli::{paint::Paint, printable::printable},
    policy::{Explanation, Verdict},
};

pub(super) fn text(question: &Question<'_>, explanation: &Explanation, paint: Paint) -> String {
    let mut text = String::new();
    let allowed = explanation.verdict == Verdict::Allow;
    let status = explanation.status.map(|status| format!(" {status}")).unwrap_or_default();
    let verdict = paint.bold(&paint.good(allowed, &format!("{}{status}", explanation.verdict.word())));
    let _ = writeln!(text, "{verdict} by {}", paint.bold(&printable(&explanation.winner)));
    if let Some(asks) = &explanation.asks {
        let _ = writeln!(
            text,
            "{} if the row is theirs: the gate asks GET {} (say it with --owner yes or no)",
            paint.good(asks.if_owner == Verdict::Allow, asks.if_owner.word()),
            printable(&asks.target)
        );
    }
    text.push('\n');
    for (name, value) in head(question, explanation) {
        text.push_str(&line(paint, name, &value));
    }
    if !explanation.rules.is_empty() {
        text.push('\n');
        text.push_str(&rules(explanation, paint));
    }
    text.push('\n');
    if let Some(next) = &explanation.runner_up {
        text.push_str(&line(paint, "runner-up", next));
    }
    text.push_str(&line(paint, "to turn", &explanation.flip));
    for other in &explanation.turns {
        text.push_str(&line(paint, "or", other));
    }
    text
}

/// A line with a name and a value.
fn line(paint: Paint, name: &str, value: &str) -> String {
    // Commands are not wrapped, so that they can be pasted.
    let is_command = value.contains("`portcullis ");
    let value = printable(value);
    let value = if is_command { value } else { paint.indented(&value, INDENT) };
    format!("  {}  {value}\n", paint.dim(&format!("{name:<9}")))
}

fn head(question: &Question<'_>, explanation: &Explanation) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("app", question.app.unwrap_or_default().to_owned()),
        ("request", format!("{} {}", question.method, question.target)),
        ("caller", question.person.describe()),
        ("route", explanation.route.clone()),
    ];
    let method = [&*explanation.property, explanation.access_type].map(str::trim).join(" ");
    head.push(("method", method.trim().to_owned()));
    head.extend(explanation.limit.as_ref().map(|limit| ("limit", format!("{limit} for each caller"))));
    head.extend(explanation.model_id.as_ref().map(|id| ("row", id.clone())));
    head.extend(question.told.and_then(owner).map(|told| ("owner", told)));
    head.extend(question.source.map(|source| ("by", source.to_owned())));
    let query = question.target.split_once('?').map(|(_, query)| query);
    // LoopBack takes the id of a row from the query, too.
    let is_id = |query: &str| query.split('&').any(|pair| pair.starts_with("id="));
    let counts = |query: &str| explanation.model_id.is_some() && is_id(query);
    if question.source.is_some() && query.is_some_and(|query| !counts(query)) {
        head.push(("query", "not looked at: rules see the path alone".to_owned()));
    }
    head.extend(question.differs.map(|differs| ("note", differs.to_owned())));
    head.retain(|(_, value)| !value.is_empty());
    head
}

/// The answer of the app about the owner.
fn owner(told: &OwnerAnswer) -> Option<String> {
    match told {
        OwnerAnswer::NotAsked => None,
        OwnerAnswer::Said { target, owner: true } => Some(format!("theirs, says the app (GET {target})")),
        OwnerAnswer::Said { target, owner: false } => {
            Some(format!("not theirs, says the app (GET {target})"))
        }
        OwnerAnswer::Failed { target, reason } => Some(format!("unknown: {reason} (GET {target})")),
    }
}

/// The table of the rules. The deciding one is marked and bold, those without effect are dim.
fn rules(explanation: &Explanation, paint: Paint) -> String {
    let rows = explanation.rules.iter().map(|rule| {
        let mark = if rule.reference == explanation.winner { "*" } else { " " };
        let score = rule.score.map_or_else(|| "-".to_owned(), |score| score.to_string());
        [mark.to_owned(), score, rule.reference.clone(), rule.text.clone(), rule.reason.clone()]
    });
    let mut text = String::new();
    for (index, row) in paint.table([" ", "SCORE", "RULE", "SAYS", "HERE"], rows).iter().enumerate() {
        let rule = index.checked_sub(1).and_then(|at| explanation.rules.get(at));
        text.push_str(&match rule {
            None => paint.dim(row),
            Some(rule) if rule.reference == explanation.winner => paint.bold(row),
            Some(rule) if !rule.applied => paint.dim(row),
            Some(_) => row.clone(),
        });
    }
    text
}

/// The column of the values.
const INDENT: usize = 13;
