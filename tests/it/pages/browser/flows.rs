//! The life of an account with mails by a real server, and what goes wrong: restarts, pages of other origins, names,
//! cookies that are off.

use std::process::Command;

use serde_json::json;

use super::{converse, has_browser};
use crate::{
    mail::{MailServer, sends_by},
    process::support::{Gate, House},
    support::{App, Port},
};

#[test]
fn an_account_lives_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let Some(server) = MailServer::start("") else { return };
    let port = Port::free();
    let base = format!("http://{}", port.address());
    let house = House::new();
    let mail =
        sends_by(&server, "", "verify_on_register = true\n[users]\nemail_verification_required = true\n");
    let listens = format!("http = \"{}\"\npublic_url = \"{base}\"", port.address());
    let config = house.configuration(&mail).replace("http = \"127.0.0.1:0\"", &listens);
    house.write("portcullis.toml", &config);
    let elsewhere = App::echo();
    let mut gate = Some(house.serve());
    let mut command = Command::new("node");
    command.args([
        "flows.js",
        &base,
        &format!("http://localhost:{}", elsewhere.address().port()),
        &elsewhere.url(),
    ]);
    let told = converse(command, |asked| match asked {
        "restart" => {
            assert_eq!(gate.take().map(Gate::stop), Some(Some(0)));
            gate = Some(house.serve());
            String::new()
        }
        "writes" => {
            let seen = house.app.seen();
            json!(seen.iter().filter(|head| !head.starts_with("get ")).collect::<Vec<_>>()).to_string()
        }
        mail => {
            let (kind, to) = mail.split_once(' ').unwrap();
            if kind == "invite" {
                house.ok(&format!("user invite {to}"));
            }
            json!({"link": link(&next_mail(&server, kind, to), &base)}).to_string()
        }
    });
    assert!(told.ends_with("ok: no console error\n"), "{told}");
}

/// The next mail of a kind to a recipient.
fn next_mail(server: &MailServer, kind: &str, to: &str) -> String {
    loop {
        let told = server.mail();
        let mail = told["mail"].as_str().unwrap();
        if told["to"] == json!([to]) && mail.contains(&format!(".{kind}@")) {
            return mail.to_owned();
        }
    }
}

/// The link in the text of a mail; `None` if it has none.
fn link(mail: &str, base: &str) -> Option<String> {
    let mail = mail.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = mail.split_once(&format!("{base}/.portcullis/"))?;
    let page = rest.split_whitespace().next()?;
    Some(format!("{base}/.portcullis/{page}"))
}
