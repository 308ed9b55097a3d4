//! An app that speaks HTTP/2: in the clear, by prior knowledge, or over TLS.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response, request::Parts};
use rustls::ServerConfig;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

/// The app on a free port, in a thread of its own. What it does goes by the path of the request.
pub(crate) struct Http2App {
    pub(crate) address: SocketAddr,
    is_tls: bool,
    state: Arc<State>,
    /// What happened to requests of `/wait`.
    pub(crate) told: mpsc::Receiver<&'static str>,
    _stop: oneshot::Sender<()>,
}

struct State {
    connections: AtomicUsize,
    /// Of them those that have ended.
    ended: AtomicUsize,
    has_refused: AtomicBool,
    has_left: AtomicBool,
    /// The names that handshakes asked for.
    names: Mutex<Vec<Option<String>>>,
    tell: mpsc::Sender<&'static str>,
}

impl Http2App {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// The same over TLS. Handshakes choose `h2`, or nothing.
    pub(crate) fn start_tls(terms: &ServerConfig) -> Self {
        let mut terms = terms.clone();
        terms.alpn_protocols = vec![b"h2".to_vec()];
        Self::start_with(Some(TlsAcceptor::from(Arc::new(terms))))
    }

    fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let is_tls = tls.is_some();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let state = Arc::new(State {
            connections: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            has_refused: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
            names: Mutex::default(),
            tell,
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::clone(&state));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let accept = async {
                    while let Ok((tcp, _)) = listener.accept().await {
                        shared.connections.fetch_add(1, Ordering::Relaxed);
                        tokio::task::spawn_local(accept_one(tcp, tls.clone(), Arc::clone(&shared)));
                    }
                };
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address, is_tls, state, told, _stop: stop }
    }

    /// As `upstream.servers` takes it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "h2" } else { "h2c" }, self.address)
    }

    /// The names that handshakes asked for (SNI).
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        self.state.names.lock().unwrap().clone()
    }

    pub(crate) fn ended(&self) -> usize {
        self.state.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

async fn accept_one(tcp: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    tcp.set_nodelay(true).unwrap();
    let Some(tls) = tls else { return serve(tcp, state).await };
    let Ok(secure) = tls.accept(tcp).await else { return };
    state.names.lock().unwrap().push(secure.get_ref().1.server_name().map(str::to_owned));
    serve(secure, state).await;
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    let shared = Arc::clone(&state);
    while let Some(Ok((request, respond))) = connection.accept().await {
        if request.uri().path() == "/leave" && !state.has_left.swap(true, Ordering::Relaxed) {
            connection.abrupt_shutdown(Reason::NO_ERROR);
            continue;
        }
        let state = Arc::clone(&state);
        tokio::task::spawn_local(async move { answer(request, respond, &state).await });
    }
    shared.ended.fetch_add(1, Ordering::Relaxed);
}

/// An answer with these fields.
fn ok(lines: &[(&'static str, &'static str)]) -> Response<()> {
    let response =
        lines.iter().fold(Response::builder(), |response, (name, value)| response.header(*name, *value));
    response.body(()).unwrap()
}

/// An error means that the gate has gone, which is for the test to notice.
async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, state: &State) -> Option<()> {
    let (head, body) = request.into_parts();
    match head.uri.path() {
        "/mirror" => return mirror(body, respond).await,
        "/cut" => return cut(body, respond).await,
        "/length" => {
            let mut send = respond.send_response(ok(&[("content-length", "100000")]), false).ok()?;
            send.send_data(vec![b'x'; 100_000].into(), true).ok()?;
        }
        "/trailers-only" => {
            let only = ok(&[("grpc-status", "5"), ("content-type", "application/grpc")]);
            respond.send_response(only, true).ok()?;
        }
        "/empty" => {
            respond.send_response(Response::builder().status(204).body(()).unwrap(), true).ok()?;
        }
        "/hints" => {
            let hints = Response::builder().status(103).header("link", "</a>").body(()).unwrap();
            respond.send_informational(hints).ok()?;
            respond.send_response(ok(&[]), true).ok()?;
        }
        "/refuse" if !state.has_refused.swap(true, Ordering::Relaxed) => {
            respond.send_reset(Reason::REFUSED_STREAM);
        }
        "/calm" if !state.has_refused.swap(true, Ordering::Relaxed) => {
            respond.send_reset(Reason::ENHANCE_YOUR_CALM);
        }
        "/refuse/always" => respond.send_reset(Reason::REFUSED_STREAM),
        "/error" => respond.send_reset(Reason::INTERNAL_ERROR),
        "/wait" => {
            state.tell.send("begun").ok()?;
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            state.tell.send("ended").ok()?;
        }
        "/health" => {
            state.tell.send("probed").ok()?;
            respond.send_response(ok(&[]), true).ok()?;
        }
        path if path.starts_with("/rows/") => {
            let mut send = respond.send_response(ok(&[("content-type", "application/json")]), false).ok()?;
            send.send_data(r#"{"ownerId": 1}"#.into(), true).ok()?;
        }
        _ => return echo(&head, respond),
    }
    Some(())
}

/// Sends back what comes, as it comes.
async fn mirror(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Option<()> {
    let mut send = respond.send_response(ok(&[]), false).ok()?;
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        send.send_data(data, false).ok()?;
    }
    let trailers = HeaderMap::from_iter([("x-end".parse().unwrap(), HeaderValue::from_static("1"))]);
    send.send_trailers(trailers).ok()
}

/// Resets the stream behind half of the answer, once the client has seen that.
async fn cut(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Option<()> {
    let mut send = respond.send_response(ok(&[]), false).ok()?;
    send.send_data("half".into(), false).ok()?;
    while body.data().await.is_some() {}
    send.send_reset(Reason::INTERNAL_ERROR);
    Some(())
}

/// The request in JSON.
fn echo(head: &Parts, mut respond: SendResponse<Bytes>) -> Option<()> {
    let fields = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let told = json!({
        "method": head.method.as_str(),
        "scheme": head.uri.scheme_str(),
        "authority": head.uri.authority().map(|authority| authority.as_str()),
        "target": head.uri.path_and_query().map(|target| target.as_str()),
        "fields": fields.collect::<Vec<_>>(),
    });
    let is_head = head.method == "HEAD";
    let mut send = respond.send_response(ok(&[("content-type", "application/json")]), is_head).ok()?;
    if is_head { Some(()) } else { send.send_data(told.to_string().into(), true).ok() }
}
