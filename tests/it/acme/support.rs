//! A pebble with a front that tests can change, a DNS in which every name leads here, and a gate that asks them.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::dns;
use crate::{
    process::support::{DEADLINE, Gate, House, has},
    support::{App, Authority, Client, Issued, Port, Request},
};

const ISSUED: &str = "a new certificate is in force";

/// An ACME server and what it needs.
pub(crate) struct Acme {
    pub(crate) authority: Authority,
    /// The folder of the gate, which outlives it.
    pub(crate) house: House,
    front: App,
    shared: Arc<Shared>,
    http: Port,
    https: Port,
}

/// A gate that asks for certificates.
pub(crate) struct Served {
    pub(crate) gate: Gate,
    pub(crate) https: SocketAddr,
}

struct Shared {
    pebble: Mutex<Pebble>,
    asked: Mutex<Vec<Asked>>,
    reply: Mutex<Reply>,
    terms: Arc<ClientConfig>,
}

/// What a test does with a request to the ACME server, and those before it: `None` = it is pebble's.
type Reply = Arc<dyn Fn(&Asked, &[Asked]) -> Option<Answer> + Send + Sync>;

/// A request to the ACME server.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// What is signed.
    pub(crate) payload: Value,
    /// The answer's body.
    pub(crate) answer: String,
}

/// An answer instead of pebble's.
pub(crate) enum Answer {
    /// A status, lines of the head, a body.
    Of(u16, String, String),
    /// None at all.
    Silence,
}

/// How pebble behaves.
pub(crate) struct Manner {
    /// Seconds that a certificate is good for.
    pub(crate) validity: u64,
    /// Percent of good nonces that are refused.
    pub(crate) bad_nonces: u32,
    /// Percent of names whose proof is good for the next order, too.
    pub(crate) reuse: u32,
}

struct Pebble {
    child: Child,
    address: SocketAddr,
    management: SocketAddr,
    _folder: TempDir,
}

impl Default for Manner {
    fn default() -> Self {
        Self { validity: 90 * 24 * 60 * 60, bad_nonces: 5, reuse: 0 }
    }
}

impl Acme {
    /// `None`: pebble is missing.
    pub(crate) fn start() -> Option<Self> {
        Self::with(Manner::default())
    }

    pub(crate) fn with(manner: Manner) -> Option<Self> {
        if !has("pebble") {
            return None;
        }
        let authority = Authority::new();
        let (http, https) = (Port::free(), Port::free());
        let issued = authority.issue(&["127.0.0.1"]);
        let pebble = Pebble::start(&issued, &manner, http.address(), https.address());
        let shared = Arc::new(Shared {
            pebble: Mutex::new(pebble),
            asked: Mutex::default(),
            reply: Mutex::new(Arc::new(|_, _| None)),
            terms: authority.terms(),
        });
        let front = App::start_tls(&issued.served(None), {
            let shared = Arc::clone(&shared);
            move |connection| {
                if let Some(request) = connection.request()
                    && let Some(answer) = shared.answer(&request)
                {
                    connection.send(answer);
                }
            }
        });
        let house = House::new();
        house.write("ca.pem", &authority.pem());
        Some(Self { authority, house, front, shared, http, https })
    }

    /// Another pebble in the place of the first, which knows no account.
    pub(crate) fn replace_pebble(&self) {
        let issued = self.authority.issue(&["127.0.0.1"]);
        let pebble = Pebble::start(&issued, &Manner::default(), self.http.address(), self.https.address());
        *self.shared.pebble.lock().unwrap() = pebble;
    }

    /// Answers in the place of pebble from now on.
    pub(crate) fn reply(&self, reply: impl Fn(&Asked, &[Asked]) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.reply.lock().unwrap() = Arc::new(reply);
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits for a request to the ACME server.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Asked) -> bool) -> Asked {
        let began = Instant::now();
        loop {
            if let Some(found) = self.asked().into_iter().find(&wanted) {
                return found;
            }
            assert!(began.elapsed() < DEADLINE, "no such request: {:#?}", self.asked());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn directory(&self) -> String {
        format!("{}/dir", self.front.url().replace("http://", "https://"))
    }

    /// Writes the configuration: these names, and more lines of `[tls]`.
    pub(crate) fn configure(&self, domains: &[&str], more: &str) {
        let tls = format!(
            "[tls]\nacme_domains = {domains:?}\nacme_email = \"ops@example.com\"\nacme_directory = \"{}\"\n\
             acme_ca = \"ca.pem\"\n{more}",
            self.directory()
        );
        self.house.write("portcullis.toml", &self.house.configuration(&tls));
    }

    /// The line of `[tls]` for certificates from files.
    pub(crate) fn files(&self, issued: &[&Issued]) -> String {
        let file = |(at, issued): (usize, &&Issued)| {
            issued.write(&self.house.path(""), &at.to_string());
            format!("{{ cert = \"{at}.pem\", key = \"{at}.key\" }}")
        };
        let files: Vec<_> = issued.iter().enumerate().map(file).collect();
        format!("certificates = [{}]", files.join(", "))
    }

    /// Starts the gate where pebble looks for it.
    pub(crate) fn serve(&self, domains: &[&str]) -> Served {
        self.serve_with(domains, "", "")
    }

    /// The same with more lines of `[tls]`, and with flags.
    pub(crate) fn serve_with(&self, domains: &[&str], more: &str, flags: &str) -> Served {
        self.configure(domains, more);
        let [http, https] = self.listeners();
        let line = format!("serve --set server.http={http} --set server.https={https} {flags}");
        Served { gate: Gate::start(self.house.command(&line)), https }
    }

    /// Where the gate listens for plain HTTP, and for TLS.
    pub(crate) fn listeners(&self) -> [SocketAddr; 2] {
        [self.http.address(), self.https.address()]
    }

    /// Where certificates and the account are kept.
    pub(crate) fn kept(&self, name: &str) -> std::path::PathBuf {
        let host = self.front.url().replace("http://", "").replace(':', "-");
        self.house.path(&format!("data/acme/{host}-dir/{name}"))
    }

    /// A client that trusts pebble's root.
    pub(crate) fn terms(&self) -> Arc<ClientConfig> {
        let management = self.shared.pebble.lock().unwrap().management;
        let mut client = Client::tls(management, "127.0.0.1", &self.shared.terms).unwrap();
        let root = client.get("/roots/0").expect(200);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&root.body).unwrap()).unwrap();
        let terms = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(terms)
    }

    /// The number of accounts that pebble made.
    pub(crate) fn accounts(&self) -> usize {
        let made =
            |asked: &Asked| asked.path == "/sign-me-up" && asked.answer.contains("\"status\": \"valid\"");
        self.asked().into_iter().filter(made).count()
    }

    /// A client over TLS that trusts pebble's root.
    pub(crate) fn client(&self, name: &str) -> Client {
        Client::tls(self.https.address(), name, &self.terms()).unwrap()
    }

    /// The certificate that the gate shows for this name, which pebble has to have issued.
    pub(crate) fn shown(&self, name: &str) -> Vec<u8> {
        let mut client = self.client(name);
        client.ask("GET", "/served", "", b"");
        client.shown()
    }
}

impl Served {
    /// Waits until the lines of the log are enough.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, enough: impl Fn(&[Value]) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let log = self.gate.log();
            let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if let Some(found) = enough(&lines) {
                return found;
            }
            assert!(began.elapsed() < DEADLINE, "waited in vain:\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first line that is wanted, now or later.
    #[track_caller]
    pub(crate) fn line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(|lines| lines.iter().find(|line| wanted(line)).cloned())
    }

    /// Waits until it has got a certificate for this name.
    #[track_caller]
    pub(crate) fn wait_until_issued(&self, name: &str) {
        self.line(|line| {
            let is_for = line["certificate"].as_str().is_some_and(|of| of.starts_with(name));
            is_for && line["msg"] == ISSUED
        });
    }

    /// Waits until it has got so many certificates.
    #[track_caller]
    pub(crate) fn wait_for_certificates(&self, count: usize) {
        self.wait_for(|lines| {
            (lines.iter().filter(|line| line["msg"] == ISSUED).count() >= count).then_some(())
        });
    }
}

impl Answer {
    pub(crate) fn of(status: u16, body: &str) -> Self {
        Self::Of(status, String::new(), body.to_owned())
    }
}

impl Shared {
    /// `None` = the connection is closed without an answer.
    fn answer(&self, request: &Request) -> Option<Vec<u8>> {
        let mut line = request.head.split(' ');
        let (method, path) = (line.next().unwrap(), line.next().unwrap());
        let payload = serde_json::from_slice::<Value>(&request.body).ok();
        let payload = payload.and_then(|jws| URL_SAFE_NO_PAD.decode(jws["payload"].as_str()?).ok());
        let payload =
            payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or(Value::Null);
        let mut asked = Asked { path: path.to_owned(), payload, answer: String::new() };
        let reply = Arc::clone(&*self.reply.lock().unwrap());
        let before = self.asked.lock().unwrap().clone();
        let (status, lines, body) = match reply(&asked, &before) {
            Some(Answer::Silence) => {
                self.asked.lock().unwrap().push(asked);
                return None;
            }
            Some(Answer::Of(status, lines, body)) => (status, lines, body),
            None => self.forward(method, request),
        };
        asked.answer.clone_from(&body);
        self.asked.lock().unwrap().push(asked);
        let length = body.len();
        let body = if method == "HEAD" { "" } else { &body };
        Some(format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: {length}\r\n\r\n{body}").into_bytes())
    }

    fn forward(&self, method: &str, request: &Request) -> (u16, String, String) {
        let address = self.pebble.lock().unwrap().address;
        let mut client = Client::tls(address, "127.0.0.1", &self.terms).unwrap();
        client.send([request.head.as_bytes(), b"\r\n", &request.body].concat());
        let response = client.response_to(method);
        let framing = |line: &&str| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("content-length:") && !line.starts_with("transfer-encoding:")
        };
        let lines = response.head.split_inclusive("\r\n").skip(1).filter(framing).collect();
        (response.status, lines, response.text().to_owned())
    }
}

impl Pebble {
    fn start(issued: &Issued, manner: &Manner, http: SocketAddr, https: SocketAddr) -> Self {
        // Another process may take a port between the look and pebble's bind.
        for _ in 0..5 {
            if let Some(pebble) = Self::try_start(issued, manner, http, https) {
                return pebble;
            }
        }
        panic!("pebble does not start");
    }

    fn try_start(issued: &Issued, manner: &Manner, http: SocketAddr, https: SocketAddr) -> Option<Self> {
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, management] = free.map(|listener| listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let files = issued.write(folder.path(), "server");
        let (certificate, key) = files.split_once(':').unwrap();
        let config = json!({"pebble": {
            "listenAddress": address, "managementListenAddress": management,
            "certificate": certificate, "privateKey": key,
            "httpPort": http.port(), "tlsPort": https.port(),
            "certificateValidityPeriod": manner.validity,
        }});
        let file = folder.path().join("pebble.json");
        fs::write(&file, config.to_string()).unwrap();
        let child = Command::new("pebble")
            .args(["-dnsserver", &dns::start().to_string(), "-config", file.to_str().unwrap()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", manner.reuse.to_string())
            .env("PEBBLE_WFE_NONCEREJECT", manner.bad_nonces.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pebble = Self { child, address, management, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() || TcpStream::connect(management).is_err() {
            if pebble.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(began.elapsed() < DEADLINE, "pebble does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(pebble)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
