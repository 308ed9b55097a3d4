//! Sending over SMTP (RFC 5321), with TLS (RFC 3207, RFC 8314) and a login (RFC 4954).
//!
//! lettre speaks the protocol. The connection is made here, with the TLS of all other connections of the gate, so that
//! each step that can fail has its own error.

mod failure;
mod start_tls;
mod stream;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    Message as Mime,
    address::Envelope,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream},
        commands::{Data, Mail as From, Noop, Rcpt, Rset},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::TlsConnector;

use super::{
    address::Security,
    error::{Outcome, SendError, Step},
    settings::SmtpSettings,
};
use failure::Failure;
use stream::Bounded;

/// A mail server with its idle connections.
pub(super) struct Smtp {
    settings: SmtpSettings,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// Told of each step that is done.
type Tell<'t> = &'t mut (dyn FnMut(Step) + Send);

/// Connections that are kept for the next mail, and for how long: servers end idle ones after minutes.
const MOST_IDLE: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

impl Smtp {
    pub(super) fn new(settings: SmtpSettings) -> Self {
        Self { settings, idle: Mutex::default() }
    }

    /// Sends a message.
    pub(super) async fn send(&self, message: &Mime) -> Result<(), SendError> {
        self.send_telling(message, &mut |_| {}).await
    }

    /// Sends a message, and tells each step that is done.
    pub(super) async fn send_telling(&self, message: &Mime, tell: Tell<'_>) -> Result<(), SendError> {
        if let Some(mut connection) = self.take_idle().await {
            let sent = self.submit(&mut connection, message, tell).await;
            // The server may end an idle connection at this moment, which is no failure: a new one is made.
            if !matches!(sent, Err(SendError::Server { step: Step::Sender, .. })) {
                return self.done(connection, sent).await;
            }
        }
        let mut connection = self.connect(tell).await?;
        let sent = self.submit(&mut connection, message, tell).await;
        self.done(connection, sent).await
    }

    /// Keeps the connection of a mail if it can be used again.
    async fn done(
        &self,
        mut connection: AsyncSmtpConnection,
        sent: Result<(), SendError>,
    ) -> Result<(), SendError> {
        // After a refusal the connection is as good as before; after a break it is not.
        let is_usable = match &sent {
            Ok(()) => true,
            Err(error) => {
                error.outcome() == Outcome::Never
                    && self.within(Step::Sender, connection.command(Rset)).await.is_ok()
            }
        };
        if is_usable {
            self.keep(connection);
        }
        sent
    }

    async fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut idle = self.idle().pop()?;
            let is_fresh = idle.since.elapsed() < IDLE_TIMEOUT;
            if is_fresh && self.within(Step::Greeting, idle.connection.command(Noop)).await.is_ok() {
                return Some(idle.connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection that is ready for mails.
    async fn connect(&self, tell: Tell<'_>) -> Result<AsyncSmtpConnection, SendError> {
        let SmtpSettings { address, hello, .. } = &self.settings;
        let place = (address.host.as_str(), address.port);
        let tcp = self.within(Step::Connect, TcpStream::connect(place)).await?;
        // A mail is a few small writes.
        let _ = tcp.set_nodelay(true);
        let peer = tcp.peer_addr().map_err(|error| Failure::Io(error).at(Step::Connect, &self.settings))?;
        let stream: Box<dyn AsyncTokioStream> = match address.security {
            Security::None => Box::new(Bounded::new(tcp, peer, b"")),
            Security::Tls => Box::new(Bounded::new(self.encrypt(Step::Connect, tcp).await?, peer, b"")),
            Security::StartTls => {
                tell(Step::Connect);
                let mut tcp = tcp;
                self.within(Step::Greeting, start_tls::greet(&mut tcp, &self.hello().to_string())).await?;
                tell(Step::Greeting);
                self.within(Step::StartTls, start_tls::switch(&mut tcp)).await?;
                let encrypted = self.encrypt(Step::StartTls, tcp).await?;
                // The server has greeted, and lettre waits for it.
                Box::new(Bounded::new(encrypted, peer, b"220 encrypted\r\n"))
            }
        };
        if address.security != Security::StartTls {
            tell(Step::Connect);
        }
        let hello = hello.clone().map_or_else(ClientId::default, ClientId::Domain);
        let mut connection =
            self.within(Step::Greeting, AsyncSmtpConnection::connect_with_transport(stream, &hello)).await?;
        tell(if address.security == Security::StartTls { Step::StartTls } else { Step::Greeting });
        if let Some(login) = &address.login {
            let credentials = Credentials::new(login.user.clone(), login.password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&mechanisms).is_none() {
                let words = if connection.can_starttls() {
                    "the server takes a login only after STARTTLS; set `mail.ca`, which makes it used towards this machine, too"
                } else {
                    "the server offers no login by a password (AUTH PLAIN or LOGIN)"
                };
                return Err(Failure::Words(words.to_owned()).at(Step::Login, &self.settings));
            }
            self.within(Step::Login, connection.auth(&mechanisms, &credentials)).await?;
            tell(Step::Login);
        }
        Ok(connection)
    }

    async fn encrypt(
        &self,
        step: Step,
        tcp: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
        let host = &self.settings.address.host;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Failure::Words(format!("`{host}` is no name that a certificate can have")))
            .map_err(|failure| failure.at(step, &self.settings))?;
        let connector = TlsConnector::from(Arc::clone(&self.settings.tls));
        let handshake = async { connector.connect(name, tcp).await.map_err(Failure::Tls) };
        self.within(step, handshake).await
    }

    /// Hands a message over.
    async fn submit(
        &self,
        connection: &mut AsyncSmtpConnection,
        message: &Mime,
        tell: Tell<'_>,
    ) -> Result<(), SendError> {
        let (envelope, content) = (message.envelope(), message.formatted());
        let parameters = self.parameters(connection, envelope, &content)?;
        let from = From::new(envelope.from().cloned(), parameters);
        self.within(Step::Sender, connection.command(from)).await?;
        tell(Step::Sender);
        for to in envelope.to() {
            self.within(Step::Recipient, connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        }
        tell(Step::Recipient);
        self.within(Step::Content, connection.command(Data)).await?;
        let answer = tokio::time::timeout(self.settings.answer_timeout, connection.message(&content)).await;
        let failure = match answer {
            Ok(answer) => answer.err().map(Failure::from),
            Err(_) => Some(Failure::Slow(self.settings.answer_timeout)),
        };
        if let Some(failure) = failure {
            return Err(failure.unless_answered().at(Step::Content, &self.settings));
        }
        tell(Step::Content);
        Ok(())
    }

    fn parameters(
        &self,
        connection: &AsyncSmtpConnection,
        envelope: &Envelope,
        content: &[u8],
    ) -> Result<Vec<MailParameter>, SendError> {
        let mut parameters = Vec::new();
        let has = |extension| connection.server_info().supports_feature(extension);
        // RFC 6531: a local part beyond ASCII only reaches a server that says so.
        if !envelope.to().iter().all(|to| to.to_string().is_ascii()) {
            if !has(Extension::SmtpUtfEight) {
                let words = "the address is beyond ASCII, and the server does not support that (SMTPUTF8)";
                return Err(Failure::Never(words.to_owned()).at(Step::Recipient, &self.settings));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !content.is_ascii() && has(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    fn hello(&self) -> ClientId {
        self.settings.hello.clone().map_or_else(ClientId::default, ClientId::Domain)
    }

    /// Waits for a step, and says which one failed.
    async fn within<T, E: Into<Failure>>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SendError> {
        let failure = match tokio::time::timeout(self.settings.timeout, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.into(),
            Err(_) => Failure::Slow(self.settings.timeout),
        };
        Err(failure.at(step, &self.settings))
    }
}

#[cfg(test)]
mod tests;
