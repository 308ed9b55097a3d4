//! Mails by a real mail server: aiosmtpd of PyPI.

mod commands;
mod delivery;
mod files;
mod server;

pub(crate) use server::MailServer;

use crate::process::support::House;

/// The settings of a gate that sends by this server.
pub(crate) fn sends_by(server: &MailServer, login: &str, more: &str) -> String {
    let port = server.port;
    format!("[mail]\nsmtp = \"{}://{login}127.0.0.1:{port}\"\n{more}", server.scheme)
}

/// A folder whose gate sends by this server in the clear.
fn house(server: &MailServer) -> House {
    House::with(&sends_by(server, "", "timeout = \"20s\"\n"))
}

/// The token in the link of a mail.
fn token(mail: &str) -> String {
    let mail = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let rest = mail.split_once("token=").unwrap_or_else(|| panic!("no link in {mail}")).1;
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}
