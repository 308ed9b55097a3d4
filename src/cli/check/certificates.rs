//! The certificates of `[tls]`: their files, keys, order, dates and names.

use std::collections::BTreeSet;

use super::entry::{Entry, word};
use crate::{
    app,
    clock::Timestamp,
    config::{self, Code, Config},
    policy::Severity,
    tls::{self, Certificate, CertificateError},
};

/// What is wrong with them, where TLS is on. `file`: the configuration.
pub(super) fn told(config: &Config, now: Timestamp, file: &str) -> Vec<Entry> {
    let apps = config.each_app();
    let upstreams = apps.iter().filter_map(app::upstream_tls);
    let mut entries: Vec<Entry> = Vec::new();
    for mistake in upstreams.flat_map(|upstream| tls::inspect_upstream(&upstream)) {
        let entry = of_mistake(&mistake);
        // Apps may have files in common.
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    if config.server.https.is_none() {
        return entries;
    }
    if let Some(ca) = config.tls.acme_ca.clone() {
        let trusted = tls::UpstreamSettings { ca: Some(ca), identity: None };
        entries.extend(tls::inspect_upstream(&trusted).iter().map(of_mistake));
    }
    let settings = app::tls_settings(config);
    let (mistakes, files) = (tls::inspect(&settings, now), settings.files);
    entries.extend(mistakes.iter().map(of_mistake));
    entries.extend(tls::ending(&files, now).iter().map(of_end));
    if mistakes.is_empty() {
        entries.extend(unnamed(config, file));
        entries.extend(uncovered(config, file));
    }
    entries
}

fn of_mistake(CertificateError { file, flaw }: &CertificateError) -> Entry {
    let (message, fix) = (flaw.to_string(), flaw.fix().to_owned());
    entry(file.display().to_string(), Severity::Error, config::of_certificate(flaw), message, fix)
}

fn of_end(certificate: &Certificate) -> Entry {
    let message = format!("the certificate ends at {}, in less than 14 days", certificate.not_after);
    let file = certificate.file.display().to_string();
    entry(file, Severity::Warning, Code::CertificateDate, message, "renew it".to_owned())
}

/// A public name that no certificate is for: clients would refuse what links lead to.
fn unnamed(config: &Config, file: &str) -> Option<Entry> {
    let url = config.server.public_url.as_ref().filter(|url| url.starts_with("https://"))?;
    missing(config, file, tls::host_of(url), "the host of `server.public_url`")
}

/// A warning if no certificate is for this host, which is `whose`.
fn missing(config: &Config, file: &str, host: &str, whose: &str) -> Option<Entry> {
    let requested = &config.tls.acme_domains;
    if requested.iter().any(|name| tls::is_host(host, name)) {
        return None;
    }
    // A wildcard needs one, too; any label stands for its star.
    let names = tls::names_without(&app::tls_settings(config).files, &host.replace('*', "label"))?;
    let names: Vec<_> = names.iter().chain(requested).map(String::as_str).collect();
    let message = format!("no certificate is for `{host}`, {whose}; they are for {}", names.join(", "));
    let fix =
        "have one issued for it, and name it in `tls.certificates`, or in `tls.acme_domains`".to_owned();
    Some(entry(file.to_owned(), Severity::Warning, Code::CertificateName, message, fix))
}

/// Hosts of apps that no certificate is for.
fn uncovered(config: &Config, file: &str) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    // Apps on one host, by path, need one certificate.
    let hosts = config.apps.iter().flat_map(|app| app.hosts.iter().map(move |host| (host, &app.name)));
    let hosts = hosts.filter(|(host, _)| seen.insert(*host));
    hosts
        .filter_map(|(host, app)| missing(config, file, host, &format!("a host of the app `{app}`")))
        .collect()
}

fn entry(file: String, severity: Severity, code: Code, message: String, fix: String) -> Entry {
    Entry {
        file,
        line: None,
        column: None,
        severity: word(severity),
        code: code.name(),
        message,
        fix: Some(fix),
    }
}
