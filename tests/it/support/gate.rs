//! The house in this process.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, Instant},
};

use portcullis::{
    app::{self, Parts, Running},
    clock::{Clock, Timestamp},
    config::{self, Sources},
    listen::Address,
    observe::{Format, Log, Settings},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{App, Authority, Client, GUARD, Issued, Lines};

/// A gate's settings. The defaults: one core, a store in memory, cheap passwords, no rate limits, no
/// policy but `unmatched = "allow"`, a short grace, the system's clock.
pub(crate) struct Setup {
    settings: Vec<(String, String)>,
    policies: Vec<(String, String)>,
    config: String,
    clock: Clock,
    folder: TempDir,
}

/// A gate that serves. Dropping it stops it in order.
pub(crate) struct Gate {
    running: Option<Running>,
    pub(crate) log: Lines,
    pub(crate) clock: Clock,
    log_handle: Log,
    folder: TempDir,
}

/// An account with a token.
pub(crate) struct SignedUp {
    pub(crate) id: i64,
    pub(crate) token: String,
}

/// The moment at which a manual clock begins.
const START: Timestamp = Timestamp(1_795_294_271_688);

/// The password of every account that [`Gate::sign_up`] makes.
const PASSWORD: &str = "a-good-password";

const CONFIG: &str = r#"
[server]
http = "127.0.0.1:0"
threads = 1
shutdown_grace = "500ms"

[policies]
unmatched = "allow"

[store]
url = "memory:"

[password]
memory_kib = 8
iterations = 1
workers = 1

[limits]
login_per_client = ""
login_per_account = ""
reset_per_client = ""
register_per_client = ""

[admin]
listen = "127.0.0.1:0"
"#;

/// Runs what is async: the background of every gate.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

impl Setup {
    /// A gate in front of this app.
    pub(crate) fn new(app: &App) -> Self {
        Self::before(&app.url())
    }

    /// A gate in front of whatever is at this address.
    pub(crate) fn before(upstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (settings, policies, config) = (Vec::new(), Vec::new(), CONFIG.to_owned());
        let setup = Self { settings, policies, config, clock: Clock::System, folder };
        setup.set("upstream.servers", upstream)
    }

    /// Sets a key, as a flag would: `set("server.idle_timeout", "100ms")`. Lists are comma-separated.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a policy file, which may be in a folder below.
    pub(crate) fn policy(mut self, name: &str, text: &str) -> Self {
        self.policies.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Adds tables to the file, for what no flag can set.
    pub(crate) fn tables(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self
    }

    /// With a clock that does not run until the test advances it.
    pub(crate) fn with_manual_clock(mut self) -> Self {
        self.clock = Clock::manual(START);
        self
    }

    /// With a TLS listener that has these certificates.
    pub(crate) fn tls(self, certificates: &[&Issued]) -> Self {
        let files = certificates
            .iter()
            .enumerate()
            .map(|(at, issued)| issued.write(self.folder.path(), &at.to_string()));
        let files: Vec<_> = files.collect();
        self.set("server.https", "127.0.0.1:0").set("tls.certificates", &files.join(","))
    }

    /// A path in the gate's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self) -> PathBuf {
        let policies = self.folder.path().join("policies");
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("none.json"), r#"{"name": "None", "routes": []}"#).unwrap();
        for (name, text) in &self.policies {
            let path = policies.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let file = self.folder.path().join("portcullis.toml");
        fs::write(&file, &self.config).unwrap();
        file
    }
}

impl Gate {
    /// Starts it.
    pub(crate) fn start(setup: Setup) -> Self {
        Self::try_start(setup).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Starts it, or says why not.
    pub(crate) fn try_start(setup: Setup) -> anyhow::Result<Self> {
        let file = Some(setup.write());
        let sources = Sources { file, env: Vec::new(), flags: setup.settings };
        let config = config::load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes}")).config;
        let log = Lines::default();
        let clock = setup.clock;
        let settings = Settings { format: Format::Json, access: true, audit: true };
        let log_handle = Log::to(settings, clock.clone(), log.clone()).unwrap();
        let running = RUNTIME.block_on(app::start(&config, clock.clone(), log_handle.clone()))?;
        Ok(Self { running: Some(running), log, clock, log_handle, folder: setup.folder })
    }

    /// In front of this app, with the defaults of [`Setup`].
    pub(crate) fn open(app: &App) -> Self {
        Self::start(Setup::new(app))
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// The TCP address for clients.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.running().addresses.http {
            Some(Address::Tcp(address)) => *address,
            other => panic!("this gate is not on TCP: {other:?}"),
        }
    }

    /// A new client.
    pub(crate) fn client(&self) -> Client {
        match &self.running().addresses.http {
            Some(Address::Tcp(address)) => Client::tcp(*address),
            Some(Address::Unix(path)) => Client::unix(path),
            None => panic!("this gate speaks TLS alone"),
        }
    }

    /// Where clients connect over TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.running().addresses.https.expect("`server.https` is set")
    }

    /// A new client over TLS, by this name, that trusts this authority.
    pub(crate) fn tls_client(&self, name: &str, authority: &Authority) -> Client {
        Client::tls(self.tls_address(), name, &authority.terms()).unwrap()
    }

    /// Where proxies describe requests.
    pub(crate) fn judge_address(&self) -> SocketAddr {
        self.running().addresses.forward_auth.expect("`forward_auth.listen` is set")
    }

    /// A new client of the admin listener.
    pub(crate) fn admin(&self) -> Client {
        Client::tcp(self.running().addresses.admin.unwrap())
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        self.admin().get("/metrics").expect(200).text().to_owned()
    }

    /// Waits until `/metrics` holds this line: a request is counted when its answer is out.
    pub(crate) fn wait_for_metric(&self, line: &str) {
        let (began, mut admin) = (Instant::now(), self.admin());
        loop {
            let metrics = admin.get("/metrics").expect(200);
            if metrics.text().lines().any(|found| found == line) {
                return;
            }
            assert!(began.elapsed() < GUARD, "no `{line}` in\n{}", metrics.text());
        }
    }

    /// Store, accounts and the rest, for what no route offers; see [`Gate::run`].
    pub(crate) fn parts(&self) -> Parts {
        self.running().parts.clone()
    }

    /// Waits for something async.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        RUNTIME.block_on(future)
    }

    /// Turns a manual clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A path in the gate's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads the policies again, as after a SIGHUP.
    pub(crate) fn reload(&self) -> Result<(), String> {
        self.run(self.running().reload())
    }

    /// Registers an account over the API and logs it in.
    pub(crate) fn sign_up(&self, name: &str) -> SignedUp {
        let email = format!("{name}@example.com");
        let mut client = self.client();
        let account = json!({"email": email, "username": name, "password": PASSWORD});
        let created = client.post_json("/api/users", "", &account).expect(200).json();
        let login = json!({"email": email, "password": PASSWORD});
        let token = client.post_json("/api/users/login", "", &login).expect(200).json();
        let text = token["id"].as_str().unwrap().to_owned();
        SignedUp { id: created["id"].as_i64().unwrap(), token: text }
    }

    /// Stops it in order and gives the folder back, so that another gate can start in it.
    pub(crate) fn stop(mut self) -> Lines {
        self.end();
        self.log.clone()
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            RUNTIME.block_on(running.stop()).unwrap();
            self.log_handle.flush();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would hide the first one's message.
            let running = self.running.take();
            let _ = running.map(|running| RUNTIME.block_on(running.stop()));
        } else {
            self.end();
        }
    }
}
