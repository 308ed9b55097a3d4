//! An explanation for a person.

use std::fmt::Write;

use super::Question;
use crate::{
    cli::{
        output::{printable, table},
        paint::Paint,
    },
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
        let _ = writeln!(text, "  {}  {}", paint.dim(&format!("{name:<9}")), printable(&value));
    }
    if !explanation.rules.is_empty() {
        text.push('\n');
        text.push_str(&rules(explanation, paint));
    }
    text.push('\n');
    if let Some(next) = &explanation.runner_up {
        let _ = writeln!(text, "  {}  {}", paint.dim("runner-up"), printable(next));
    }
    let _ = writeln!(text, "  {}  {}", paint.dim("to turn  "), printable(&explanation.flip));
    for other in &explanation.turns {
        let _ = writeln!(text, "  {}  {}", paint.dim("or       "), printable(other));
    }
    text
}

fn head(question: &Question<'_>, explanation: &Explanation) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("request", format!("{} {}", question.method, question.target)),
        ("caller", question.person.describe()),
        ("route", explanation.route.clone()),
    ];
    let method = [&*explanation.property, explanation.access_type].map(str::trim).join(" ");
    head.push(("method", method.trim().to_owned()));
    head.extend(explanation.model_id.as_ref().map(|id| ("row", id.clone())));
    head.retain(|(_, value)| !value.is_empty());
    head
}

/// The rules as a table: the winner marked and bold, those that say nothing here dim.
fn rules(explanation: &Explanation, paint: Paint) -> String {
    let rows = explanation.rules.iter().map(|rule| {
        let mark = if rule.reference == explanation.winner { "*" } else { " " };
        let score = rule.score.map_or_else(|| "-".to_owned(), |score| score.to_string());
        [mark.to_owned(), score, rule.reference.clone(), rule.text.clone(), rule.reason.clone()]
    });
    let plain = table([" ", "SCORE", "RULE", "SAYS", "HERE"], rows);
    let mut text = String::new();
    for (index, line) in plain.lines().enumerate() {
        let rule = index.checked_sub(1).and_then(|at| explanation.rules.get(at));
        let line = match rule {
            None => paint.dim(line),
            Some(rule) if rule.reference == explanation.winner => paint.bold(line),
            Some(rule) if !rule.applied => paint.dim(line),
            Some(_) => line.to_owned(),
        };
        let _ = writeln!(text, "{line}");
    }
    text
}
