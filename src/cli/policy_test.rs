//! `policy test`: runs the cases of a policy folder, with coverage and mutation.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    Exit, apps,
    args::PolicyTest,
    paint::Paint,
    policy_folder, print, print_json,
    printable::printable,
    request_line::{Refused, RequestLine},
};
use crate::{
    app,
    config::Config,
    policy::{self, Analysis, Case, Finding, Mutation, Outcome, RuleName, Severity, Stored},
};

/// A policy folder with its cases.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) analysis: Analysis,
    /// The cases with their places: `a.cases.json#/0`.
    pub(super) cases: Vec<(String, Case)>,
}

/// The result of all cases.
#[derive(Debug)]
struct Tested {
    /// In the order of the cases.
    outcomes: Vec<Outcome>,
    /// The number of cases that each rule decides.
    coverage: Vec<(RuleName, usize)>,
    /// Mutations that no case notices, with their rules.
    survivors: Vec<(RuleName, Mutation)>,
    mutants: usize,
}

/// Runs the cases of a folder, or of the folder of each app, and prints the results.
pub(super) fn run(config: &Config, test: &PolicyTest, json: bool) -> anyhow::Result<Exit> {
    let configs = match (&test.dir, &test.app) {
        (Some(dir), name) => vec![apps::of_folder(config, &[dir], name.as_deref())?],
        (None, Some(name)) => vec![apps::named(config, Some(name))?],
        (None, None) => config.each_app(),
    };
    let mut answers = Vec::new();
    let (mut all_passed, mut tested_none) = (true, true);
    for config in &configs {
        let dir = test.dir.as_deref().unwrap_or(&config.policies.dir);
        let mut folder = Folder::read(config, dir)?;
        let tested = folder.test(test.mutate);
        all_passed &= tested.passed(test);
        tested_none &= folder.cases.is_empty();
        if json {
            let mut answer = tested.to_json(&folder);
            if let (Value::Object(answer), Some(app)) = (&mut answer, config.app_name()) {
                answer.insert("app".to_owned(), app.into());
            }
            answers.push(answer);
            continue;
        }
        if let Some(app) = config.app_name() {
            print(&format!("app {app}: {}\n", dir.display()))?;
        }
        print(&tested.text(&folder, test, Paint::of_stdout()))?;
        if folder.cases.is_empty() {
            let dir = dir.display();
            print(&format!("nothing was tested: no `*.cases.json` in `{dir}` holds a case\n"))?;
        }
    }
    if json {
        // One app's answer has had this form since before there were several.
        let only = if config.apps.is_empty() { answers.pop() } else { None };
        print_json(&only.unwrap_or_else(|| json!({ "apps": answers })))?;
    }
    // A test that has nothing to test is one whose cases are elsewhere.
    let passed = all_passed && (!tested_none || test.allow_empty);
    Ok(if passed { Exit::Done } else { Exit::Failed })
}

impl Folder {
    /// Reads a folder. The rows of the store are left out, so that the result depends on the files only.
    pub(super) fn read(config: &Config, dir: &Path) -> anyhow::Result<Self> {
        if dir.is_file() {
            anyhow::bail!("`{}` is a file; name the folder that it is in", dir.display());
        }
        let sources = app::read_policies(dir)?;
        let (analysis, findings) =
            policy::analyze(&app::policy_settings(config), &sources, &Stored::default());
        let analysis = analysis.with_context(|| error_text(dir, &findings))?;
        let (files, unreadable) =
            policy_folder::cases(dir).with_context(|| format!("cannot read `{}`", dir.display()))?;
        if !unreadable.is_empty() {
            anyhow::bail!(error_text(dir, &unreadable));
        }
        let mut cases = Vec::new();
        for file in &files {
            let read = Case::read(file).map_err(|finding| anyhow::anyhow!(error_text(dir, &[finding])))?;
            let named = read.into_iter().enumerate();
            cases.extend(named.map(|(index, case)| (format!("{}#/{index}", file.name), case)));
        }
        Ok(Self { analysis, cases })
    }

    fn test(&mut self, mutate: bool) -> Tested {
        let outcomes: Vec<Outcome> =
            self.cases.iter().map(|(_, case)| decide(&self.analysis, case)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in &outcomes {
            *counts.entry(&outcome.rule).or_default() += 1;
        }
        let rules = self.analysis.rules();
        let count = |rule: &RuleName| counts.get(&*rule.reference).copied().unwrap_or(0);
        let coverage: Vec<_> = rules.iter().map(|rule| (rule.clone(), count(rule))).collect();
        let mut tested = Tested { outcomes, coverage, survivors: Vec::new(), mutants: 0 };
        for rule in rules.into_iter().filter(|_| mutate) {
            for mutation in [Mutation::Drop, Mutation::Flip] {
                let cases = &self.cases;
                let before = &tested.outcomes;
                // A mutation is noticed if any case passes that failed before, or the other way round.
                let unnoticed = self.analysis.mutated(&rule.reference, mutation, |mutant| {
                    let mut pairs = cases.iter().zip(before);
                    pairs.all(|((_, case), old)| {
                        decide(mutant, case).failure.is_some() == old.failure.is_some()
                    })
                });
                tested.mutants += usize::from(unnoticed.is_some());
                if unnoticed == Some(true) {
                    tested.survivors.push((rule.clone(), mutation));
                }
            }
        }
        tested
    }
}

/// Decides a case. A request that the gate refuses before the rules is denied by that check.
pub(super) fn decide(analysis: &Analysis, case: &Case) -> Outcome {
    let refused = |refused: Refused| case.refused(refused.status, refused.check);
    match RequestLine::by(analysis.set(), case.user().as_deref(), &case.method, &case.target) {
        Ok(asked) => {
            let (path, query) = asked.parts();
            if asked.encoded_slash && !analysis.set().action(&case.method, path, query).encoded_slash {
                return refused(Refused::encoded_slash());
            }
            analysis.run(case, path, query)
        }
        Err(reason) => refused(reason),
    }
}

impl Tested {
    /// Whether everything is as was asked for.
    fn passed(&self, test: &PolicyTest) -> bool {
        self.failed() == 0
            && !(test.require_coverage && self.uncovered().next().is_some())
            && (!test.mutate || self.survivors.is_empty())
    }

    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.failure.is_some()).count()
    }

    fn uncovered(&self) -> impl Iterator<Item = &RuleName> {
        self.coverage.iter().filter(|(_, cases)| *cases == 0).map(|(rule, _)| rule)
    }

    fn text(&self, folder: &Folder, test: &PolicyTest, paint: Paint) -> String {
        let mut text = String::new();
        for ((name, case), outcome) in folder.cases.iter().zip(&self.outcomes) {
            let request = format!("{} {} as {}", case.method, case.target, case.caller());
            let end = match &outcome.failure {
                Some(failure) => failure.clone(),
                None => format!("{} by {}", outcome.verdict.word(), outcome.rule),
            };
            let good = outcome.failure.is_none();
            let word = paint.good(good, if good { "ok  " } else { "FAIL" });
            let _ = writeln!(text, "{word} {name} {}: {}", printable(&request), printable(&end));
        }
        if test.coverage {
            let row = |(rule, cases): &(RuleName, usize)| {
                [cases.to_string(), rule.reference.clone(), rule.text.clone()]
            };
            let rows = paint.table(["CASES", "RULE", "SAYS"], self.coverage.iter().map(row));
            for (index, row) in rows.iter().enumerate() {
                let rule = index.checked_sub(1).and_then(|at| self.coverage.get(at));
                text.push_str(&match rule {
                    None => paint.dim(row),
                    Some((_, 0)) => paint.good(false, row),
                    Some(_) => row.clone(),
                });
            }
        } else if test.require_coverage {
            for rule in self.uncovered() {
                let _ = writeln!(text, "not covered: {} ({})", rule.reference, printable(&rule.text));
            }
        }
        if test.mutate {
            for (rule, mutation) in &self.survivors {
                let (name, says) = (&rule.reference, printable(&rule.text));
                let _ = writeln!(text, "no case notices when {name} ({says}) is {}", mutation.word());
            }
            let noticed = self.mutants - self.survivors.len();
            let _ = writeln!(text, "{noticed} of {} changes of a rule are noticed", self.mutants);
        }
        if test.coverage || test.require_coverage {
            let covered = self.coverage.len() - self.uncovered().count();
            let _ = writeln!(text, "{covered} of {} rules decide a case", self.coverage.len());
        }
        let _ = writeln!(text, "{} passed, {} failed", self.outcomes.len() - self.failed(), self.failed());
        text
    }

    fn to_json(&self, folder: &Folder) -> Value {
        let case = |((name, case), outcome): (&(String, Case), &Outcome)| {
            json!({
                "case": name, "as": case.caller(), "method": case.method, "target": case.target,
                "verdict": outcome.verdict, "status": outcome.status, "rule": outcome.rule,
                "passed": outcome.failure.is_none(), "failure": outcome.failure,
            })
        };
        let rule = |(rule, cases): &(RuleName, usize)| json!({"ref": rule.reference, "says": rule.text, "cases": cases});
        let survivor = |(rule, mutation): &(RuleName, Mutation)| json!({"ref": rule.reference, "says": rule.text, "change": mutation.word()});
        json!({
            "cases": folder.cases.iter().zip(&self.outcomes).map(case).collect::<Vec<_>>(),
            "passed": self.outcomes.len() - self.failed(),
            "failed": self.failed(),
            "coverage": self.coverage.iter().map(rule).collect::<Vec<_>>(),
            "mutants": self.mutants,
            "survivors": self.survivors.iter().map(survivor).collect::<Vec<_>>(),
        })
    }
}

/// The errors of a folder, one for each line.
fn error_text(dir: &Path, findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let lines: Vec<String> = errors.map(|finding| format!("\n  {finding}")).collect();
    format!("`{}` has mistakes:{}", dir.display(), lines.concat())
}

#[cfg(test)]
mod tests;
