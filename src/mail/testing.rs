//! A mail server that answers as a test says, and settings of mails.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{Settings, SmtpAddress, SmtpSettings};
use crate::templates::Language;

/// A mail server in the clear.
pub(crate) struct FakeServer {
    pub(crate) port: u16,
    /// The mails that were handed over, whole.
    pub(crate) mails: Arc<Mutex<Vec<String>>>,
    /// The commands of all connections.
    pub(crate) commands: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    _task: tokio::task::JoinHandle<()>,
}

impl FakeServer {
    /// A server that answers a command as `answer` says, else as servers do. `greeting` and `.` count as commands; an
    /// empty answer closes the connection, and `wait` never answers.
    pub(crate) async fn new(answer: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, commands) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let connections = Arc::<AtomicUsize>::default();
        let (kept, seen, counted) = (Arc::clone(&mails), Arc::clone(&commands), Arc::clone(&connections));
        let answer: Arc<Answer> = Arc::new(answer);
        let task = tokio::runtime::Handle::current().spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let talk = talk(stream, Arc::clone(&answer), Arc::clone(&kept), Arc::clone(&seen));
                tokio::runtime::Handle::current().spawn(talk);
            }
        });
        Self { port, mails, commands, connections, _task: task }
    }

    /// Settings that send by this server.
    pub(crate) fn settings(&self) -> Settings {
        let address = SmtpAddress::parse(&format!("smtp://127.0.0.1:{}", self.port)).unwrap();
        Settings { smtp: Some(smtp(address)), ..settings(Path::new("/none")) }
    }
}

type Answer = dyn Fn(&str) -> Option<&'static str> + Send + Sync;

async fn talk(
    stream: TcpStream,
    answer: Arc<Answer>,
    mails: Arc<Mutex<Vec<String>>>,
    commands: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut command = "greeting".to_owned();
    loop {
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let usual = match verb.as_str() {
            "GREETING" => "220 fake",
            "EHLO" => "250-fake\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            "AUTH" => "235 in",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        let reply = answer(&command).unwrap_or(usual);
        if reply == "wait" {
            std::future::pending::<()>().await;
        }
        if reply.is_empty() || stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
            return;
        }
        if reply.starts_with("354") {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut mail).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let is_taken = answer(".").is_none_or(|reply| reply.starts_with("250"));
            if is_taken {
                mails.lock().unwrap().push(mail);
            }
            command = ".".to_owned();
            continue;
        }
        command.clear();
        if stream.read_line(&mut command).await.unwrap_or(0) == 0 {
            return;
        }
        command = command.trim_end().to_owned();
        commands.lock().unwrap().push(command.clone());
    }
}

/// A server with TLS parameters that trust no authority.
pub(crate) fn smtp(address: SmtpAddress) -> SmtpSettings {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let timeout = Duration::from_secs(20);
    SmtpSettings { address, tls: Arc::new(tls), timeout, answer_timeout: timeout, hello: None }
}

/// Settings that write files into a folder.
pub(crate) fn settings(outbox: &Path) -> Settings {
    Settings {
        smtp: None,
        outbox: outbox.to_owned(),
        from: "Shop <noreply@shop.example>".to_owned(),
        site: "Shop".to_owned(),
        url: "https://shop.example".to_owned(),
        templates: None,
        languages: vec![Language::En, Language::De, Language::Ja, Language::Zh],
    }
}
