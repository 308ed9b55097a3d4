//! A gate in a process of its own, and what a client says to it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{DEADLINE, PASSWORD, end, wait_until};

/// A gate that serves. It is killed when it is dropped.
pub(crate) struct Gate {
    child: Child,
    log: Arc<Log>,
    pub(crate) http: Http,
}

/// A client of an address: a connection for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http(pub(crate) SocketAddr);

/// The gate's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// The gate's output so far, of both streams.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Gate {
    /// Starts a command that serves, and waits until it says where.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Log>::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        // From here on it is killed when something fails.
        let mut gate = Self { child, log, http: Http(([127, 0, 0, 1], 0).into()) };
        let line = gate.logged(r#""msg":"serving""#);
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = line["http"].as_str().unwrap().strip_prefix("http://").unwrap();
        gate.http = Http(address.parse().unwrap());
        gate.logged(r#""msg":"taking commands""#);
        gate
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of the log that holds `text`, now or later.
    #[track_caller]
    pub(crate) fn logged(&self, text: &str) -> String {
        let find = |log: &str| log.lines().find(|line| line.contains(text)).map(str::to_owned);
        let log = self.log.text.lock().unwrap();
        let (log, late) =
            self.log.grown.wait_timeout_while(log, DEADLINE, |log| find(log).is_none()).unwrap();
        assert!(!late.timed_out(), "`{text}` is not in the log:\n{log}");
        find(&log).unwrap()
    }

    /// Everything that it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.log.text.lock().unwrap().clone()
    }

    /// Sends a signal, and does not wait for its effect.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; the exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        wait_until("the gate ends", || self.child.try_wait().unwrap()).code()
    }

    /// Stops it with SIGTERM; the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        end(&mut self.child, Signal::TERM)
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        assert_eq!(end(&mut self.child, Signal::KILL), None);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Http {
    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When the gate goes away before the answer is whole.
    pub(crate) fn try_send(self, head: &str, token: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.0)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let token = if token.is_empty() { String::new() } else { format!("X-Access-Token: {token}\r\n") };
        let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n{token}{json}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Answer::read(&bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// The same; the gate has to answer.
    #[track_caller]
    pub(crate) fn send(self, head: &str, token: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.try_send(head, token, &body).unwrap()
    }

    /// The status of a GET.
    #[track_caller]
    pub(crate) fn get(self, target: &str, token: &str) -> u16 {
        self.send(&format!("GET {target}"), token, &Value::Null).status
    }

    /// Registers a user called `name`; their id.
    #[track_caller]
    pub(crate) fn register(self, name: &str) -> i64 {
        let body = json!({"email": format!("{name}@example.com"), "username": name, "password": PASSWORD});
        let answer = self.send("POST /api/users", "", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["id"].as_i64().unwrap()
    }

    /// Logs a user in; the token.
    #[track_caller]
    pub(crate) fn login(self, name: &str) -> String {
        let answer = self.try_login(name, PASSWORD);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A login as it may end.
    #[track_caller]
    pub(crate) fn try_login(self, name: &str, password: &str) -> Answer {
        self.send("POST /api/users/login", "", &json!({"username": name, "password": password}))
    }

    /// The status of a logout.
    #[track_caller]
    pub(crate) fn logout(self, token: &str) -> u16 {
        self.send("POST /api/users/logout", token, &Value::Null).status
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A whole answer; `None` for a part of one.
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = length.is_none_or(|length| length.parse() == Ok(body.len()));
        whole.then(|| Self { status, body: body.to_owned() })
    }
}

impl Log {
    fn follow(self: &Arc<Self>, output: impl Read + Send + 'static) {
        let log = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut text = log.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
                log.grown.notify_all();
            }
        });
    }
}
