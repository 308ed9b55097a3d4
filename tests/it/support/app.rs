//! A scripted legacy app: it records the bytes of every request and answers what the test says.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;
use socket2::Socket;

use super::stream::{Stream, field};

/// An app on a free port, one thread a connection. Dropping it closes its port, not its connections.
pub(crate) struct App {
    place: Place,
    stopped: Arc<AtomicBool>,
    accepting: Option<thread::JoinHandle<()>>,
    record: Arc<Record>,
}

enum Place {
    Tcp(SocketAddr),
    Unix(std::path::PathBuf),
}

/// The app's requests.
#[derive(Default)]
struct Record {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<Request>,
}

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Request line and fields, with their line ends, without the empty line.
    pub(crate) head: String,
    /// The body, without its framing.
    pub(crate) body: Vec<u8>,
}

/// A connection from the gate.
pub(crate) struct Connection {
    pub(crate) number: usize,
    stream: Stream,
    record: Arc<Record>,
}

impl App {
    /// An app that runs `serve` for every connection. A connection that the script leaves is closed.
    pub(crate) fn start(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), serve)
    }

    /// The same on a port of one's choice.
    pub(crate) fn start_on(
        address: SocketAddr,
        serve: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let place = Place::Tcp(listener.local_addr().unwrap());
        Self::run(place, serve, move || {
            let (tcp, _) = listener.accept()?;
            tcp.set_nodelay(true)?;
            Ok(tcp.into())
        })
    }

    /// The same over TLS. A connection whose handshake fails is not served.
    pub(crate) fn start_tls(
        terms: &Arc<rustls::ServerConfig>,
        serve: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let terms = Arc::clone(terms);
        Self::start(move |connection| {
            if connection.secure(&terms) {
                serve(connection);
            }
        })
    }

    /// The same on a Unix socket.
    pub(crate) fn start_unix(path: &Path, serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        Self::run(Place::Unix(path.to_owned()), serve, move || Ok(listener.accept()?.0.into()))
    }

    /// An app that reads every request whole and sends the bytes that `answer` makes of it.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |connection| {
            while let Some(request) = connection.request() {
                connection.send(answer(&request));
            }
        })
    }

    /// An app that answers with its request in JSON: see [`echo`].
    pub(crate) fn echo() -> Self {
        Self::answering(echo)
    }

    fn run(
        place: Place,
        serve: impl Fn(&mut Connection) + Send + Sync + 'static,
        accept: impl Fn() -> io::Result<Socket> + Send + 'static,
    ) -> Self {
        let record = Arc::<Record>::default();
        let (stopped, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let (stop, seen) = (Arc::clone(&stopped), Arc::clone(&record));
        let accepting = thread::spawn(move || {
            while let Ok(socket) = accept() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let number = seen.connected();
                let record = Arc::clone(&seen);
                let mut connection = Connection { number, stream: Stream::new(socket), record };
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(&mut connection));
            }
        });
        Self { place, stopped, accepting: Some(accepting), record }
    }

    /// As `upstream.servers` takes it.
    pub(crate) fn url(&self) -> String {
        match &self.place {
            Place::Tcp(address) => format!("http://{address}"),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// Its port, on TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.place {
            Place::Tcp(address) => *address,
            Place::Unix(_) => panic!("this app is on a Unix socket"),
        }
    }

    /// The number of connections that it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.record.seen.lock().unwrap().connections
    }

    /// All whole requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.record.seen.lock().unwrap().requests.clone()
    }

    /// The only request that it got.
    pub(crate) fn only_request(&self) -> Request {
        self.only_request_to("")
    }

    /// The only request that it got to a target that begins so.
    pub(crate) fn only_request_to(&self, start: &str) -> Request {
        let mut requests = self.requests();
        requests.retain(|request| request.target().starts_with(start));
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let woken = match &self.place {
            Place::Tcp(address) => std::net::TcpStream::connect(address).map(drop),
            Place::Unix(path) => std::os::unix::net::UnixStream::connect(path).map(drop),
        };
        if let (Ok(()), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

impl Record {
    fn connected(&self) -> usize {
        let mut seen = self.seen.lock().unwrap();
        seen.connections += 1;
        seen.connections - 1
    }

    fn requested(&self, request: Request) {
        self.seen.lock().unwrap().requests.push(request);
    }
}

impl Connection {
    /// Goes on over TLS. `false` if the handshake fails.
    pub(crate) fn secure(&mut self, terms: &Arc<rustls::ServerConfig>) -> bool {
        let tls = rustls::ServerConnection::new(Arc::clone(terms)).unwrap();
        self.stream.secure(tls.into()).is_ok()
    }

    /// The name that the gate asked for in the handshake (SNI).
    pub(crate) fn server_name(&mut self) -> Option<String> {
        match self.stream.tls() {
            rustls::Connection::Server(server) => server.server_name().map(str::to_owned),
            rustls::Connection::Client(_) => panic!("this is a server"),
        }
    }

    /// The next request, recorded; `None` when the gate closed before it was whole.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let body = if field(&head, "transfer-encoding").is_some() {
            let (body, trailers) = self.stream.chunks().ok()??;
            assert_eq!(trailers, "", "a request's trailers are dropped");
            body
        } else {
            let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
            let body = self.stream.take(length).ok()?;
            if body.len() < length {
                return None;
            }
            body
        };
        let request = Request { head, body };
        self.record.requested(request.clone());
        Some(request)
    }

    /// The next head alone; it is not recorded.
    pub(crate) fn head(&mut self) -> Option<String> {
        let mut head = self.stream.until(b"\r\n\r\n").ok()??;
        head.truncate(head.len() - 2);
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    /// Up to and with `mark`.
    pub(crate) fn until(&mut self, mark: &str) -> Option<String> {
        self.stream.until(mark.as_bytes()).ok()?.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// This many bytes; what there is when the gate closes before.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        self.stream.take(count).unwrap_or_default()
    }

    /// The next bytes, as they arrive: empty when the gate has closed.
    pub(crate) fn piece(&mut self) -> Vec<u8> {
        self.stream.piece().unwrap_or_default()
    }

    /// Sends bytes, and says how that went.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.send(bytes.as_ref())
    }

    /// Sends bytes. The gate may have closed: `false`.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.send(bytes.as_ref()).is_ok()
    }

    /// Waits, without a word, until the gate closes; `true` when it did.
    pub(crate) fn hang(&mut self) -> bool {
        match self.stream.rest() {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Waits until the gate closes or the socket's read timeout is over: whether it is still there.
    pub(crate) fn is_open(&mut self) -> bool {
        matches!(self.stream.fill(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Closes, both ways, at once.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.socket.shutdown(std::net::Shutdown::Both);
    }

    /// Has the connection end with a reset when the script leaves it.
    pub(crate) fn reset(&mut self) {
        self.stream.socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.stream.socket
    }
}

impl Request {
    /// Method, target and version.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// An answer with a body of known length.
pub(crate) fn answer(status: &str, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The app's request in JSON: `method`, `target`, `headers` (pairs, as they came), `body`.
pub(crate) fn echo(request: &Request) -> Vec<u8> {
    let mut words = request.line().split(' ');
    let headers: Vec<_> = request.head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let told = json!({
        "method": words.next(),
        "target": words.next(),
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
    });
    let body = if request.line().starts_with("HEAD ") { String::new() } else { told.to_string() };
    answer("200 OK", "Content-Type: application/json\r\n", body)
}
