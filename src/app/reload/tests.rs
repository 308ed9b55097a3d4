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

/// A gate's rules and nothing else of it.
struct Bench {
    dir: tempfile::TempDir,
    work: Work,
}

impl Bench {
    async fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("policies")).unwrap();
        let file = dir.path().join("portcullis.toml");
        fs::write(&file, "[store]\nurl = \"memory:\"\n[password]\nmemory_kib = 8\n").unwrap();
        for (name, text) in files {
            fs::write(dir.path().join("policies").join(name), text).unwrap();
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
                certificates: None,
                watches: Watches::new(),
                watches_outdated: true,
            },
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("policies").join(name), text).unwrap();
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
    bench.reload().unwrap();
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
    let guard = tracing::subscriber::set_default(subscriber);
    bench.write("a.json", &OPEN.replace("ALLOW", "ALOW"));
    bench.write("b.json", "{\n  \"name\": ,\n}");
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
