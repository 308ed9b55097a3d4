//! The real program as a process, in front of one app.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis::{
    app, config,
    policy::{PolicySet, Source, Stored, compile},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{draft::Tokens, process::Running, setting};

/// A gate that serves. Dropping it ends it.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    /// The listener for TLS, if there is one.
    pub(crate) tls_address: Option<SocketAddr>,
    pub(crate) tokens: Tokens,
    /// Taken by the judge.
    pub(crate) set: Option<PolicySet>,
    log: PathBuf,
    _running: Running,
    folder: TempDir,
}

impl Gate {
    /// In front of the app at this port; `ignore_case` as the app's own router does.
    pub(crate) fn start(app: u16, ignore_case: bool) -> Self {
        Self::start_with(app, ignore_case, |_| "")
    }

    /// The same over TLS as well, with a certificate for development.
    pub(crate) fn start_tls(app: u16, ignore_case: bool) -> Self {
        Self::start_with(app, ignore_case, |folder| {
            let done = portcullis(folder).args(["cert", "dev"]).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            "--set server.https=127.0.0.1:0"
        })
    }

    /// `prepare` returns further arguments.
    fn start_with(app: u16, ignore_case: bool, prepare: impl FnOnce(&Path) -> &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = policies(ignore_case);
        fs::create_dir(folder.path().join("policies")).unwrap();
        for source in &sources {
            fs::write(folder.path().join("policies").join(&source.name), &source.text).unwrap();
        }
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, configuration(app)).unwrap();
        let tokens = accounts(folder.path());
        let log = folder.path().join("gate.log");
        let out = fs::File::create(&log).unwrap();
        let mut command = portcullis(folder.path());
        let more = prepare(folder.path());
        command.arg("serve").args(more.split_whitespace());
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let running = Running::start(&mut command);
        let serving = serving(&log);
        let address = |key: &str| Some(serving.get(key)?.as_str()?.split_once("://")?.1.parse().unwrap());
        Self {
            address: address("http").unwrap(),
            tls_address: address("https"),
            tokens,
            set: Some(compiled(&file, &sources)),
            log,
            _running: running,
            folder,
        }
    }

    /// Terms for clients that trust the authority of its certificate for development.
    pub(crate) fn terms(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.path().join("certs/ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let terms =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(terms.with_root_certificates(roots).with_no_client_auth())
    }

    /// Lines of its log that say that something broke.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect()
    }
}

/// The binary under test: READERS_GATE, or that of this build.
pub(crate) fn program() -> PathBuf {
    setting("READERS_GATE").map_or_else(|| env!("CARGO_BIN_EXE_portcullis").into(), PathBuf::from)
}

fn portcullis(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).env_clear();
    command
}

fn configuration(app: u16) -> String {
    format!(
        r#"[server]
http = "127.0.0.1:0"
threads = 1
trusted_proxies = ["127.0.0.1/32"]
shutdown_grace = "500ms"
[upstream]
servers = ["http://127.0.0.1:{app}"]
response_timeout = "2s"
[password]
memory_kib = 8
iterations = 1
[log]
format = "json"
access = false
audit = false
"#
    )
}

/// The policies of the rig.
fn policies(ignore_case: bool) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/policies");
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        if ignore_case {
            file["ignoreCase"] = true.into();
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        sources.push(Source { name, text: serde_json::to_string_pretty(&file).unwrap() });
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    sources
}

fn compiled(file: &Path, sources: &[Source]) -> PolicySet {
    let inputs = config::Sources { file: Some(file.to_owned()), env: Vec::new(), flags: Vec::new() };
    let loaded = config::load(&inputs).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let stored = Stored { roles: vec!["clerk".to_owned()], rules: Vec::new() };
    let (set, findings) = compile(&app::policy_settings(&loaded.config), sources, &stored);
    set.unwrap_or_else(|| panic!("{findings:#?}"))
}

/// Two users and their tokens.
fn accounts(folder: &Path) -> Tokens {
    fs::write(folder.join("password"), "a-good-password-9").unwrap();
    let run = |line: &str| {
        let done = portcullis(folder).args(line.split(' ')).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    run("role add clerk");
    run("user add --email ann@example.com --username ann --password-file password --id 1");
    run("user add --email bob@example.com --username bob --password-file password --id 2 --role clerk");
    Tokens { ann: run("token issue id:1"), bob: run("token issue id:2") }
}

/// The line of the log that says where it serves.
fn serving(log: &Path) -> BTreeMap<String, Value> {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap();
        let line = text.lines().find(|line| line.contains(r#""msg":"serving""#));
        if let Some(line) = line {
            return serde_json::from_str(line).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the gate does not serve:\n{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
