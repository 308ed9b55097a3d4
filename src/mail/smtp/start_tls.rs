//! The part of the conversation before STARTTLS (RFC 3207).
//!
//! Bytes are read one by one: nothing that a third party has put behind the answer to STARTTLS may be taken for a part
//! of the encrypted conversation (CVE-2011-0411). It would disturb the handshake instead.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    failure::Failure,
    stream::{ENDLESS, MAX_ANSWER},
};

/// Waits for the greeting, and introduces the gate. The server must offer STARTTLS.
pub(super) async fn greet(stream: &mut TcpStream, hello: &str) -> Result<(), Failure> {
    answer(stream).await?;
    send(stream, &format!("EHLO {hello}\r\n")).await?;
    let offers = answer(stream).await?;
    if offers
        .lines()
        .any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS")))
    {
        return Ok(());
    }
    Err(Failure::Words(
        "the server offers no STARTTLS, and neither a password nor a link is sent in the clear to another host; \
         use a port that encrypts, 587 or with `smtps://` 465"
            .to_owned(),
    ))
}

/// Asks for TLS. The handshake follows.
pub(super) async fn switch(stream: &mut TcpStream) -> Result<(), Failure> {
    send(stream, "STARTTLS\r\n").await?;
    answer(stream).await.map(drop)
}

async fn send(stream: &mut TcpStream, line: &str) -> Result<(), Failure> {
    stream.write_all(line.as_bytes()).await.map_err(Failure::Io)
}

/// An answer of one or several lines; an error unless its code is a 2xx.
async fn answer(stream: &mut TcpStream) -> Result<String, Failure> {
    let (mut read, mut line) = (Vec::new(), 0);
    loop {
        let byte = stream.read_u8().await.map_err(Failure::Io)?;
        read.push(byte);
        if read.len() > MAX_ANSWER {
            return Err(Failure::Words(ENDLESS.to_owned()));
        }
        if byte != b'\n' {
            continue;
        }
        let last = read.get(line..).unwrap_or_default();
        let code = last.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
        let Some(code) = code else {
            return Err(Failure::Words("the server does not speak SMTP".to_owned()));
        };
        // A hyphen behind the code says that another line follows (RFC 5321 section 4.2.1).
        if last.get(3) == Some(&b'-') {
            line = read.len();
            continue;
        }
        let code = String::from_utf8_lossy(code).parse().unwrap_or(0);
        let text = String::from_utf8_lossy(&read).into_owned();
        return if (200..300).contains(&code) { Ok(text) } else { Err(Failure::Code(code, text)) };
    }
}
