//! The alert rules, tried by promtool, and the dashboard: every metric that they name is one of the gate's.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use super::{deploy, read};
use crate::process::support::{finish, has};

fn promtool(arguments: &[&str]) -> bool {
    let mut promtool = Command::new("promtool");
    promtool.args(arguments).current_dir(deploy("prometheus"));
    finish(promtool, "").code == Some(0)
}

#[test]
fn prometheus_takes_the_rules_and_they_fire() {
    if !has("promtool") {
        return;
    }
    assert!(promtool(&["check", "rules", "alerts.yaml"]));
    assert!(promtool(&["test", "rules", "alerts.test.yaml"]));
    let folder = tempfile::tempdir().unwrap();
    let wrong = read("prometheus/alerts.yaml").replace("success == 0", "success == 2");
    fs::write(folder.path().join("alerts.yaml"), wrong).unwrap();
    let tests = folder.path().join("alerts.test.yaml");
    fs::copy(deploy("prometheus/alerts.test.yaml"), &tests).unwrap();
    assert!(
        !promtool(&["test", "rules", tests.to_str().unwrap()]),
        "the tests see a rule that does not fire"
    );
}

/// The metrics that an expression names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("portcullis_") || word.starts_with("process_")).collect()
}

fn unknown<'t>(text: &'t str, page: &str) -> Vec<&'t str> {
    let is_known = |metric: &str| {
        let parts = ["_bucket", "_sum", "_count"].into_iter();
        let base = parts.filter_map(|part| metric.strip_suffix(part)).next().unwrap_or(metric);
        [metric, base].iter().any(|name| page.contains(&format!("| `{name}` |")))
    };
    metrics(text).into_iter().filter(|metric| !is_known(metric)).collect()
}

#[test]
fn rules_and_dashboard_name_metrics_of_the_gate() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    assert_eq!(unknown("rate(portcullis_nothing_total[5m])", &page), ["portcullis_nothing_total"]);
    assert_eq!(unknown(&read("prometheus/alerts.yaml"), &page), [] as [&str; 0]);
    let dashboard = read("grafana/portcullis.json");
    assert_eq!(unknown(&dashboard, &page), [] as [&str; 0]);
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids of panels are unique");
    for panel in panels {
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
    }
}

#[test]
fn expressions_of_the_dashboard_are_promql() {
    if !has("promtool") {
        return;
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/portcullis.json")).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(number, target)| {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            serde_json::json!({ "record": format!("panel_{number}"), "expr": expression })
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    // JSON is YAML.
    let rules = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    fs::write(&file, rules.to_string()).unwrap();
    assert!(promtool(&["check", "rules", file.to_str().unwrap()]));
}
