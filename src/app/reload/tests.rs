//! What becomes of a new set, good and broken, on the thread of the test.

use std::{fs, io::Write, sync::Mutex};

use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::{
    clock::Clock,
    config::{self, Sources},
    hasher::Hasher,
    limit::Limits,
    observe::{Format, Log, Settings, metrics::Metrics},
    policy::{Caller, Decision, StoredRule},
    store,
};

const OPEN: &str = r#"{"name": "A", "routes": [{"path": "/a"}],
    "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}]}"#;

const BASE: &str = "[store]\nurl = \"memory:\"\n[password]\nmemory_kib = 8\n";

/// A gate's rules and nothing else of it.
struct Bench {
    dir: tempfile::TempDir,
    work: Work,
    now: Instant,
}

impl Bench {
    async fn with(files: &[(&str, &str)]) -> Self {
        Self::configured("", files).await
    }

    /// `more`: what else the configuration says.
    async fn configured(more: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("portcullis.toml");
        fs::write(&file, format!("{BASE}{more}")).unwrap();
        for (name, text) in files {
            let path = dir.path().join("policies").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let sources = Sources { file: Some(file), env: Vec::new(), flags: Vec::new() };
        let config = config::load(&sources).unwrap().config;
        let metrics = Metrics::new();
        let builder = RulesetBuilder {
            store: store::open(&config.store).await.unwrap(),
            hasher: Hasher::new(config.password.hasher).unwrap(),
            limits: Arc::new(Limits::new(&config.limits)),
            clock: Clock::System,
            link_base: "http://localhost".to_owned(),
            pages: crate::pages::Shared::new([0; 32]),
            wake_up: Arc::default(),
            metrics: Arc::clone(&metrics),
            config,
        };
        let Loaded { rulesets, .. } = load(builder).await.unwrap();
        let last = Arc::new(LastReload::new(metrics, Clock::System));
        let config_file = Watched::new(rulesets.builder.config.file().to_owned());
        Self {
            dir,
            work: Work {
                rulesets,
                last,
                config_file,
                retry_on: None,
                certificates: None,
                watches: Watches::new(),
                watches_outdated: true,
            },
            now: Instant::now(),
        }
    }

    fn configure(&self, more: &str) {
        self.put("portcullis.toml", &format!("{BASE}{more}"));
    }

    /// Another file in the place of the old one: a second write within the same tick of the clock cannot be seen.
    fn put(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(self.dir.path().join("new"), text).unwrap();
        fs::rename(self.dir.path().join("new"), path).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join("policies").join(name)).unwrap();
    }

    /// What the watch does once everything is still.
    fn look(&mut self) {
        for _ in 0..4 {
            self.now += Duration::from_secs(10);
            // The result is that of the last reload.
            let _ = self.work.guarded(|work| work.look_at_files(self.now));
        }
    }

    /// The account model, and how long its tokens live.
    fn accounts(&self) -> Vec<(String, f64)> {
        let of = |app: &rulesets::AppRules| {
            let ruleset = app.rules.current();
            let settings = ruleset.api.accounts().settings();
            (settings.model.clone(), settings.ttl)
        };
        self.work.rulesets.apps.iter().map(of).collect()
    }

    fn failure(&self) -> String {
        self.work.last.failure().unwrap_or_default()
    }

    fn write(&self, name: &str, text: &str) {
        self.put(&format!("policies/{name}"), text);
    }

    fn reload(&mut self) -> Result<(), String> {
        let read = self.work.rulesets.apps[0].folder.read();
        self.work.reload_app(0, read)
    }

    /// Whether an anonymous caller may do this under the rules in force.
    fn allows(&self, target: &str) -> bool {
        let ruleset = self.work.rulesets.apps[0].rules.current();
        let action = ruleset.set.action("GET", target, None);
        let caller = Caller { user: None, roles: &[], certificate: None, scopes: &[] };
        matches!(ruleset.set.decide(&action, caller, None), Decision::Permit(_))
    }

    fn metric(&self) -> bool {
        let page = self.work.rulesets.builder.metrics.render(&crate::observe::metrics::Gauges::default());
        page.contains("portcullis_config_last_reload_success 1\n")
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_good_set_is_in_force_and_a_broken_one_changes_nothing() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    assert!(bench.allows("/a"));
    bench.write("a.json", &OPEN.replace("ALLOW", "DENY"));
    assert_eq!(bench.reload(), Ok(()));
    assert!(!bench.allows("/a"));
    for broken in [
        "",
        "{",
        "null",
        &OPEN.replace("ALLOW", "ALOW"),
        &OPEN.replace("acls", "acl"),
        OPEN.get(..OPEN.len() / 2).unwrap(),
        OPEN.get(..OPEN.len() - 1).unwrap(),
        &"[".repeat(100_000),
        &format!("{OPEN}{}", " ".repeat(2 * 1024 * 1024)),
    ] {
        bench.write("a.json", broken);
        let error = bench.reload().unwrap_err();
        assert!(error.contains("a.json:"), "{error}");
        assert_eq!(bench.work.last.failure(), Some(error));
        assert!(!bench.metric());
        assert!(!bench.allows("/a"), "the old set stays");
    }
    bench.write("a.json", OPEN);
    assert_eq!(bench.reload(), Ok(()));
    assert!(bench.allows("/a") && bench.metric());
    assert_eq!(bench.work.last.failure(), None);
}

#[tokio::test]
async fn a_set_that_makes_us_panic_is_refused_too() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    let refused = bench.work.guarded(|_| panic!("on purpose")).unwrap_err();
    assert_eq!(bench.work.last.failure(), Some(refused));
    assert!(bench.allows("/a") && !bench.metric());
    bench.work.reload_all().unwrap();
    assert!(bench.metric());
}

#[tokio::test]
async fn files_that_disagree_are_refused_together() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    for other in [OPEN.to_owned(), OPEN.replace("\"A\"", "\"B\""), r#"{"name": "B", "base": "C"}"#.to_owned()]
    {
        bench.write("b.json", &other);
        bench.write("c.json", r#"{"name": "C", "base": "B"}"#);
        assert!(bench.reload().is_err(), "{other}");
    }
    fs::remove_file(bench.dir.path().join("policies/b.json")).unwrap();
    fs::remove_file(bench.dir.path().join("policies/c.json")).unwrap();
    assert_eq!(bench.reload(), Ok(()));
    fs::remove_file(bench.dir.path().join("policies/a.json")).unwrap();
    assert!(bench.reload().unwrap_err().contains("holds no `.json` file"));
    assert!(bench.allows("/a"), "an empty folder is not a set without rules");
}

#[tokio::test]
async fn rows_of_the_store_do_not_wait_for_broken_files() {
    let mut bench = Bench::with(&[("a.json", r#"{"name": "Order", "base": "PersistedModel"}"#)]).await;
    let row = |permission: &str| StoredRule {
        id: "1".into(),
        model: Some("Order".into()),
        property: Some("*".into()),
        access_type: Some("*".into()),
        permission: Some(permission.into()),
        principal_type: Some("ROLE".into()),
        principal_id: Some("$everyone".into()),
    };
    let rows = |permission| Stored { roles: Vec::new(), rules: vec![row(permission)] };
    bench.work.apply_rows(rows("ALLOW")).unwrap();
    assert!(bench.allows("/api/Orders"));
    bench.write("a.json", "{");
    let broken = bench.reload().unwrap_err();
    assert!(bench.allows("/api/Orders"));
    bench.work.apply_rows(rows("DENY")).unwrap();
    assert!(!bench.allows("/api/Orders"));
    assert_eq!(bench.work.last.failure(), Some(broken), "the files are as broken as before");
    bench.write("a.json", r#"{"name": "Order", "base": "PersistedModel", "acls": []}"#);
    bench.reload().unwrap();
    assert!(!bench.allows("/api/Orders"), "new files are compiled with the newest rows");
}

#[tokio::test]
async fn the_user_api_changes_with_its_model() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    let name =
        |bench: &Bench| bench.work.rulesets.apps[0].rules.current().api.accounts().settings().model.clone();
    assert_eq!(name(&bench), "User");
    bench.write("customer.json", r#"{"name": "Customer", "base": "User"}"#);
    bench.write("model-config.json", r#"{"Customer": {"public": true}}"#);
    bench.reload().unwrap();
    assert_eq!(name(&bench), "Customer");
}

#[tokio::test]
async fn every_mistake_is_a_line_of_the_log() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    let kept = Kept::default();
    let settings = Settings { format: Format::Json, access: false, audit: false };
    let log = Log::to(settings, Clock::System, kept.clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(log.events());
    bench.write("a.json", &OPEN.replace("ALLOW", "ALOW"));
    bench.write("b.json", "{\n  \"name\": ,\n}");
    // As in the test of `accounts/audit.rs`: with one subscriber, the thread of another test decides whether the line that it
    // writes first is wanted.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    bench.reload().unwrap_err();
    drop(guard);
    log.flush();
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place = |line: &serde_json::Value| {
        Some((line["file"].as_str()?.to_owned(), line["line"].as_u64()?, line["column"].as_u64()?))
    };
    let places: Vec<_> = lines.iter().filter_map(place).collect();
    assert_eq!(places, [("a.json".to_owned(), 2, 82), ("b.json".to_owned(), 2, 11)], "{text}");
    let last = lines.last().unwrap();
    assert_eq!(last["msg"], "the new policies are refused; the old ones stay in force");
    assert!(last["reason"].as_str().unwrap().ends_with("(and 1 more)"), "{last}");
}

#[tokio::test]
async fn requests_are_bounded_and_end_with_the_thread() {
    let (requests, requested) = sync_channel(QUEUE_CAPACITY);
    let reloader = Reloader { requests };
    let waiting: Vec<_> = (0..QUEUE_CAPACITY).map(|_| reloader.files()).collect();
    assert!(reloader.files().await.unwrap_err().contains("under way"));
    drop(requested);
    for request in waiting {
        assert!(request.await.is_err());
    }
}

/// Apps with the default policies of each, `[apps.policies]`.
fn apps(names: &[&str]) -> String {
    let table = |name: &&str| {
        format!(
            "[[apps]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\npolicies = {{ dir = \"policies/{name}\" }}\n"
        )
    };
    names.iter().map(table).collect()
}

const PUBLIC: &str = r#"{"Customer": {"public": true}}"#;

fn customer(ttl: u32) -> String {
    format!(r#"{{"name": "Customer", "base": "User", "acls": [], "ttl": {ttl}}}"#)
}

/// `a`, `b` and `c`, of which `of` has the accounts.
async fn three(of: &str) -> Bench {
    let (config, model) = (format!("{of}/model-config.json"), format!("{of}/customer.json"));
    let customer = customer(70);
    let mut files = vec![("a/a.json", OPEN), ("b/a.json", OPEN), ("c/a.json", OPEN)];
    files.extend([(&*config, PUBLIC), (&*model, &*customer)]);
    Bench::configured(&apps(&["a", "b", "c"]), &files).await
}

impl Bench {
    fn give(&self, app: &str, ttl: u32) {
        self.write(&format!("{app}/model-config.json"), PUBLIC);
        self.write(&format!("{app}/customer.json"), &customer(ttl));
    }

    fn take_away(&self, app: &str) {
        self.remove(&format!("{app}/model-config.json"));
        self.remove(&format!("{app}/customer.json"));
    }
}

fn all(model: &str, ttl: f64) -> Vec<(String, f64)> {
    vec![(model.to_owned(), ttl); 3]
}

#[tokio::test]
async fn an_account_model_moves_to_another_app_in_one_reload() {
    for (from, to) in [("b", "a"), ("a", "b"), ("a", "c")] {
        let mut bench = three(from).await;
        assert_eq!(bench.accounts(), all("Customer", 70.0));
        bench.give(to, 90);
        bench.take_away(from);
        bench.look();
        assert_eq!(bench.accounts(), all("Customer", 90.0), "{from} to {to}");
        assert!(bench.metric(), "{from} to {to}: {}", bench.failure());
        // One after the other: the second is refused until the first is gone.
        let mut bench = three(from).await;
        bench.give(to, 90);
        bench.look();
        assert_eq!(bench.accounts(), all("Customer", 70.0), "{from} to {to}");
        assert!(bench.failure().contains("one set of accounts"), "{}", bench.failure());
        bench.take_away(from);
        bench.look();
        assert_eq!(bench.accounts(), all("Customer", 90.0), "{from} to {to}");
        assert!(bench.metric(), "{}", bench.failure());
    }
}

#[tokio::test]
async fn of_two_refused_account_models_one_comes_into_force_when_the_old_one_goes() {
    let mut bench = three("c").await;
    bench.give("a", 80);
    bench.give("b", 90);
    bench.look();
    assert_eq!(bench.accounts(), all("Customer", 70.0));
    bench.take_away("c");
    bench.look();
    assert_eq!(bench.accounts(), all("Customer", 80.0), "the first, which goes with the others in force");
    assert!(
        bench.failure().contains("app `b`") || bench.failure().contains("the app `b`"),
        "{}",
        bench.failure()
    );
    bench.give("b", 80);
    bench.look();
    assert!(bench.metric(), "{}", bench.failure());
    assert_eq!(bench.accounts(), all("Customer", 80.0));
}

#[tokio::test]
async fn a_failure_of_all_apps_ends_when_their_files_are_mended() {
    let mut bench = three("b").await;
    bench.give("a", 90);
    bench.work.reload_all().unwrap_err();
    assert!(bench.failure().contains("one set of accounts"), "{}", bench.failure());
    bench.look();
    assert!(!bench.metric());
    bench.take_away("a");
    bench.look();
    assert_eq!(bench.failure(), "");
    assert!(bench.metric());
    // A fault of the gate's own, too.
    bench.work.guarded(|_| panic!("on purpose")).unwrap_err();
    assert!(!bench.metric());
    bench.write("c/a.json", &OPEN.replace("ALLOW", "DENY"));
    bench.look();
    assert_eq!(bench.failure(), "");
}

const UNMATCHED: &str = "[policies]\nunmatched = \"allow\"\n";

#[tokio::test]
async fn a_configuration_that_broken_policies_kept_out_comes_in_when_they_are_mended() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    bench.write("a.json", "{");
    bench.configure(UNMATCHED);
    bench.look();
    assert!(bench.failure().contains("a.json:1:") && !bench.allows("/b"), "{}", bench.failure());
    bench.write("a.json", "{}");
    bench.look();
    assert!(!bench.failure().is_empty() && !bench.allows("/b"), "broken in another way");
    bench.write("a.json", OPEN);
    bench.look();
    assert!(bench.allows("/b"), "the configuration is in force");
    assert_eq!(bench.failure(), "");
    // The same with several apps, of which another one is changed meanwhile.
    let tables = apps(&["a", "b", "c"]);
    let mut bench = three("b").await;
    bench.write("c/a.json", "{");
    bench.configure(&format!("{UNMATCHED}{tables}"));
    bench.look();
    bench.write("a/a.json", &OPEN.replace("/a", "/x"));
    bench.look();
    assert!(bench.failure().contains("app `c`") && bench.allows("/x") && !bench.allows("/b"));
    bench.write("c/a.json", OPEN);
    bench.look();
    assert!(bench.allows("/x") && bench.allows("/b"));
    assert_eq!(bench.failure(), "");
}

#[tokio::test]
async fn a_refused_configuration_keeps_no_policies_out() {
    let mut bench = Bench::with(&[("a.json", OPEN)]).await;
    bench.configure("[api]\nuser_model = \"Customer\"\n");
    bench.look();
    assert!(bench.failure().contains("`api.user_model` is `Customer`"), "{}", bench.failure());
    bench.write("a.json", &OPEN.replace("/a", "/x"));
    bench.look();
    assert!(bench.allows("/x") && !bench.allows("/a"), "the policies are right under the old configuration");
    assert!(bench.failure().contains("`api.user_model` is `Customer`"), "{}", bench.failure());
    bench.write("customer.json", &customer(70));
    bench.look();
    assert_eq!((bench.failure(), bench.accounts()), (String::new(), vec![("Customer".to_owned(), 70.0)]));
    // What is wrong in the file itself, no change of the policies mends.
    bench.configure("[api]\nuser_modl = 1\n");
    bench.look();
    bench.write("a.json", OPEN);
    bench.look();
    assert!(bench.allows("/a") && bench.failure().contains("user_modl"), "{}", bench.failure());
    bench.configure("");
    bench.remove("customer.json");
    bench.look();
    assert_eq!(bench.failure(), "");
}
