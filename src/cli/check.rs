//! `check`: reports all errors in the configuration and the policies at once.

mod certificates;
mod entry;
mod mails;
mod pages;
mod users;

use std::{error::Error, fmt::Write};

use super::{Exit, backend::Site, known, policy_folder, print, print_json};
use crate::{
    admin::whole_chain,
    app,
    clock::Clock,
    config::{self, Config, ConfigErrors, ConfigFinding, Sources},
    gate::MethodOverride,
    policy::{self, Case, Finding, Severity, Stored},
};
use entry::{Entry, word};

/// Checks everything and prints the findings. `strict`: warnings count as errors.
pub(super) fn run(sources: &Sources, strict: bool, json: bool) -> anyhow::Result<Exit> {
    let entries = all(sources)?;
    let errors = entries.iter().filter(|entry| entry.severity == "error").count();
    let warnings = entries.len() - errors;
    if json {
        print_json(&serde_json::to_value(&entries)?)?;
    } else {
        print(&text(&entries, errors, warnings))?;
    }
    Ok(if errors > 0 || (strict && warnings > 0) { Exit::Failed } else { Exit::Done })
}

fn all(sources: &Sources) -> anyhow::Result<Vec<Entry>> {
    let loaded = match config::load(sources) {
        Ok(loaded) => loaded,
        Err(ConfigErrors(found)) => return Ok(found.into_iter().map(Entry::from).collect()),
    };
    let config = &loaded.config;
    let mut entries: Vec<Entry> = loaded.warnings.iter().cloned().map(Entry::from).collect();
    let file = sources.file.as_ref().map(|file| file.display().to_string());
    let file = file.as_deref().unwrap_or(CONFIG_FILE);
    entries.extend(certificates::told(config, Clock::System.now(), file));
    entries.extend(mails::told(&loaded));
    entries.extend(pages::told(&loaded));
    entries.extend(two_account_models(config, file));
    entries.extend(policies_of_apps(config, file)?);
    Ok(entries)
}

/// The policies of each app, and the stored rules, which are for all of them.
fn policies_of_apps(config: &Config, file: &str) -> anyhow::Result<Vec<Entry>> {
    let (mut entries, mut stored) = (Vec::new(), Vec::new());
    for app in &config.each_app() {
        let checked = policies(app, file)?;
        entries.extend(checked.entries.into_iter().map(|entry| match app.app_name() {
            Some(app) => Entry { message: format!("{} (app {app})", entry.message), ..entry },
            None => entry,
        }));
        stored.push((app.app_name().map(str::to_owned), checked.stored));
    }
    let stored = policy::of_stored_rules(&stored);
    entries.extend(stored.into_iter().map(|finding| Entry::of_finding(STORE.to_owned(), finding)));
    Ok(entries)
}

/// Apps that define the accounts differently.
fn two_account_models(config: &Config, file: &str) -> Option<Entry> {
    let error = app::account_model_of_all(config).err()?;
    Some(Entry {
        file: file.to_owned(),
        line: None,
        column: None,
        severity: word(Severity::Error),
        code: policy::Code::AccountModel.name(),
        message: error.to_string(),
        fix: None,
    })
}

/// What is found about an app.
struct Checked {
    entries: Vec<Entry>,
    /// About the stored rules.
    stored: Vec<Finding>,
}

fn policies(config: &Config, file: &str) -> anyhow::Result<Checked> {
    let unreadable = |error: &(dyn Error + 'static)| vec![Entry::of_folder(config, &whole_chain(error))];
    let without_store = |entries: Vec<Entry>| Ok(Checked { entries, stored: Vec::new() });
    let (sources, mut findings) = match app::read_all_policies(&config.policies.dir) {
        Ok(read) => read,
        Err(error) => {
            let passed_over = app::passed_over_policies(&config.policies.dir).into_iter();
            let at = |name: &str| config.policies.dir.join(name).display().to_string();
            let named = passed_over.map(|finding| Entry::of_finding(at(&finding.file), finding));
            return without_store(unreadable(&error).into_iter().chain(named).collect());
        }
    };
    // A file that is not read is named: a rule in it protects nothing.
    findings.extend(app::passed_over_policies(&config.policies.dir));
    let (cases, unreadable_cases) = match policy_folder::cases(&config.policies.dir) {
        Ok(cases) => cases,
        Err(error) => return without_store(unreadable(&error)),
    };
    findings.extend(unreadable_cases);
    let stored = stored(config)?;
    // Without a store there are no roles. If the store exists and cannot be asked, the roles are unknown.
    let known = stored.is_some() || !known::has_store(config);
    let (analysis, found) =
        policy::analyze(&app::policy_settings(config), &sources, &stored.unwrap_or_default());
    findings.extend(found);
    if let Some(analysis) = analysis.as_ref().filter(|_| known::has_store(config)) {
        findings = users::with_unknown_users(config, &analysis.user_rules(&sources), findings)?;
    }
    let unconfirmed = analysis.as_ref().and_then(|analysis| unconfirmed(config, analysis, file));
    if let Some(analysis) = analysis {
        findings.extend(analysis.lint(&sources));
        if config.upstream.method_override == MethodOverride::Ignore {
            findings.extend(analysis.lint_overrides(&sources));
        }
    }
    // Only the store knows which roles exist.
    findings.retain(|finding| known || finding.code != UNKNOWN_ROLE);
    let (stored, findings) = findings.into_iter().partition::<Vec<_>, _>(Finding::is_stored);
    let at = |name: &str| match name {
        CONFIG_FILE => file.to_owned(),
        name => config.policies.dir.join(name).display().to_string(),
    };
    let findings = findings.into_iter();
    let mut entries: Vec<Entry> =
        findings.map(|finding| Entry::of_finding(at(&finding.file), finding)).collect();
    entries.extend(unconfirmed);
    for cases in &cases {
        let findings = Case::read(cases).err().into_iter().chain(Case::doubts(cases));
        entries.extend(findings.map(|finding| Entry::of_finding(at(&cases.name), finding)));
    }
    // Findings of several sources are merged in the order in which they are read.
    entries.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Ok(Checked { entries, stored })
}

/// Warns if the account model requires confirmed addresses and nothing sends the mail that confirms them. The same
/// setting in the configuration has its own warning.
fn unconfirmed(config: &Config, analysis: &policy::Analysis, file: &str) -> Option<Entry> {
    let settings = app::account_settings(config, analysis.set().account());
    let asks = settings.email_verification_required && !config.users.email_verification_required;
    let is_sent = config.webhook.url.is_some() || config.mail.smtp.is_some();
    (asks && !is_sent).then(|| Entry {
        file: file.to_owned(),
        line: None,
        column: None,
        severity: word(Severity::Warning),
        code: policy::Code::NoEffect.name(),
        message: format!(
            "`emailVerificationRequired` of `{}` keeps new users out: neither `mail.smtp` nor `webhook.url` is set, so the mail that confirms an address is a file on this machine",
            settings.model
        ),
        fix: Some("set `mail.smtp`, or `webhook.url` and send the mail from there, or `users.email_verification_required = false`".into()),
    })
}

/// The rows of the store; `None` if there is no store or it cannot be opened.
fn stored(config: &Config) -> anyhow::Result<Option<Stored>> {
    if !known::has_store(config) {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // An error is no finding: `check` must also work where the store cannot be opened.
    Ok(runtime.block_on(known::ask(&Site::from(config.clone()), None)).ok().map(|(stored, _)| stored))
}

fn text(entries: &[Entry], errors: usize, warnings: usize) -> String {
    let mut text = String::new();
    for entry in entries {
        let _ = write!(text, "{}", entry.file);
        if let (Some(line), Some(column)) = (entry.line, entry.column) {
            let _ = write!(text, ":{line}:{column}");
        }
        let _ = write!(text, ": {}: {}", entry.severity, entry.message);
        if let Some(fix) = &entry.fix {
            let _ = write!(text, "; {fix}");
        }
        text.push('\n');
    }
    let several = |count: usize| if count == 1 { "" } else { "s" };
    let _ = writeln!(text, "{errors} error{}, {warnings} warning{}", several(errors), several(warnings));
    text
}

impl Entry {
    fn of_finding(file: String, finding: Finding) -> Self {
        Self {
            line: Some(finding.line).filter(|_| file != STORE),
            column: Some(finding.column).filter(|_| file != STORE),
            file,
            severity: word(finding.severity),
            code: finding.code,
            message: finding.message,
            fix: finding.fix,
        }
    }

    fn of_folder(config: &Config, message: &str) -> Self {
        Self {
            file: config.policies.dir.display().to_string(),
            line: None,
            column: None,
            severity: "error",
            code: policy::Code::PoliciesFolder.name(),
            message: message.to_owned(),
            fix: Some("`policies.dir` names a folder with policy files".into()),
        }
    }
}

impl From<ConfigFinding> for Entry {
    fn from(finding: ConfigFinding) -> Self {
        Self {
            file: finding.file,
            line: finding.line,
            column: finding.column,
            severity: word(finding.severity),
            code: finding.code,
            message: finding.message,
            fix: finding.fix,
        }
    }
}

/// The name of the configuration in findings.
const CONFIG_FILE: &str = "portcullis.toml";

/// The name of the store in findings.
const STORE: &str = "store";

/// The code of a finding that only the store can confirm.
const UNKNOWN_ROLE: &str = "unknown-role";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The findings of a folder with these files, with the folder's own name taken out.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let file = Some(folder.path().join("portcullis.toml"));
        let entries = all(&Sources { file, env: Vec::new(), flags: Vec::new() }).unwrap();
        assert!(!folder.path().join("data").exists(), "a check makes nothing");
        let (errors, warnings) = (entries.iter().filter(|e| e.severity == "error").count(), entries.len());
        let prefix = format!("{}/", folder.path().display());
        text(&entries, errors, warnings - errors).lines().map(|line| line.replace(&prefix, "")).collect()
    }

    const OPEN: &str = r#"{"name": "A", "routes": [{"path": "/a"}],
        "acls": [{"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW"}]}"#;

    #[test]
    fn what_is_right_has_nothing_to_tell() {
        let cases = r#"[{"as": {"user": 1, "roles": ["clerk"]}, "method": "GET", "target": "/a", "expect": "allow"}]"#;
        let files = [("portcullis.toml", ""), ("policies/a.json", OPEN), ("policies/a.cases.json", cases)];
        assert_eq!(found(&files), ["0 errors, 0 warnings"]);
    }

    #[test]
    fn f3_a_role_that_nobody_made_is_told_without_a_store() {
        for (role, with_unknown_users) in [
            ("clerk", "warning: there is no role `clerk`; create it: `portcullis role add clerk`"),
            ("everyone", "did you mean `$everyone`?"),
            ("Authenticated", "did you mean `$authenticated`?"),
            ("anonymous", "did you mean `$unauthenticated`?"),
            ("$authentcated", "error: "),
            ("$authenticatd", "did you mean `$authenticated`?"),
            ("$OWNER", "did you mean `$owner`?"),
        ] {
            let text = OPEN.replace("$authenticated", role);
            let found = found(&[("portcullis.toml", ""), ("policies/a.json", &text)]);
            assert!(found[0].contains(with_unknown_users), "{role}: {found:#?}");
        }
        let user = OPEN.replace("ROLE", "USER");
        for (id, warns) in
            [("ann", true), ("ann1@example.com", true), ("7", false), ("5f2b9c0a1d2e3f4a5b6c7d8e", false)]
        {
            let files = [("portcullis.toml", ""), ("policies/a.json", &*user.replace("$authenticated", id))];
            let found = found(&files);
            assert_eq!(found[0].contains("looks like a name"), warns, "{found:#?}");
        }
    }

    #[test]
    fn every_file_is_looked_at_before_it_ends() {
        let broken = OPEN.replace("ALLOW", "ALOW");
        let files = [
            ("portcullis.toml", "[password]\nmemory_kib = 8\n"),
            ("policies/a.json", &*broken),
            ("policies/b.json", "{"),
            ("policies/c.cases.json", "[{\"as\": \"nobody\"}]"),
        ];
        let found = found(&files);
        let starts = |start: &str| found.iter().any(|line| line.starts_with(start));
        assert!(starts("portcullis.toml:2:14: warning: "), "{found:#?}");
        assert!(starts("policies/a.json:2:"), "{found:#?}");
        assert!(starts("policies/b.json:1:"), "{found:#?}");
        assert!(starts("policies/c.cases.json:1:"), "{found:#?}");
        assert_eq!(found.last().map(String::as_str), Some("3 errors, 1 warning"), "{found:#?}");
    }

    #[test]
    fn a_broken_configuration_and_an_empty_folder_are_mistakes() {
        let unknown = found(&[("portcullis.toml", "[server]\nhtp = 1\n")]);
        assert!(unknown[0].starts_with("portcullis.toml:2:1: error: "), "{unknown:#?}");
        let empty = found(&[("portcullis.toml", "")]);
        assert!(empty[0].contains("holds no `.json` file"), "{empty:#?}");
    }

    #[test]
    fn what_no_policy_says_is_told_of_the_configuration() {
        let config = "{\"_meta\": {}}";
        let files =
            [("portcullis.toml", ""), ("policies/a.json", OPEN), ("policies/model-config.json", config)];
        let found = found(&files);
        assert!(
            found[0].starts_with("portcullis.toml:1:1: warning: no public model has base `User`"),
            "{found:#?}"
        );
    }

    #[test]
    fn f5_confirmed_addresses_that_a_model_asks_for_need_a_mail() {
        let model = r#"{"name": "Customer", "base": "User", "plural": "users", "emailVerificationRequired": true, "acls": []}"#;
        let config = "[api]\nuser_model = \"Customer\"\n";
        let hook = format!("{config}[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"\n");
        let is_told = |config: &str| {
            let found = found(&[("portcullis.toml", config), ("policies/customer.json", model)]);
            found
                .iter()
                .any(|line| line.contains("`emailVerificationRequired` of `Customer` keeps new users out"))
        };
        assert!(is_told(config) && !is_told(&hook));
        assert!(!is_told(&format!("{config}[users]\nemail_verification_required = false\n")));
    }

    #[test]
    fn certificates_are_looked_at_where_tls_is_on() {
        let certificate = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
        let cert = certificate.cert.pem();
        let key = certificate.signing_key.serialize_pem();
        let on = "[server]\nhttps = \"127.0.0.1:0\"\npublic_url = \"https://b.test\"\n[tls]\n\
                  certificates = [{ cert = \"a.pem\", key = \"a.key\" }]\n";
        let found_with = |config: &str, key: &str| {
            let owned =
                [("portcullis.toml", config), ("policies/a.json", OPEN), ("a.pem", &*cert), ("a.key", key)];
            found(&owned)
        };
        let named = found_with(on, &key);
        assert!(
            named[0].ends_with("warning: no certificate is for `b.test`, the host of `server.public_url`; they are for a.test; have one issued for it, and name it in `tls.certificates`, or in `tls.acme_domains`"),
            "{named:#?}"
        );
        assert_eq!(found_with(&on.replace("b.test", "A.test:8443"), &key), ["0 errors, 0 warnings"]);
        let requested = format!("{on}acme_domains = [\"b.test\"]\nacme_ca = \"none.pem\"\n");
        assert_eq!(
            found_with(&requested, &key),
            [
                "none.pem: error: no such file; correct its path in the settings, which is relative to the configuration",
                "1 error, 0 warnings"
            ]
        );
        let empty = found_with(on, "");
        assert_eq!(empty[0], "a.key: error: the file is empty; write the certificate, or its key, in PEM");
        assert!(found_with("", "").last().unwrap().starts_with("0 errors"), "TLS is off");
    }

    #[test]
    fn json_has_the_documented_keys() {
        let entry = Entry {
            file: "a".into(),
            line: None,
            column: Some(1),
            severity: "error",
            code: "c",
            message: "m".into(),
            fix: None,
        };
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            json,
            r#"{"file":"a","line":null,"column":1,"severity":"error","code":"c","message":"m","fix":null}"#
        );
    }
}
