use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::{stream::MAX_ANSWER, *};
use crate::{
    clock::Timestamp,
    mail::{
        Mail, Mailer, Message, SmtpAddress,
        testing::{FakeServer, smtp},
    },
    templates::Language,
};

fn mail(to: &str) -> Mail {
    let facts = Message::Reset.sample("https://shop.example", 1_795_294_271_688);
    Mail { message: Message::Reset, to: to.to_owned(), language: Language::En, id: "e1".to_owned(), facts }
}

async fn send(mailer: &Mailer, to: &str) -> Result<(), SendError> {
    mailer.send(&mail(to), Timestamp(1_795_294_271_688)).await
}

/// The outcome and the text of a mail to a server that answers a command in this way.
async fn failed(command: &'static str, reply: &'static str) -> (Outcome, String) {
    let server = FakeServer::new(move |sent| sent.starts_with(command).then_some(reply)).await;
    let mailer = Mailer::new(server.settings()).unwrap();
    let error = send(&mailer, "ann@b.c").await.unwrap_err();
    (error.outcome(), error.to_string())
}

#[tokio::test]
async fn mails_in_a_row_share_a_connection() {
    let server = FakeServer::new(|_| None).await;
    let mailer = Mailer::new(server.settings()).unwrap();
    for to in ["ann@b.c", "bob@b.c"] {
        send(&mailer, to).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    assert_eq!(server.mails.lock().unwrap().len(), 2);
    let commands = server.commands.lock().unwrap().clone();
    let of_ann = ["EHLO [127.0.0.1]", "MAIL FROM:<noreply@shop.example>", "RCPT TO:<ann@b.c>", "DATA"];
    assert_eq!(commands[..4], of_ann);
    assert_eq!(commands[4..], ["NOOP", "MAIL FROM:<noreply@shop.example>", "RCPT TO:<bob@b.c>", "DATA"]);
}

#[tokio::test]
async fn a_connection_that_the_server_has_ended_is_replaced() {
    let server = FakeServer::new(|command| (command == "NOOP").then_some("")).await;
    let mailer = Mailer::new(server.settings()).unwrap();
    for to in ["ann@b.c", "bob@b.c"] {
        send(&mailer, to).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_ends_just_before_a_mail_costs_no_attempt() {
    for end in ["", "421 idle for too long"] {
        let mails = AtomicUsize::new(0);
        let is_second =
            move |command: &str| command.starts_with("MAIL") && mails.fetch_add(1, Ordering::Relaxed) == 1;
        let server = FakeServer::new(move |command| is_second(command).then_some(end)).await;
        let mailer = Mailer::new(server.settings()).unwrap();
        for to in ["ann@b.c", "bob@b.c"] {
            send(&mailer, to).await.unwrap();
        }
        assert_eq!(server.connections.load(Ordering::Relaxed), 2);
        assert_eq!(server.mails.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_follows_depends_on_the_step_and_the_code() {
    for (command, reply, outcome, told) in [
        (
            "greeting",
            "554 no service here",
            Outcome::Nothing,
            "the server did not greet: 554 no service here",
        ),
        ("greeting", "", Outcome::Nothing, "the server did not greet: the server closed the connection"),
        ("greeting", "SSH-2.0-x", Outcome::Nothing, "the server did not greet: "),
        (
            "MAIL",
            "550 5.7.1 who are you",
            Outcome::Nothing,
            "the server did not take the sender: 550 5.7.1 who are you; check `mail.from`",
        ),
        ("MAIL", "451 later", Outcome::Nothing, "the server did not take the sender: 451 later"),
        (
            "RCPT",
            "550 5.1.1 no such user",
            Outcome::Never,
            "the server did not take the recipient: 550 5.1.1 no such user",
        ),
        ("RCPT", "450 greylisted", Outcome::Later, "the server did not take the recipient: 450 greylisted"),
        ("RCPT", "421 closing", Outcome::Nothing, "the server did not take the recipient: 421 closing"),
        (
            "RCPT",
            "530 login first",
            Outcome::Nothing,
            "the server did not take the recipient: 530 login first; the server wants a login",
        ),
        (
            "RCPT",
            "",
            Outcome::Later,
            "the server did not take the recipient: the server closed the connection",
        ),
        (".", "552 too large", Outcome::Never, "the server did not take the mail: 552 too large"),
        (".", "452 disk full", Outcome::Later, "the server did not take the mail: 452 disk full"),
        (".", "421 closing", Outcome::Nothing, "the server did not take the mail: 421 closing"),
        (".", "", Outcome::Unknown, "the server did not take the mail: the server closed the connection"),
    ] {
        let (found, text) = failed(command, reply).await;
        assert_eq!(found, outcome, "{command} {reply}: {text}");
        assert!(text.starts_with(told), "{command} {reply}: {text}");
    }
}

/// What the operator mends is no fault of the recipient.
#[tokio::test]
async fn a_refusal_of_the_sender_at_a_recipient_is_for_now_and_says_what_to_do() {
    for (command, reply, outcome, hint) in [
        (
            "RCPT",
            "554 5.7.1 <ann@b.c>: Relay access denied",
            Outcome::Later,
            "; the server wants a login: write",
        ),
        ("RCPT", "550 5.7.0 authentication required", Outcome::Later, "; the server wants a login: write"),
        ("RCPT", "550 relay not permitted", Outcome::Later, "; the server wants a login: write"),
        ("RCPT", "503 AUTH first", Outcome::Later, "; the server wants a login: write"),
        ("RCPT", "550 5.1.1 no relay knows it", Outcome::Never, ""),
        (".", "554 5.7.1 spam", Outcome::Never, ""),
    ] {
        let (found, text) = failed(command, reply).await;
        assert_eq!(found, outcome, "{command} {reply}: {text}");
        let rest = text.split_once(reply).unwrap().1;
        assert_eq!((rest.starts_with(hint), rest.is_empty()), (true, hint.is_empty()), "{text}");
    }
    let server =
        FakeServer::new(|sent| sent.starts_with("RCPT").then_some("550 5.7.1 relaying denied")).await;
    let mut settings = server.settings();
    settings.smtp.as_mut().unwrap().address =
        SmtpAddress::parse(&format!("smtp://ann:s3cret@127.0.0.1:{}", server.port)).unwrap();
    let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err().to_string();
    assert!(error.contains("check whether the login in `mail.smtp` may send to other hosts"), "{error}");
}

/// lettre alone reads a line to its end, and an answer of many lines again and again.
#[tokio::test]
async fn an_answer_that_does_not_end_is_left() {
    let line: &str = Box::leak("2".repeat(4 * MAX_ANSWER).into_boxed_str());
    let one = format!("250-{}\r\n", "x".repeat(250));
    let lines: &str = Box::leak(one.repeat(4 * MAX_ANSWER / one.len()).into_boxed_str());
    for command in ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        for reply in [line, lines] {
            let (outcome, text) = failed(command, reply).await;
            assert!(text.ends_with(": the server's answer does not end"), "{command}: {text}");
            assert_eq!(outcome == Outcome::Unknown, command == ".", "{command}: {text}");
        }
    }
    // What fits between two commands may come again with each.
    let long: &str = Box::leak(format!("{}250 ok", one.repeat(40)).into_boxed_str());
    let server = FakeServer::new(move |command| command.starts_with("RCPT").then_some(long)).await;
    let mailer = Mailer::new(server.settings()).unwrap();
    for to in ["ann@b.c", "bob@b.c", "cid@b.c", "dan@b.c"] {
        send(&mailer, to).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_refused_recipient_spoils_nothing_for_the_next_one() {
    let server = FakeServer::new(|command| command.contains("<gone@b.c>").then_some("550 gone")).await;
    let mailer = Mailer::new(server.settings()).unwrap();
    assert_eq!(send(&mailer, "gone@b.c").await.unwrap_err().outcome(), Outcome::Never);
    send(&mailer, "ann@b.c").await.unwrap();
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    assert!(server.commands.lock().unwrap().contains(&"RSET".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_silent_is_left() {
    for command in ["greeting", "RCPT", "."] {
        let server = FakeServer::new(move |sent| sent.starts_with(command).then_some("wait")).await;
        let mut settings = server.settings();
        let smtp = settings.smtp.as_mut().unwrap();
        (smtp.timeout, smtp.answer_timeout) = (Duration::from_millis(20), Duration::from_millis(20));
        let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err();
        assert_eq!(error.outcome() == Outcome::Unknown, command == ".", "{error}");
        let error = error.to_string();
        assert!(error.contains("nothing came within 0.02 s"), "{error}");
        assert_eq!(error.contains("write `smtps://`"), command == "greeting", "{error}");
    }
}

#[tokio::test]
async fn the_answer_to_a_mail_has_a_time_limit_of_its_own() {
    let server = FakeServer::new(|sent| (sent == ".").then_some("wait")).await;
    let mut settings = server.settings();
    settings.smtp.as_mut().unwrap().answer_timeout = Duration::from_millis(30);
    let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err();
    assert!(error.to_string().contains("nothing came within 0.03 s"), "{error}");
    let minutes =
        |timeout: u64| SmtpSettings::answer_timeout(Duration::from_secs(60 * timeout)).as_secs() / 60;
    assert_eq!((minutes(0), minutes(1), minutes(11)), (10, 10, 11), "RFC 5321 section 4.5.3.2.6");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_such() {
    let server = FakeServer::new(|_| None).await;
    let mut settings = server.settings();
    drop(server);
    // A port that was just closed, or one that nothing listens on.
    settings.smtp.as_mut().unwrap().address.port = 1;
    let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Nothing);
    assert!(error.to_string().starts_with("the connection was not made: "), "{error}");
}

#[tokio::test]
async fn a_login_is_sent_and_its_password_is_in_no_error() {
    let server = FakeServer::new(|_| None).await;
    let with_login = |port| {
        let address = SmtpAddress::parse(&format!("smtp://ann:s3cret%40x@127.0.0.1:{port}")).unwrap();
        super::super::Settings { smtp: Some(smtp(address)), ..server.settings() }
    };
    send(&Mailer::new(with_login(server.port)).unwrap(), "ann@b.c").await.unwrap();
    // printf '\0ann\0s3cret@x' | base64
    assert_eq!(server.commands.lock().unwrap()[1], "AUTH PLAIN AGFubgBzM2NyZXRAeA==");
    let echo = "535 you sent AGFubgBzM2NyZXRAeA== which is s3cret@x";
    let refusing = FakeServer::new(move |command| command.starts_with("AUTH").then_some(echo)).await;
    let error = send(&Mailer::new(with_login(refusing.port)).unwrap(), "ann@b.c").await.unwrap_err();
    let expected =
        "the login failed: 535 you sent *** which is ***; check the username and the password in `mail.smtp`";
    assert_eq!((error.outcome(), error.to_string().as_str()), (Outcome::Nothing, expected));
    // The end of what is shown is in the middle of the password.
    let long: &str = Box::leak(format!("535 {} s3cret@x s3cret@x", "a".repeat(287)).into_boxed_str());
    let refusing = FakeServer::new(move |command| command.starts_with("AUTH").then_some(long)).await;
    let error = send(&Mailer::new(with_login(refusing.port)).unwrap(), "ann@b.c").await.unwrap_err();
    assert!(!error.to_string().contains("s3c"), "{error}");
    let without = FakeServer::new(|command| command.starts_with("EHLO").then_some("250 fake")).await;
    let error = send(&Mailer::new(with_login(without.port)).unwrap(), "ann@b.c").await.unwrap_err();
    assert!(error.to_string().contains("offers no login by a password"), "{error}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_to_another_host() {
    let server = FakeServer::new(|_| None).await;
    for (security, told) in [
        (Security::StartTls, "the server did not greet: the server offers no STARTTLS"),
        (
            Security::Tls,
            "the connection was not made: the server answers without TLS; if it offers STARTTLS (587), write `smtp://`",
        ),
    ] {
        let mut address =
            SmtpAddress::parse(&format!("smtp://ann:s3cret@127.0.0.1:{}", server.port)).unwrap();
        address.security = security;
        let settings = super::super::Settings { smtp: Some(smtp(address)), ..server.settings() };
        let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err();
        assert!(error.to_string().starts_with(told), "{security:?}: {error}");
    }
    let commands = server.commands.lock().unwrap().join("\n");
    assert!(!commands.contains("AUTH") && !commands.contains("MAIL"), "{commands}");
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_only_to_a_server_that_takes_it() {
    let plain = FakeServer::new(|_| None).await;
    let error = send(&Mailer::new(plain.settings()).unwrap(), "é@b.c").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Never);
    let wide =
        FakeServer::new(|command| command.starts_with("EHLO").then_some("250-x\r\n250 SMTPUTF8")).await;
    send(&Mailer::new(wide.settings()).unwrap(), "é@bücher.example").await.unwrap();
    let commands = wide.commands.lock().unwrap().clone();
    assert_eq!(
        commands[1..3],
        ["MAIL FROM:<noreply@shop.example> SMTPUTF8", "RCPT TO:<é@xn--bcher-kva.example>"]
    );
}

/// A server that takes STARTTLS and every handshake. Behind its answer, before the handshake, are bytes that a third
/// party has put there.
async fn injecting(injected: &'static str) -> (SmtpSettings, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let told = tokio::runtime::Handle::current().spawn(async move {
        let mut stream = tokio::io::BufReader::new(listener.accept().await.unwrap().0);
        let switch = format!("220 go on\r\n{injected}");
        for (answer, command) in [("220 hi\r\n", "EHLO"), ("250-x\r\n250 STARTTLS\r\n", "STARTTLS")] {
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            assert!(line.starts_with(command), "{line}");
        }
        stream.write_all(switch.as_bytes()).await.unwrap();
        // What the client says inside the encryption, if it comes to that.
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let Ok(encrypted) = acceptor.accept(stream).await else { return String::new() };
        let mut line = String::new();
        let _ = tokio::io::BufReader::new(encrypted).read_line(&mut line).await;
        line
    });
    let mut address = SmtpAddress::parse(&format!("smtp://ann:s3cret@127.0.0.1:{port}")).unwrap();
    address.security = Security::StartTls;
    (SmtpSettings { tls: Arc::new(client), ..smtp(address) }, told)
}

/// CVE-2011-0411.
#[tokio::test]
async fn bytes_behind_the_answer_to_starttls_are_refused() {
    for (injected, is_encrypted) in
        [("", true), ("250 injected\r\n", false), ("220 x\r\n250 AUTH\r\n", false)]
    {
        let (settings, told) = injecting(injected).await;
        let settings = super::super::Settings {
            smtp: Some(settings),
            ..crate::mail::testing::settings(std::path::Path::new("/none"))
        };
        let error = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err().to_string();
        assert_eq!(error.starts_with("the connection could not be encrypted"), !is_encrypted, "{error}");
        assert_eq!(told.await.unwrap().starts_with("EHLO"), is_encrypted);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_what_to_try() {
    let server = FakeServer::new(|_| None).await;
    let mut settings = server.settings();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    settings.smtp.as_mut().unwrap().address.port = port;
    let host = settings.smtp.as_ref().unwrap().address.host.clone();
    let failed = send(&Mailer::new(settings).unwrap(), "ann@b.c").await.unwrap_err().to_string();
    assert!(failed.contains(&format!("`{host}:{port}`: ")), "{failed}");
    assert!(failed.contains("587 (`smtp://`) or 465 (`smtps://`)"), "{failed}");
}
