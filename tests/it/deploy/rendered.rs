//! The Kubernetes manifests, the chart as helm renders it, and the Compose file: valid, and with a configuration that the gate
//! takes as it is written.

use std::{fs, process::Command};

use serde_json::Value;

use super::deploy;
use crate::process::support::{finish, has, portcullis};

/// Values that switch on everything that the chart has.
const EVERYTHING: &str = "tls.secretName=shop-tls,ingress.enabled=true,ingress.className=nginx,ingress.tlsSecretName=shop,\
    persistence.storageClassName=fast,serviceMonitor.enabled=true,image.tag=1";

/// The documents of a YAML text.
fn yaml(text: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps([d for d in yaml.safe_load_all(sys.stdin) if d]))";
    let mut python = Command::new("python3");
    python.args(["-c", script]);
    serde_json::from_str(&finish(python, text).ok()).unwrap()
}

fn helm(line: &str) -> String {
    let mut helm = Command::new("helm");
    helm.args(line.split_whitespace()).current_dir(deploy("helm"));
    finish(helm, "").ok()
}

/// What kubernetes-validate says of a manifest, and whether it is content.
fn validate(text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.yaml");
    fs::write(&file, text).unwrap();
    let mut validate = Command::new("kubernetes-validate");
    // A ServiceMonitor is the operator's kind, which it has no schema of.
    validate.args(["--strict", "--no-warn"]).arg(file);
    let done = finish(validate, "");
    (done.code == Some(0), format!("{}{}", done.out, done.err))
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> Vec<&'d Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

/// Runs `check` on the ConfigMaps of a manifest, with the variables of its container.
fn check(documents: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    for map in of_kind(documents, "ConfigMap") {
        for (name, text) in map["data"].as_object().unwrap() {
            let at = if name.ends_with(".toml") {
                folder.path().to_owned()
            } else {
                folder.path().join("policies")
            };
            fs::write(at.join(name), text.as_str().unwrap()).unwrap();
        }
    }
    let set = of_kind(documents, "StatefulSet")[0];
    let containers = set["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let gate = containers.iter().find(|container| container["name"] == "portcullis").unwrap();
    let mut check = portcullis();
    check.current_dir(folder.path()).args(["-c", "portcullis.toml", "check"]);
    for variable in gate["env"].as_array().unwrap() {
        let (name, value) = (variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
        let is_secret = value.contains("/etc/portcullis-tls");
        let value =
            value.replace("/etc/portcullis-policies", folder.path().join("policies").to_str().unwrap());
        if !is_secret && name != "PORTCULLIS_SERVER__HTTPS" {
            check.env(name, value);
        }
    }
    check.env("PORTCULLIS_SERVER__DATA_DIR", folder.path());
    let done = finish(check, "").ok();
    assert!(done.contains("0 errors, 0 warnings"), "{done}");
    // A restart must not find the old process with the store, and the store has one process.
    assert_eq!(set["spec"]["replicas"], 1);
    assert!(gate["securityContext"]["readOnlyRootFilesystem"].as_bool().unwrap());
}

#[test]
fn the_sidecar_is_valid_and_works_as_pasted() {
    if !has("kubernetes-validate") {
        return;
    }
    let text = super::read("kubernetes/sidecar.yaml");
    let (is_valid, said) = validate(&text);
    assert!(is_valid, "{said}");
    assert!(!validate(&text.replace("replicas: 1", "replicas: one")).0);
    assert!(!validate(&text.replace("replicas: 1", "replica: 1")).0);
    check(&yaml(&text));
}

#[test]
fn helm_takes_the_chart_and_renders_what_is_valid() {
    if !has("helm") || !has("kubernetes-validate") {
        return;
    }
    helm("lint --strict portcullis");
    for (values, kinds) in [("", 4), (EVERYTHING, 7)] {
        let set = if values.is_empty() { String::new() } else { format!("--set {values}") };
        let text = helm(&format!("template shop portcullis {set}"));
        let (is_valid, said) = validate(&text);
        assert!(is_valid, "{said}");
        let documents = yaml(&text);
        assert_eq!(documents.len(), kinds, "{text}");
        check(&documents);
    }
}

#[test]
fn the_compose_file_opens_the_gate_alone() {
    if !has("kubernetes-validate") {
        return;
    }
    let [compose] = &yaml(&super::read("compose/compose.yaml"))[..] else { panic!("one document") };
    let (gate, app) = (&compose["services"]["portcullis"], &compose["services"]["app"]);
    assert!(app["ports"].is_null() && compose["networks"]["inside"]["internal"].as_bool().unwrap());
    let networks =
        |service: &Value| serde_json::from_value::<Vec<String>>(service["networks"].clone()).unwrap();
    assert_eq!(
        (networks(gate), networks(app)),
        (vec!["outside".into(), "inside".into()], vec!["inside".into()])
    );
    assert_eq!(gate["healthcheck"]["test"], serde_json::json!(["CMD", "portcullis", "healthcheck"]));
    let data = tempfile::tempdir().unwrap();
    let mut check = portcullis();
    check.current_dir(deploy("compose")).args(["-c", "portcullis.toml", "check"]);
    check.env("PORTCULLIS_SERVER__DATA_DIR", data.path());
    let done = finish(check, "").ok();
    assert!(done.contains("0 errors, 0 warnings"), "{done}");
    for mount in
        gate["volumes"].as_array().unwrap().iter().filter_map(|mount| mount.as_str()?.strip_prefix("./"))
    {
        let file = mount.split(':').next().unwrap();
        assert!(deploy("compose").join(file).exists(), "{file}");
    }
}
