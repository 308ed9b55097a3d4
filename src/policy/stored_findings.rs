//! What several apps say of stored rules, which are for the models of that name in all of them.

use super::{Code, Finding};

/// Findings that say that a rule has no effect in an app. It has one if another app does not say so.
const WITHOUT_EFFECT: [Code; 3] = [Code::UnknownModel, Code::UnknownProperty, Code::Shadowed];

impl Finding {
    /// Whether it is about a stored rule.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.file == "store"
    }

    /// Whether it says that a stored rule has no effect here.
    #[must_use]
    pub fn is_of_no_effect(&self) -> bool {
        self.without_effect().is_some()
    }

    /// The id of the stored rule that has no effect.
    fn without_effect(&self) -> Option<&str> {
        let has_code = WITHOUT_EFFECT.iter().any(|code| code.name() == self.code);
        let rest = self.message.strip_prefix("the stored rule `").filter(|_| has_code && self.is_stored())?;
        rest.split_once("` ").map(|(id, _)| id)
    }
}

/// The findings about stored rules that count, each once. `of_apps`: the findings of each app, with its name, which a
/// finding that is not of all apps gets.
#[must_use]
pub fn of_stored_rules(of_apps: &[(Option<String>, Vec<Finding>)]) -> Vec<Finding> {
    // What would be right depends on the models of each app.
    let same = |a: &Finding, b: &Finding| (a.code, &a.message) == (b.code, &b.message);
    let is_of_all = |finding: &Finding| {
        of_apps.iter().all(|(_, findings)| findings.iter().any(|other| same(finding, other)))
    };
    let mut found: Vec<Finding> = Vec::new();
    for (app, findings) in of_apps {
        for finding in findings.iter().filter(|finding| finding.is_stored()) {
            if !counts(finding, of_apps) || found.iter().any(|other| same(finding, other)) {
                continue;
            }
            let app = app.as_ref().filter(|_| !is_of_all(finding));
            let suffix = app.map(|app| format!(" (app {app})")).unwrap_or_default();
            let message = format!("{}{suffix}", finding.message);
            found.push(Finding { message, ..finding.clone() });
        }
    }
    found
}

fn counts(finding: &Finding, of_apps: &[(Option<String>, Vec<Finding>)]) -> bool {
    let Some(id) = finding.without_effect() else { return true };
    let of_rule = |findings: &[Finding]| {
        let mut codes = findings.iter().filter(|other| other.without_effect() == Some(id));
        codes.next().map(|first| first.code)
    };
    let codes: Vec<_> = of_apps.iter().map(|(_, findings)| of_rule(findings)).collect();
    let unknown = Code::UnknownModel.name();
    // An app that knows the model says more than one that does not.
    let is_known = codes.iter().flatten().any(|code| *code != unknown);
    codes.iter().all(Option::is_some) && !(is_known && finding.code == unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Severity;

    fn finding(code: Code, message: &str) -> Finding {
        Finding {
            file: "store".into(),
            line: 1,
            column: 1,
            severity: Severity::Warning,
            code: code.name(),
            message: message.into(),
            fix: None,
        }
    }

    fn told(of_apps: &[&[&Finding]]) -> Vec<String> {
        let names = ["a", "b", "c"].iter().map(|name| Some((*name).to_owned()));
        let of_apps: Vec<_> =
            names.zip(of_apps.iter().map(|app| app.iter().map(|one| (*one).clone()).collect())).collect();
        of_stored_rules(&of_apps).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_rule_that_has_an_effect_in_one_app_is_no_mistake_in_the_others() {
        let no_model = finding(Code::UnknownModel, "the stored rule `1` is for the unknown model `Note`");
        let no_route = finding(Code::UnknownProperty, "the stored rule `1` never applies: no route");
        let shadowed = finding(Code::Shadowed, "the stored rule `1` never decides: x");
        for one in [&no_model, &no_route, &shadowed] {
            assert_eq!(told(&[&[one], &[]]), Vec::<String>::new());
            assert_eq!(told(&[&[], &[one]]), Vec::<String>::new());
            assert_eq!(told(&[&[one], &[one]]), [&*one.message], "once");
        }
        // The app that knows the model has the word, whichever it is.
        for one in [&no_route, &shadowed] {
            assert_eq!(told(&[&[&no_model], &[one]]), [format!("{} (app b)", one.message)]);
            assert_eq!(told(&[&[one], &[&no_model]]), [format!("{} (app a)", one.message)]);
            assert_eq!(told(&[&[one], &[&no_model], &[]]), Vec::<String>::new());
        }
        assert_eq!(told(&[&[&no_route], &[&shadowed]]).len(), 2);
        let other = finding(Code::UnknownModel, "the stored rule `12` is for the unknown model `Note`");
        assert_eq!(told(&[&[&no_model], &[&other]]), Vec::<String>::new(), "of two rules");
    }

    #[test]
    fn what_is_wrong_with_a_rule_in_any_app_is_told() {
        let role =
            finding(Code::UnknownRole, "the stored rule `1` is for the role `x`, which does not exist");
        let user = finding(Code::UserId, "rule 7: a USER rule names an id");
        assert_eq!(told(&[&[&role], &[&role]]), [&*role.message]);
        assert_eq!(
            told(&[&[], &[&role, &user]]),
            [format!("{} (app b)", role.message), format!("{} (app b)", user.message)]
        );
        let of_file = Finding { file: "a.json".into(), ..role.clone() };
        assert_eq!(told(&[&[&of_file], &[&of_file]]), Vec::<String>::new());
        // One app is as before.
        assert_eq!(of_stored_rules(&[(None, vec![role.clone(), of_file])]), [role]);
    }
}
